"""`llmgine logs stats`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer

from llmgine_cli.cli.common import Cli, JsonFlag, command
from llmgine_cli.cli.logs.group import Folder, ModelName, SessionName, Since, Until, app, times, where

if TYPE_CHECKING:
    from llmgine_cli.eventlog.filters import Filter
    from llmgine_cli.eventlog.queries.counting import Tally
    from llmgine_cli.eventlog.queries.stats import By, Stats


@command(app)
def stats(
    cli: Cli,
    *,
    by: Annotated[
        Literal["model", "tool", "day"] | None, typer.Option("--by", help="Only this table; default: all of them.")
    ] = None,
    session: SessionName = None,
    since: Since = None,
    until: Until = None,
    model: ModelName = None,
    as_json: JsonFlag = False,
    folder: Folder = None,
) -> None:
    """Add up calls, tokens, prices and times by model, tool and day, and errors by their kind."""
    from llmgine_cli.eventlog.filters import Filter
    from llmgine_cli.eventlog.queries.counting import TYPES
    from llmgine_cli.eventlog.queries.stats import By, Stats
    from llmgine_cli.llm.prices import Prices
    from llmgine_cli.places import cache_dir

    since_ns, until_ns = times(since, until)
    wanted = Filter(types=TYPES, since_ns=since_ns, until_ns=until_ns, model=model)
    folder = where(cli, folder, session)
    prices = Prices(cache_dir())
    counted = Stats(prices)
    _count(cli, folder, session, wanted, counted)
    prices.keep()
    tables: tuple[By, ...] = (by,) if by else get_args(By)
    if as_json:
        cli.json(_as_json(counted, tables))
    elif not counted.sessions:
        cli.note("nothing to count" if folder.is_dir() else f"no sessions yet in {folder}: run something first")
    elif sys.stdout.isatty():
        from llmgine_cli.cli.logs.charts import draw

        draw(cli, counted, tables, errors=by is None)
    else:
        _print_rows(cli, counted, tables, errors=by is None)


def _count(cli: Cli, folder: Path, session: str | None, wanted: "Filter", counted: "Stats") -> None:
    from llmgine_cli.cli.logs.figures import plural, progress
    from llmgine_cli.errors import StorageError
    from llmgine_cli.eventlog.crew import crew
    from llmgine_cli.eventlog.queries.counted import CountedLog
    from llmgine_cli.eventlog.queries.summaries import chosen

    skipped = 0
    files = chosen(folder, session, wanted.since_ns)
    with progress(cli, "counting session") as tell:
        for count, file in enumerate(files):
            tell(count, len(files))
            log = CountedLog(file.path, wanted, crew())
            try:
                counted.count(log)
            except StorageError as error:
                if file.path.exists():
                    cli.warn(error.message)
            skipped += log.skipped
    if skipped:
        cli.warn(f"{plural(skipped, 'bad line')} skipped")


def _as_json(counted: "Stats", tables: tuple["By", ...]) -> dict[str, Any]:
    found: dict[str, Any] = {
        by: [{by: name, **_tally(tally, tool=by == "tool")} for name, tally in counted.rows(by)] for by in tables
    }
    errors = [{"where": kind.where, "kind": kind.kind, "count": count} for kind, count in counted.errors.most_common()]
    return {"sessions": counted.sessions, "total": _tally(counted.total(), tool=False), **found, "errors": errors}


def _tally(tally: "Tally", *, tool: bool) -> dict[str, Any]:
    from llmgine_cli.eventlog.queries.stats import percentiles

    latency, first = percentiles(tally.durations), percentiles(tally.first_tokens)
    told: dict[str, Any] = {"calls": tally.calls, "failed": tally.failed}
    told["denied" if tool else "interrupted"] = tally.stopped
    told["duration_ms"] = latency._asdict() if latency else None
    if not tool:
        told |= {
            "first_token_ms": first._asdict() if first else None,
            "input_tokens": tally.input_tokens,
            "output_tokens": tally.output_tokens,
            "cached_tokens": tally.cached_tokens,
            "price": None if tally.unpriced else round(tally.price, 9),
            "unpriced_calls": tally.unpriced,
        }
    return told


def _print_rows(cli: Cli, counted: "Stats", tables: tuple["By", ...], *, errors: bool) -> None:
    """Print one line for each row, with its table's name first: for `awk` and `cut`."""
    from llmgine_cli.cli.logs.charts import cells, columns

    for by in tables:
        for name, tally in counted.rows(by):
            row = (by, name, *cells(tally, columns(by)))
            cli.print("\t".join(" ".join(cell.split()) for cell in row))
    for kind, count in counted.errors.most_common() if errors else ():
        cli.print("\t".join(" ".join(cell.split()) for cell in ("error", kind.where, kind.kind, str(count))))
