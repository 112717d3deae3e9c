"""The group `llmgine logs`, and the options that its commands share: a filter has the same name everywhere."""

from pathlib import Path
from typing import Annotated

import typer

from llmgine_cli.cli.complete import complete_session

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
    typer.Option("--type", help="Only events of this type, or whose type begins so: llmcall. Repeatable."),
]
Folder = Annotated[Path | None, typer.Option("--dir", help="Folder of the logs; default: the setting log.dir.")]
