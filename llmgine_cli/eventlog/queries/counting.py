"""Counts the events of one piece of a log, in whatever process: what was counted of several pieces can be put together.

What a call costs is added up as far as prices are at hand. What the others are looked up by is kept for whoever puts
the pieces together: that takes a library which is slow to load.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, TypeAlias

from llmgine_cli.eventlog.queries.counted import Counted, Minute, minute
from llmgine_cli.llm.prices import NotAtHandError, Prices, is_free
from llmgine_cli.llm.stream import Usage


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
        unpriced: How many calls of models have no known price, those among them of which nobody knows what had come.
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

    def sort(self) -> None:
        """Put the times in order: when they are sorted with others, what is in order already takes less time."""
        self.durations = array("d", sorted(self.durations))
        self.first_tokens = array("d", sorted(self.first_tokens))


class Failure(NamedTuple):
    """A kind of error.

    Attributes:
        where: What failed: the model, the tool, the command or the handler.
        kind: The class of the exception, or `denied`, or `error` of a tool.
    """

    where: str
    kind: str


Cell: TypeAlias = tuple[str, str]
"""Name of a model or a tool, and day."""


Tokens: TypeAlias = int | None
Request: TypeAlias = tuple[Cell, str | None, int, Tokens, Tokens, Tokens, Tokens]
"""A call whose price was not at hand: where it belongs, the model that answered, when (nanoseconds since 1970), and the
tokens of the input, of the output, from the cache and into it. Plain, for there may be many to send from process to
process."""


def _tallies() -> defaultdict[Cell, Tally]:
    return defaultdict(Tally)


@dataclass
class Part:
    """What was counted in a piece of a log, in the order of the log.

    Attributes:
        models: Calls of models, by name and day; without what `requests` cost.
        requests: The calls of which that is not known here.
        tools: Calls of tools, by name and day.
        errors: Every error that counts.
        unsure: Which of these counts only if its text is not the one that was told right before this piece.
        unsure_text: The text of that one.
        told: The last error that was told; None when nothing was.
        empty: Whether there was nothing to count.
    """

    models: defaultdict[Cell, Tally] = field(default_factory=_tallies)
    requests: list[Request] = field(default_factory=list[Request])
    tools: defaultdict[Cell, Tally] = field(default_factory=_tallies)
    errors: list[Failure] = field(default_factory=list[Failure])
    unsure: int | None = None
    unsure_text: str | None = None
    told: str | None = None
    empty: bool = True


def count(events: Iterable[Counted], prices: Prices) -> Part:
    """Count the events of a piece.

    Args:
        events: The events.
        prices: Where prices are looked up; those that are not at hand are left to others.
    """
    part = Part()
    counters = {name: partial(counter, part, prices) for name, counter in _PRICED.items()}
    counters |= {name: partial(counter, part) for name, counter in _COUNTERS.items()}
    for event in events:
        counters[event.event_type](event)
        part.empty = False
    for tally in (*part.models.values(), *part.tools.values()):
        tally.sort()
    return part


def _finished(part: Part, prices: Prices, event: Counted) -> None:
    _ended(part, prices, event, event.reply.usage)


def _embedded(part: Part, prices: Prices, event: Counted) -> None:
    _ended(part, prices, event, event.usage)


def _ended(part: Part, prices: Prices, event: Counted, usage: Usage) -> None:
    when = minute(event.timestamp)
    cell = (event.model, when.day)
    tally = part.models[cell]
    tally.calls += 1
    _spend(part, prices, cell, usage, when=when, answered=event.reply.model)
    tally.durations.append(event.duration_ms)
    if event.first_token_ms is not None:
        tally.first_tokens.append(event.first_token_ms)


def _spend(part: Part, prices: Prices, cell: Cell, usage: Usage, *, when: Minute, answered: str | None = None) -> None:
    """Count the tokens of a call and what it cost."""
    tally = part.models[cell]
    tally.input_tokens += usage.input_tokens or 0
    tally.output_tokens += usage.output_tokens or 0
    tally.cached_tokens += usage.cached_tokens or 0
    try:
        prices.charge(tally, cell[0], usage, when.time_ns, answered=answered)
    except NotAtHandError:
        tokens = (usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.cache_write_tokens)
        part.requests.append((cell, answered, when.time_ns, *tokens))


def _attempt(part: Part, event: Counted) -> None:
    """An attempt that another one followed is an error, and no call of its own."""
    part.errors.append(Failure(event.model, event.error_type or "error"))


def _failed(part: Part, prices: Prices, event: Counted) -> None:
    when = minute(event.timestamp)
    cell = (event.model, when.day)
    tally = part.models[cell]
    tally.calls += 1
    tally.failed += 1
    if event.usage != Usage():
        _spend(part, prices, cell, event.usage, when=when)
    part.told = event.error or ""
    part.errors.append(Failure(event.model, event.error_type or "error"))


def _interrupted(part: Part, prices: Prices, event: Counted) -> None:
    when = minute(event.timestamp)
    cell = (event.model, when.day)
    tally = part.models[cell]
    tally.calls += 1
    tally.stopped += 1
    if event.usage != Usage():
        _spend(part, prices, cell, event.usage, when=when)
    else:
        tally.unpriced += not is_free(event.model)  # vendors bill what is broken off


def _tool(part: Part, event: Counted) -> None:
    name = event.call.name
    tally = part.tools[name, minute(event.timestamp).day]
    tally.calls += 1
    if event.denied:
        tally.stopped += 1
        part.errors.append(Failure(name, "denied"))
        return
    tally.durations.append(event.duration_ms)
    if event.result.is_error:
        tally.failed += 1
        part.errors.append(Failure(name, "error"))


def _command(part: Part, event: Counted) -> None:
    """Count a command's error, unless it was told last: the commands around a call fail with the same."""
    if event.success or event.cancelled or (event.error is not None and event.error == part.told):
        return
    if part.told is None:
        part.unsure, part.unsure_text = len(part.errors), event.error
    part.told = event.error or ""
    part.errors.append(Failure(event.command_type, event.error_type or "error"))


def _handler(part: Part, event: Counted) -> None:
    part.errors.append(Failure(event.handler, event.error_type or "error"))


_PRICED: dict[str, Callable[[Part, Prices, Counted], None]] = {
    "LLMCallFinished": _finished,
    "LLMCallFailed": _failed,
    "LLMCallInterrupted": _interrupted,
    "EmbeddingFinished": _embedded,
    "EmbeddingFailed": _failed,
}
_COUNTERS: dict[str, Callable[[Part, Counted], None]] = {
    "LLMAttemptFailed": _attempt,
    "ToolCallFinished": _tool,
    "CommandFinished": _command,
    "HandlerFailed": _handler,
}
TYPES = (*_PRICED, *_COUNTERS)
