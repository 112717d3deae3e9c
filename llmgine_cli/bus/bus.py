"""The message bus: one handler for a command, any number of subscribers for an event.

Delivery is inline and depth-first: when `publish` returns, every subscriber has run, and so has everything that they
published. There is no queue and therefore nothing to wait for in a circle.
"""

import asyncio
import inspect
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import Token
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from llmgine_cli.bus.messages import (
    Command,
    CommandFinished,
    CommandResult,
    CommandStarted,
    Event,
    HandlerFailed,
    Scope,
    current_scope,
    new_id,
)
from llmgine_cli.bus.session import Session
from llmgine_cli.errors import BusClosedError, BusError, DuplicateHandlerError, NoHandlerError

if TYPE_CHECKING:
    from llmgine_cli.bus.schedule.scheduler import Scheduler

R = TypeVar("R")
C = TypeVar("C", bound=Command[Any])
E = TypeVar("E", bound=Event)

CommandHandler = Callable[[C], R | Awaitable[R]]
EventHandler = Callable[[E], object]

logger = logging.getLogger("llmgine_cli.bus")

_LAST_WORDS = 1.0  # seconds for what was cancelled at the end to come to it


class Subscription:
    """A handler's place on the bus; `cancel` takes it away, at once."""

    __slots__ = ("_bus", "active", "event_type", "first", "handler", "session_id")

    def __init__(
        self,
        bus: "Bus",
        event_type: type[Event],
        handler: EventHandler[Any],
        session_id: str | None,
        *,
        first: bool = False,
    ) -> None:
        self._bus = bus
        self.event_type = event_type
        self.handler = handler
        self.session_id = session_id
        self.first = first
        self.active = True

    def cancel(self) -> None:
        """Stop the delivery; also of an event that is being delivered right now. Harmless the second time."""
        if self.active:
            self.active = False
            self._bus._forget(self)  # noqa: SLF001 -- the two classes are one mechanism


class Bus:
    """Carries commands to their handler and events to their subscribers.

    Handlers and subscribers may be plain or async functions. Each belongs to one session or, with `session_id=None`, to
    the root, which serves every session. A session's own come before the root's.
    """

    def __init__(self) -> None:
        self._handlers: dict[tuple[type[Command[Any]], str | None], CommandHandler[Any, Any]] = {}
        self._subscriptions: dict[str | None, list[Subscription]] = {None: []}
        self._routes: dict[tuple[type[Event], str | None], tuple[Subscription, ...]] = {}
        self._sessions: set[str] = set()
        self._running: Counter[asyncio.Task[Any] | None] = Counter()  # how deep each task is in the bus
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._scheduler: Callable[[], Scheduler] | None = None

    # -- wiring

    def keep_schedule(self, scheduler: "Callable[[], Scheduler]") -> None:
        """Have what is scheduled here kept by what this returns; it is asked when something is."""
        self._scheduler = scheduler

    def register(self, command_type: type[C], handler: Callable[[C], Any], *, session_id: str | None = None) -> None:
        """Make `handler` the one handler of `command_type` in a session, or everywhere.

        Raises:
            DuplicateHandlerError: There is one already.
        """
        key = (command_type, session_id)
        if key in self._handlers:
            where = f"session {session_id!r}" if session_id else "the root"
            raise DuplicateHandlerError(f"{command_type.__name__} already has a handler in {where}")
        self._handlers[key] = handler

    def unregister(self, command_type: type[Command[Any]], *, session_id: str | None = None) -> None:
        """Take a command's handler away. Harmless when there is none."""
        self._handlers.pop((command_type, session_id), None)

    def subscribe(
        self, event_type: type[E], handler: EventHandler[E], *, session_id: str | None = None, first: bool = False
    ) -> Subscription:
        """Call `handler` for each event of this type or of a class derived from it, in the order of subscription.

        Args:
            event_type: What to listen to.
            handler: A plain or async function of the event.
            session_id: Listen to one session only.
            first: Come before all that are not first, those of sessions included: what a log writes is on disk before
                anybody acts on it.
        """
        subscription = Subscription(self, event_type, handler, session_id, first=first)
        self._subscriptions.setdefault(session_id, []).append(subscription)
        self._routes.clear()
        return subscription

    def session(self, session_id: str | None = None) -> Session:
        """Open a scope: ``async with bus.session() as session``. All that is registered in it is gone after it."""
        return Session(self, session_id or new_id())

    # -- traffic

    async def publish(self, event: Event) -> None:
        """Deliver to every subscriber, the session's first, then the root's; return when all of them have run.

        A subscriber that raises stops nobody: the rest run, and `HandlerFailed` tells of it.

        Raises:
            BusClosedError: The bus was closed.
        """
        if self._closed:
            raise BusClosedError(f"the bus is closed; {type(event).__name__} was not delivered")
        route = self._routes.get((type(event), event.session_id))
        if route is None:
            route = self._find_route(type(event), event.session_id)
        if not route:
            return
        token = self._enter(Scope(event.session_id, event.event_id))
        stopped: asyncio.CancelledError | None = None
        try:
            for subscription in route:
                if not subscription.active:
                    continue
                before = _cancellations()
                try:
                    outcome = subscription.handler(event)
                    if inspect.isawaitable(outcome):
                        await outcome
                except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- containing it is the contract
                    stopped = await self._contain(subscription, event, error, before) or stopped
            if stopped is not None:
                raise stopped
        finally:
            self._leave(token)

    async def execute(self, command: Command[R]) -> CommandResult[R]:
        """Have the command handled, and say what came of it.

        The handler's exception is in the result, not raised. Cancelling this call cancels the handler.

        Raises:
            NoHandlerError: Nobody handles this type in the command's session or at the root.
            BusClosedError: The bus was closed.
        """
        name = type(command).__name__
        if self._closed:
            raise BusClosedError(f"the bus is closed; {name} was not executed")
        handler = self._handlers.get((type(command), command.session_id)) or self._handlers.get((type(command), None))
        if handler is None:
            raise NoHandlerError(f"nobody handles {name}", hint="register a handler before executing it")
        token = self._enter(Scope(command.session_id, command.command_id))
        started = time.perf_counter()
        result: R | None = None
        error: BaseException | None = None
        try:
            try:
                await self.publish(CommandStarted(command=command))
                outcome: Any = handler(command)
                result = await outcome if inspect.isawaitable(outcome) else outcome
            except BaseException as raised:  # noqa: BLE001 -- told as an event first; what is no Exception is raised again
                error = raised
            duration = (time.perf_counter() - started) * 1000
            await self.publish(
                CommandFinished(
                    command_type=name,
                    success=error is None,
                    cancelled=isinstance(error, asyncio.CancelledError),
                    error=None if error is None else str(error),
                    error_type=None if error is None else type(error).__name__,
                    duration_ms=duration,
                )
            )
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
            self._leave(token)

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
        if self._closed:
            raise BusClosedError(f"the bus is closed; {type(event).__name__} was not scheduled")
        if self._scheduler is None:
            raise BusError("this bus has no schedule", hint="scheduler_for(bus, path, …) gives it one")
        return await self._scheduler().schedule(event, at=at, after=after)

    def has_subscriber(self, event_type: type[Event], *, session_id: str | None = None) -> bool:
        """Whether somebody listens to exactly this type, as opposed to all events, in a session or at the root."""
        return any(
            subscription.event_type is event_type
            for scope in {session_id, None}
            for subscription in self._subscriptions.get(scope, ())
        )

    async def aclose(self, *, deadline: float | None = 10.0) -> None:
        """Wait until all that was published and executed is done, then take nothing more. Harmless the second time.

        Args:
            deadline: Seconds after which what still runs is cancelled; None: wait for ever.

        Raises:
            BusError: Called from inside a handler, which would wait for itself.
        """
        if current_scope.get().parent_id is not None:
            raise BusError("aclose() was called from inside a handler", hint="close the bus where it was made")
        if not await self._becomes_idle(deadline):
            stuck = [task for task in self._running if task is not None]
            names = ", ".join(task.get_name() for task in stuck)
            logger.error("still running %g s after the bus was to be closed, now cancelled: %s", deadline, names)
            for task in stuck:
                task.cancel()
            await self._becomes_idle(_LAST_WORDS)
        self._closed = True
        self._handlers.clear()
        self._subscriptions = {None: []}
        self._routes.clear()

    # -- inside

    async def _becomes_idle(self, seconds: float | None) -> bool:
        try:
            async with asyncio.timeout(seconds):
                while self._running:  # work may have begun again between the last end and our waking up
                    await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def _enter(self, scope: Scope) -> Token[Scope]:
        self._running[asyncio.current_task()] += 1
        self._idle.clear()
        return current_scope.set(scope)

    def _leave(self, token: Token[Scope]) -> None:
        current_scope.reset(token)
        task = asyncio.current_task()
        self._running[task] -= 1
        if not self._running[task]:
            del self._running[task]
        if not self._running:
            self._idle.set()

    def _find_route(self, event_type: type[Event], session_id: str | None) -> tuple[Subscription, ...]:
        scopes = (None,) if session_id is None else (session_id, None)
        found = [
            subscription
            for scope in scopes
            for subscription in self._subscriptions.get(scope, ())
            if issubclass(event_type, subscription.event_type)
        ]
        route = tuple(sorted(found, key=lambda subscription: not subscription.first))
        # Sessions come and go by the thousand: only open ones, or with subscribers of their own, are remembered.
        if session_id is None or session_id in self._subscriptions:
            self._routes[event_type, session_id] = route
        return route

    def _forget(self, subscription: Subscription) -> None:
        subscriptions = self._subscriptions.get(subscription.session_id, [])
        if subscription in subscriptions:
            subscriptions.remove(subscription)
        self._routes.clear()

    async def _contain(
        self, subscription: Subscription, event: Event, error: Exception | asyncio.CancelledError, before: int
    ) -> asyncio.CancelledError | None:
        """Tell of what a subscriber raised; return what is to be raised after all have run.

        When we were cancelled while it ran, that is raised at once. Otherwise something it waited for was cancelled,
        not we; but in a task that was to be cancelled before, one cannot be sure, and it must not be lost.
        """
        if not isinstance(error, asyncio.CancelledError):
            await self._tell_failure(subscription, event, error)
            return None
        if _cancellations() > before:
            raise error
        await self._tell_failure(subscription, event, error)
        return error if before else None

    async def _tell_failure(self, subscription: Subscription, event: Event, error: BaseException) -> None:
        name = getattr(subscription.handler, "__qualname__", repr(subscription.handler))
        logger.error("%s failed on %s: %s", name, type(event).__name__, error, exc_info=error)
        if not isinstance(event, HandlerFailed):
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
        if session_id in self._sessions:
            raise BusError(f"session {session_id!r} is already open")
        self._sessions.add(session_id)
        self._subscriptions.setdefault(session_id, [])

    def _close_session(self, session_id: str) -> None:
        self._sessions.discard(session_id)
        for subscription in self._subscriptions.pop(session_id, []):
            subscription.active = False
        for key in [key for key in self._handlers if key[1] == session_id]:
            del self._handlers[key]
        self._routes = {key: route for key, route in self._routes.items() if key[1] != session_id}


def _cancellations() -> int:
    """How often somebody asked the running task to stop; a cancellation that came up from below does not count."""
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0
