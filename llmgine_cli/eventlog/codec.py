"""Any command or event as one JSON line, and back to its own type.

::

    {"v":1,"event_type":"Pong","event_id":"…","timestamp":"2026-11-23T23:11:04.123456789Z",
     "session_id":"…","parent_id":null,"metadata":{},"text":"a field of its own"}

A command has `command_type` and `command_id` instead. Types are found by their name among the classes that are loaded;
what no loaded class fits comes back as `UnknownEvent` with its data kept.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, TypeAlias, cast

import msgspec

from llmgine_cli.bus import UnknownEvent
from llmgine_cli.bus.messages import BusMessage
from llmgine_cli.eventlog.compiled import compiled
from llmgine_cli.eventlog.lines import VERSION, parse
from llmgine_cli.eventlog.memo import Memo
from llmgine_cli.eventlog.plain import message_fields, unknown_to_encoder
from llmgine_cli.eventlog.redact import Redactor
from llmgine_cli.eventlog.revive import NoFitError, revive_message
from llmgine_cli.eventlog.times import from_text

# To be called with a list: of a tuple, msgspec 0.22 leaves an iterator behind in memory each time.
_encode_lines = msgspec.json.Encoder(enc_hook=unknown_to_encoder).encode_lines
# By the class of the message: what writes one as a line.
Encoders: TypeAlias = Memo[type[Any], Callable[[Any], bytes]]


def encode(message: BusMessage, redact: Redactor | None = None) -> bytes:
    """Write a message as one line, newline included. Never raises for what is in the message.

    Args:
        message: A command or an event.
        redact: Takes the secrets out.
    """
    return encoders(redact)[type(message)](message)


@lru_cache(maxsize=16)
def encoders(redact: Redactor | None = None) -> Encoders:
    """Return what does the work of `encode`, by the class of the message: for who writes many.

    Args:
        redact: Takes the secrets out.
    """
    return Memo(partial(_encoder, redact), 1024)


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


def _encoder(redact: Redactor | None, cls: type[Any]) -> Callable[[Any], bytes]:
    def slowly(message: BusMessage) -> bytes:
        line = _encode_lines([{"v": VERSION, **message_fields(message)}])
        return line if redact is None else redact(line)

    if issubclass(cls, UnknownEvent):
        return slowly
    try:
        return compiled(cls, _encode_lines, slowly, redact)
    except Exception:  # noqa: BLE001 -- annotations are user code, and some cannot be compared
        return slowly
