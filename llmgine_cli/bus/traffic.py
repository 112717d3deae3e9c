"""What is going on in a bus right now, and how to wait until nothing is."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmgine_cli.bus.mailbox import Mailbox


class Traffic:
    """The tasks and mailboxes that are at work.

    Attributes:
        running: How deep each task is in the bus; those that are not in it are not here.
        serving: The mailboxes whose task is at work, in the order in which they began.
        watched: The futures of those who wait for something to be so; see `until`.
        loop: The event loop that carried the last message: asked for its task, asyncio answers in a third of the time.
    """

    __slots__ = ("loop", "running", "serving", "watched")

    def __init__(self) -> None:
        self.running: dict[asyncio.Task[Any], int] = {}
        self.serving: dict[Mailbox, None] = {}
        self.loop: Any = self  # no loop yet, and None would mean the one that runs
        self.watched: set[asyncio.Future[None]] = set()

    @property
    def idle(self) -> bool:
        """Whether nothing is going on."""
        return not self.running and not self.serving

    def task_in_another_loop(self) -> "asyncio.Task[Any]":
        """Return the running task, when it is not in the loop that carried the last message."""
        self.loop = asyncio.get_running_loop()
        task: asyncio.Task[Any] = asyncio.current_task(self.loop)  # type: ignore[assignment]  # what awaits is in one
        return task

    def tell(self) -> None:
        """Have those who wait for something look again."""
        for watcher in self.watched:
            if not watcher.done():
                watcher.set_result(None)

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait until something is so."""
        while not reached():  # it may have changed again between the telling and our waking up
            await self._change()

    async def _change(self) -> None:
        watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.watched.add(watcher)
        try:
            await watcher
        finally:
            self.watched.discard(watcher)
