"""Commands and events: what crosses the bus.

A user writes a frozen, keyword-only dataclass that derives from `Command` or `Event`, and nothing else::

    @dataclass(frozen=True, kw_only=True)
    class Pong(Event):
        text: str

The base fields are filled in when the message is made. The session and the parent come from the context in which it is
made: inside a handler, the message being handled is the parent of everything the handler publishes, so that a log is a
tree.
"""

import time
from asyncio import CancelledError
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, dataclass_transform

from typing_extensions import TypeVar

from llmgine_cli.bus.ids import new_id
from llmgine_cli.bus.quickinit import QuickInit
from llmgine_cli.bus.scope import scope_parent, scope_session

R = TypeVar("R", default=Any)
T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def message(cls: type[T]) -> type[T]:
    """Make a class of ours a frozen, keyword-only dataclass, in two thirds of the time `dataclass` takes by itself.

    What is the same for all of them stands in the base. A start of the program makes some fifty of these classes.
    """
    return dataclass(frozen=True, kw_only=True, eq=False, repr=False)(cls)


@message
class BusMessage(QuickInit):  # noqa: PLW1641 -- its metadata is a table, and tables cannot be hashed
    """What commands and events have in common.

    Attributes:
        session_id: The conversation this belongs to; None outside any session.
        parent_id: Id of the command or event that was being handled when this was made; None at the top.
        time_ns: When it was made, nanoseconds since 1970 UTC; kept as a number until somebody reads it.
        metadata: Free for the user; must be JSON-like.
    """

    session_id: str | None = field(default_factory=scope_session)
    parent_id: str | None = field(default_factory=scope_parent)
    time_ns: int = field(default_factory=time.time_ns)
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __eq__(self, other: object) -> bool:
        return _values(self) == _values(other) if other.__class__ is self.__class__ else NotImplemented

    def __repr__(self) -> str:
        said = (f"{name}={value!r}" for name, value in zip(_names(self), _values(self), strict=True))
        return f"{type(self).__qualname__}({', '.join(said)})"

    @property
    def message_id(self) -> str:
        """The `command_id` or `event_id`."""
        raise NotImplementedError

    @property
    def timestamp(self) -> datetime:
        """When it was made: aware, UTC, to the microsecond."""
        return datetime.fromtimestamp(self.time_ns // 1000 / 1_000_000, UTC)


@message
class Command(BusMessage, Generic[R]):
    """A request with exactly one handler; `R` is the type of its result. Named in the imperative."""

    command_id: str = field(default_factory=new_id)

    @property
    def message_id(self) -> str:  # noqa: D102 -- said in the base
        return self.command_id


@message
class Event(BusMessage):
    """A fact with any number of subscribers. Named in the past tense.

    Attributes:
        logged: False for events that are for the screen only (a token of a stream) and never reach the event log.
    """

    logged: ClassVar[bool] = True

    event_id: str = field(default_factory=new_id)

    @property
    def message_id(self) -> str:  # noqa: D102 -- said in the base
        return self.event_id


@message
class UnknownEvent(Event):
    """An event read back from a log whose type is not known here; nothing of it is lost.

    Attributes:
        type_name: The `event_type` of the line.
        data: Its own fields as plain JSON values.
    """

    type_name: str
    data: Mapping[str, Any]


@message
class CommandStarted(Event):
    """A command is about to be handled; its id is this event's `parent_id`."""

    command: Command[Any]


@message
class CommandFinished(Event):
    """A command was handled, failed or was cancelled; its id is this event's `parent_id`.

    Attributes:
        command_type: The class name of the command.
        success: Whether the handler returned.
        cancelled: Whether it was cancelled from outside.
        error: The message of the exception that ended it.
        error_type: The class name of that exception.
        duration_ms: Milliseconds from start to end.
    """

    command_type: str
    success: bool
    cancelled: bool = False
    error: str | None = None
    error_type: str | None = None
    duration_ms: float

    @classmethod
    def of(cls, command: Command[Any], error: BaseException | None, duration_ms: float) -> "CommandFinished":
        """Make the event of a command and of the exception that ended it, if one did."""
        return cls(
            command_type=type(command).__name__,
            success=error is None,
            cancelled=isinstance(error, CancelledError),
            error=None if error is None else str(error),
            error_type=None if error is None else type(error).__name__,
            duration_ms=duration_ms,
        )


@message
class HandlerFailed(Event):
    """A subscriber raised; the others ran all the same.

    Attributes:
        handler: The qualified name of the subscriber.
        about_type: The class name of the event it was given.
        about_id: The id of that event.
        error: The message of the exception.
        error_type: The class name of the exception.
    """

    handler: str
    about_type: str
    about_id: str
    error: str
    error_type: str


@message
class EventsDropped(Event):
    """A mailbox with `overflow="drop_oldest"` was full. Told at once, then at most once a second, and at its end.

    Attributes:
        handler: The qualified name of the subscriber.
        dropped: How many events since this was last told.
        total: How many events since the subscription was made.
    """

    handler: str
    dropped: int
    total: int


@message
class Undelivered(Event):
    """An event that a mailbox still held when its time was over; not published, but handed to the bus's `leftovers`.

    Its `session_id` is that of the event, its `parent_id` the event's id.

    Attributes:
        handler: The qualified name of the subscriber it was meant for.
        event: The event.
        begun: Whether the subscriber had begun with it.
    """

    handler: str
    event: Event
    begun: bool = False


@message
class CommandRetried(Event):
    """A command failed and is tried again; its id is this event's `parent_id`.

    Attributes:
        command_type: The class name of the command.
        attempt: The attempt that failed, from 1.
        attempts: How many there may be.
        delay: Seconds until the next one.
        error: The message of the exception that ended it.
        error_type: The class name of that exception.
    """

    command_type: str
    attempt: int
    attempts: int
    delay: float
    error: str
    error_type: str


@message
class SessionStarted(Event):
    """A session was opened.

    Attributes:
        parent_session: The session it was opened in, if in one; it inherits nothing from it.
    """

    parent_session: str | None = None


@message
class SessionEnded(Event):
    """A session is over; what was registered in it is gone after this event.

    Attributes:
        error: The message of the exception that ended it, if one did.
        duration_ms: Milliseconds since it was opened.
    """

    error: str | None = None
    duration_ms: float


@message
class CommandResult(QuickInit, Generic[R]):
    """What came of a command.

    Attributes:
        success: Whether the handler returned.
        result: What it returned; None on failure.
        error: The exception it raised; None on success.
        command_id: The command's id.
        duration_ms: Milliseconds from start to end.
    """

    success: bool
    result: R | None = None
    error: Exception | None = None
    command_id: str
    duration_ms: float

    def unwrap(self) -> R:
        """Return the result, or raise the error the handler raised."""
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[return-value]  # success means the handler's own return type


def _names(message: Any) -> list[str]:
    return [each.name for each in fields(message)]


def _values(message: Any) -> list[Any]:
    return [getattr(message, name) for name in _names(message)]
