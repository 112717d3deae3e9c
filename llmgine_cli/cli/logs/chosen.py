"""The session that a command of `logs` is about, and its file."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmgine_cli.cli.common import Cli
from llmgine_cli.cli.complete import complete_session
from llmgine_cli.errors import StorageError, UsageError

if TYPE_CHECKING:
    from llmgine_cli.eventlog.reader import Record

Session = Annotated[
    str | None,
    typer.Argument(
        help="Session: its name, its id, a part of it, or the path of its file; default: the latest.",
        autocompletion=complete_session,
    ),
]


def one_of(session: str | None, named: str | None) -> str | None:
    """Return the session that was named, be it alone or with `--session`.

    Raises:
        UsageError: It was named twice.
    """
    if session is not None and named is not None:
        raise UsageError("two sessions are named", hint="--session SESSION and SESSION alone mean the same")
    return session if named is None else named


def chosen(cli: Cli, session: str | None, named: str | None, folder: Path | None) -> Path:
    """Return the file of the session that was named, alone or with `--session`, or of the latest.

    Raises:
        NotFoundError: There is no such session.
        UsageError: There is none at all, several have this in their id, or it was named twice.
    """
    from llmgine_cli.eventlog.reader import find, latest

    session = one_of(session, named)

    folder = folder or cli.settings().log_dir
    if session is not None:
        return find(folder, session)
    path = latest(folder)
    if path is None:
        raise UsageError(f"there are no sessions in {folder} yet", hint="run something first, or say --dir FOLDER")
    return path


def events(cli: Cli, path: Path) -> "Iterator[Record]":
    """Go through the events of a session; bad lines are told when all are through.

    Raises:
        StorageError: The file cannot be read, or there is no event in it.
    """
    from llmgine_cli.eventlog.reader import LogReader

    reader = LogReader(path)
    empty = True
    for record in reader:
        empty = False
        yield record
    if empty:
        raise nothing_in(path, reader.skipped)
    tell_skipped(cli, reader.skipped)


def nothing_in(path: Path, skipped: int) -> StorageError:
    """Return what to say of a file without a single event."""
    what = f"is no event log: none of its {skipped} lines is an event" if skipped > 1 else "has no event in it"
    return StorageError(f"{path} {what}", hint="llmgine logs path says where the logs are")


def tell_skipped(cli: Cli, count: int) -> None:
    """Say how many lines could not be read, if any."""
    if count:
        cli.warn(f"{count} bad line{'s' if count > 1 else ''} skipped")
