"""One event as it stands in a log."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from llmgine_cli.eventlog.times import from_text


@dataclass(frozen=True)
class Record:
    """One event as it stands in a log, not yet made into its own type (`codec.decode` of `line` does that).

    Attributes:
        line: The line without its newline, as it was written.
        data: The line as a plain object.
        offset: Where in the file its line begins, in bytes; -1 when it comes from no file.
    """

    line: bytes
    data: dict[str, Any]
    offset: int = field(default=-1, compare=False)

    @property
    def type(self) -> str:
        """The event's class name."""
        name: str = self.data.get("event_type") or self.data["command_type"]
        return name

    @property
    def session_id(self) -> str | None:
        """The conversation it belongs to."""
        return self.data.get("session_id")

    @property
    def parent_id(self) -> str | None:
        """The command or event that was being handled."""
        return self.data.get("parent_id")

    @cached_property
    def time_ns(self) -> int:
        """When it was made, nanoseconds since 1970."""
        return from_text(self.data["timestamp"])
