"""The table of results: medians, ratios, targets, and whether each was reached."""

import datetime
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.benchmarks.timing import Result

HEADER = """\
| what | llmgine, ms | beside | its ms | ratio | target | |
|---|--:|---|--:|--:|--:|---|
"""


@dataclass(frozen=True)
class Row:
    """One comparison: ours against one peer, with the ratio to reach if there is one."""

    what: str
    ours: Result
    peer: Result
    target: float | None = None

    @property
    def ratio(self) -> float:
        """Our median over the peer's: below 1 we are faster."""
        return self.ours.median / self.peer.median

    @property
    def mark(self) -> str:
        """What the row says about us, in a word."""
        if self.target is not None:
            return "reached" if self.ratio <= self.target else "**missed**"
        return "ahead" if self.ratio < 1 else "**behind**"


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a markdown table."""
    return HEADER + "".join(
        f"| {row.what} | {ms(row.ours)} | {row.peer.name} | {ms(row.peer)} | {row.ratio:.2f} "
        f"| {'' if row.target is None else f'≤ {row.target:.2f}'} | {row.mark} |\n"
        for row in rows
    )


def ms(result: Result) -> str:
    """Return a median in milliseconds, whole ones but for the shortest."""
    return f"{result.median * 1000:.0f}" if result.median >= 0.01 else f"{result.median * 1000:.2f}"


def conditions(versions: Mapping[str, str], rounds: int) -> str:
    """Return what a reader needs to judge the numbers: when, where and with which versions."""
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {platform.system()}, {os.cpu_count()} CPUs, "
        f"Python {platform.python_version()}, {packages}; medians of {rounds}."
    )
