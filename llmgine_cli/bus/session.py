"""Sessions: scopes on the bus."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from llmgine_cli.bus.mailbox import Overflow
from llmgine_cli.bus.messages import Command, CommandResult, Event, SessionEnded, SessionStarted
from llmgine_cli.bus.middleware import Middleware
from llmgine_cli.bus.scope import Scope, current_scope
from llmgine_cli.errors import BusError

if TYPE_CHECKING:
    from contextvars import Token

    from llmgine_cli.bus.bus import Bus
    from llmgine_cli.bus.table import EventHandler, Subscription

R = TypeVar("R")
C = TypeVar("C", bound=Command[Any])
E = TypeVar("E", bound=Event)

logger = logging.getLogger("llmgine_cli.bus")


class Session:
    """One conversation on the bus; made by `Bus.session`, used as an async context manager.

    Messages made inside the block belong to the session by themselves. A session opened within another one inherits
    nothing from it: it is a conversation of its own that knows in its `SessionStarted` where it was opened.
    """

    def __init__(self, bus: "Bus", session_id: str, *, drain: float) -> None:
        self.bus = bus
        self.id = session_id
        self._drain = drain
        self._token: Token[Scope] | None = None
        self._started = 0.0
        self._over = False

    async def __aenter__(self) -> Self:
        self.bus._open_session(self.id)  # noqa: SLF001 -- the two classes are one mechanism
        self._over = False
        outer, parent = current_scope.get()
        self._token = current_scope.set((self.id, parent))
        self._started = time.perf_counter()
        try:
            await self.bus.publish(SessionStarted(parent_session=outer))
        except BaseException:
            self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._tell_end(error)
        finally:
            try:
                await self.bus._drain_session(self.id, self._drain)  # noqa: SLF001 -- as above
            finally:
                self._close()

    async def _tell_end(self, error: BaseException | None) -> None:
        if self.bus.closed:
            logger.error("session %s ended after the bus was closed: its end was not published", self.id)
            return
        await self.bus.publish(
            SessionEnded(
                session_id=self.id,
                error=(str(error) or type(error).__name__) if error else None,
                duration_ms=(time.perf_counter() - self._started) * 1000,
            )
        )

    def _close(self) -> None:
        self._over = True
        self.bus._close_session(self.id)  # noqa: SLF001 -- as above
        if self._token is not None:
            with suppress(ValueError):  # an async generator that another task finishes: the context ended with its own
                current_scope.reset(self._token)
            self._token = None

    def register(self, command_type: type[C], handler: Callable[[C], Any]) -> None:
        """As `Bus.register`, for this session.

        Raises:
            BusError: The session is over: nobody would ever take the handler away.
        """
        self._still()
        self.bus.register(command_type, handler, session_id=self.id)

    def subscribe(
        self,
        event_type: type[E],
        handler: "EventHandler[E]",
        *,
        first: bool = False,
        mailbox: int | None = None,
        overflow: Overflow = "wait",
    ) -> "Subscription":
        """As `Bus.subscribe`, for this session.

        Raises:
            BusError: The session is over: nobody would ever take the subscription away.
        """
        self._still()
        return self.bus.subscribe(
            event_type, handler, session_id=self.id, first=first, mailbox=mailbox, overflow=overflow
        )

    def use(self, middleware: Middleware, *, only: type[Command[Any]] = Command) -> Callable[[], None]:
        """As `Bus.use`, for this session.

        Raises:
            BusError: The session is over: nobody would ever take the middleware away.
        """
        self._still()
        return self.bus.use(middleware, only=only, session_id=self.id)

    async def execute(self, command: Command[R]) -> CommandResult[R]:
        """As `Bus.execute`; a command made outside any session becomes this session's."""
        return await self.bus.execute(command if command.session_id else replace(command, session_id=self.id))

    async def publish(self, event: Event) -> None:
        """As `Bus.publish`; an event made outside any session becomes this session's."""
        await self.bus.publish(event if event.session_id else replace(event, session_id=self.id))

    def _still(self) -> None:
        if self._over:
            raise BusError(f"session {self.id!r} is over", hint="register and subscribe while it is open")
