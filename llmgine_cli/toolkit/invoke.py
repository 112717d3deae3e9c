"""The one place where a tool's function is called.

It runs in this process. That costs nothing to start, and has a price: a plain function that does not come back cannot
be stopped. Its call ends in time all the same, but its thread lives on, and what it does to the process (exiting it,
changing its folder, filling its memory) is done to all of us.
"""

import asyncio
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, TypeVar

from llmgine_cli.errors import ToolError
from llmgine_cli.toolkit.results import error_text, to_text
from llmgine_cli.toolkit.stdout import Write, away_from_stdout, to_stderr
from llmgine_cli.toolkit.tool import Tool

T = TypeVar("T")

logger = logging.getLogger("llmgine_cli.toolkit")


@dataclass(frozen=True)
class Outcome:
    """What came of running a tool.

    Attributes:
        text: For the model: the result, or what went wrong.
        failed: Whether it went wrong.
    """

    text: str
    failed: bool = False


async def invoke(tool: Tool, values: Mapping[str, Any], *, seconds: float, printed: Write = to_stderr) -> Outcome:
    """Run a tool's function and wait for it; whatever it raises is in the outcome.

    Async functions are awaited. Plain ones run in a daemon thread of their own: one that hangs holds neither a pool of
    threads that others wait for, nor the end of the program. Context variables are carried over.

    Args:
        tool: What to run.
        values: By parameter name, validated.
        seconds: After which the call is given up.
        printed: Called with the lines it prints, in whatever thread it does.
    """
    work = asyncio.create_task(_run(tool, values, printed), name=f"tool {tool.name}")
    try:
        # Not `wait_for`: it waits for the cancelled task, and a tool may take its time over that.
        done, _ = await asyncio.wait({work}, timeout=seconds)
    finally:
        work.cancel()
    return work.result() if done else Outcome(f"{tool.name} did not finish within {seconds:g} s", failed=True)


async def _run(tool: Tool, values: Mapping[str, Any], printed: Write) -> Outcome:
    if inspect.iscoroutinefunction(tool.function):
        return await _await(tool, tool.function(**values), printed)
    outcome = await _in_thread(tool.name, lambda: _attempt(tool, lambda: tool.function(**values)), printed)
    return outcome if isinstance(outcome, Outcome) else await _await(tool, outcome, printed)


async def _await(tool: Tool, work: Awaitable[Any], printed: Write) -> Outcome:
    try:
        with away_from_stdout(printed):
            value = await work
    except asyncio.CancelledError as error:
        if (task := asyncio.current_task()) and task.cancelling():
            raise
        return _failure(tool, error)
    except BaseException as error:  # noqa: BLE001 -- SystemExit in a tool must not end the program, nor slip past asyncio
        return _failure(tool, error)
    outcome = await _in_thread(tool.name, lambda: _attempt(tool, lambda: value), printed)
    return outcome if isinstance(outcome, Outcome) else Outcome("it returned what has to be awaited", failed=True)


def _attempt(tool: Tool, call: Callable[[], Any]) -> Outcome | Awaitable[Any]:
    """Call, and make text of the result: that may take a while for 100 MB, or run the tool's own code."""
    try:
        value = call()
        return value if inspect.isawaitable(value) else Outcome(to_text(value))
    except BaseException as error:  # noqa: BLE001 -- a tool may raise anything
        return _failure(tool, error)


async def _in_thread(name: str, function: Callable[[], T], printed: Write) -> T:
    """Run what never raises in a daemon thread."""
    loop = asyncio.get_running_loop()
    finished: asyncio.Future[T] = loop.create_future()

    def deliver(value: T) -> None:
        if not finished.done():
            finished.set_result(value)

    def work() -> None:
        with away_from_stdout(printed):
            value = function()
        try:
            loop.call_soon_threadsafe(deliver, value)
        except RuntimeError:
            logger.debug("tool %s finished after the event loop", name)

    threading.Thread(target=copy_context().run, args=(work,), name=f"tool {name}", daemon=True).start()
    return await finished


def _failure(tool: Tool, error: BaseException) -> Outcome:
    logger.info("tool %s failed", tool.name, exc_info=error)
    if isinstance(error, ToolError):  # its own words for the model
        return Outcome(f"{error.message} ({error.hint})" if error.hint else error.message, failed=True)
    return Outcome(error_text(error), failed=True)
