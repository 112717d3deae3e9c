"""`llmgine logs path`."""

from typing import Annotated

import typer

from llmgine_cli.cli.common import Cli, JsonFlag, command
from llmgine_cli.cli.complete import complete_session
from llmgine_cli.cli.logs.chosen import one_of
from llmgine_cli.cli.logs.group import Folder, SessionName, app, where

Named = Annotated[
    str | None,
    typer.Argument(
        metavar="SESSION",
        help="Session whose file is meant: its name, its id, a part of it, or the path; default: the folder of all.",
        autocompletion=complete_session,
    ),
]


@command(app, "path")
def show_path(
    cli: Cli, named: Named = None, *, session: SessionName = None, folder: Folder = None, as_json: JsonFlag = False
) -> None:
    """Print the folder of the logs, or the file of a session."""
    from llmgine_cli.eventlog.reader import find

    session = one_of(named, session)
    folder = where(cli, folder, session)
    path = str(find(folder, session) if session is not None else folder)
    if as_json:
        cli.json({"path": path})
    else:
        cli.print(path)
