"""`llmgine logs path`."""

from llmgine_cli.cli.common import Cli, JsonFlag, command
from llmgine_cli.cli.logs.group import Folder, SessionName, app, where


@command(app, "path")
def show_path(cli: Cli, *, session: SessionName = None, folder: Folder = None, as_json: JsonFlag = False) -> None:
    """Print the folder of the logs, or the file of a session."""
    from llmgine_cli.eventlog.reader import find

    folder = where(cli, folder, session)
    path = str(find(folder, session) if session else folder)
    if as_json:
        cli.json({"path": path})
    else:
        cli.print(path)
