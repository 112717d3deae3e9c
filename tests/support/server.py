"""A vendor on the loopback that speaks real HTTP: OpenAI chat completions, Responses, Anthropic messages, as scripted.

::

    with FakeVendor([Answer("hello"), ToolCalls(("get_weather", {"city": "Paris"})), Fault(status=500)]) as vendor:
        ...  # talk to vendor.url, three times
    assert vendor.requests[0].body["model"] == "gpt-4.1-mini"

As a program it gives the same answer to everybody and prints where it is:
``python -m tests.support.server --text hello --chunks 3``.
"""

import argparse
import contextlib
import json
import select
import socket
import socketserver
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from types import TracebackType
from typing import Any, Self

from tests.support.noise import laid_out, surprising, with_surprises
from tests.support.wire import (
    Answer,
    Chat,
    Events,
    Fault,
    Messages,
    Script,
    Silence,
    Tokens,
    ToolCalls,
    html,
    sse,
)
from tests.support.wire_clouds import Bedrock, Vertex, asked
from tests.support.wire_responses import Responses

Protocol = Chat | Messages | Responses
KINDS: tuple[type[Protocol], ...] = (Chat, Messages, Responses, Bedrock, Vertex)

__all__ = [
    "Answer",
    "Events",
    "FakeVendor",
    "Fault",
    "Recorded",
    "Silence",
    "Tokens",
    "ToolCalls",
    "dead_url",
    "html",
    "sse",
]


@dataclass(frozen=True)
class Recorded:
    """A request as it came.

    Attributes:
        method: As `POST`.
        path: With its query.
        headers: Names in lower case.
        body: The JSON, decoded; None when there was none.
        raw: The body's bytes.
        hung_up: Set when the client went away while it was being answered.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    raw: bytes = b""
    hung_up: threading.Event = field(default_factory=threading.Event, compare=False)


class FakeVendor:
    """Answers the requests for completions one after the other, as scripted; then refuses with 400.

    Attributes:
        url: The base URL with `/v1`, as OpenAI's SDK takes it.
        root: The base URL without, as Anthropic's SDK takes it.
        requests: Those that asked for an answer of a model.
        lookups: Those that asked for the list of models.
        embedded: Those that asked for vectors: of each text how many letters and how many spaces it has.
        connections: How many were made.
    """

    def __init__(
        self,
        script: Iterable[Script] = (),
        *,
        always: Script | None = None,
        models: Sequence[str] = (),
        lookup: Script | None = None,
        embedding_faults: Iterable[Script | None] = (),
        key: str | None = None,
        port: int = 0,
    ) -> None:
        """Start it.

        Args:
            script: The answers, in order.
            always: What to answer when the script is used up.
            models: What `GET /v1/models` lists.
            lookup: What it answers instead.
            embedding_faults: What the requests for vectors get instead, in order; None: vectors after all.
            key: The only key it takes; default: any, or none.
            port: Default: any that is free.
        """
        self.models = tuple(models)
        self.lookup = lookup
        self.key = key
        self.requests: list[Recorded] = []
        self.lookups: list[Recorded] = []
        self.embedded: list[Recorded] = []
        self.embedding_faults = iter(embedding_faults)
        self.connections = 0
        self.closing = threading.Event()
        self._script = iter(script)
        self.always = always
        self.kept: dict[tuple[str, str, bool], list[bytes]] = {}
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._server = _Server(("127.0.0.1", port), _Connection)
        self._server.vendor = self
        self.root = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.url = f"{self.root}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop, and hang up on everybody."""
        self.closing.set()
        self._server.shutdown()
        self._server.hang_up()
        self._thread.join()
        self._server.server_close()

    def next(self, request: Recorded) -> tuple[Script, int]:
        """Record a request; say what it gets, and its number."""
        with self._lock:
            self.requests.append(request)
            exhausted = Fault(400, "the script of the fake vendor is used up", "invalid_request_error")
            return next(self._script, self.always or exhausted), next(self._numbers)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 128
    vendor: FakeVendor

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.open: set[socket.socket] = set()

    def hang_up(self) -> None:
        for connection in list(self.open):
            with contextlib.suppress(OSError):  # the client was quicker
                connection.shutdown(socket.SHUT_RDWR)


class _Connection(socketserver.StreamRequestHandler):
    """One connection: keep-alive, chunked answers."""

    disable_nagle_algorithm = True
    rbufsize = 65536
    server: _Server

    def handle(self) -> None:
        self.vendor = self.server.vendor
        self.vendor.connections += 1
        self.server.open.add(self.connection)
        request: Recorded | None = None
        try:
            while (request := self._read()) and self._answer(request):
                pass
        except (BrokenPipeError, ConnectionResetError):
            if request:
                request.hung_up.set()
        finally:
            self.server.open.discard(self.connection)

    def _read(self) -> Recorded | None:
        line = self.rfile.readline().decode("latin-1").split()
        if len(line) != 3:
            return None
        headers: dict[str, str] = {}
        while row := self.rfile.readline().decode("latin-1").strip():
            name, _, value = row.partition(":")
            headers[name.strip().lower()] = value.strip()
        data = self.rfile.read(int(headers.get("content-length", 0)))
        return Recorded(line[0], line[1], headers, json.loads(data) if data else None, data)

    def _answer(self, request: Recorded) -> bool:
        """Answer; say whether the connection can be used again."""
        path = request.path.partition("?")[0]
        if request.method == "GET" and path.endswith("/models"):
            self.vendor.lookups.append(request)
            if self.vendor.lookup is not None:
                return self._follow(self.vendor.lookup, KINDS[0]({}, 0), request)
            models = [{"id": name, "object": "model", "display_name": name} for name in self.vendor.models]
            return self._send(200, {"object": "list", "data": models, "has_more": False})
        if request.method == "POST" and path.endswith("/embeddings") and isinstance(request.body, dict):
            self.vendor.embedded.append(request)
            if (fault := next(self.vendor.embedding_faults, None)) is not None:
                return self._follow(fault, KINDS[0]({}, 0), request)
            return self._send(200, embeddings(request.body))
        kinds = [kind for kind in KINDS if path.endswith(kind.path)]
        if request.method != "POST" or not kinds or not isinstance(request.body, dict):
            return self._send(404, {"error": {"message": f"no such page: {path}", "type": "not_found"}})
        script, number = self.vendor.next(request)
        protocol = kinds[0](asked(path, request.body), number)
        if not self._may(request):
            script = Fault(401, "Incorrect API key provided", "invalid_request_error", "invalid_api_key")
        return self._follow(script, protocol, request)

    def _follow(self, script: Script, protocol: Protocol, request: Recorded) -> bool:
        match script:
            case Silence():
                return self._wait_for_hang_up(request)
            case Fault():
                body = protocol.error(script) if script.body is None else script.body
                return self._send(script.status, body, script.content_type, script.headers)
            case Events(then="silence"):
                self._start(script.status, script.content_type)
                for event in self._scripted(script):
                    self._chunk(event)
                return self._wait_for_hang_up(request)
            case Events():
                return self._stream(self._scripted(script), script.content_type, status=script.status)
            case Answer():
                return self._say(script, protocol, request)

    def _may(self, request: Recorded) -> bool:
        given = (
            request.headers.get("x-api-key")
            or request.headers.get("api-key")
            or request.headers.get("authorization", "").removeprefix("Bearer ")
        )
        return self.vendor.key is None or given == self.vendor.key

    def _say(self, answer: Answer, protocol: Protocol, request: Recorded) -> bool:
        if answer.delay:
            self.vendor.closing.wait(answer.delay)
        streamed = bool(asked(request.path, request.body).get("stream")) if answer.streamed is None else answer.streamed
        if not streamed:
            reply = protocol.whole(answer)
            return self._send(
                200,
                surprising(reply) if answer.surprises else reply,
                "application/json" if answer.content_type is None else answer.content_type,
            )
        if answer.then == "silence":
            self._start(200, protocol.stream_type)
            for event in protocol.events(answer):
                self._chunk(event)
            return self._wait_for_hang_up(request)
        body = self._rendered(answer, protocol)
        if answer.shred:
            whole = b"".join(body)
            body = iter([whole[at : at + answer.shred] for at in range(0, len(whole), answer.shred)])
        kind = protocol.stream_type if answer.content_type is None else answer.content_type
        return self._stream(body, kind, gap=answer.gap, cut=answer.then == "cut")

    def _rendered(self, answer: Answer, protocol: Protocol) -> Iterator[bytes]:
        """The stream's body; of an answer given again and again it is kept, so that a benchmark measures its client."""
        if answer is not self.vendor.always:
            return self._body(answer, protocol)
        key = (type(protocol).__name__, protocol.model, getattr(protocol, "wants_usage", True))
        if key not in self.vendor.kept:
            self.vendor.kept[key] = list(self._body(answer, protocol))
        return iter(self.vendor.kept[key])

    def _body(self, answer: Answer, protocol: Protocol) -> Iterator[bytes]:
        body = self._plain(answer, protocol)
        if answer.surprises:
            body = with_surprises(body, protocol.strangers())
        yield from laid_out(body, answer.layout)

    def _plain(self, answer: Answer, protocol: Protocol) -> Iterator[bytes]:
        yield from protocol.events(answer)
        if answer.then == "finish":
            yield from protocol.ending(answer)
        elif answer.then == "error":
            yield protocol.stream_error()
        elif answer.then == "garbage":
            yield b"data: {this is no JSON\n\n"
        elif answer.then == "cut":
            yield protocol.cut_off

    def _scripted(self, script: Events) -> Iterator[bytes]:
        for event in script.events:
            yield sse(event) if isinstance(event, dict) else event.encode() if isinstance(event, str) else event

    def _wait_for_hang_up(self, request: Recorded) -> bool:
        select.select([self.connection], [], [])
        if not self.vendor.closing.is_set():
            request.hung_up.set()
        return False

    # -- HTTP

    def _send(
        self,
        status: int,
        body: Any,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> bool:
        data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        self._start(status, content_type, {**(headers or {}), "Content-Length": str(len(data))}, data)
        return True

    def _stream(
        self, events: Iterator[bytes], content_type: str, *, gap: float = 0.0, cut: bool = False, status: int = 200
    ) -> bool:
        self._start(status, content_type)
        for event in events:
            self._chunk(event)
            if gap:
                self.vendor.closing.wait(gap)
        if cut:
            return False
        self.connection.sendall(b"0\r\n\r\n")
        return True

    def _start(self, status: int, content_type: str, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        headers = {"Content-Type": content_type, **(headers or {"Transfer-Encoding": "chunked"})}
        lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
        self.connection.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def _chunk(self, data: bytes) -> None:
        if data:
            self.connection.sendall(b"%x\r\n%b\r\n" % (len(data), data))


def embeddings(body: dict[str, Any]) -> dict[str, Any]:
    """Vectors as OpenAI sends them, the last one first: only their index says whose they are."""
    texts: list[str] = body["input"]
    data = [
        {"object": "embedding", "index": index, "embedding": [float(len(text)), float(text.count(" "))]}
        for index, text in enumerate(texts)
    ]
    spent = sum(len(text.split()) for text in texts)
    usage = {"prompt_tokens": spent, "total_tokens": spent}
    return {"object": "list", "data": data[::-1], "model": body["model"], "usage": usage}


def dead_url() -> str:
    """The base URL of a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}/v1"


def main() -> None:
    """Serve the same answer to everybody until the process is ended; the first line printed is the base URL."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--text", default="Hello from the fake vendor.", help="what it says; repeated to fill --chunks")
    parser.add_argument("--chunks", type=int, help="pieces of the answer; default: one a word")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before the first byte")
    parser.add_argument("--gap", type=float, default=0.0, help="seconds between the pieces")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    text: str = options.text
    if options.chunks and len(text) < options.chunks:
        text = (f"{text} " * (options.chunks // (len(text) + 1) + 1))[: options.chunks]
    answer = Answer(text, chunks=options.chunks, delay=options.delay, gap=options.gap)
    with FakeVendor(always=answer, models=["fake"], port=options.port) as vendor:
        print(vendor.url, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
