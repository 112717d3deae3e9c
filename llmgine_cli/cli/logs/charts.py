"""Statistics of the log drawn as tables with bars, within the width of the terminal."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from llmgine_cli.cli.common import Cli
from llmgine_cli.cli.logs.figures import amount, money, plural
from llmgine_cli.cli.sanitize import visible
from llmgine_cli.eventlog.describe import duration
from llmgine_cli.eventlog.queries.counting import Tally
from llmgine_cli.eventlog.queries.stats import By, Percentiles, Stats, bars, percentiles

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 150  # columns from which on counts and times stand in one table
NARROW = 72  # columns below which the two kinds of times stand in two tables
GAP = 2  # columns between two others
LONGEST_BAR, LEAST_BAR = 40, 6  # columns
LEAST_NAME = 12  # columns
MOST_ERRORS = 20  # kinds that are drawn


class Row(NamedTuple):
    """A row of a table: what was counted, and its percentiles, which are made once."""

    tally: Tally
    latency: Percentiles | None
    first: Percentiles | None


Columns = Mapping[str, Callable[[Row], str]]


def _span(times: Percentiles | None, part: int) -> str:
    return "" if times is None else duration(times[part])


COUNTS: Columns = {
    "calls": lambda row: f"{row.tally.calls:,}",
    "failed": lambda row: str(row.tally.failed or ""),
    "stopped": lambda row: str(row.tally.stopped or ""),
    "in": lambda row: amount(row.tally.input_tokens),
    "out": lambda row: amount(row.tally.output_tokens),
    "price": lambda row: money(row.tally.price, row.tally.unpriced, len(row.tally.durations)),
}
LATENCY: Columns = {
    "p50": lambda row: _span(row.latency, 0),
    "p90": lambda row: _span(row.latency, 1),
    "p99": lambda row: _span(row.latency, 2),
}
FIRST_TOKEN: Columns = {
    "first p50": lambda row: _span(row.first, 0),
    "first p90": lambda row: _span(row.first, 1),
    "first p99": lambda row: _span(row.first, 2),
}
TOOL_COUNTS: Columns = {
    "calls": COUNTS["calls"],
    "failed": COUNTS["failed"],
    "denied": COUNTS["stopped"],
}


def columns(by: By) -> Columns:
    """Return what a table tells of each row, besides its name."""
    return {**TOOL_COUNTS, **LATENCY} if by == "tool" else {**COUNTS, **LATENCY, **FIRST_TOKEN}


def cells(tally: Tally, wanted: Columns) -> tuple[str, ...]:
    """Return a row as text."""
    row = Row(tally, percentiles(tally.durations), percentiles(tally.first_tokens))
    return tuple(write(row) for write in wanted.values())


def draw(cli: Cli, counted: Stats, tables: Sequence[By], *, errors: bool) -> None:
    """Print the tables to a terminal, each with its bars, and if wanted the errors below."""
    console = cli.console()
    for by in tables:
        rows = counted.rows(by)
        calls = [float(tally.calls) for _, tally in rows]
        wanted = columns(by)
        texts = [cells(tally, wanted) for _, tally in rows]
        if not rows:
            continue
        some = [at for at in range(len(wanted)) if any(text[at] for text in texts)]
        begin = 0
        for end in _ends(by, console.width):
            shown = [at for at in some if begin <= at < end]  # a column of nothing would only take room
            picked = [(name, [text[at] for at in shown]) for (name, _), text in zip(rows, texts, strict=True)]
            _draw(console, by, [list(wanted)[at] for at in shown], picked, calls if begin == 0 else None)
            begin = end
    if errors:
        _draw_errors(console, counted)


def _ends(by: By, width: int) -> list[int]:
    """Return after which columns a table is broken, so that each part fits."""
    counts, latency, everything = len(COUNTS), len(COUNTS) + len(LATENCY), len(columns(by))
    if by == "tool" or width >= WIDE:
        return [everything]
    return [counts, everything] if width >= NARROW else [counts, latency, everything]


def _draw(
    console: "Console",
    heading: str,
    headings: Sequence[str],
    rows: Sequence[tuple[str, Sequence[str]]],
    values: Sequence[float] | None,
) -> None:
    """Print one table of named rows; with values, a bar for each in the room that is left."""
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    shown = [visible(" ".join(name.split())) or "(none)" for name, _ in rows]
    texts = [text for _, text in rows]
    taken = sum(GAP + max(len(title), *(cell_len(text[at]) for text in texts)) for at, title in enumerate(headings))
    longest = max(len(heading), *map(cell_len, shown))
    name_room = min(longest, max(console.width - taken, LEAST_NAME))
    room = min(console.width - taken - name_room - GAP, LONGEST_BAR)
    drawn = values is not None and room >= LEAST_BAR
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
    table.add_column(heading, no_wrap=True, overflow="ellipsis", width=name_room, style="cyan")
    for title in headings:
        table.add_column(title, no_wrap=True, justify="right")
    if drawn:
        table.add_column("", no_wrap=True, style="green")
    lengths = list(bars(values or (), room)) if drawn else [""] * len(rows)
    for name, text, bar in zip(shown, texts, lengths, strict=True):
        table.add_row(Text(name), *map(Text, text), *([Text(bar)] if drawn else []))
    console.print(table)
    console.print()


def _draw_errors(console: "Console", counted: Stats) -> None:
    found = counted.errors.most_common()
    if not found:
        return
    shown = found[:MOST_ERRORS]
    rows = [(f"{kind.where}: {kind.kind}", (f"{count:,}",)) for kind, count in shown]
    _draw(console, "errors", ["count"], rows, [count for _, count in shown])
    if len(found) > MOST_ERRORS:
        console.print(f"and {plural(len(found) - MOST_ERRORS, 'more kind')} (--json has them all)")
