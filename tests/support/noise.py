"""What a stream may contain beside its answer: all of it is allowed by the standard or by the vendors' own promises."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

# How server-sent events are written down; a reader must not notice. "keep-alives": comments between events and inside
# them. "fields": an id, a retry time and a field nobody knows. "lines": the JSON over several `data:` lines. "tight":
# no space after the colon. "crlf" and "cr": other ends of lines.
Layout = Literal["plain", "keep-alives", "fields", "lines", "tight", "crlf", "cr"]


def laid_out(events: Iterable[bytes], layout: Layout) -> Iterator[bytes]:
    """The same events, written otherwise."""
    yield from map(_WRITERS[layout], events)


def surprising(value: Any) -> Any:
    """The same JSON with fields nobody knows at every level, but in what a model or its user wrote themselves."""
    if isinstance(value, dict):
        grown = {key: item if key in {"input", "metadata"} else surprising(item) for key, item in value.items()}
        return {"x_first": {"deep": {"er": None}}, **grown, "x_last": "surprise"}
    if isinstance(value, list):
        return [surprising(item) for item in value]
    return value


def with_surprises(events: Iterable[bytes], strangers: Iterable[bytes]) -> Iterator[bytes]:
    """The same events, each with fields nobody knows; after the first one, events nobody knows."""
    for number, event in enumerate(events):
        head, _, data = event.rpartition(b"data: ")
        known = data if data.startswith(b"[") else json.dumps(surprising(json.loads(data))).encode() + b"\n\n"
        yield head + b"data: " + known
        if number == 0:
            yield from strangers


def _keep_alives(event: bytes) -> bytes:
    return b": keep-alive\n\n:\n" + event.replace(b"\ndata:", b"\n: inside\ndata:") + b": bye\n\n"


def _fields(event: bytes) -> bytes:
    return b"id: 7\nretry: 10\nflavour: vanilla\nflavour\n" + event


def _lines(event: bytes) -> bytes:
    head, _, data = event.rpartition(b"data: ")
    if data.startswith(b"["):
        return event
    lines = json.dumps(json.loads(data), indent=1).encode().split(b"\n")
    return head + b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"


_WRITERS: dict[Layout, Callable[[bytes], bytes]] = {
    "plain": lambda event: event,
    "keep-alives": _keep_alives,
    "fields": _fields,
    "lines": _lines,
    "tight": lambda event: event.replace(b"data: ", b"data:").replace(b"event: ", b"event:"),
    "crlf": lambda event: event.replace(b"\n", b"\r\n"),
    "cr": lambda event: event.replace(b"\n", b"\r"),
}
