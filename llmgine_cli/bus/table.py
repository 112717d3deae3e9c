"""What is registered in one session, or at the root; and the place of one subscriber."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from llmgine_cli.bus.mailbox import Mailbox
from llmgine_cli.bus.messages import Command, Event

if TYPE_CHECKING:
    from llmgine_cli.bus.middleware import Middleware

R = TypeVar("R")
C = TypeVar("C", bound=Command[Any])
E = TypeVar("E", bound=Event)

CommandHandler: TypeAlias = Callable[[C], R | Awaitable[R]]
EventHandler: TypeAlias = Callable[[E], object]


class Subscription:
    """A handler's place on the bus; made by `Bus.subscribe`.

    Attributes:
        event_type: What it listens to.
        handler: What is called.
        session_id: The session it belongs to; None: the root.
        first: Whether it comes before those that are not first.
        active: Whether it still hears anything.
        deliver: What takes an event: the handler, or its mailbox.
        mailbox: The mailbox, if it has one.
    """

    __slots__ = ("_forget", "active", "deliver", "event_type", "first", "handler", "mailbox", "session_id")

    def __init__(
        self,
        event_type: type[Event],
        handler: EventHandler[Any],
        *,
        session_id: str | None,
        first: bool,
        mailbox: Mailbox | None,
        forget: "Callable[[Subscription], None]",
    ) -> None:
        self.event_type = event_type
        self.handler = handler
        self.session_id = session_id
        self.first = first
        self.active = True
        self.mailbox = mailbox
        self.deliver: Callable[[Any], object] = handler if mailbox is None else mailbox.put
        self._forget = forget

    @property
    def dropped(self) -> int:
        """How many events its mailbox had no room for."""
        return 0 if self.mailbox is None else self.mailbox.dropped

    def cancel(self) -> None:
        """Stop the delivery; also of an event that is being delivered right now. Harmless the second time.

        What waits in a mailbox is discarded, and the handler is cancelled if it is at work.
        """
        if self.active:
            self._forget(self)
            self.end()

    def end(self) -> None:
        """Hear nothing more; called by the bus, which has forgotten this place."""
        self.active = False
        self.deliver = _ignore  # for an event that is being delivered: quicker than to look at `active` each time
        if self.mailbox is not None:
            self.mailbox.close()


class Table:
    """All that is registered in one scope.

    Attributes:
        handlers: The handler of each command type.
        subscriptions: In the order in which they were made.
        middleware: Pairs of a command type and what is put around its handler, the outermost first.
        routes: Found routes by event type; forgotten when a subscription comes or goes.
        open: Whether the session is.
    """

    __slots__ = ("handlers", "middleware", "open", "routes", "subscriptions")

    def __init__(self) -> None:
        self.handlers: dict[type[Command[Any]], CommandHandler[Any, Any]] = {}
        self.subscriptions: dict[Subscription, None] = {}
        self.middleware: list[tuple[type[Command[Any]], Middleware]] = []
        self.routes: dict[type[Event], tuple[Subscription, ...]] = {}
        self.open = False

    @property
    def empty(self) -> bool:
        """Whether nothing would be lost without it."""
        return not (self.open or self.handlers or self.subscriptions or self.middleware)

    def end(self) -> None:
        """End all subscriptions, and forget everything."""
        for subscription in self.subscriptions:
            subscription.end()
        for kept in (self.handlers, self.subscriptions, self.middleware, self.routes):
            kept.clear()

    def mailboxes(self) -> list[Mailbox]:
        """Return the mailboxes of the subscribers."""
        return [subscription.mailbox for subscription in self.subscriptions if subscription.mailbox is not None]


def name_of(handler: EventHandler[Any]) -> str:
    """Return what a handler is called when people are told of it."""
    name: str = getattr(handler, "__qualname__", "") or repr(handler)
    return name


def _ignore(event: Event) -> None:
    """Do nothing."""
