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
    vars(asyncio.tasks)["_current_tasks"].get if sys.version_info < (3, 12) else asyncio.current_task
)


class Worker:
    """A task that publishes or executes.

    Attributes:
        task: The task.
        loop: The event loop that it runs in.
        depth: How many messages within one another it is at; none: it is not in the bus.
    """

    __slots__ = ("depth", "loop", "task")

    def __init__(self, task: Any, loop: Any) -> None:
        self.task: asyncio.Task[Any] = task
        self.loop: asyncio.AbstractEventLoop = loop
        self.depth = 0


class Traffic:
    """The tasks and mailboxes that are at work.

    Attributes:
        latest: Who carried the last message, done or not: the next one is mostly carried by the same.
        crowded: Whether it is to be told that a task is done: others are at work, or somebody waits for it.
        serving: The mailboxes whose task is at work, in the order in which they began.
    """

    __slots__ = ("_others", "_watchers", "crowded", "latest", "serving")

    def __init__(self) -> None:
        self.latest = Worker(self, self)  # no task and no loop yet; None would be the task of a loop that runs none
        self.crowded = False
        self.serving: dict[Mailbox, None] = {}
        self._others: dict[asyncio.Task[Any], Worker] = {}  # those in the bus, without the latest
        self._watchers: set[asyncio.Future[None]] = set()

    @property
    def idle(self) -> bool:
        """Whether nothing is going on."""
        return not (self.serving or self._others or self.latest.depth)

    def tasks(self) -> "list[asyncio.Task[Any]]":
        """Return the tasks that are in the bus."""
        return [*self._others, *([self.latest.task] if self.latest.depth else [])]

    def turn_to(self, task: "asyncio.Task[Any] | None") -> Worker:
        """Return what stands for the running task, which is not the latest one; from now on it is.

        Args:
            task: It, or None when it is not in the loop of the latest one.
        """
        worker, loop = self.latest, self.latest.loop
        if task is None:
            loop = asyncio.get_running_loop()
            task = asyncio.current_task(loop)
            assert task is not None  # noqa: S101 -- what awaits is in one
        if worker.depth:
            self._others[worker.task] = worker
            found = self._others.pop(task, None)
            worker = self.latest = found or Worker(task, loop)
        elif task in self._others:
            worker = self.latest = self._others.pop(task)
        else:
            worker.task, worker.loop = task, loop
        self.crowded = bool(self._others or self._watchers)
        return worker

    def rest(self, worker: Worker) -> None:
        """Take note that a task is done, and have those who wait for something look again."""
        if worker is not self.latest:
            self._others.pop(worker.task, None)
        self.crowded = bool(self._others or self._watchers)
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
        self.crowded = True
        try:
            await watcher
        finally:
            self._watchers.discard(watcher)
