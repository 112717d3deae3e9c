"""`llmgine logs show`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from llmgine_cli.cli.common import Cli, command
from llmgine_cli.cli.logs.chosen import Session, chosen, events, nothing_in, tell_skipped
from llmgine_cli.cli.logs.group import Folder, SessionName, app


@command(app)
def show(
    cli: Cli,
    session: Session = None,
    *,
    named: SessionName = None,
    full: Annotated[bool, typer.Option("--full", help="Leave nothing out of thoughts and results of tools.")] = False,
    as_events: Annotated[bool, typer.Option("--events", help="Show every event instead, as logs tail does.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document; with --events the lines as they stand in the log.")
    ] = False,
    folder: Folder = None,
) -> None:
    """Show the conversation of a session, as a person reads it.

    What was taken back or cleared is shown dim. Through a pager: llmgine logs show --color always | less -R
    """
    path = chosen(cli, session, named, folder)
    if as_events:
        _show_events(cli, path, as_json=as_json)
        return
    from llmgine_cli.eventlog.views.teller import tell

    story = tell(path)
    if not story.started_ns:
        raise nothing_in(path, story.skipped)
    if as_json:
        from llmgine_cli.eventlog.views.export.document import document

        cli.json(document(story))
    else:
        from llmgine_cli.cli.logs.telling import Telling

        telling = Telling(cli, full=full)
        telling.head(story)
        for item in story.items:
            telling.show(item)
        sys.stdout.flush()
        if not story.items:
            cli.note("nothing was said in this session (--events shows what happened)")
    tell_skipped(cli, story.skipped)


def _show_events(cli: Cli, path: Path, *, as_json: bool) -> None:
    from llmgine_cli.cli.eventlines import Printer
    from llmgine_cli.eventlog.reader import EVERYTHING

    printer = Printer(cli, wanted=EVERYTHING, nested=True, as_json=as_json)
    for record in events(cli, path):
        printer.show(record)
    sys.stdout.flush()
