"""Any command or event as one JSON line, and back to its own type.

::

    {"v":1,"event_type":"Pong","event_id":"…","timestamp":"2026-11-23T23:11:04.123456789Z",
     "session_id":"…","parent_id":null,"metadata":{},"text":"a field of its own"}

A command has `command_type` and `command_id` instead. Types are found by their name among the classes that are loaded;
what no loaded class fits comes back as `UnknownEvent` with its data kept.
"""

from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import Any, cast

import msgspec

from llmgine_cli.bus import UnknownEvent
from llmgine_cli.bus.messages import BusMessage
from llmgine_cli.errors import LlmgineError
from llmgine_cli.eventlog.layout import VERSION, layout
from llmgine_cli.eventlog.plain import message_fields, prepare, unknown_to_encoder
from llmgine_cli.eventlog.revive import NoFitError, revive_message
from llmgine_cli.eventlog.times import from_text, to_text

Redact = Callable[[bytes, int], bytes]
_IDS = frozenset({"event_id", "command_id", "time_ns", "session_id", "parent_id"})
# Ids and the time come first; the shortest that they can be need not be searched for secrets.
_OWN_BYTES = len('"event_id":"","timestamp":253402300800000000000,"session_id":null,"parent_id":null,"metadata":{')
_encode = msgspec.json.Encoder(enc_hook=unknown_to_encoder).encode


class BadLineError(LlmgineError):
    """A line that is no event: torn, garbage, or not ours."""


def encode(message: BusMessage, redact: Redact | None = None) -> bytes:
    """Write a message as one line, newline included. Never raises for what is in the message.

    Args:
        message: A command or an event.
        redact: Takes the encoded line and the byte from which on it may hold secrets; returns it without them.
    """
    kind: Any = type(message)
    head, write = _writer(kind)
    try:
        line = _slowly(message) if isinstance(message, UnknownEvent) else head + write(message)[1:]
    except Exception:  # noqa: BLE001 -- what the fast way cannot write (surrogates, cycles, odd keys), the slow way can
        line = _slowly(message)
    if redact is not None:
        line = redact(line, len(head) + _OWN_BYTES)
    return line + b"\n"


def decode(line: bytes) -> BusMessage:
    """Read a line that `encode` wrote, here or in a newer version.

    Returns:
        The message in its own type; `UnknownEvent` where no loaded class fits.

    Raises:
        BadLineError: The line is no message at all.
    """
    fields = parse(line)
    try:
        return revive_message(fields)
    except NoFitError:
        return _unknown(fields)


def parse(line: bytes) -> dict[str, Any]:
    """Read a line as a plain object, and check that it is a message.

    Raises:
        BadLineError: It is not.
    """
    try:
        fields = msgspec.json.decode(line, type=dict[str, Any])
        name = fields.get("event_type", fields.get("command_type"))
        if isinstance(name, str) and isinstance(fields["timestamp"], str | int):
            from_text(fields["timestamp"])
            return fields
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError, KeyError) as error:
        raise BadLineError(f"not an event: {error}") from error
    raise BadLineError("not an event: it has no type")


def _slowly(message: BusMessage) -> bytes:
    return _encode({"v": VERSION, **message_fields(message)})


def _unknown(line: dict[str, Any]) -> UnknownEvent:
    kind = "event_type" if "event_type" in line else "command_type"
    shared = {"v", kind, "event_id", "command_id", "timestamp", "session_id", "parent_id", "metadata"}
    metadata: Any = line.get("metadata")
    return UnknownEvent(
        event_id=str(line.get("event_id") or line.get("command_id") or ""),
        time_ns=from_text(line["timestamp"]),
        session_id=line.get("session_id"),
        parent_id=line.get("parent_id"),
        metadata=cast("dict[str, Any]", metadata) if isinstance(metadata, dict) else {},
        type_name=line[kind],
        data={key: value for key, value in line.items() if key not in shared},
    )


@lru_cache(maxsize=1024)
def _writer(cls: type[Any]) -> tuple[bytes, Callable[[Any], bytes]]:
    """Return how a line of this class begins, and what writes the rest as an object of its own."""
    shape = layout(cls)
    names = [f"field{index}" for index in range(len(shape.keys))]
    body = msgspec.defstruct(
        "Body", [(name, Any) for name in names], rename=dict(zip(names, shape.keys, strict=True)), gc=False
    )
    read = attrgetter(*shape.attributes)
    changes = tuple(
        (index, change)
        for index, name in enumerate(shape.attributes)
        if name not in _IDS and (change := prepare(shape.hints.get(name, Any))) is not None
    )

    def write(message: Any) -> bytes:
        values = list(read(message))
        values[1] = to_text(values[1])
        for index, change in changes:
            if value := values[index]:
                values[index] = change(value)
        return _encode(body(*values))

    return _encode({"v": VERSION, shape.kind: shape.name})[:-1] + b",", write
