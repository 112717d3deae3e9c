"""One thing that is kept in a schedule."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

State: TypeAlias = Literal["waiting", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that is kept.

    Attributes:
        number: Counts up from 1; for people.
        id: The id of the event, the same however often it is tried.
        queue: Who is to run it.
        type: The name of the event's class.
        event: The event as its codec wrote it.
        created: When it was kept, in seconds since 1970.
        due: When it is due, in seconds since 1970.
        state: What became of it.
        attempts: How often it was begun.
        session_id: The session of the last attempt, where it has one of its own.
        error: Why the last attempt failed.
        finished: When it was done, failed or cancelled.
    """

    number: int
    id: str
    queue: str
    type: str
    event: bytes
    created: float
    due: float
    state: State
    attempts: int
    session_id: str | None
    error: str | None
    finished: float | None
