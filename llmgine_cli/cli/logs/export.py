"""`llmgine logs export`."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from llmgine_cli.cli.common import Cli, command
from llmgine_cli.cli.logs.chosen import Session, chosen, events, nothing_in, tell_skipped
from llmgine_cli.cli.logs.group import Folder, SessionName, app

if TYPE_CHECKING:
    from llmgine_cli.eventlog.views.story import Story


Format: TypeAlias = Literal["md", "html", "jsonl", "openai"]


@command(app)
def export(
    cli: Cli,
    session: Session = None,
    *,
    named: SessionName = None,
    format_: Annotated[
        Format,
        typer.Option(
            "--format",
            help="Markdown, a page to look at, the events one a line, or a request to OpenAI's chat completions.",
            show_default=True,
        ),
    ] = "md",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Where to; default: stdout.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if there is one.")] = False,
    folder: Folder = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON document about it, which has the text unless it is in a file.")
    ] = False,
) -> None:
    """Write a session as markdown, as a self-contained HTML page, as JSON Lines, or for the OpenAI API."""
    path = chosen(cli, session, named, folder)
    pieces = _FORMATS[format_](cli, path)
    into_file = output is not None and str(output) != "-"
    if as_json and not into_file:
        cli.json({"log": str(path), "format": format_, "path": None, "text": "".join(pieces)})
        return
    if output is None or not into_file:
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
        for piece in pieces:
            sys.stdout.write(piece)
        sys.stdout.flush()
        return
    from llmgine_cli.cli.logs.newfile import write_whole

    write_whole(output, pieces, force=force)
    if as_json:
        cli.json({"log": str(path), "format": format_, "path": str(output.absolute()), "text": None})
    else:
        cli.note(f"written to {output}")


def _markdown(cli: Cli, path: Path) -> Iterator[str]:
    from llmgine_cli.cli.sanitize import visible
    from llmgine_cli.eventlog.views.export.markdown import as_markdown

    return as_markdown(_story(cli, path), visible)


def _page(cli: Cli, path: Path) -> Iterator[str]:
    from llmgine_cli.cli.sanitize import visible
    from llmgine_cli.eventlog.attachments import Attachments
    from llmgine_cli.eventlog.views.export.page import as_page

    story, attachments = _story(cli, path), Attachments(path.parent)
    for said in story.said:
        (said.message,), _ = attachments.filled([said.message])  # a page has its pictures in it
    return as_page(story, visible)


def _lines(cli: Cli, path: Path) -> Iterator[str]:
    from llmgine_cli.cli.sanitize import safe_json
    from llmgine_cli.eventlog.views.export.lines import as_lines

    return as_lines(events(cli, path), safe_json)


def _request(cli: Cli, path: Path) -> Iterator[str]:
    import json

    from llmgine_cli.cli.sanitize import safe_json
    from llmgine_cli.errors import UsageError
    from llmgine_cli.eventlog.attachments import Attachments
    from llmgine_cli.eventlog.views.export.openai import request_of

    body = request_of(events(cli, path), Attachments(path.parent))
    if not body["messages"]:
        raise UsageError("nothing is left of what was said in this session", hint="md and html have all of it")
    yield safe_json(json.dumps(body, ensure_ascii=False, indent=2)) + "\n"


def _story(cli: Cli, path: Path) -> "Story":
    from llmgine_cli.eventlog.views.teller import tell

    story = tell(path)
    if not story.started_ns:
        raise nothing_in(path, story.skipped)
    tell_skipped(cli, story.skipped)
    return story


_FORMATS: dict[Format, Callable[[Cli, Path], Iterator[str]]] = {
    "md": _markdown,
    "html": _page,
    "jsonl": _lines,
    "openai": _request,
}
