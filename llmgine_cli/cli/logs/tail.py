"""`llmgine logs tail`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmgine_cli.cli.common import Cli, command
from llmgine_cli.cli.logs.group import Folder, ModelName, SessionName, Since, Types, Until, app, times, where, words

if TYPE_CHECKING:
    from llmgine_cli.cli.eventlines import Printer
    from llmgine_cli.eventlog.follow import Follower


@command(app)
def tail(
    cli: Cli,
    *,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many events.")] = 20,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on, with what happens in any session.")] = False,
    session: SessionName = None,
    type_: Types = None,
    since: Since = None,
    until: Until = None,
    model: ModelName = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the lines as they stand in the log, for jq.")] = False,
    folder: Folder = None,
) -> None:
    """Show the last events of the latest session.

    The pieces of answers that are kept meanwhile (ReplyGrew) are shown with --type ReplyGrew and --json only.
    """
    from llmgine_cli.cli.eventlines import Printer
    from llmgine_cli.eventlog.crew import crew
    from llmgine_cli.eventlog.filters import Filter
    from llmgine_cli.eventlog.reader import LogReader, find, latest

    types = words(type_)
    since_ns, until_ns = times(since, until)
    # The pieces of an answer, that a killed program may leave; the answer has them all.
    without = () if types or as_json else ("ReplyGrew",)
    wanted = Filter(types=types, without=without, since_ns=since_ns, until_ns=until_ns, model=model)
    folder = where(cli, folder, session)
    path = find(folder, session) if session else latest(folder)
    follower = _follower(folder, path if session else None) if follow else None
    printer = Printer(cli, wanted=wanted, nested=not types and model is None, as_json=as_json)
    if path is not None:
        reader = LogReader(path, crew())
        shown = printer.tail(reader, lines, None if follower is None else follower.seen(path))
        if not shown and lines:
            cli.note(_none_of(path, types))
        _tell_skipped(cli, reader.skipped)
    elif follower is None:
        cli.note(f"no events yet in {folder}: run something first")
    if follower is not None:
        _follow(cli, follower, printer)


def _follower(folder: Path, only: Path | None) -> "Follower":
    from llmgine_cli.eventlog.follow import Follower

    return Follower(folder, only=only, output=sys.stdout.fileno())


def _follow(cli: Cli, follower: "Follower", printer: "Printer") -> None:
    sys.stdout.flush()
    skipped = 0
    for record in follower:
        printer.show(record)
        sys.stdout.flush()
        if follower.skipped > skipped:
            _tell_skipped(cli, follower.skipped - skipped)
            skipped = follower.skipped


def _tell_skipped(cli: Cli, count: int) -> None:
    if count:
        cli.warn(f"{count} bad line{'s' if count > 1 else ''} skipped")


def _none_of(path: Path, types: tuple[str, ...]) -> str:
    """Say that a file has no such events, and which types it has that are called nearly so."""
    from itertools import islice

    from llmgine_cli.errors import near_miss
    from llmgine_cli.eventlog.reader import LogReader

    if not types:
        return "no such events in this session"
    known = {record.type for record in islice(LogReader(path).backwards(), 10_000)}
    hint = near_miss(types[0], known)
    return f"no event of type {' or '.join(types)} in this session" + (f" ({hint})" if hint else "")
