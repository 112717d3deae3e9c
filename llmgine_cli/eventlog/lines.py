"""A line of the log as a plain object. What only reads logs needs no more: no bus, and no types of messages."""

from typing import Any, cast

import msgspec

from llmgine_cli.errors import LlmgineError
from llmgine_cli.eventlog.times import from_text

VERSION = 1
"""The format of the lines that are written, the first thing in each."""

ID_FIELDS = ("event_id", "command_id", "session_id", "parent_id")


class BadLineError(LlmgineError):
    """A line that is no event: torn, garbage, or not ours."""


def parse(line: bytes) -> dict[str, Any]:
    """Read a line as a plain object, and check that it is a message.

    Raises:
        BadLineError: It is not.
    """
    try:
        fields = msgspec.json.decode(line, type=dict[str, Any])
        name = fields.get("event_type", fields.get("command_type"))
        if isinstance(name, str) and isinstance(fields["timestamp"], str | int) and _has_plain_ids(fields):
            from_text(fields["timestamp"])
            return fields
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError, KeyError) as error:
        raise BadLineError(f"not an event: {error}") from error
    raise BadLineError("not an event: it has no type, or ids that are none")


def _has_plain_ids(fields: dict[str, Any]) -> bool:
    command: Any = fields.get("command")
    inside: dict[str, Any] = cast("dict[str, Any]", command) if isinstance(command, dict) else {}
    said = [*map(fields.get, ID_FIELDS), *map(inside.get, ID_FIELDS)]
    return all(each is None or isinstance(each, str) for each in said)
