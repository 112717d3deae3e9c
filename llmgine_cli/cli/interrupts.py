"""What Ctrl-C, a closed terminal and `kill` do to running work: it is stopped, tells the log what it had, and ends."""

import asyncio
import signal
import sys
import time
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

GRACE = 0.5  # seconds in which further signals count as the first: a shell and its wrapper may both send one


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run async work to its end, or until a signal stops it.

    The first signal cancels the work, which can then log what it had; one that comes later ends it at once.

    Raises:
        KeyboardInterrupt: Ctrl-C (SIGINT) stopped it.
        SystemExit: SIGTERM or SIGHUP stopped it; its code is 128 and the signal's number.
    """
    stop = _Stop()
    with stop.listening():
        try:
            return asyncio.run(stop.watch(work))
        except asyncio.CancelledError:
            if stop.number:
                raise _ending(stop.number) from None
            raise


class _Stop:
    """Turns the first signal into a cancellation."""

    def __init__(self) -> None:
        self.number = 0
        self._since = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None

    async def watch(self, work: Coroutine[Any, Any, T]) -> T:
        """Await the work as what a signal cancels."""
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        return await work

    @contextmanager
    def listening(self) -> Generator[None]:
        """Have the signals come here, but those that somebody ignores on purpose, as `nohup` does."""
        numbers = [signal.SIGINT] if sys.platform == "win32" else [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
        before = {number: signal.getsignal(number) for number in numbers}
        ours = [number for number in numbers if before[number] in (signal.SIG_DFL, signal.default_int_handler)]
        for number in ours:
            signal.signal(number, self._received)
        try:
            yield
        finally:
            for number in ours:
                signal.signal(number, before[number])

    def _received(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.number:
            if now - self._since > GRACE:
                raise _ending(number)
            return
        self.number, self._since = number, now
        if self._loop is None or self._task is None or self._task.done():
            raise _ending(number)
        self._task.cancel()
        self._loop.call_soon_threadsafe(_nothing)  # wakes the loop, which may wait for something else for long


def _ending(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)


def _nothing() -> None:
    pass
