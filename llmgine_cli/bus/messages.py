"""Commands and events: what crosses the bus.

A user writes a frozen, keyword-only dataclass that derives from `Command` or `Event`, and nothing else::

    @dataclass(frozen=True, kw_only=True)
    class Pong(Event):
        text: str

The base fields are filled in when the message is made. The session and the parent come from the context in which it is
made: inside a handler, the message being handled is the parent of everything the handler publishes, so that a log is a
tree.
"""

import os
import sys
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, ClassVar, Generic, NamedTuple

from typing_extensions import TypeVar

R = TypeVar("R", default=Any)


class Scope(NamedTuple):
    """Where the running code stands: in which session, and handling which message."""

    session_id: str | None
    parent_id: str | None


current_scope: ContextVar[Scope] = ContextVar("llmgine_scope", default=Scope(None, None))  # noqa: B039 -- a tuple

_counter = count()
_process = [os.urandom(3).hex()]


def new_id() -> str:
    """Return an id that sorts by the time it was made: 16 hex digits of nanoseconds, 5 of a count, 6 of the process."""
    return f"{time.time_ns():016x}{next(_counter) & 0xFFFFF:05x}{_process[0]}"


def _after_fork() -> None:
    """A forked process must not go on with its parent's digits and count."""
    _process[0] = os.urandom(3).hex()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_after_fork)


def _scope_session() -> str | None:
    return current_scope.get().session_id


def _scope_parent() -> str | None:
    return current_scope.get().parent_id


@dataclass(frozen=True, kw_only=True)
class BusMessage:
    """What commands and events have in common.

    Attributes:
        session_id: The conversation this belongs to; None outside any session.
        parent_id: Id of the command or event that was being handled when this was made; None at the top.
        time_ns: When it was made, nanoseconds since 1970 UTC; kept as a number until somebody reads it.
        metadata: Free for the user; must be JSON-like.
    """

    session_id: str | None = field(default_factory=_scope_session)
    parent_id: str | None = field(default_factory=_scope_parent)
    time_ns: int = field(default_factory=time.time_ns)
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def message_id(self) -> str:
        """The `command_id` or `event_id`."""
        raise NotImplementedError

    @property
    def timestamp(self) -> datetime:
        """When it was made: aware, UTC, to the microsecond."""
        return datetime.fromtimestamp(self.time_ns // 1000 / 1_000_000, UTC)


@dataclass(frozen=True, kw_only=True)
class Command(BusMessage, Generic[R]):
    """A request with exactly one handler; `R` is the type of its result. Named in the imperative."""

    command_id: str = field(default_factory=new_id)

    @property
    def message_id(self) -> str:  # noqa: D102 -- said in the base
        return self.command_id


@dataclass(frozen=True, kw_only=True)
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


@dataclass(frozen=True, kw_only=True)
class UnknownEvent(Event):
    """An event read back from a log whose type is not known here; nothing of it is lost.

    Attributes:
        type_name: The `event_type` of the line.
        data: Its own fields as plain JSON values.
    """

    type_name: str
    data: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class CommandStarted(Event):
    """A command is about to be handled; its id is this event's `parent_id`."""

    command: Command[Any]


@dataclass(frozen=True, kw_only=True)
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


@dataclass(frozen=True, kw_only=True)
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


@dataclass(frozen=True, kw_only=True)
class SessionStarted(Event):
    """A session was opened."""


@dataclass(frozen=True, kw_only=True)
class SessionEnded(Event):
    """A session is over; what was registered in it is gone after this event.

    Attributes:
        error: The message of the exception that ended it, if one did.
        duration_ms: Milliseconds since it was opened.
    """

    error: str | None = None
    duration_ms: float


@dataclass(frozen=True, kw_only=True)
class CommandResult(Generic[R]):
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
