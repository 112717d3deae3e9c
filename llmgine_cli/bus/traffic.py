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
    """

    __slots__ = ("_watchers", "running", "serving")

    def __init__(self) -> None:
        self.running: dict[asyncio.Task[Any] | None, int] = {}
        self.serving: dict[Mailbox, None] = {}
        self._watchers: set[asyncio.Future[None]] = set()

    @property
    def idle(self) -> bool:
        """Whether nothing is going on."""
        return not self.running and not self.serving

    def leave(self, task: "asyncio.Task[Any] | None", depth: int) -> None:
        """Note that a task is only so deep in the bus now."""
        if depth:
            self.running[task] = depth
            return
        del self.running[task]
        if self._watchers:
            self.tell()

    def tell(self) -> None:
        """Have those who wait for something look again."""
        for watcher in self._watchers:
            if not watcher.done():
                watcher.set_result(None)

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait until something is so."""
        while not reached():  # it may have changed again between the telling and our waking up
            await self._change()

    async def _change(self) -> None:
        watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers.add(watcher)
        try:
            await watcher
        finally:
            self._watchers.discard(watcher)
