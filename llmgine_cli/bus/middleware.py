"""Middleware: async functions around the execution of commands.

::

    async def audited(command: Command[Any], call_next: Next) -> Any:
        print("about to", command)
        return await call_next(command)

    bus.use(audited)
    bus.use(time_limit(30), only=CallTool)

It runs between `CommandStarted` and `CommandFinished`, which therefore tell of what came of all attempts together.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from llmgine_cli.bus.messages import Command, CommandRetried
from llmgine_cli.errors import LimitReachedError

if TYPE_CHECKING:
    from llmgine_cli.bus.bus import Bus

Next: TypeAlias = Callable[[Command[Any]], Awaitable[Any]]
"""What comes further in: the next middleware, at last the handler. May be called never, once, or again."""
Middleware: TypeAlias = Callable[[Command[Any], Next], Awaitable[Any]]

logger = logging.getLogger("llmgine_cli.bus")


def time_limit(seconds: float) -> Middleware:
    """Make a middleware that cancels a handler after so many seconds.

    The command then fails with a `LimitReachedError`. A handler that blocks the thread is not stopped by it.
    """

    async def limited(command: Command[Any], call_next: Next) -> Any:
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await call_next(command)
        except TimeoutError as error:
            if not limit.expired():  # the handler's own
                raise
            raise LimitReachedError(f"{type(command).__name__} took longer than {seconds:g} s") from error

    return limited


def retry(
    bus: "Bus", attempts: int, *, on: type[Exception] | tuple[type[Exception], ...], delay: float = 0.0
) -> Middleware:
    """Make a middleware that tries again when the handler raises; each failed attempt is a `CommandRetried` event.

    Args:
        bus: Where to tell of it.
        attempts: How often the handler is called at most.
        on: The exceptions to try again for; others go through.
        delay: Seconds before the second attempt; twice as many before each one after it.
    """

    async def retried(command: Command[Any], call_next: Next) -> Any:
        for attempt in range(1, attempts):
            try:
                return await call_next(command)
            except on as error:
                pause = delay * 2 ** (attempt - 1)
                await bus.publish(
                    CommandRetried(
                        command_type=type(command).__name__,
                        attempt=attempt,
                        attempts=attempts,
                        delay=pause,
                        error=str(error),
                        error_type=type(error).__name__,
                    )
                )
                await asyncio.sleep(pause)
        return await call_next(command)

    return retried


def timing(report: Callable[[Command[Any], float], None] | None = None) -> Middleware:
    """Make a middleware that measures what is further in, failures included.

    Args:
        report: Called with the command and the milliseconds; default: a line at level DEBUG for the standard logger.
    """

    def log(command: Command[Any], milliseconds: float) -> None:
        logger.debug("%s took %.1f ms", type(command).__name__, milliseconds)

    async def timed(command: Command[Any], call_next: Next) -> Any:
        start = time.perf_counter()
        try:
            return await call_next(command)
        finally:
            (report or log)(command, (time.perf_counter() - start) * 1000)

    return timed
