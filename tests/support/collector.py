"""A collector of traces on the loopback: takes OTLP over HTTP and keeps what it was sent."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from tests.support.serving import Serving


@dataclass(frozen=True)
class Received:
    """A span as it came.

    Attributes:
        start: Nanoseconds since 1970.
        end: Nanoseconds since 1970.
        status: 0 unset, 1 ok, 2 error.
        message: The description of the status.
        resource: What is said of the program it came from.
    """

    name: str
    kind: int
    trace: str
    id: str
    parent: str
    start: int
    end: int
    attributes: dict[str, Any]
    status: int
    message: str
    resource: dict[str, Any] = field(repr=False)


class Collector(Serving):
    """Keeps every span that it is sent.

    Attributes:
        url: Its address, as `OTEL_EXPORTER_OTLP_ENDPOINT` has it.
        spans: In the order in which they began.
        headers: Those of the last request, names in lower case.
        paths: Of the requests.
    """

    def __init__(self, *, status: int = 200, hangs: bool = False) -> None:
        """Start it.

        Args:
            status: What it answers.
            hangs: Take requests and answer none.
        """
        self.status = status
        self.hangs = hangs
        self.headers: dict[str, str] = {}
        self.paths: list[str] = []
        self._spans: list[Received] = []
        server = _Server(("127.0.0.1", 0), _Request)
        server.collector = self
        self.url = f"http://127.0.0.1:{server.server_port}"
        super().__init__(server)

    @property
    def spans(self) -> list[Received]:
        return sorted(self._spans, key=lambda span: span.start)

    def named(self, name: str) -> list[Received]:
        """The spans of a name, in the order in which they began."""
        return [span for span in self.spans if span.name == name]

    def keep(self, body: bytes) -> None:
        """Take one request."""
        self._spans += _spans(ExportTraceServiceRequest.FromString(body))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    collector: Collector


class _Request(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        collector = self.server.collector
        collector.headers = {name.lower(): value for name, value in self.headers.items()}
        collector.paths.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if collector.hangs:
            collector.closing.wait()
            return
        if collector.status == 200:
            collector.keep(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        self.send_response(collector.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class calls it so
        """Say nothing."""


def _spans(request: ExportTraceServiceRequest) -> Iterator[Received]:
    for group in request.resource_spans:
        resource = {item.key: _value(item.value) for item in group.resource.attributes}
        for scope in group.scope_spans:
            for span in scope.spans:
                yield Received(
                    name=span.name,
                    kind=span.kind,
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    start=span.start_time_unix_nano,
                    end=span.end_time_unix_nano,
                    attributes={item.key: _value(item.value) for item in span.attributes},
                    status=span.status.code,
                    message=span.status.message,
                    resource=resource,
                )


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return None if kind is None else getattr(value, kind)
