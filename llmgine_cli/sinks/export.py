"""Spans on their way to a collector. Imports OpenTelemetry: only the sink `otel` does, and late."""

import logging
import os
from collections.abc import Mapping, Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from llmgine_cli import __version__
from llmgine_cli.sinks import SinkError
from llmgine_cli.sinks.spans import Spans

_PATH = "/v1/traces"
_ADDRESSES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_TIMEOUTS = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
_LONGEST_REASON = 200  # characters


class Export:
    """Sends spans in the background, a batch every few seconds.

    Args:
        endpoint: The collector's address, without `/v1/traces`; default: what the standard variables say.
        headers: Sent with every batch, besides those of the standard variables.
        content: Whether what people, models and tools said goes along.
        timeout: Seconds that sending a batch may take, unless the standard variables say.

    Attributes:
        spans: Takes the events.
    """

    def __init__(
        self, *, endpoint: str | None, headers: Mapping[str, str] | None, content: bool, timeout: float
    ) -> None:
        self._reason = _Reason()
        logging.getLogger("opentelemetry").addHandler(self._reason)
        exporter = OTLPSpanExporter(
            endpoint=None if endpoint is None else endpoint.rstrip("/").removesuffix(_PATH) + _PATH,
            headers=dict(headers) if headers else None,
            timeout=None if any(map(os.environ.get, _TIMEOUTS)) else timeout,
        )
        self._where = endpoint or next(filter(None, map(os.environ.get, _ADDRESSES)), "http://localhost:4318")
        self._counted = _Counted(exporter)
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._counted))
        self.spans = Spans(self._provider.get_tracer("llmgine_cli", __version__), content=content)

    def close(self) -> None:
        """End what is open, and send what was not sent.

        Raises:
            SinkError: Not everything was taken.
        """
        self.spans.close()
        self._provider.shutdown()
        logging.getLogger("opentelemetry").removeHandler(self._reason)
        if lost := self._counted.lost:
            raise SinkError(
                f"{lost} of {lost + self._counted.sent} spans were not taken by {self._where}: {self._reason.text}",
                hint="is a collector listening there? sinks.otel.endpoint or OTEL_EXPORTER_OTLP_ENDPOINT says where",
            )


class _Counted(SpanExporter):
    """Counts what arrives, and what does not."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.sent = 0
        self.lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self.sent += len(spans)
        else:
            self.lost += len(spans)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class _Reason(logging.Handler):
    """Keeps the first thing the library complained about, and keeps it from the terminal."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = "no reason given"
        self._said = False

    def emit(self, record: logging.LogRecord) -> None:
        if not self._said:
            self._said = True
            errors = [each for each in record.args or () if isinstance(each, BaseException)]
            text = str(_root(errors[0])) if errors else record.getMessage()
            self.text = " ".join(text.split())[:_LONGEST_REASON]


def _root(error: BaseException) -> BaseException:
    """Return what began it: what is raised here has three libraries' words around that."""
    while (earlier := error.__cause__ or error.__context__) is not None:
        error = earlier
    return error


def _resource() -> Resource:
    """Return who we are: what the standard variables say, else our name."""
    found = Resource.create({"service.version": __version__})
    if str(found.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        return found.merge(Resource({SERVICE_NAME: "llmgine"}))
    return found
