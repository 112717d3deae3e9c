"""Who handles and hears what: the tables of the root and of all sessions."""

from collections.abc import Callable
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from llmgine_cli.bus.table import EventHandler, Subscription, Table
from llmgine_cli.errors import BusClosedError, BusError, DuplicateHandlerError

if TYPE_CHECKING:
    from llmgine_cli.bus.mailbox import Mailbox
    from llmgine_cli.bus.messages import Command, Event
    from llmgine_cli.bus.middleware import Middleware, Next


class Registry:
    """The tables of a bus; see `Bus` for what its methods promise.

    Attributes:
        root: The table that serves every session.
        tables: By session id; the root's under None. Sessions without anything have none.
        closed: Whether nothing is carried any more.
    """

    def __init__(self) -> None:
        self.root = Table()
        self.tables: dict[str | None, Table] = {None: self.root}
        self.closed = False

    # -- coming and going

    def register(self, kind: "type[Command[Any]]", handler: Callable[[Any], Any], session_id: str | None) -> None:
        """Make `handler` the one handler of a command type.

        Raises:
            DuplicateHandlerError: There is one already.
        """
        handlers = self._table(session_id).handlers
        if kind in handlers:
            where = f"session {session_id!r}" if session_id else "the root"
            raise DuplicateHandlerError(f"{kind.__name__} already has a handler in {where}")
        handlers[kind] = handler

    def unregister(self, kind: "type[Command[Any]]", session_id: str | None) -> None:
        """Take a command's handler away."""
        if table := self.tables.get(session_id):
            table.handlers.pop(kind, None)
            self._tidy(session_id)

    def use(self, entry: "tuple[type[Command[Any]], Middleware]", session_id: str | None) -> Callable[[], None]:
        """Add a middleware, and return what takes it away again."""
        table = self._table(session_id)
        table.middleware.append(entry)

        def remove() -> None:
            table.middleware[:] = [kept for kept in table.middleware if kept is not entry]
            self._tidy(session_id)

        return remove

    def subscribe(
        self,
        kind: "type[Event]",
        handler: EventHandler[Any],
        session_id: str | None,
        *,
        first: bool,
        mailbox: "Mailbox | None",
    ) -> Subscription:
        """Add a subscriber."""
        subscription = Subscription(
            kind, handler, session_id=session_id, first=first, mailbox=mailbox, forget=self._forget
        )
        self._table(session_id).subscriptions[subscription] = None
        self._forget_routes(session_id)
        return subscription

    def open(self, session_id: str) -> None:
        """Note that a session is open.

        Raises:
            BusError: It is already.
        """
        table = self._table(session_id)
        if table.open:
            raise BusError(f"session {session_id!r} is already open")
        table.open = True

    def close(self, session_id: str) -> None:
        """Forget a session and all that is registered in it."""
        if table := self.tables.pop(session_id, None):
            table.end()

    def shut(self) -> None:
        """Forget everything, for good."""
        self.closed = True
        for table in self.tables.values():
            table.end()
        self.tables.clear()
        self.tables[None] = self.root

    # -- finding

    def route(self, kind: "type[Event]", session_id: str | None) -> tuple[Subscription, ...]:
        """Return who hears events of this type in a session, in order; remember it.

        Raises:
            BusClosedError: The bus was closed.
        """
        if self.closed:
            raise BusClosedError(f"the bus is closed; {kind.__name__} was not delivered") from None
        table = self.tables.get(session_id, self.root)
        route = table.routes.get(kind)
        return self._find_route(kind, table) if route is None else route

    def heard(self, kind: "type[Event]", table: Table) -> bool:
        """Whether an event is worth making: two for each command that nobody hears would be most of its cost."""
        if self.closed:
            return False
        route = table.routes.get(kind)
        return bool(self._find_route(kind, table) if route is None else route)

    def has_subscriber(self, kind: "type[Event]", session_id: str | None) -> bool:
        """Whether somebody listens to exactly this type."""
        tables = [table for scope in {session_id, None} if (table := self.tables.get(scope))]
        return any(subscription.event_type is kind for table in tables for subscription in table.subscriptions)

    def wrapped(self, handler: Callable[[Any], Any], kind: "type[Command[Any]]", table: Table) -> "Next":
        """Return the handler with the middleware of its session and of the root around it."""

        async def innermost(command: "Command[Any]") -> Any:
            outcome = handler(command)
            return await outcome if isawaitable(outcome) else outcome

        call: Next = innermost
        for one in self._from_session_to_root(table):
            for only, middleware in reversed(one.middleware):
                if issubclass(kind, only):
                    call = _around(middleware, call)
        return call

    def mailboxes(self) -> "list[Mailbox]":
        """Return all mailboxes."""
        return [mailbox for table in self.tables.values() for mailbox in table.mailboxes()]

    def mailboxes_of(self, session_id: str) -> "list[Mailbox]":
        """Return the mailboxes of one session."""
        table = self.tables.get(session_id)
        return [] if table is None else table.mailboxes()

    # -- inside

    def _table(self, session_id: str | None) -> Table:
        return self.tables.setdefault(session_id, Table())

    def _find_route(self, kind: "type[Event]", table: Table) -> tuple[Subscription, ...]:
        found = [
            subscription
            for one in self._from_session_to_root(table)
            for subscription in one.subscriptions
            if issubclass(kind, subscription.event_type)
        ]
        route = table.routes[kind] = tuple(sorted(found, key=lambda subscription: not subscription.first))
        return route

    def _from_session_to_root(self, table: Table) -> tuple[Table, ...]:
        return (table,) if table is self.root else (table, self.root)

    def _tidy(self, session_id: str | None) -> None:
        if session_id is not None and self.tables[session_id].empty:
            del self.tables[session_id]

    def _forget(self, subscription: Subscription) -> None:
        session_id = subscription.session_id
        if table := self.tables.get(session_id):
            table.subscriptions.pop(subscription, None)
            self._forget_routes(session_id)
            self._tidy(session_id)

    def _forget_routes(self, session_id: str | None) -> None:
        for table in self.tables.values() if session_id is None else (self.tables[session_id],):
            table.routes.clear()


def _around(middleware: "Middleware", inner: "Next") -> "Next":
    return lambda command: middleware(command, inner)
