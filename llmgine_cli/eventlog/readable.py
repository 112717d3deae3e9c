"""What of an event a person would read: what was said and done, without ids, times and the names of fields."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

_NOISE = frozenset(
    {
        "about_id", "about_type", "call_id", "command_id", "command_type", "data", "event_id", "event_type",
        "finish_reason", "id", "media_type", "metadata", "model", "parent_id", "redacted", "response_id", "role",
        "session_id", "signature", "timestamp", "type", "v",
    }
)  # fmt: skip


def readable(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts of an event: messages, arguments and results of tools, errors, names, whatever a user's has."""
    stack: list[Any] = [data]
    while stack:
        value = stack.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            fields = cast("dict[str, Any]", value)
            stack.extend(fields[key] for key in reversed(fields) if key not in _NOISE)
        elif isinstance(value, list):
            stack += value[::-1]
