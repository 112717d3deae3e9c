"""Traces for an OpenTelemetry collector, over OTLP/HTTP, from the extra `otel`.

The standard variables say where it is: `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_HEADERS`,
`OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER` and the others that the SDK reads; `[sinks.otel]` goes before them.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from llmgine_cli.bus import Event
from llmgine_cli.sinks import SinkContext, SinkError
from llmgine_cli.sinks.worker import DEADLINE, Worker

if TYPE_CHECKING:
    from llmgine_cli.sinks.export import Export


class OpenTelemetry(Worker):
    """Exports spans in the background.

    Its options: `endpoint`, the collector's address, to which `/v1/traces` is added; `headers`, sent with every export;
    `content`, whether what people, models and tools said goes along; `timeout`, the seconds to wait for the collector
    at the end.

    Raises:
        SinkError: The extra is not installed, or an option is wrong.
    """

    def __init__(self, context: SinkContext) -> None:
        context.check(endpoint=(str,), headers=(dict,), content=(bool,), timeout=(int, float))
        if not _installed():
            raise SinkError("OpenTelemetry is not installed", hint="pip install 'llmgine-cli[otel]'")
        seconds = float(context.options.get("timeout", DEADLINE))
        super().__init__(context, _Traces(context, seconds), deadline=seconds)


class _Traces:
    """What runs in the worker's thread, the imports included: they take longer than many an answer."""

    def __init__(self, context: SinkContext, seconds: float) -> None:
        self._options = context.options
        self._seconds = seconds
        self._export: Export | None = None

    def handle(self, event: Event) -> None:
        if self._export is None:
            from llmgine_cli.sinks.export import Export

            self._export = Export(
                endpoint=self._options.get("endpoint"),
                headers=self._options.get("headers"),
                content=self._options.get("content", False),
                # Less than what is waited for it at the end, so that what went wrong is known by then.
                timeout=self._seconds * 0.9,
            )
        self._export.spans.take(event)

    def close(self) -> None:
        if self._export is not None:
            self._export.close()


def _installed() -> bool:
    try:
        return all(find_spec(name) for name in ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"))
    except ModuleNotFoundError:  # not even the package they would be in
        return False
