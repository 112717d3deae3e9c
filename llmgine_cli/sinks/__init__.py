"""Sinks: what takes the events besides those that act on them: the log, the terminal, a collector of traces.

Which are on says the setting `log.sinks`, by name: those of this package, or those that an installed package offers
under the entry point group `llmgine.sinks`. An entry point names a function that makes the sink::

    class Counter:
        def __init__(self, context: SinkContext) -> None:
            self.limit = context.options.get("limit", 10)

        def handle(self, event: Event) -> None: ...   # or async; in a thread of its own

        def close(self) -> None: ...                  # if it has anything to finish; or async

A sink stops nobody. One that cannot be loaded, raises, hangs or is too slow is told of once, and the run goes on.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from llmgine_cli.bus import Bus, Event
from llmgine_cli.errors import LlmgineError, near_miss

GROUP = "llmgine.sinks"


class SinkError(LlmgineError):
    """A sink cannot be made as asked; the run goes on without it."""


class Sink(Protocol):
    """What listens on the bus for as long as an application lives."""

    def attach(self, bus: Bus) -> None:
        """Listen from now on. The bus carries secrets: what is passed on goes through `SinkContext.redact` first."""
        ...

    async def aclose(self) -> None:
        """Finish what was taken, within a few seconds, and let go of everything."""
        ...


class Handler(Protocol):
    """The simpler way to be a sink: it is given each event that is logged, without secrets, in a thread of its own."""

    @property
    def handle(self) -> Callable[[Event], object]:
        """A plain or async function of one event."""
        ...


@dataclass(frozen=True, kw_only=True)
class SinkContext:
    """What a sink is made with.

    Attributes:
        name: As in `log.sinks`.
        options: Its own settings, `[sinks.NAME]`.
        redact: Takes one JSON document, or one line of the log; returns it without keys.
        tell: Says one line to the user, from any thread; at most once for a failure, please.
        write: Writes one line where the user sees what happens.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict[str, Any], repr=False)
    redact: Callable[[bytes], bytes] = lambda line: line
    tell: Callable[[str], None] = lambda _: None
    write: Callable[[str], None] | None = None

    def check(self, **known: tuple[type[object], ...]) -> None:
        """Check the options, and make of words, as variables have them, what is meant.

        Args:
            known: What each may be.

        Raises:
            SinkError: One is unknown, or of another type.
        """
        for name, value in list(self.options.items()):
            where = f"sinks.{self.name}.{name}"
            if name not in known:
                raise SinkError(f"{where}: unknown key", hint=near_miss(name, known))
            if isinstance(value, str) and str not in known[name]:
                value = self.options[name] = _meant(value)  # noqa: PLW2901
            if type(value) not in known[name]:
                names = " or ".join(kind.__name__ for kind in known[name])
                raise SinkError(f"{where}: {type(value).__name__} where {names} is wanted")


def _meant(word: str) -> Any:
    try:
        return json.loads(word)
    except (ValueError, RecursionError):
        return word


def said(error: BaseException) -> str:
    """Return what went wrong, in one line: ours are written for people, and may have a hint."""
    if isinstance(error, LlmgineError):
        return f"{error.message} ({error.hint})" if error.hint else error.message
    return " ".join(f"{type(error).__name__}: {error}".removesuffix(": ").split())
