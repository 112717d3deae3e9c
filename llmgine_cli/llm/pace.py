"""How fast and how many at a time one provider is asked, by all conversations of an application together."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

MINUTE = 60.0  # seconds


class Pace:
    """Lets callers through one by one.

    Args:
        requests_per_minute: How many requests may begin within any sixty seconds; None: any number.
        max_concurrency: How many may be under way at a time; None: any number.
        clock: Returns seconds that only ever grow.
        sleep: Waits for so many seconds.
    """

    def __init__(
        self,
        *,
        requests_per_minute: int | None = None,
        max_concurrency: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rate = requests_per_minute
        self._slots = asyncio.Semaphore(max_concurrency) if max_concurrency else None
        self._clock = clock
        self._sleep = sleep
        self._begun: deque[float] = deque()  # when the latest requests began, `_rate` of them at most
        self._queue = asyncio.Lock()
        self._not_before = 0.0

    @property
    def delay(self) -> float:
        """Seconds until the next request may begin; those that wait already not counted."""
        return max(0.0, self._until_free())

    def slow_down(self, seconds: float) -> None:
        """Let nobody through for so many seconds: the vendor has told one of us to wait, and meant all."""
        self._not_before = max(self._not_before, self._clock() + seconds)

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Wait until a request may begin; inside the block it is under way."""
        if self._slots is None:
            await self._wait()
            yield
            return
        async with self._slots:
            await self._wait()
            yield

    async def _wait(self) -> None:
        if self._rate is None and self._not_before <= self._clock():
            return
        async with self._queue:  # in the order in which they came
            while (seconds := self._until_free()) > 0:
                await self._sleep(seconds)
            if self._rate is not None:
                self._begun.append(self._clock())

    def _until_free(self) -> float:
        now = self._clock()
        wait = self._not_before - now
        if self._rate is not None:
            while self._begun and self._begun[0] <= now - MINUTE:
                self._begun.popleft()
            if len(self._begun) >= self._rate:
                wait = max(wait, self._begun[0] + MINUTE - now)
        return wait
