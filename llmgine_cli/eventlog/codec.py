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
from llmgine_cli.eventlog.layout import Layout, layout
from llmgine_cli.eventlog.lines import ID_FIELDS, VERSION, parse
from llmgine_cli.eventlog.plain import message_fields, prepare, unknown_to_encoder
from llmgine_cli.eventlog.redact import Redactor
from llmgine_cli.eventlog.revive import NoFitError, revive_message
from llmgine_cli.eventlog.times import from_text, to_text

_encode = msgspec.json.Encoder(enc_hook=unknown_to_encoder).encode


_IDS = frozenset({*ID_FIELDS, "time_ns"})
# What stands before the metadata, at the least: the ids come on top.
_OWN_BYTES = len(',"event_id":"","timestamp":253402300800000000000,"session_id":,"parent_id":,"metadata":')


def encode(message: BusMessage, redact: Redactor | None = None) -> bytes:
    """Write a message as one line, newline included. Never raises for what is in the message.

    Args:
        message: A command or an event.
        redact: Takes the secrets out.
    """
    kind: Any = type(message)
    try:
        return _writer(kind)(message, redact)
    except Exception:  # noqa: BLE001 -- what the fast way cannot write (surrogates, cycles, odd keys), the slow way can
        return _slowly(message, redact)


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


def _slowly(message: BusMessage, redact: Redactor | None) -> bytes:
    line = _encode({"v": VERSION, **message_fields(message)})
    return (line if redact is None else redact(line)) + b"\n"


@lru_cache(maxsize=1024)
def _writer(cls: type[Any]) -> Callable[[Any, Redactor | None], bytes]:
    """Return what writes a message of this class, and raises when there is something odd in it."""
    if issubclass(cls, UnknownEvent):
        return _slowly
    shape = layout(cls)
    shortest = len(_encode({"v": VERSION, shape.kind: shape.name})) + _OWN_BYTES
    line, read_id = _line_of(shape), attrgetter(shape.attributes[0])

    def write(message: Any, redact: Redactor | None) -> bytes:
        written = _encode(line(message))
        if redact is not None:
            # The ids and the time come first, and need no search each time.
            clean = redact.clean
            start = shortest + clean[message.session_id] + clean[message.parent_id] + len(read_id(message))
            written = redact.line(written, start)
        return written + b"\n"

    return write


def _line_of(shape: Layout) -> Callable[[Any], msgspec.Struct]:
    """Return what makes of a message an object whose fields are those of the line, in their order.

    Its code is put together once for each class, as `dataclass` does for `__init__`: a loop over the fields would take
    as long as the encoding.
    """
    keys = ("v", shape.kind, *shape.keys)
    names = [f"field{index}" for index in range(len(keys))]
    line = msgspec.defstruct(
        "Line", [(name, Any) for name in names], rename=dict(zip(names, keys, strict=True)), gc=False
    )
    known: dict[str, Any] = {"line": line, "version": VERSION, "name": shape.name, "to_text": to_text}
    values = ["version", "name"]
    for index, attribute in enumerate(shape.attributes):
        change = None if attribute in _IDS else prepare(shape.hints.get(attribute, Any))
        if attribute == "time_ns":
            values.append("to_text(message.time_ns)")
        elif change is None:
            values.append(f"message.{attribute}")
        else:
            known[f"change{index}"] = change
            values.append(f"change{index}(value) if (value := message.{attribute}) else value")
    # Names of attributes are those of a dataclass, which takes only identifiers.
    made: Callable[[Any], msgspec.Struct] = eval(f"lambda message: line({', '.join(values)})", known)  # noqa: S307
    return made
