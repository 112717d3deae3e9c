"""Anthropic messages as Bedrock and Vertex serve them: other paths, and on Bedrock other frames around the events.

The frames: https://docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html; what is in them:
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ResponseStream.html.
"""

import base64
import json
import re
import zlib
from collections.abc import Iterator
from struct import pack
from typing import Any
from urllib.parse import unquote

from tests.support.wire import Answer, Fault, Messages

_BEDROCK = re.compile(r"/model/(?P<model>[^/]+)/invoke(?P<stream>-with-response-stream)?$")
_VERTEX = re.compile(
    r"/projects/(?P<project>[^/]+)/locations/(?P<region>[^/]+)/publishers/anthropic/models/(?P<model>[^/]+)"
    r":(?P<stream>stream)?[rR]awPredict$"
)


def asked(path: str, body: Any) -> Any:
    """The body as Anthropic's own API would have it: what the path of a cloud says is put in."""
    place = _BEDROCK.search(path) or _VERTEX.search(path)
    if place is None or not isinstance(body, dict):
        return body
    return {**body, "model": unquote(place["model"]), "stream": place["stream"] is not None}


class Vertex(Messages):
    """On Google's cloud."""

    path = ("awPredict",)


class Bedrock(Messages):
    """On Amazon's cloud."""

    path = ("/invoke", "/invoke-with-response-stream")
    stream_type = "application/vnd.amazon.eventstream"
    cut_off = b"\x00\x00\x01\x00\x00\x00\x00\x40"

    def error(self, fault: Fault) -> dict[str, Any]:
        """The error object."""
        return {"message": fault.message}

    def events(self, answer: Answer) -> Iterator[bytes]:
        """The streamed answer up to the point where `then` takes over."""
        yield from map(_chunk, super().events(answer))

    def ending(self, answer: Answer) -> Iterator[bytes]:
        """The finish marker and what follows it."""
        yield from map(_chunk, super().ending(answer))

    def stream_error(self) -> bytes:
        """An error in mid-stream."""
        return frame(
            {":message-type": "exception", ":exception-type": "modelStreamErrorException"},
            {"message": "the model crashed"},
        )


def frame(headers: dict[str, str], payload: dict[str, Any]) -> bytes:
    """One message of an event stream, with its two checksums."""
    lines = b"".join(
        pack("!B", len(name)) + name.encode() + b"\x07" + pack("!H", len(value)) + value.encode()
        for name, value in {**headers, ":content-type": "application/json"}.items()
    )
    data = json.dumps(payload).encode()
    prelude = pack("!II", 12 + len(lines) + len(data) + 4, len(lines))
    message = prelude + pack("!I", zlib.crc32(prelude)) + lines + data
    return message + pack("!I", zlib.crc32(message))


def _chunk(event: bytes) -> bytes:
    data = event.rpartition(b"data: ")[2].strip()
    content = {"bytes": base64.b64encode(data).decode(), "p": "abcdefgh"}  # p pads, so that lengths tell nothing
    return frame({":message-type": "event", ":event-type": "chunk"}, content)
