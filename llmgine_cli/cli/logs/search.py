"""`llmgine logs search`."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from llmgine_cli.cli.common import Cli, command
from llmgine_cli.cli.logs.group import Folder, ModelName, SessionName, Since, Types, Until, app, times, where, words

if TYPE_CHECKING:
    from llmgine_cli.eventlog.filters import Filter
    from llmgine_cli.eventlog.reader import LogFile


@command(app)
def search(
    cli: Cli,
    pattern: Annotated[str, typer.Argument(help="Text to look for in what was said and done.", show_default=False)],
    *,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many events at most; 0 is all.")] = 0,
    regex: Annotated[bool, typer.Option("--regex", "-E", help="The pattern is a regular expression.")] = False,
    ignore_case: Annotated[bool, typer.Option("--ignore-case", "-i", help="Case does not count.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="Look in whole lines of the log: ids, times and all.")] = False,
    around: Annotated[int, typer.Option("--context", "-C", min=0, help="So many events before and after.")] = 0,
    session: SessionName = None,
    type_: Types = None,
    since: Since = None,
    until: Until = None,
    model: ModelName = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each event.")] = False,
    folder: Folder = None,
) -> None:
    """Find what was said and done: messages, arguments and results of tools, errors; the latest session first."""
    from llmgine_cli.errors import UsageError
    from llmgine_cli.eventlog.filters import Filter
    from llmgine_cli.eventlog.queries.summaries import chosen

    if not pattern:
        raise UsageError("there is nothing to look for", hint="all events: llmgine logs tail -n 1000")
    since_ns, until_ns = times(since, until)
    wanted = Filter(
        types=words(type_), since_ns=since_ns, until_ns=until_ns, model=model,
        text=pattern, regex=regex, ignore_case=ignore_case, raw=raw,
    )  # fmt: skip
    folder = where(cli, folder, session)
    found = _search(cli, chosen(folder, session, since_ns), wanted, around, lines, as_json=as_json)
    if not found:
        cli.note("nothing found" if folder.is_dir() else f"no sessions yet in {folder}: run something first")


def _search(cli: Cli, files: "Sequence[LogFile]", wanted: "Filter", around: int, most: int, *, as_json: bool) -> int:
    """Print what is found, file by file, and return how many events that was."""
    from llmgine_cli.cli.logs.figures import plural, progress
    from llmgine_cli.cli.logs.hits import HitPrinter
    from llmgine_cli.errors import StorageError
    from llmgine_cli.eventlog.crew import crew
    from llmgine_cli.eventlog.queries.search import Search

    found = skipped = 0
    with progress(cli, "searching session") as tell:
        for count, file in enumerate(files):
            printer = HitPrinter(cli, file, as_json=as_json)
            one = Search(file.path, wanted, around, crew())
            tell(count, len(files))
            try:
                for hit in one:
                    printer.show(hit)
                    found += 1
                    if found == most:
                        return found
            except StorageError as error:
                if file.path.exists():
                    cli.warn(error.message)
            skipped += one.skipped
            sys.stdout.flush()
    if skipped:
        cli.warn(f"{plural(skipped, 'bad line')} skipped")
    return found
