"""`llmgine logs tail`."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmgine_cli.cli.common import Cli, command
from llmgine_cli.cli.logs.group import Folder, SessionName, Types, app

if TYPE_CHECKING:
    from llmgine_cli.cli.eventlines import Printer
    from llmgine_cli.eventlog.follow import Follower
    from llmgine_cli.eventlog.reader import Record


@command(app)
def tail(
    cli: Cli,
    *,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many events.")] = 20,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on, with what happens in any session.")] = False,
    session: SessionName = None,
    type_: Types = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the lines as they stand in the log, for jq.")] = False,
    folder: Folder = None,
) -> None:
    """Show the last events of the latest session."""
    from llmgine_cli.cli.eventlines import Printer
    from llmgine_cli.eventlog.reader import LogReader, find, latest, matcher

    folder = folder or cli.settings().log_dir
    path = find(folder, session) if session else latest(folder)
    follower = _follower(folder, path if session else None) if follow else None
    types = [name for words in type_ or () for name in words.split(",") if name]
    printer = Printer(cli, matches=matcher(types), nested=not types, as_json=as_json)
    if path is not None:
        reader = LogReader(path)
        shown = printer.tail(reader, lines, None if follower is None else follower.seen(path))
        if not shown and lines and types:
            cli.note(_none_of(types, LogReader(path)))
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


def _none_of(types: list[str], reader: "Iterable[Record]") -> str:
    from llmgine_cli.errors import near_miss

    hint = near_miss(types[0], _types(reader))
    return f"no event of type {' or '.join(types)} in this session" + (f" ({hint})" if hint else "")


def _types(reader: "Iterable[Record]") -> Iterator[str]:
    for record in reader:
        yield record.type
