"""Mailboxes: a subscriber that is served by a task of its own, so that the publisher need not wait for it.

The task lives while there is something to deliver. An idle mailbox costs nothing, belongs to no event loop, and leaves
nothing behind when it is forgotten.
"""

import asyncio
import contextvars
import logging
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from llmgine_cli.bus.messages import Event, EventsDropped, Undelivered
from llmgine_cli.bus.scope import enter_scope, leave_scope
from llmgine_cli.errors import BusError, MailboxFullError

if TYPE_CHECKING:
    from llmgine_cli.bus.traffic import Traffic

Overflow: TypeAlias = Literal["wait", "drop_oldest"]
Failed: TypeAlias = Callable[[str, Event, BaseException], Awaitable[None]]

logger = logging.getLogger("llmgine_cli.bus")

_BREATH = 64  # events after which the loop's other tasks have a turn, whatever the handler does
_BETWEEN_REPORTS = 1.0  # seconds between two reports of drops
_OWN_EXTRA = 1000  # events that a handler may have in its own mailbox beyond the limit

# Whose handler the running code was called by, and with which event; a task that it began has a copy.
_serving: ContextVar["tuple[Mailbox, Event] | None"] = ContextVar("llmgine_serving", default=None)


class Mailbox:
    """The events that wait for one subscriber, and the task that hands them to it in order.

    Args:
        handler: A plain or async function of the event.
        name: The handler's name, for those who are told.
        size: How many events may wait.
        overflow: What happens to one more: its publisher waits, or the oldest goes.
        traffic: Where it is noted that the task is at work.
        publish: Called with the report of a drop.
        failed: Called with the name, the event and the exception when the handler raises.

    Attributes:
        name: As given.
        dropped: How many events went because there was no room.
        task: What serves the handler just now.
    """

    def __init__(
        self,
        handler: Callable[[Any], object],
        *,
        name: str,
        size: int,
        overflow: Overflow,
        traffic: "Traffic",
        publish: Callable[[Event], Awaitable[None]],
        failed: Failed,
    ) -> None:
        if size < 1 or overflow not in {"wait", "drop_oldest"}:
            raise BusError(
                f"no mailbox of {size} with overflow {overflow!r}",
                hint='as in subscribe(T, handler, mailbox=1024, overflow="wait"), or "drop_oldest"',
            )
        self.name = name
        self.dropped = 0
        self._handler = handler
        self._size = size
        self._drops = overflow == "drop_oldest"
        self._traffic = traffic
        self._publish = publish
        self._failed = failed
        self._context = contextvars.copy_context()  # of where it was subscribed, not of whoever publishes first
        self._queue: deque[Event] = deque()
        self._senders: OrderedDict[asyncio.Future[None], Event] = OrderedDict()
        self.waits_for: Counter[Mailbox] = Counter()  # where publishing from our handler has to wait
        self._current: Event | None = None
        self.task: asyncio.Task[None] | None = None
        self._told = 0
        self._told_at = float("-inf")
        self._closed = False

    def put(self, event: Event) -> Awaitable[None] | None:
        """Take an event; what is returned, if anything, is to be awaited before the publisher goes on.

        Raises:
            MailboxFullError: Our own handler has filled it far beyond its size.
        """
        if self._closed:
            return None
        if len(self._queue) < self._size and not self._senders:
            self._queue.append(event)
            self.wake()
            return None
        if self._drops:
            return self._drop_for(event)
        sender = _caller()
        if sender is None or not self._waits_for_turn_of(sender):
            return self._wait_with(event, sender)
        # Our own handler, or one that our handler waits for, would wait for itself.
        if len(self._queue) >= self._size + max(self._size, _OWN_EXTRA):
            raise MailboxFullError(f"the mailbox of {self.name} holds {len(self._queue)} events that it made itself")
        self._queue.append(event)
        return None

    def wake(self) -> None:
        """See to it that what waits is delivered."""
        if self.task is None and (self._queue or self._senders):
            # Not by the loop's factory: a task that begins at once would be done before we know it, and in the way of
            # the publisher.
            self.task = asyncio.Task(
                self._serve(),
                loop=asyncio.get_running_loop(),
                name=f"mailbox of {self.name}",
                context=self._context.copy(),
            )
            self._traffic.serving[self] = None

    def close(self) -> None:
        """Take nothing more, forget what waits, and stop the handler unless it is the one that asks. Harmless twice."""
        if self._closed:
            return
        self._closed = True
        self._let_in(len(self._senders))
        self._queue.clear()
        if self.dropped > self._told:
            logger.warning("the mailbox of %s had no room for %d events in all", self.name, self.dropped)
        if self.task is not None and _lives(self.task) and asyncio.current_task(self.task.get_loop()) is not self.task:
            self.task.cancel()
        self._traffic.tell()

    @property
    def busy(self) -> bool:
        """Whether something waits or is being handled."""
        return self.task is not None or bool(self._queue)

    @property
    def handles(self) -> Event | None:
        """What is being handled just now."""
        return self._current

    @property
    def called_us(self) -> bool:
        """Whether the running code was called by this mailbox's handler, and so cannot wait for it."""
        return _caller() is self

    def undelivered(self) -> Iterator[Undelivered]:
        """Yield what is being handled, what waits, and what publishers wait with, in order."""
        if self._current is not None:
            yield self._left(self._current, begun=True)
        for event in self._queue:
            yield self._left(event)
        for turn, event in self._senders.items():
            if not turn.done():
                yield self._left(event)

    async def tell_drops(self) -> None:
        """Tell of the drops that nobody was told of yet."""
        count = self.dropped - self._told
        if count:
            self._told, self._told_at = self.dropped, time.monotonic()
            logger.warning("the mailbox of %s was full: %d events dropped, %d in all", self.name, count, self.dropped)
            await self._publish(EventsDropped(handler=self.name, dropped=count, total=self.dropped))

    # -- a publisher's side

    def _drop_for(self, event: Event) -> Awaitable[None] | None:
        self._queue.popleft()
        self._queue.append(event)
        self.dropped += 1
        self.wake()
        # A report that makes another drop is told with the next one, or there would be no end to it.
        due = not isinstance(event, EventsDropped) and time.monotonic() - self._told_at >= _BETWEEN_REPORTS
        return self.tell_drops() if due else None

    async def _wait_with(self, event: Event, sender: "Mailbox | None") -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._senders[turn] = event
        if sender is not None:
            sender.waits_for[self] += 1
        self.wake()
        try:
            await turn  # cancelled after the event was let in, we leave it there
        finally:
            self._senders.pop(turn, None)
            if sender is not None:
                sender.waits_for[self] -= 1
                sender.waits_for += Counter()  # without those that are at nought

    def _waits_for_turn_of(self, sender: "Mailbox") -> bool:
        """Whether we, or somebody whom our handler waits for, wait for the sender."""
        seen: set[Mailbox] = set()
        stack: list[Mailbox] = [self]
        while stack:
            mailbox = stack.pop()
            if mailbox is sender:
                return True
            if mailbox not in seen:
                seen.add(mailbox)
                stack.extend(mailbox.waits_for)
        return False

    # -- the subscriber's side

    async def _serve(self) -> None:
        handled = 0
        try:
            while event := self._next():
                self._current = event
                _serving.set((self, event))
                await self._deliver(event)
                self._current = None
                handled += 1
                if handled % _BREATH == 0:
                    await asyncio.sleep(0)
        finally:
            if not self._closed and (self._current or self._queue):
                # Somebody else ended our task, as a loop that closes does.
                logger.error("the mailbox of %s was stopped at work; %d events wait in it", self.name, len(self._queue))
            self._current = self.task = None
            self._traffic.serving.pop(self, None)
            self._traffic.tell()

    def _next(self) -> Event | None:
        self._let_in(self._size - len(self._queue))
        return self._queue.popleft() if self._queue else None

    def _let_in(self, places: int) -> None:
        """Take the events of so many publishers that wait, and let them go on."""
        while places > 0 and self._senders:
            turn, event = self._senders.popitem(last=False)
            if not turn.done():  # cancelled, and about to leave
                self._queue.append(event)
                places -= 1
                if _lives(turn):
                    turn.set_result(None)

    async def _deliver(self, event: Event) -> None:
        token = enter_scope((event.session_id, event.event_id))
        task = asyncio.current_task()
        before = task.cancelling() if task is not None else 0
        try:
            outcome = self._handler(event)
            if isawaitable(outcome):
                await outcome
        except asyncio.CancelledError as error:
            if task is not None and task.cancelling() > before:
                raise
            await self._failed(self.name, event, error)  # something it waited for was cancelled, not we
        except (Exception, SystemExit) as error:  # noqa: BLE001 -- containing it is the contract
            await self._failed(self.name, event, error)
        finally:
            leave_scope(token)

    def _left(self, event: Event, *, begun: bool = False) -> Undelivered:
        return Undelivered(
            session_id=event.session_id, parent_id=event.event_id, handler=self.name, event=event, begun=begun
        )


def _lives(future: "asyncio.Future[None]") -> bool:
    """Whether who waits for this can still go on: its event loop was not closed over it."""
    return not future.get_loop().is_closed()


def _caller() -> Mailbox | None:
    """The mailbox whose handler may be waiting for the running code.

    A task that the handler began and did not wait for is not its business any more once the event is handled.
    """
    serving = _serving.get()
    if serving is None:
        return None
    mailbox, event = serving
    return mailbox if mailbox.handles is event else None
