"""Which sinks there are, and how one is made."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from llmgine_cli.errors import LlmgineError, NotFoundError
from llmgine_cli.sinks import GROUP, Sink, SinkContext, SinkError, said

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_WHAT = {
    "jsonl": "the event log: one JSON Lines file a session",  # made in `bootstrap`, for the rest asks it questions
    "console": "one line an event on stderr, as logs tail prints it",
    "otel": "traces for an OpenTelemetry collector, over OTLP/HTTP",
}
_MAKERS = {"console": "llmgine_cli.sinks.console:Console", "otel": "llmgine_cli.sinks.otel:OpenTelemetry"}


@dataclass(frozen=True)
class Known:
    """A sink that could be on.

    Attributes:
        name: As in `log.sinks`.
        what: What it does; of an installed one, the object that makes it.
        origin: Where it comes from.
        package: The installed package it is in; None if it is ours.
    """

    name: str
    what: str
    origin: Literal["built in", "entry point"]
    package: str | None = None


def known() -> list[Known]:
    """Return the sinks there are, ours first; nothing of the others is loaded."""
    ours = [Known(name, what, "built in") for name, what in _WHAT.items()]
    return ours + [
        Known(point.name, point.value, "entry point", point.dist.name if point.dist else None)
        for point in _entry_points()
        if point.name not in _WHAT
    ]


def make_all(
    names: Iterable[str],
    options: Mapping[str, Mapping[str, Any]],
    *,
    redact: Callable[[bytes], bytes],
    tell: Callable[[str], None],
    write: Callable[[str], None] | None = None,
) -> list[Sink]:
    """Make the sinks of these names; one that cannot be made is told, and the rest are made.

    Args:
        names: As in `log.sinks`.
        options: Name → the sink's own settings.
        redact: Takes keys out of a JSON document.
        tell: Says one line to the user.
        write: Writes one line where the user sees what happens; default: stderr.
    """
    made: list[Sink] = []
    for name in names:
        context = SinkContext(name=name, options=dict(options.get(name, {})), redact=redact, tell=tell, write=write)
        try:
            made.append(make(context))
        except LlmgineError as error:
            tell(f"sink {name!r} is off: {said(error)}")
    return made


def make(context: SinkContext) -> Sink:
    """Make the sink that the context names. Ours need no search, and nobody can take their names.

    Raises:
        NotFoundError: There is none of that name.
        SinkError: It cannot be made; the message says why.
    """
    from llmgine_cli.sinks.worker import Worker

    try:
        made: Any = _factory(context.name)(context)
    except (SinkError, NotFoundError):
        raise
    except (Exception, SystemExit) as error:  # a stranger's package may raise anything
        raise SinkError(said(error)) from error
    if hasattr(made, "attach") and hasattr(made, "aclose"):
        sink: Sink = made
        return sink
    if not callable(getattr(made, "handle", None)):
        raise SinkError(f"{type(made).__name__} has neither handle nor attach and aclose")
    return Worker(context, made)


def _factory(name: str) -> Any:
    if name in _MAKERS:
        module, _, attribute = _MAKERS[name].partition(":")
        return getattr(import_module(module), attribute)
    for point in _entry_points():
        if point.name == name:
            return point.load()
    raise NotFoundError("sink", name, [sink.name for sink in known()])


def _entry_points() -> "list[EntryPoint]":
    from importlib.metadata import entry_points

    return sorted(entry_points(group=GROUP), key=lambda point: point.name)
