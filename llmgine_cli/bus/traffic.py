"""What is going on in a bus right now, and how to wait until nothing is."""

import asyncio
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmgine_cli.bus.mailbox import Mailbox

# `asyncio.current_task` of a loop. In 3.11, which does not change any more, that is written in Python, and the calling
# of it takes longer than what it does.
task_of: Callable[[Any], "asyncio.Task[Any] | None"] = (
    asyncio.tasks._current_tasks.get if sys.version_info < (3, 12) else asyncio.current_task  # type: ignore[attr-defined]  # noqa: SLF001
)


class Worker:
    """A task that publishes or executes.

    Attributes:
        task: The task.
        loop: The event loop that it runs in.
        depth: How many messages within one another it is at; none: it is not in the bus.
    """

    __slots__ = ("depth", "loop", "task")

    def __init__(self, task: Any, loop: asyncio.AbstractEventLoop | None) -> None:
        self.task: asyncio.Task[Any] = task
        self.loop = loop
        self.depth = 0


class Traffic:
    """The tasks and mailboxes that are at work.

    Attributes:
        latest: Who carried the last message. It mostly carries the next one too, and so is kept when it is done.
        crowded: Whether it is to be told that a task is done: others are at work, or somebody waits for it.
        serving: The mailboxes whose task is at work, in the order in which they began.
    """

    __slots__ = ("_watchers", "_workers", "crowded", "latest", "serving")

    def __init__(self) -> None:
        self.latest = Worker(task=self, loop=None)  # nobody: not None, which is the task of a loop that runs none
        self.crowded = False
        self.serving: dict[Mailbox, None] = {}
        self._workers: dict[asyncio.Task[Any], Worker] = {}  # all that are in the bus, and the latest
        self._watchers: set[asyncio.Future[None]] = set()

    @property
    def idle(self) -> bool:
        """Whether nothing is going on."""
        return not self.serving and not any(worker.depth for worker in self._workers.values())

    def tasks(self) -> "list[asyncio.Task[Any]]":
        """Return the tasks that are in the bus."""
        return [task for task, worker in self._workers.items() if worker.depth]

    def worker(self) -> Worker:
        """Return what stands for the running task, which is not the latest one; it is from now on."""
        loop = asyncio.get_running_loop()
        task: asyncio.Task[Any] = asyncio.current_task(loop)  # type: ignore[assignment]  # what awaits is in one
        if not self.latest.depth:
            self._workers.pop(self.latest.task, None)
        self.latest = self._workers.setdefault(task, Worker(task, loop))
        self.crowded = len(self._workers) > 1 or bool(self._watchers)
        return self.latest

    def rest(self, worker: Worker) -> None:
        """Take note that a task is done, and have those who wait for something look again."""
        if worker is not self.latest:
            del self._workers[worker.task]
        self.crowded = len(self._workers) > 1 or bool(self._watchers)
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
        self.crowded = True
        try:
            await watcher
        finally:
            self._watchers.discard(watcher)
