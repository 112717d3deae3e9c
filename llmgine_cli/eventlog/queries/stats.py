"""Adds up what the log tells of calls of models and tools: how many, how long, how many tokens, what they cost.

Times are kept as they are, eight bytes each, so that percentiles are exact; nothing else grows with the log.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from llmgine_cli.eventlog.queries import counting
from llmgine_cli.eventlog.queries.counted import CountedLog
from llmgine_cli.eventlog.queries.counting import Cell, Failure, Part, Tally
from llmgine_cli.llm.prices import Prices
from llmgine_cli.llm.stream import Usage

if TYPE_CHECKING:
    from array import array

By: TypeAlias = Literal["model", "tool", "day"]


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
        self._models: defaultdict[Cell, Tally] = defaultdict(Tally)
        self._tools: defaultdict[Cell, Tally] = defaultdict(Tally)

    def count(self, log: CountedLog) -> None:
        """Count the events of one file.

        Raises:
            StorageError: The file cannot be read.
        """
        told, some = "", False
        for part in log.in_pieces(partial(counting.count, prices=self._prices.at_hand())):
            self._add(part, told)
            told = told if part.told is None else part.told
            some |= not part.empty
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

    def _add(self, part: Part, told: str) -> None:
        for cell, tally in part.models.items():
            self._models[cell].add(tally)
        for cell, tally in part.tools.items():
            self._tools[cell].add(tally)
        for cell, answered, time_ns, given, made, cached, written in part.requests:
            usage = Usage(input_tokens=given, output_tokens=made, cached_tokens=cached, cache_write_tokens=written)
            self._prices.charge(self._models[cell], cell[0], usage, time_ns, answered=answered)
        for number, error in enumerate(part.errors):
            if number != part.unsure or part.unsure_text != told:
                self.errors[error] += 1


def _summed(cells: Mapping[Cell, Tally], part: int) -> dict[str, Tally]:
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
