"""`llmgine trust`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmgine_cli.cli.common import Cli, JsonFlag, command

if TYPE_CHECKING:
    from llmgine_cli.trust import Status, TrustStore


def add_to(app: typer.Typer) -> None:
    """Add `llmgine trust` to the program."""
    command(app, "trust")(_trust)


def _trust(
    cli: Cli,
    *,
    folder: Annotated[Path | None, typer.Argument(help="Default: the project this folder is in.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="List everything you have trusted, anywhere.")] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="Trust nothing in the folder any more.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Print the files that ask for trust, and ask nothing.")] = False,
    json: JsonFlag = False,
) -> None:
    """Trust a folder's engines, tools and settings.

    What each file would add or set is listed first; --show prints the files. Any change to them asks again.
    """
    from llmgine_cli import places
    from llmgine_cli.errors import UsageError
    from llmgine_cli.trust import TrustStore

    store = TrustStore()
    if listing:
        _list(cli, store, json)
        return
    project = folder or places.project_dir() or Path.cwd()
    if revoke:
        _revoke(cli, store, project, json)
        return
    if not project.is_dir():
        raise UsageError(f"no folder {project}")
    found = store.status(project)
    wanted = [status for status in found if status.state in ("new", "changed")]
    if show:
        _print_files(cli, wanted)
        return
    if not json:
        _list_files(cli, project.resolve(), found)
    if wanted and (yes or not json) and _agreed(wanted, yes=yes):
        for status in wanted:
            store.remember(status.path, status.content)
        cli.note(f"trusted {_files(len(wanted))}; any change asks again")
        found = store.status(project)
    elif not wanted:
        cli.note("nothing here asks for trust" if not found else "nothing new asks for trust")
    if json:
        cli.json([_as_json(status) for status in found])


def _agreed(wanted: "list[Status]", *, yes: bool) -> bool:
    from llmgine_cli.errors import UntrustedError

    _refuse_broken(wanted)
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UntrustedError("nothing was trusted: there is no terminal to ask on", hint="--yes trusts what is listed")
    sys.stderr.write(f"Trust {_files(len(wanted))}? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    raise UntrustedError("nothing was trusted")


def _list(cli: Cli, store: "TrustStore", json: bool) -> None:
    from llmgine_cli.cli.listing import print_rows

    trusted = store.trusted()
    if json:
        cli.json([{"path": str(path), "state": state} for path, state in trusted.items()])
    elif trusted:
        print_rows(cli, ("file", "state"), [(str(path), state) for path, state in trusted.items()])
    else:
        cli.note("you have trusted nothing yet")


def _revoke(cli: Cli, store: "TrustStore", project: Path, json: bool) -> None:
    gone = store.revoke([project])
    if json:
        cli.json([str(path) for path in gone])
        return
    for path in gone:
        cli.print(str(path))
    cli.note(f"no longer trusted: {_files(len(gone))}" if gone else f"nothing in {project} was trusted")


def _refuse_broken(wanted: "list[Status]") -> None:
    """A settings file that is wrong stops every command once it is trusted; untrusted, it is only told."""
    from llmgine_cli.settings.load import check

    for status in wanted:
        if status.kind == "settings":
            check(status.path, status.content)


def _print_files(cli: Cli, wanted: "list[Status]") -> None:
    for status in wanted:
        cli.print(f"# {status.path} ({status.state})\n")
        cli.print(status.content.decode("utf-8", "replace").rstrip() + "\n")
    if not wanted:
        cli.note("nothing here asks for trust")


def _list_files(cli: Cli, project: Path, found: "list[Status]") -> None:
    from llmgine_cli.cli.listing import print_rows

    if not found:
        return
    # A file outside has been followed to where it really is, and is named in full.
    rows = [
        (
            str(status.path.relative_to(project)) if status.path.is_relative_to(project) else str(status.path),
            "refused" if status.state == "outside" else status.state,
            "; ".join(_does(status)),
        )
        for status in found
    ]
    print_rows(cli, (f"in {project}", "state", "what it would do"), rows)


def _does(status: "Status") -> list[str]:
    """What a file would do if it counted, without running it."""
    if status.state == "outside":
        return ["is outside the folder: never followed"]
    if status.state == "unreadable":
        return ["cannot be read"]
    if status.kind == "settings":
        from llmgine_cli.settings.harmless import wanted

        return wanted(status.content) or ["sets nothing that needs trust"]
    from llmgine_cli.plugins.outline import outline

    seen = outline(status.path, status.content, status.kind)
    if seen.problem:
        return [f"does not load: {seen.problem}"]
    named = [f"{status.kind}: {', '.join(seen.names)}"] if seen.names else [f"no {status.kind} to be seen"]
    return ["runs its code", *named] + ([] if seen.certain else ["and what else its code defines"])


def _as_json(status: "Status") -> dict[str, object]:
    return {"path": str(status.path), "kind": status.kind, "state": status.state, "does": _does(status)}


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
