"""`llmgine logs list`."""

import sys
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from llmgine_cli.cli.common import Cli, JsonFlag, command
from llmgine_cli.cli.logs.chosen import tell_skipped
from llmgine_cli.cli.logs.group import Folder, ModelName, Query, SessionName, Since, Until, app, times, where

if TYPE_CHECKING:
    from llmgine_cli.eventlog.queries.summaries import Listed
    from llmgine_cli.eventlog.reader import LogFile

WIDE = 120  # columns from which on there is room for years and providers
GAP = 2  # columns between two others
LEAST = 16  # columns below which a text that was cut says nothing
ENOUGH = 24  # columns of it that come before other things
HEADINGS = (
    "session", "start", "state", "turns", "tokens", "price", "time", "model", "name", "engine", "begins with"
)  # fmt: skip
# What is shown first where there is no room for all.
_ORDER = (
    "session", "start", "state", "name", "begins with", "time", "turns", "model", "tokens", "price", "engine"
)  # fmt: skip
_CAPS = {"model": 36, "name": 24, "engine": 16, "begins with": 200}
_STYLES = {"finished": "green", "failed": "red", "interrupted": "yellow", "running": "bold cyan"}


@command(app, "list")
def list_sessions(
    cli: Cli,
    *,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many sessions; 0 is all.")] = 20,
    session: SessionName = None,
    since: Since = None,
    until: Until = None,
    model: ModelName = None,
    query: Query = None,
    as_json: JsonFlag = False,
    folder: Folder = None,
) -> None:
    """List sessions, the latest first: when, who with, how much, what it cost and how it ended."""
    from llmgine_cli import places
    from llmgine_cli.cli.logs.figures import progress
    from llmgine_cli.eventlog.queries.summaries import Summaries, Wanted, sessions
    from llmgine_cli.eventlog.reader import files, find

    since_ns, until_ns = times(since, until)
    folder = where(cli, folder, session)
    path = find(folder, session) if session else None
    skipped: list[int] = []
    with progress(cli, "session") as tell:
        found = sessions(
            folder,
            Wanted(path, since_ns, until_ns, model, query),
            Summaries(folder, places.cache_dir()),
            unreadable=lambda error: cli.warn(error.message),
            bad_lines=skipped.append,
            progress=tell,
        )
        shown = list(islice(found, lines or None))
        found.close()
    tell_skipped(cli, sum(skipped))
    if as_json:
        cli.json([_as_json(listed) for listed in shown])
    elif not shown:
        known = files(folder)
        cli.note("no such session" if known else f"no sessions yet in {folder}: run something first")
    elif sys.stdout.isatty():
        _print_table(cli, shown, files(folder))
    else:
        for listed in shown:
            cli.print("\t".join(" ".join(cell.split()) for cell in _cells(listed, listed.summary.session)))


def _as_json(listed: "Listed") -> dict[str, Any]:
    from llmgine_cli.cli.common import as_plain
    from llmgine_cli.eventlog.queries.sessions import state
    from llmgine_cli.eventlog.times import to_text

    summary = listed.summary
    told: dict[str, Any] = as_plain(summary)
    del told["ending"], told["started_ns"], told["ended_ns"]
    known = summary.unpriced == 0
    return {
        **told,
        "started": to_text(summary.started_ns),
        "ended": to_text(summary.ended_ns),
        "state": state(summary, listed.file.path),
        "price": round(summary.price, 9) if known else None,
        "path": str(listed.file.path),
        "bytes": listed.size,
    }


def _cells(listed: "Listed", session: str) -> tuple[str, ...]:
    from llmgine_cli.cli.logs.figures import amount, moment, money
    from llmgine_cli.eventlog.describe import duration
    from llmgine_cli.eventlog.queries.sessions import state

    summary = listed.summary
    return (
        session,
        moment(summary.started_ns or listed.modified_ns),
        state(summary, listed.file.path),
        str(summary.turns),
        amount(summary.input_tokens + summary.output_tokens),
        money(summary.price, summary.unpriced, summary.calls),
        duration(summary.duration_ms),
        summary.models[-1] if summary.models else "",
        summary.name,
        summary.engine,
        summary.title,
    )


def _print_table(cli: Cli, shown: "Sequence[Listed]", known: "Sequence[LogFile]") -> None:
    """Print a table that fits: how a session begins is cut, anything else stands whole or is left out."""
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    from llmgine_cli.cli.sanitize import visible
    from llmgine_cli.eventlog.glance import shortened

    console = cli.console()
    wide = console.width >= WIDE
    short = shortened([listed.summary.session for listed in shown], (file.session for file in known))
    rows = [[visible(" ".join(cell.split())) for cell in _cells(*one)] for one in zip(shown, short, strict=True)]
    if not wide:
        for row in rows:
            row[1], row[7] = row[1][5:], row[7].partition(":")[2]  # without the year, without the provider
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
    texts = {heading: [row[at] for row in rows] for at, heading in enumerate(HEADINGS)}
    lengths = {
        heading: min(max(map(cell_len, (heading, *column))), _CAPS.get(heading, console.width))
        for heading, column in texts.items()
        if heading not in _CAPS or any(column)
    }
    widths = _widths(lengths, console.width)
    picked = [at for at, heading in enumerate(HEADINGS) if heading in widths]
    for at in picked:
        heading = HEADINGS[at]
        table.add_column(heading, no_wrap=True, width=widths[heading], overflow="ellipsis", justify=_sides(at))
    for row in rows:
        styles = {0: "cyan", 2: _STYLES[row[2]]}
        table.add_row(*(Text(row[at], styles.get(at, "")) for at in picked))
    console.print(table)


def _widths(lengths: Mapping[str, int], room: int) -> dict[str, int]:
    """Return how wide each column is that is shown, of those that have something in them.

    Args:
        lengths: How much each would take.
        room: Columns of the terminal.
    """
    left = room
    widths: dict[str, int] = {}
    for heading in _ORDER:
        length = lengths.get(heading)
        if length is None:
            continue
        if heading == "begins with":
            length = min(length, ENOUGH, max(left, LEAST))
        if length <= left or heading == "session":  # whose id can be given back; better cut than not there
            widths[heading] = min(length, left)
            left -= length + GAP
    if "begins with" in widths and left + GAP > 0:
        widths["begins with"] = min(lengths["begins with"], widths["begins with"] + left + GAP)
    return widths


def _sides(column: int) -> Literal["left", "right"]:
    return "right" if 3 <= column <= 6 else "left"
