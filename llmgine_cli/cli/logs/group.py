"""The group `llmgine logs`, and the options that its commands share: a filter has the same name everywhere."""

from pathlib import Path
from typing import Annotated

import typer

from llmgine_cli.cli.common import Cli
from llmgine_cli.cli.complete import complete_event_type, complete_session

app = typer.Typer(name="logs", help="Look at what happened.", no_args_is_help=True)

SessionName = Annotated[
    str | None,
    typer.Option(
        "--session",
        help="Session: its name, its id, a part of it, or the path of its file.",
        autocompletion=complete_session,
    ),
]
Types = Annotated[
    list[str] | None,
    typer.Option(
        "--type",
        help="Only events of this type, or whose type begins so: llmcall. Repeatable.",
        autocompletion=complete_event_type,
    ),
]
Folder = Annotated[Path | None, typer.Option("--dir", help="Folder of the logs; default: the setting log.dir.")]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help="Only from then on: 2h, 3d, today, yesterday, 2026-11-24, 14:30."),
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="WHEN", help="Only up to then; a day counts to its end. As --since."),
]
ModelName = Annotated[str | None, typer.Option("--model", "-m", help="Only this model: provider:model, or a part.")]
Query = Annotated[str | None, typer.Option("--query", "-q", help="Only with this text in what was said and done.")]


def where(cli: Cli, folder: Path | None, session: str | None = None) -> Path:
    """Return the folder of the logs; the settings are read only if they are needed to know it."""
    if folder is None and session is not None and session.endswith(".jsonl") and Path(session).is_file():
        return Path(session).parent
    return folder or cli.settings().log_dir


def words(types: list[str] | None) -> tuple[str, ...]:
    """Return the names that were given with `--type`, of which one word may hold several with commas between."""
    return tuple(name for given in types or () for name in given.split(",") if name)


def times(since: str | None, until: str | None) -> tuple[int | None, int | None]:
    """Return what `--since` and `--until` mean, as the first nanosecond that counts and the first that does not.

    Raises:
        UsageError: One of them is no time, or nothing lies between them.
    """
    from llmgine_cli.errors import UsageError
    from llmgine_cli.eventlog.queries.when import period

    begin = None if since is None else period(since)[0]
    end = None if until is None else period(until)[1]
    if begin is not None and end is not None and begin >= end:
        raise UsageError(f"nothing lies between --since {since} and --until {until}", hint="the earlier one is --since")
    return begin, end
