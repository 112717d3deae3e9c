"""A clock that moves when somebody sleeps: what waits for minutes is tested in no time."""

import asyncio


class Clock:
    """Seconds that pass only while somebody sleeps.

    Attributes:
        now: The time.
        slept: How long each sleep was, in order.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let time pass, and others run."""
        self.slept.append(seconds)
        due = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, due)
