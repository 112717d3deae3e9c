"""The message bus: one handler for a command, any number of subscribers for an event.

Delivery is inline and depth-first: when `publish` returns, every subscriber has run, and so has everything that they
published. There is no queue and therefore nothing to wait for in a circle. A subscriber that asks for a mailbox is the
exception: when `publish` returns, the event is in it.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime
from inspect import isawaitable
from types import CoroutineType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from llmgine_cli.bus.closing import Closing, Leftovers, in_time, leave_behind, settle
from llmgine_cli.bus.ids import new_id
from llmgine_cli.bus.mailbox import Mailbox, Overflow
from llmgine_cli.bus.messages import (
    BusMessage,
    Command,
    CommandFinished,
    CommandResult,
    CommandStarted,
    Event,
    HandlerFailed,
)
from llmgine_cli.bus.registry import Registry
from llmgine_cli.bus.scope import enter_scope, leave_scope, scope_parent
from llmgine_cli.bus.session import Session
from llmgine_cli.bus.table import EventHandler, Subscription, name_of
from llmgine_cli.bus.traffic import Traffic, task_of
from llmgine_cli.errors import BusClosedError, BusError, NoHandlerError, TooDeepError

if TYPE_CHECKING:
    from llmgine_cli.bus.middleware import Middleware
    from llmgine_cli.bus.schedule.scheduler import Scheduler

R = TypeVar("R")
C = TypeVar("C", bound=Command[Any])
E = TypeVar("E", bound=Event)

logger = logging.getLogger("llmgine_cli.bus")

_LAST_WORDS = 1.0  # seconds for what was cancelled at the end to come to it
_DEEPEST = 64  # messages within one another in one task: more is a circle


class Bus:
    """Carries commands to their handler and events to their subscribers.

    Handlers and subscribers may be plain or async functions. Each belongs to one session or, with `session_id=None`, to
    the root, which serves every session. A session's own come before the root's.

    Args:
        leftovers: Called with what mailboxes still held when they had to end.
    """

    def __init__(self, *, leftovers: Leftovers | None = None) -> None:
        self._leftovers = leftovers
        self._registry = Registry()
        self._tables = self._registry.tables
        self._root = self._registry.root
        self._traffic = Traffic()
        self._closing: asyncio.Future[Closing] | None = None
        self._scheduler: Callable[[], Scheduler] | None = None

    @property
    def closed(self) -> bool:
        """Whether it takes nothing more."""
        return self._registry.closed

    # -- wiring

    def keep_schedule(self, scheduler: "Callable[[], Scheduler]") -> None:
        """Have what is scheduled here kept by what this returns; it is asked when something is."""
        self._scheduler = scheduler

    def register(self, command_type: type[C], handler: Callable[[C], Any], *, session_id: str | None = None) -> None:
        """Make `handler` the one handler of `command_type` in a session, or everywhere.

        Raises:
            DuplicateHandlerError: There is one already.
        """
        self._registry.register(command_type, handler, session_id)

    def unregister(self, command_type: type[Command[Any]], *, session_id: str | None = None) -> None:
        """Take a command's handler away. Harmless when there is none."""
        self._registry.unregister(command_type, session_id)

    def use(
        self, middleware: "Middleware", *, only: type[Command[Any]] = Command, session_id: str | None = None
    ) -> Callable[[], None]:
        """Put a middleware around the handlers of commands; the first is outermost, the root's before a session's.

        Args:
            middleware: An async function ``(command, call_next) -> result``; see `llmgine_cli.bus.middleware`.
            only: Around commands of this class and of those derived from it.
            session_id: Around those of one session only.

        Returns:
            What takes it away again; harmless the second time.
        """
        return self._registry.use((only, middleware), session_id)

    def subscribe(
        self,
        event_type: type[E],
        handler: EventHandler[E],
        *,
        session_id: str | None = None,
        first: bool = False,
        mailbox: int | None = None,
        overflow: Overflow = "wait",
    ) -> Subscription:
        """Call `handler` for each event of this type or of a class derived from it, in the order of subscription.

        Args:
            event_type: What to listen to.
            handler: A plain or async function of the event.
            session_id: Listen to one session only.
            first: Come before all that are not first, those of sessions included: what a log writes is on disk before
                anybody acts on it.
            mailbox: Serve it by a task of its own, so that publishers do not wait for it; so many events may wait.
            overflow: What happens to one more: its publisher waits, or the oldest is dropped, counted and told.

        Raises:
            BusError: There is no such mailbox.
        """
        box = None
        if mailbox is not None:
            box = Mailbox(
                handler,
                name=name_of(handler),
                size=mailbox,
                overflow=overflow,
                traffic=self._traffic,
                publish=self.publish,
                failed=self._tell_failure,
            )
        return self._registry.subscribe(event_type, handler, session_id, first=first, mailbox=box)

    def session(self, session_id: str | None = None, *, drain: float = 5.0) -> Session:
        """Open a scope: ``async with bus.session() as session``. All that is registered in it is gone after it.

        Args:
            session_id: Default: a new one.
            drain: Seconds that its mailboxes have at its end to hand over what they hold.
        """
        return Session(self, session_id or new_id(), drain=drain)

    def has_subscriber(self, event_type: type[Event], *, session_id: str | None = None) -> bool:
        """Whether somebody listens to exactly this type, as opposed to all events, in a session or at the root."""
        return self._registry.has_subscriber(event_type, session_id)

    # -- traffic

    async def publish(self, event: Event) -> None:
        """Deliver to every subscriber, the session's first, then the root's; return when all of them have run.

        A subscriber that raises stops nobody: the rest run, and `HandlerFailed` tells of it.

        Raises:
            BusClosedError: The bus was closed.
            TooDeepError: This is in a circle of handlers that publish to each other.
        """
        try:
            route = self._tables[event.session_id].routes[type(event)]
        except KeyError:
            route = self._registry.route(type(event), event.session_id)
        if not route:
            return
        traffic = self._traffic
        worker = traffic.latest  # as in `execute`: to share this by a call would cost more than it does
        task = task_of(worker.loop)
        if worker.task is not task:
            worker = traffic.turn_to(task)
        cancellations = worker.task.cancelling()
        depth = worker.depth
        if depth >= _DEEPEST:
            raise _too_deep(event)
        worker.depth = depth + 1
        token = enter_scope((event.session_id, event.event_id))
        stopped: asyncio.CancelledError | None = None
        try:
            for subscription in route:
                try:
                    deliver = subscription.deliver  # in a step of its own: called as a method it would be searched for
                    outcome = deliver(event)
                    if type(outcome) is CoroutineType or (outcome is not None and isawaitable(outcome)):
                        await outcome
                    else:
                        cancellations = worker.task.cancelling()  # asked for by a plain function, the next one feels it
                except (Exception, SystemExit, asyncio.CancelledError) as error:  # noqa: BLE001 -- containing it is the contract
                    stopped = await self._contain(subscription, event, error, cancellations, depth) or stopped
            if stopped is not None:
                raise stopped
        finally:
            worker.depth = depth
            if not depth and traffic.crowded:
                traffic.rest(worker)
            leave_scope(token)

    async def execute(self, command: Command[R]) -> CommandResult[R]:
        """Have the command handled, and say what came of it.

        The handler's exception is in the result, not raised. Cancelling this call cancels the handler.

        Raises:
            NoHandlerError: Nobody handles this type in the command's session or at the root.
            BusClosedError: The bus was closed.
            TooDeepError: This is in a circle of handlers that execute each other's commands.
        """
        kind = type(command)
        table = self._tables.get(command.session_id, self._root)
        handler = table.handlers.get(kind) or self._root.handlers.get(kind) or self._nobody(kind)
        if self._root.middleware or table.middleware:
            handler = self._registry.wrapped(handler, kind, table)
        traffic = self._traffic
        worker = traffic.latest
        task = task_of(worker.loop)
        if worker.task is not task:
            worker = traffic.turn_to(task)
        depth = worker.depth
        if depth >= _DEEPEST:
            raise _too_deep(command)
        worker.depth = depth + 1
        token = enter_scope((command.session_id, command.command_id))
        started = time.perf_counter()
        result: R | None = None
        error: BaseException | None = None
        try:
            try:
                if self._registry.heard(CommandStarted, table):
                    await self.publish(CommandStarted(command=command))
                outcome: Any = handler(command)
                result = await outcome if isawaitable(outcome) else outcome
            except BaseException as raised:  # noqa: BLE001 -- told as an event first; what is no Exception is raised again
                error = raised
            duration = (time.perf_counter() - started) * 1000
            if self._registry.heard(CommandFinished, table):
                await self.publish(CommandFinished.of(command, error, duration))
            if isinstance(error, TooDeepError) and depth:
                raise error  # told where the circle was entered
            if error is not None and not isinstance(error, Exception):
                raise error
            return CommandResult(
                success=error is None,
                result=result,
                error=error,
                command_id=command.command_id,
                duration_ms=duration,
            )
        finally:
            worker.depth = depth
            if not depth and traffic.crowded:
                traffic.rest(worker)
            leave_scope(token)

    async def schedule(self, event: Event, *, at: datetime | None = None, after: float | None = None) -> str:
        """Publish an event later, here or in any process with the same schedule; return its id once it is on disk.

        Args:
            event: What to publish.
            at: When, by the wall clock; aware. What is past fires at once.
            after: Or in how many seconds.

        Raises:
            UsageError: Neither or both were given, or they are no moment.
            BusError: The bus has no schedule, or the event is in it already.
            BusClosedError: The bus was closed.
            StorageError: It could not be kept.
        """
        if self.closed:
            raise BusClosedError(f"the bus is closed; {type(event).__name__} was not scheduled")
        if self._scheduler is None:
            raise BusError("this bus has no schedule", hint="scheduler_for(bus, path, …) gives it one")
        return await self._scheduler().schedule(event, at=at, after=after)

    # -- closing

    async def aclose(self, *, deadline: float | None = 10.0) -> Closing:
        """Wait until all that was published and executed is done, then take nothing more.

        Harmless the second time; whoever calls it while it works waits with the first one.

        Args:
            deadline: Seconds after which what still runs is cancelled, and what mailboxes still hold goes to the
                `leftovers`; None: wait for ever.

        Returns:
            What could not be done in time.

        Raises:
            BusError: Called from inside a handler, which would wait for itself.
        """
        if scope_parent() is not None:
            raise BusError("aclose() was called from inside a handler", hint="close the bus where it was made")
        if self._closing is not None:
            return await asyncio.shield(self._closing)
        closing = self._closing = asyncio.get_running_loop().create_future()
        report = Closing()
        try:
            if not await in_time(
                deadline, settle(self._registry.mailboxes(), self._traffic, lambda: self._traffic.idle)
            ):
                report = self._break_off(
                    f"still running {deadline or 0:g} s after the bus was to be closed, now cancelled"
                )
                await in_time(_LAST_WORDS, self._traffic.until(lambda: self._traffic.idle))
        except asyncio.CancelledError:  # we wait no longer, but nothing is lost
            report = self._break_off("the closing of the bus was cancelled, and with it") if report.complete else report
            raise
        finally:
            self._registry.shut()
            closing.set_result(report)
        return report

    # -- inside

    def _nobody(self, kind: type[Command[Any]]) -> NoReturn:
        if self._registry.closed:
            raise BusClosedError(f"the bus is closed; {kind.__name__} was not executed")
        raise NoHandlerError(f"nobody handles {kind.__name__}", hint="register a handler before executing it")

    async def _contain(
        self,
        subscription: Subscription,
        event: Event,
        error: Exception | SystemExit | asyncio.CancelledError,
        cancellations: int,
        depth: int,
    ) -> asyncio.CancelledError | None:
        """Tell of what a subscriber raised; return what is to be raised after all have run.

        When we were cancelled while it ran, that is raised at once. Otherwise something it waited for was cancelled,
        not we; but in a task that was to be cancelled before, one cannot be sure, and it must not be lost.
        """
        if depth and isinstance(error, TooDeepError):
            raise error  # contained where the circle was entered: here, the next subscriber would go round as often
        cancelled = error if isinstance(error, asyncio.CancelledError) else None
        task = asyncio.current_task()
        if cancelled is not None and task is not None and task.cancelling() > cancellations:
            raise cancelled
        await self._tell_failure(name_of(subscription.handler), event, error)
        return cancelled if cancellations else None

    async def _tell_failure(self, name: str, event: Event, error: BaseException) -> None:
        logger.error("%s failed on %s: %s", name, type(event).__name__, error, exc_info=error)
        if not isinstance(event, HandlerFailed) and not self._registry.closed:
            await self.publish(
                HandlerFailed(
                    handler=name,
                    about_type=type(event).__name__,
                    about_id=event.event_id,
                    error=str(error),
                    error_type=type(error).__name__,
                )
            )

    def _open_session(self, session_id: str) -> None:
        self._registry.open(session_id)

    async def _drain_session(self, session_id: str, seconds: float) -> None:
        """Let a session's mailboxes hand over what they hold; what they cannot in time goes to the leftovers."""
        mailboxes = [mailbox for mailbox in self._registry.mailboxes_of(session_id) if not mailbox.called_us]
        if not mailboxes:
            return
        why = f"still at work when session {session_id} ended"
        try:
            if await in_time(seconds, settle(mailboxes, self._traffic, lambda: not any(box.busy for box in mailboxes))):
                return
        except asyncio.CancelledError:
            why = f"still at work when the end of session {session_id} was cancelled"
            raise
        finally:
            leave_behind(mailboxes, why, self._leftovers)

    def _close_session(self, session_id: str) -> None:
        self._registry.close(session_id)

    def _break_off(self, why: str) -> Closing:
        """Cancel all that runs; what mailboxes hold goes to the leftovers."""
        mailboxes = self._registry.mailboxes()
        served = {mailbox.task for mailbox in mailboxes}
        tasks = [task for task in self._traffic.tasks() if task not in served]
        if tasks:
            logger.error("%s: %s", why, ", ".join(task.get_name() for task in tasks))
        stuck = [task.get_name() for task in tasks] + [mailbox.name for mailbox in mailboxes if mailbox.busy]
        undelivered = leave_behind(mailboxes, why, self._leftovers)
        for task in tasks:
            if not task.get_loop().is_closed():  # else nothing will ever run it again
                task.cancel()
        return Closing(stuck=tuple(stuck), undelivered=undelivered)


def _too_deep(message: BusMessage) -> TooDeepError:
    return TooDeepError(
        f"{type(message).__name__} is {_DEEPEST} messages deep in handlers that publish or execute one another",
        hint="look for a handler that publishes what it listens to",
    )
