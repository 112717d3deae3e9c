"""`llmgine logs list`."""

import sys
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmgine_cli.cli.common import Cli, JsonFlag, command
from llmgine_cli.cli.logs.group import Folder, ModelName, Query, SessionName, Since, Until, app, times

if TYPE_CHECKING:
    from llmgine_cli.eventlog.reader import LogFile
    from llmgine_cli.eventlog.summaries import Listed

WIDE = 120  # columns from which on there is room for the engine, the name and how a session began
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
    from llmgine_cli.eventlog.reader import files, find
    from llmgine_cli.eventlog.summaries import Summaries, Wanted, sessions

    since_ns, until_ns = times(since, until)
    folder = folder or cli.settings().log_dir
    path = find(folder, session) if session else None
    with progress(cli, "session") as tell:
        found = sessions(
            folder,
            Wanted(path, since_ns, until_ns, model, query),
            Summaries(folder, places.cache_dir()),
            unreadable=lambda error: cli.warn(error.message),
            progress=tell,
        )
        shown = list(islice(found, lines or None))
        found.close()
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
    from llmgine_cli.eventlog.sessions import state
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
        "price": summary.price if known else None,
        "path": str(listed.file.path),
        "bytes": listed.size,
    }


def _cells(listed: "Listed", session: str) -> tuple[str, ...]:
    from llmgine_cli.cli.logs.figures import amount, moment, money
    from llmgine_cli.eventlog.describe import duration
    from llmgine_cli.eventlog.sessions import state

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
        summary.engine,
        summary.name,
        summary.title,
    )


def _print_table(cli: Cli, shown: "Sequence[Listed]", known: "Sequence[LogFile]") -> None:
    from rich.table import Table
    from rich.text import Text

    from llmgine_cli.cli.sanitize import visible
    from llmgine_cli.eventlog.search import ids

    console = cli.console()
    wide = console.width >= WIDE
    short = ids([file.session for file in known], [listed.summary.session for listed in shown])
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0), expand=False)
    for heading in ("session", "start", "state"):
        table.add_column(heading, no_wrap=True)
    for heading in ("turns", "tokens", "price", "time"):
        table.add_column(heading, no_wrap=True, justify="right")
    table.add_column("model", no_wrap=True, overflow="ellipsis")
    for heading in ("engine", "name", "begins with") if wide else ():
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    for listed in shown:
        cells = _cells(listed, short[listed.summary.session])
        cells = (cells[0], cells[1] if wide else cells[1][5:], *cells[2 : 11 if wide else 8])
        styles = ("cyan", "", _STYLES[cells[2]], *("" for _ in cells[3:]))
        table.add_row(
            *(Text(visible(" ".join(cell.split())), style) for cell, style in zip(cells, styles, strict=True))
        )
    console.print(table)
