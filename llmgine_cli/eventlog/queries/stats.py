"""Adds up what the log tells of calls of models and tools: how many, how long, how many tokens, what they cost.

Times are kept as they are, eight bytes each, so that percentiles are exact; nothing else grows with the log.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from math import ceil
from typing import Literal, NamedTuple, TypeAlias

from llmgine_cli.eventlog.queries.counted import Counted, minute
from llmgine_cli.llm.prices import Prices, is_free

By: TypeAlias = Literal["model", "tool", "day"]

TYPES = (
    "LLMAttemptFailed",
    "LLMCallFinished",
    "LLMCallFailed",
    "LLMCallInterrupted",
    "ToolCallFinished",
    "CommandFinished",
    "HandlerFailed",
)


class Percentiles(NamedTuple):
    """Of a list of times, in milliseconds: as many percent of them were this or less."""

    p50: float
    p90: float
    p99: float


def percentiles(times: "array[float]") -> Percentiles | None:
    """Return the percentiles of these times (nearest rank); None if there are none."""
    if not times:
        return None
    ordered = sorted(times)
    return Percentiles(*(ordered[ceil(len(ordered) * part / 100) - 1] for part in (50, 90, 99)))


def _times() -> "array[float]":
    return array("d")


@dataclass
class Tally:
    """What was counted of some calls.

    Attributes:
        calls: How many there were.
        failed: How many of them failed.
        stopped: How many were interrupted by the user, or refused.
        input_tokens: Tokens of all requests.
        output_tokens: Tokens of all answers.
        cached_tokens: Those of the requests that came from a cache.
        price: What those cost of which it is known, in US dollars.
        unpriced: How many calls of models have no known price, those that were interrupted among them.
        durations: Milliseconds of each call that finished.
        first_tokens: Milliseconds to the first token of each call that had one.
    """

    calls: int = 0
    failed: int = 0
    stopped: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    price: float = 0.0
    unpriced: int = 0
    durations: "array[float]" = field(default_factory=_times)
    first_tokens: "array[float]" = field(default_factory=_times)

    def add(self, other: "Tally") -> None:
        """Add another one to this."""
        self.calls += other.calls
        self.failed += other.failed
        self.stopped += other.stopped
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.cached_tokens += other.cached_tokens
        self.price += other.price
        self.unpriced += other.unpriced
        self.durations.extend(other.durations)
        self.first_tokens.extend(other.first_tokens)


class Failure(NamedTuple):
    """A kind of error.

    Attributes:
        where: What failed: the model, the tool, the command or the handler.
        kind: The class of the exception, or `denied`, or `error` of a tool.
    """

    where: str
    kind: str


Cells: TypeAlias = dict[tuple[str, str], Tally]


class Stats:
    """Counts events as they go by.

    Args:
        prices: Where prices are looked up.

    Attributes:
        errors: How often each kind of error happened.
        sessions: In how many files something was counted.
    """

    def __init__(self, prices: Prices) -> None:
        self.errors: Counter[Failure] = Counter()
        self.sessions = 0
        self._prices = prices
        self._models: Cells = {}  # by name and day
        self._tools: Cells = {}
        self._told = ""  # the last error of a call: the commands around it fail with the same

    def count(self, events: Iterable[Counted]) -> None:
        """Count the events of one file."""
        self._told = ""
        known: dict[str, Callable[[Counted], None]] = {
            "LLMAttemptFailed": self._attempt,
            "LLMCallFinished": self._finished,
            "LLMCallFailed": self._failed,
            "LLMCallInterrupted": self._interrupted,
            "ToolCallFinished": self._tool,
            "CommandFinished": self._command,
            "HandlerFailed": self._handler,
        }
        some = False
        for event in events:
            known[event.event_type](event)
            some = True
        self.sessions += some

    def rows(self, by: By) -> list[tuple[str, Tally]]:
        """Return what was counted by model, tool or day: the most calls first, days in their order."""
        if by == "day":
            return sorted(_summed(self._models, 1).items())
        found = _summed(self._models if by == "model" else self._tools, 0)
        return sorted(found.items(), key=lambda row: (-row[1].calls, row[0]))

    def total(self) -> Tally:
        """Return the sum of all calls of models."""
        total = Tally()
        for tally in self._models.values():
            total.add(tally)
        return total

    def _finished(self, event: Counted) -> None:
        tally, usage = _cell(self._models, event.model, event), event.reply.usage
        tally.calls += 1
        tally.cached_tokens += usage.cached_tokens or 0
        tally.durations.append(event.duration_ms)
        if event.first_token_ms is not None:
            tally.first_tokens.append(event.first_token_ms)
        when = minute(event.timestamp).time_ns
        self._prices.add(tally, event.model, usage, when, answered=event.reply.model)

    def _attempt(self, event: Counted) -> None:
        """An attempt that another one followed is an error, and no call of its own."""
        self.errors[Failure(event.model, event.error_type or "error")] += 1

    def _failed(self, event: Counted) -> None:
        tally = _cell(self._models, event.model, event)
        tally.calls += 1
        tally.failed += 1
        self._told = event.error or ""
        self.errors[Failure(event.model, event.error_type or "error")] += 1

    def _interrupted(self, event: Counted) -> None:
        tally = _cell(self._models, event.model, event)
        tally.calls += 1
        tally.stopped += 1
        tally.unpriced += not is_free(event.model)  # vendors bill what is broken off

    def _tool(self, event: Counted) -> None:
        tally = _cell(self._tools, event.call.name, event)
        tally.calls += 1
        if event.denied:
            tally.stopped += 1
            self.errors[Failure(event.call.name, "denied")] += 1
            return
        tally.durations.append(event.duration_ms)
        if event.result.is_error:
            tally.failed += 1
            self.errors[Failure(event.call.name, "error")] += 1

    def _command(self, event: Counted) -> None:
        if event.success or event.cancelled or event.error == self._told:
            return
        self._told = event.error or ""
        self.errors[Failure(event.command_type, event.error_type or "error")] += 1

    def _handler(self, event: Counted) -> None:
        self.errors[Failure(event.handler, event.error_type or "error")] += 1


def _cell(cells: Cells, name: str, event: Counted) -> Tally:
    key = (name, minute(event.timestamp).day)
    tally = cells.get(key)
    if tally is None:
        tally = cells[key] = Tally()
    return tally


def _summed(cells: Cells, part: int) -> dict[str, Tally]:
    found: dict[str, Tally] = {}
    for key, tally in cells.items():
        found.setdefault(key[part], Tally()).add(tally)
    return found


def bars(values: Iterable[float], width: int) -> Iterator[str]:
    """Yield a bar for each value, the greatest `width` columns long, drawn in eighths of a column."""
    known = list(values)
    most = max(known, default=0)
    for value in known:
        eighths = round(value / most * width * 8) if most > 0 else 0
        yield "█" * (eighths // 8) + ("", *"▏▎▍▌▋▊▉")[eighths % 8]
