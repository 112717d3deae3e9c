"""One message bus, measured in its own environment: ``python bus_contestant.py NAME`` prints one JSON object.

Case → microseconds for each event or command, the quickest of many short bursts: what a busy machine adds is left out.
Handlers are async functions that count their calls. Only the standard library and that one bus are imported.
"""

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

SECONDS = 0.6  # for each case, as a rule
BURST = 0.002  # seconds; the shortest that the clock measures well
SUBSCRIBERS = (1, 10, 100)

Run = Callable[[], Awaitable[object]]


class Tally:
    """Makes handlers that count what they are given, so that a bus which delivers nothing is not the quickest."""

    def __init__(self) -> None:
        self.handled = 0

    def handler(self) -> Any:
        """Return a handler, another each time: some buses take one only once."""

        async def handle(event: object) -> int:
            self.handled += 1
            return 1

        return handle


@dataclass(frozen=True)
class Case:
    """What is measured: a call, how many handlers it reaches, and how many events it makes or publishes."""

    run: Run
    handled: int = 0
    made: int = 1


Cases = dict[str, Case]


async def measure(case: Case, tally: Tally, *, seconds: float = SECONDS) -> float:
    """Return the microseconds that one call, or one event made in it, takes.

    Raises:
        RuntimeError: Not every handler was called each time.
    """
    run, count, best, calls, before = case.run, 1, float("inf"), 0, tally.handled
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or best == float("inf"):
        start = time.perf_counter()
        for _ in range(count):
            await run()
        taken = time.perf_counter() - start
        calls += count
        best = min(best, taken / count)
        if taken < BURST:
            count *= 2
    if tally.handled - before != calls * case.handled:
        raise RuntimeError(f"{calls} calls reached {tally.handled - before} handlers, not {case.handled} each")
    return best * 1_000_000 / case.made


@dataclass(frozen=True)
class Plain:
    """An event without any framework."""

    text: str


async def floor(tally: Tally) -> Cases:
    """Await the handlers one after the other: no bus can be quicker."""

    def publish(count: int) -> Run:
        handlers, event = [tally.handler() for _ in range(count)], Plain("x")

        async def run() -> None:
            for one in handlers:
                await one(event)

        return run

    handler = tally.handler()
    return {
        **{f"publish {count}": Case(publish(count), count) for count in SUBSCRIBERS},
        "execute": Case(lambda: handler(None), 1),
        "make": made(lambda: Plain("x")),
    }


async def llmgine(tally: Tally) -> Cases:
    """Ours: inline subscribers, a mailbox, commands with and without somebody who hears their two events."""
    from llmgine_cli.bus import Bus, Command, CommandFinished, CommandStarted, Event

    @dataclass(frozen=True, kw_only=True)
    class Said(Event):
        text: str

    @dataclass(frozen=True, kw_only=True)
    class Ask(Command[int]):
        text: str

    def publish(count: int, pong: Event, **how: Any) -> Run:
        bus = Bus()
        for _ in range(count):
            bus.subscribe(Said, tally.handler(), **how)
        return lambda: bus.publish(pong)

    def execute(*heard: type[Event]) -> Run:
        bus, ask = Bus(), Ask(text="x")
        bus.register(Ask, tally.handler())
        for kind in heard:
            bus.subscribe(kind, tally.handler())
        return lambda: bus.execute(ask)

    return {
        **{f"publish {count}": Case(publish(count, Said(text="x")), count) for count in SUBSCRIBERS},
        "execute": Case(execute(), 1),
        "execute heard": Case(execute(CommandStarted, CommandFinished), 3),
        "make": made(lambda: Said(text="x")),
    }


async def blinker(tally: Tally) -> Cases:
    """Signals, sent with `send_async`."""
    from blinker import Signal

    def publish(count: int) -> Run:
        signal, event = Signal(), Plain("x")
        for _ in range(count):
            signal.connect(tally.handler(), weak=False)
        return lambda: signal.send_async(event)

    command, started, finished = publish(1), publish(1), publish(1)

    async def execute() -> None:
        await started()
        await command()
        await finished()

    return {
        **{f"publish {count}": Case(publish(count), count) for count in SUBSCRIBERS},
        "execute": Case(command, 1),
        "execute heard": Case(execute, 3),
    }


async def pyee(tally: Tally) -> Cases:
    """An emitter that makes a task of each handler, waited for."""
    from pyee.asyncio import AsyncIOEventEmitter

    def publish(count: int) -> Run:
        emitter, event = AsyncIOEventEmitter(), Plain("x")
        for _ in range(count):
            emitter.add_listener("event", tally.handler())

        async def run() -> None:
            emitter.emit("event", event)
            await emitter.wait_for_complete()

        return run

    return {f"publish {count}": Case(publish(count), count) for count in SUBSCRIBERS}


async def bubus(tally: Tally) -> Cases:
    """A queue, and pydantic events; each can be dispatched once."""
    from bubus import BaseEvent, EventBus

    Pong: Any = type("Pong", (BaseEvent,), {"__annotations__": {"text": str}, "__module__": __name__})  # noqa: N806

    def publish(count: int) -> Run:
        bus = EventBus(name=f"with{count}", max_history_size=10)
        for number in range(count):
            handler = tally.handler()
            handler.__name__ = f"handler_{number}"
            bus.on(Pong, handler)

        async def run() -> None:
            await bus.dispatch(Pong(text="x"))

        return run

    return {
        **{f"publish {count}": Case(publish(count), count) for count in SUBSCRIBERS},
        "make": made(lambda: Pong(text="x")),
    }


async def upstream(tally: Tally) -> Cases:
    """The framework that llmgine succeeds: one bus, a queue, a task that empties it, metrics."""
    import typing

    import typing_extensions

    # It says that it runs on Python 3.11 and imports what came with 3.12.
    vars(typing).setdefault("override", typing_extensions.override)
    from llmgine.bus.bus import MessageBus
    from llmgine.messages.commands import Command, CommandResult
    from llmgine.messages.events import Event

    bus = MessageBus()
    await bus.start()

    def publish(count: int) -> Run:
        kind: Any = type(f"Pong{count}", (Event,), {})
        for _ in range(count):
            bus.register_event_handler(kind, tally.handler())
        event = kind()

        async def run() -> None:  # waited for one by one, each takes the ten milliseconds of a batch
            for _ in range(100):
                await bus.publish(event, await_processing=False)
            await bus.wait_for_events()

        return run

    Ask: Any = type("Ask", (Command,), {})  # noqa: N806

    async def answer(command: Any) -> Any:
        tally.handled += 1
        return CommandResult(success=True, command_id=command.command_id, result=1)

    bus.register_command_handler(Ask, answer)
    ask = Ask()
    return {
        **{f"publish {count}": Case(publish(count), 100 * count, made=100) for count in SUBSCRIBERS},
        "execute": Case(lambda: bus.execute(ask), 1),
        "make": made(Event),
    }


def made(make: Callable[[], object]) -> Case:
    """Return a case that makes a hundred events, so that what awaiting it costs is lost among them."""

    async def run() -> None:
        for _ in range(100):
            make()

    return Case(run, made=100)


CONTESTANTS = {one.__name__: one for one in (floor, llmgine, blinker, pyee, bubus, upstream)}


async def main(name: str) -> None:
    """Measure every case of one contestant, print the times, and leave: some of them would keep the process alive."""
    tally = Tally()
    cases = await CONTESTANTS[name](tally)
    print(json.dumps({what: await measure(case, tally) for what, case in cases.items()}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    logging.disable()  # a log line for each event is not what is measured
    asyncio.run(main(sys.argv[1]))
