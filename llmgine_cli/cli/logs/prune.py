"""`llmgine logs prune`."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmgine_cli.cli.common import Cli, JsonFlag, command
from llmgine_cli.cli.logs.group import Folder, app, where

if TYPE_CHECKING:
    from llmgine_cli.eventlog.queries.orphans import Orphan
    from llmgine_cli.eventlog.queries.prune import Old


@command(app)
def prune(
    cli: Cli,
    *,
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="WHEN", help="Sessions not written to since then: 30d, 2026-11-24."),
    ] = None,
    keep: Annotated[int | None, typer.Option("--keep", min=0, help="Keep the latest so many sessions.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")] = False,
    as_json: JsonFlag = False,
    folder: Folder = None,
) -> None:
    """Delete old sessions, and attachments that no session has any more: shows first what would go, and asks.

    A session that is being written never goes.
    """
    from llmgine_cli.errors import UsageError
    from llmgine_cli.eventlog.queries.orphans import orphans
    from llmgine_cli.eventlog.queries.prune import old
    from llmgine_cli.eventlog.queries.when import period

    if older_than is None and keep is None:
        raise UsageError("say what may go", hint="as in --older-than 30d, --keep 100, or both")
    folder = where(cli, folder)
    found = old(folder, before_ns=None if older_than is None else period(older_than)[0], keep=keep)
    lost = orphans(folder, without=[one.file.path for one in found])
    agreed = bool(found or lost) and (yes or (not as_json and _agreed(cli, found, lost)))
    removed = _remove(cli, found) if agreed else []
    forgotten = _forget(orphans(folder)) if agreed else []
    if as_json:
        bytes_ = _bytes(found, lost)
        files, attachments = (removed, forgotten) if yes else (found, lost)
        cli.json({"deleted": bool(yes), "bytes": bytes_, "files": _rows(files), "attachments": len(attachments)})
    elif not (found or lost):
        cli.note("nothing to delete")
    elif removed or forgotten or yes:
        cli.note(f"deleted {_sum(removed, forgotten)}")


def _forget(lost: "Sequence[Orphan]") -> "list[Orphan]":
    """Delete attachments that no log speaks of; found anew, for a log may have stayed."""
    from llmgine_cli.eventlog.queries.orphans import forget

    return [orphan for orphan in lost if forget(orphan)]


def _agreed(cli: Cli, found: "Sequence[Old]", lost: "Sequence[Orphan]") -> bool:
    """Show what would go, and ask; without a terminal nobody can be asked, and nothing goes."""
    from llmgine_cli.cli.listing import print_rows
    from llmgine_cli.cli.logs.figures import moment, volume

    rows = [(one.file.session, moment(one.modified_ns), volume(one.size)) for one in found]
    print_rows(cli, ("session", "last written", "size"), rows)
    sys.stdout.flush()
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        cli.note(f"would delete {_sum(found, lost)}; nothing was deleted: give --yes to do it")
        return False
    return typer.confirm(f"Delete {_sum(found, lost)}?", err=True)


def _remove(cli: Cli, found: "Sequence[Old]") -> "list[Old]":
    from llmgine_cli.errors import StorageError
    from llmgine_cli.eventlog.queries.prune import remove

    gone: list[Old] = []
    failed: StorageError | None = None
    for one in found:
        try:
            if remove(one):
                gone.append(one)
            else:
                cli.note(f"{one.file.session} was written to meanwhile, and stays")
        except StorageError as error:
            failed = error
            cli.warn(error.message)
    if failed is not None:
        cli.note(f"deleted {_sum(gone, ())}")
        raise failed
    return gone


def _sum(found: "Sequence[Old]", lost: "Sequence[Orphan]") -> str:
    from llmgine_cli.cli.logs.figures import plural, volume

    attachments = f" and {plural(len(lost), 'attachment')}" if lost else ""
    return f"{plural(len(found), 'session')}{attachments}, {volume(_bytes(found, lost))}"


def _bytes(found: "Sequence[Old]", lost: "Sequence[Orphan]") -> int:
    return sum(one.size for one in found) + sum(one.size for one in lost)


def _rows(found: "Sequence[Old]") -> list[dict[str, Any]]:
    from llmgine_cli.eventlog.times import to_text

    return [
        {
            "session": one.file.session,
            "path": str(one.file.path),
            "bytes": one.size,
            "last_written": to_text(one.modified_ns),
        }
        for one in found
    ]
