"""Middleware around the execution of commands."""

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import Any

import pytest

from llmgine_cli.bus import Bus, Command, CommandFinished, CommandRetried, Next, retry, time_limit, timing
from llmgine_cli.errors import LimitReachedError
from llmgine_cli.testing import Recorder


@dataclass(frozen=True, kw_only=True)
class Ring(Command[str]):
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class LoudRing(Ring):
    pass


@dataclass(frozen=True, kw_only=True)
class Knock(Command[str]):
    pass


class Trace:
    """Makes middleware that notes when it is entered and left."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def around(self, name: str) -> Any:
        async def middleware(command: Command[Any], call_next: Next) -> Any:
            self.steps.append(f"+{name}")
            try:
                return await call_next(command)
            finally:
                self.steps.append(f"-{name}")

        return middleware


def upper(command: Ring) -> str:
    return command.text.upper()


async def test_the_first_is_outermost_and_the_roots_are_around_those_of_the_session() -> None:
    bus, trace = Bus(), Trace()
    bus.register(Ring, upper)
    async with bus.session() as session:
        session.use(trace.around("session 1"))
        session.use(trace.around("session 2"))
        bus.use(trace.around("root 1"))
        bus.use(trace.around("root 2"))
        assert (await bus.execute(Ring(text="a"))).unwrap() == "A"
    assert trace.steps[:4] == ["+root 1", "+root 2", "+session 1", "+session 2"]
    assert trace.steps[4:] == ["-session 2", "-session 1", "-root 2", "-root 1"]


async def test_a_middleware_is_gone_with_its_session_or_when_it_is_taken_away() -> None:
    bus, trace = Bus(), Trace()
    bus.register(Ring, upper)
    remove = bus.use(trace.around("root"))
    async with bus.session("s") as session:
        session.use(trace.around("session"))
    await bus.execute(Ring(session_id="s"))
    remove()
    remove()
    await bus.execute(Ring())
    assert trace.steps == ["+root", "-root"]
    assert list(bus._tables) == [None]


async def test_a_middleware_may_be_for_some_commands_only() -> None:
    bus, trace = Bus(), Trace()
    for kind in (Ring, LoudRing, Knock):
        bus.register(kind, lambda command: "done")
    bus.use(trace.around("ring"), only=Ring)
    for command in (Ring(), LoudRing(), Knock()):
        await bus.execute(command)
    assert trace.steps == ["+ring", "-ring"] * 2


async def test_a_middleware_may_change_the_command_the_result_or_answer_itself() -> None:
    bus = Bus()
    bus.register(Ring, upper)

    async def polite(command: Command[Any], call_next: Next) -> Any:
        if isinstance(command, Ring) and command.text == "secret":
            return "no"
        assert isinstance(command, Ring)
        return await call_next(replace(command, text=f"please {command.text}")) + "!"

    bus.use(polite)
    assert (await bus.execute(Ring(text="come"))).unwrap() == "PLEASE COME!"
    assert (await bus.execute(Ring(text="secret"))).unwrap() == "no"


async def test_a_middleware_that_raises_fails_the_command_and_finished_tells_of_it() -> None:
    bus = Bus()
    heard = Recorder(bus, CommandFinished)
    bus.register(Ring, upper)

    async def broken(command: Command[Any], call_next: Next) -> Any:
        raise ValueError("broken")

    bus.use(broken)
    assert isinstance((await bus.execute(Ring())).error, ValueError)
    assert [event.error_type for event in heard.only(CommandFinished)] == ["ValueError"]


async def test_cancelling_execute_in_a_middleware_reaches_what_is_further_out_and_finished() -> None:
    bus, trace, reached = Bus(), Trace(), asyncio.Event()
    heard = Recorder(bus, CommandFinished)
    bus.register(Ring, upper)

    async def hang(command: Command[Any], call_next: Next) -> Any:
        reached.set()
        await asyncio.Event().wait()

    bus.use(trace.around("outer"))
    bus.use(hang)
    task = asyncio.create_task(bus.execute(Ring()))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert trace.steps == ["+outer", "-outer"]
    assert [event.cancelled for event in heard.only(CommandFinished)] == [True]
    assert (await bus.aclose()).complete


async def test_a_handler_that_takes_too_long_is_cancelled_and_the_error_says_so() -> None:
    bus = Bus()
    stopped: list[bool] = []

    async def hang(command: Ring) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(True)
        return ""

    bus.register(Ring, hang)
    bus.use(time_limit(0.01))
    outcome = await bus.execute(Ring())
    assert isinstance(outcome.error, LimitReachedError)
    assert str(outcome.error) == "Ring took longer than 0.01 s"
    assert stopped == [True]


async def test_a_handlers_own_timeout_is_not_taken_for_the_limit() -> None:
    bus = Bus()

    def give_up(command: Ring) -> str:
        raise TimeoutError("mine")

    bus.register(Ring, give_up)
    bus.use(time_limit(60))
    assert str((await bus.execute(Ring())).error) == "mine"


async def test_each_failed_attempt_is_told_and_the_last_one_is_the_result() -> None:
    bus = Bus()
    heard = Recorder(bus)
    attempts: list[str] = []

    def flaky(command: Ring) -> str:
        attempts.append(command.command_id)
        if len(attempts) < 3:
            raise ConnectionError(f"attempt {len(attempts)}")
        return "done"

    bus.register(Ring, flaky)
    bus.use(retry(bus, 3, on=ConnectionError))
    command = Ring()
    assert (await bus.execute(command)).unwrap() == "done"
    assert attempts == [command.command_id] * 3
    assert heard.names == ["CommandStarted", "CommandRetried", "CommandRetried", "CommandFinished"]
    told = heard.only(CommandRetried)
    assert [(event.attempt, event.attempts, event.error) for event in told] == [
        (1, 3, "attempt 1"),
        (2, 3, "attempt 2"),
    ]
    assert {event.parent_id for event in told} == {command.command_id}


async def test_only_the_named_exceptions_are_tried_again_and_only_so_often() -> None:
    bus = Bus()
    calls: list[str] = []

    def fail(command: Ring) -> str:
        calls.append(command.text)
        raise ConnectionError("down") if command.text == "net" else ValueError("wrong")

    bus.register(Ring, fail)
    bus.use(retry(bus, 4, on=(ConnectionError, OSError), delay=0.001))
    heard = Recorder(bus, CommandRetried)
    assert isinstance((await bus.execute(Ring(text="net"))).error, ConnectionError)
    assert isinstance((await bus.execute(Ring(text="own"))).error, ValueError)
    assert calls == ["net"] * 4 + ["own"]
    assert [event.delay for event in heard.only(CommandRetried)] == [0.001, 0.002, 0.004]


async def test_each_attempt_has_the_whole_time_when_the_limit_is_further_in() -> None:
    bus = Bus()
    calls: list[int] = []

    async def slow_at_first(command: Ring) -> str:
        calls.append(1)
        if len(calls) == 1:
            await asyncio.Event().wait()
        return "done"

    bus.register(Ring, slow_at_first)
    bus.use(retry(bus, 2, on=LimitReachedError))
    bus.use(time_limit(0.05))
    assert (await bus.execute(Ring())).unwrap() == "done"


async def test_what_was_measured_is_reported_or_logged(caplog: pytest.LogCaptureFixture) -> None:
    bus = Bus()
    reported: list[tuple[str, bool]] = []
    bus.register(Ring, upper)
    bus.use(timing(lambda command, milliseconds: reported.append((type(command).__name__, milliseconds >= 0))))
    bus.use(timing())
    with caplog.at_level(logging.DEBUG, "llmgine_cli.bus"):
        await bus.execute(Ring())
    assert reported == [("Ring", True)]
    assert "Ring took" in caplog.text
