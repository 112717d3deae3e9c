"""Calling a tool's function: whatever it does, there is an outcome, and the program goes on."""

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NoReturn

import pytest

from llmgine_cli.errors import ToolError
from llmgine_cli.toolkit.invoke import Outcome, invoke
from llmgine_cli.toolkit.tool import Tool

NEVER = 30.0  # seconds; a safety net
who: ContextVar[str] = ContextVar("who", default="nobody")


async def run(function: Callable[..., Any], *, seconds: float = NEVER, **values: Any) -> Outcome:
    return await invoke(Tool("f", function), values, seconds=seconds)


async def test_a_plain_function_runs_in_a_daemon_thread_of_its_own() -> None:
    def where() -> str:
        thread = threading.current_thread()
        return f"{thread is threading.main_thread()} {thread.daemon}"

    assert await run(where) == Outcome("False True")


async def test_an_async_function_runs_in_the_loop() -> None:
    loop = asyncio.get_running_loop()

    async def where() -> bool:
        return asyncio.get_running_loop() is loop

    assert await run(where) == Outcome("true")


async def test_what_has_to_be_awaited_is_awaited() -> None:
    async def later() -> str:
        return "later"

    assert await run(lambda: later()) == Outcome("later")  # noqa: PLW0108 -- a plain function that returns a coroutine


async def test_context_variables_are_carried_over() -> None:
    async def asynchronous() -> str:
        return who.get()

    who.set("me")
    assert await run(lambda: who.get()) == Outcome("me")  # noqa: PLW0108
    assert await run(asynchronous) == Outcome("me")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("bad"), "ValueError: bad"),
        (SystemExit(3), "SystemExit: 3"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (StopIteration("x"), "StopIteration: x"),
        (GeneratorExit(), "GeneratorExit"),
        (asyncio.CancelledError(), "CancelledError"),
        (ToolError("no such place", hint="try another"), "no such place (try another)"),
        (ToolError("no such place"), "no such place"),
    ],
)
async def test_whatever_a_plain_function_raises_is_its_outcome(error: BaseException, text: str) -> None:
    def fail() -> NoReturn:
        raise error

    assert await run(fail) == Outcome(text, failed=True)


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, asyncio.CancelledError])
async def test_whatever_an_async_function_raises_is_its_outcome(error: type[BaseException]) -> None:
    async def fail() -> NoReturn:
        await asyncio.sleep(0)
        raise error

    assert await run(fail) == Outcome(error.__name__, failed=True)


async def test_a_result_that_cannot_be_text_is_an_error() -> None:
    class Hostile:
        def __str__(self) -> str:
            raise SystemExit("out of here")

    loop: list[Any] = []
    loop.append(loop)
    assert (await run(lambda: loop)).failed
    outcome = await run(lambda: Hostile())  # noqa: PLW0108
    assert outcome.failed
    assert "SystemExit: out of here" in outcome.text


async def test_the_traceback_is_logged_and_not_told_to_the_model(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> NoReturn:
        raise ValueError("bad")

    with caplog.at_level(logging.INFO, "llmgine_cli.toolkit"):
        outcome = await run(fail)
    assert "Traceback" not in outcome.text
    assert "Traceback" in caplog.text


async def test_a_plain_function_that_hangs_is_given_up_in_time() -> None:
    release = threading.Event()
    outcome = await run(lambda: release.wait(NEVER), seconds=0.05)
    release.set()
    assert outcome == Outcome("f did not finish within 0.05 s", failed=True)


async def test_a_plain_function_that_ends_after_it_was_given_up_disturbs_nobody() -> None:
    disturbed: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: disturbed.append(context))
    release = threading.Event()
    threads: list[threading.Thread] = []

    def wait() -> None:
        threads.append(threading.current_thread())
        release.wait(NEVER)

    await run(wait, seconds=0.05)
    release.set()
    await asyncio.to_thread(threads[0].join)
    await asyncio.sleep(0)  # what it had to say has been heard by now
    assert disturbed == []


async def test_an_async_function_that_hangs_is_cancelled() -> None:
    cancelled = asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    assert (await run(hang, seconds=0.05)).failed
    await cancelled.wait()


async def test_an_async_function_that_will_not_be_cancelled_holds_nobody() -> None:
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    outcome = await run(stubborn, seconds=0.05)
    release.set()
    assert outcome.failed


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_being_cancelled_ends_the_call_at_once(kind: str) -> None:
    started, release = threading.Event(), threading.Event()

    def plain() -> None:
        started.set()
        release.wait(NEVER)

    async def asynchronous() -> None:
        started.set()
        await asyncio.Event().wait()

    call = asyncio.create_task(run(plain if kind == "plain" else asynchronous))
    await asyncio.to_thread(started.wait, NEVER)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    release.set()


async def test_calls_run_side_by_side() -> None:
    both = threading.Barrier(2, timeout=NEVER)
    outcomes = tuple(await asyncio.gather(run(lambda: both.wait() >= 0), run(lambda: both.wait() >= 0)))
    assert outcomes == (Outcome("true"), Outcome("true"))


async def test_what_a_tool_prints_does_not_reach_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    async def asynchronous() -> None:
        print("async")

    await run(lambda: print("plain"))
    await run(asynchronous)
    assert capsys.readouterr() == ("", "plain\nasync\n")


def test_a_function_that_hangs_for_ever_does_not_hold_the_end_of_the_program() -> None:
    code = (
        "import asyncio, threading\n"
        "from llmgine_cli.toolkit.invoke import invoke\n"
        "from llmgine_cli.toolkit.tool import Tool\n"
        "print(asyncio.run(invoke(Tool('f', lambda: threading.Event().wait()), {}, seconds=0.05)).text)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.returncode) == ("f did not finish within 0.05 s\n", 0)
