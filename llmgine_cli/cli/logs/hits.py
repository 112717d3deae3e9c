"""What a search found, as lines: grouped by session on a terminal, one row each in a pipe."""

import sys
from typing import TYPE_CHECKING, Any

from llmgine_cli.cli.common import Cli
from llmgine_cli.cli.logs.figures import moment
from llmgine_cli.cli.sanitize import safe_json, visible
from llmgine_cli.eventlog.describe import describe

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from llmgine_cli.eventlog.queries.search import Hit, Passage
    from llmgine_cli.eventlog.reader import LogFile
    from llmgine_cli.eventlog.record import Record

CLOCK = "%H:%M:%S"
TYPE_WIDTH = 18  # columns
LEAD = 24  # characters shown before what was found, where a line is cut


class HitPrinter:
    """Prints what was found in one file.

    Args:
        cli: How to print.
        file: The file.
        as_json: Whether each event is a line of JSON.
    """

    def __init__(self, cli: Cli, file: "LogFile", *, as_json: bool) -> None:
        self._cli = cli
        self._file = file
        self._as_json = as_json
        self._console: Console | None = cli.console() if sys.stdout.isatty() and not as_json else None
        self._begun = False

    def show(self, hit: "Hit") -> None:
        """Print one."""
        if self._as_json:
            self._print_json(hit)
        elif self._console is None:
            self._print_rows(hit)
        else:
            self._print_group(self._console, hit)

    def _print_json(self, hit: "Hit") -> None:
        import msgspec

        told: dict[str, Any] = {
            "session": hit.record.session_id,
            "path": str(self._file.path),
            "matches": [{"text": passage.text, "spans": passage.spans} for passage in hit.passages],
            "event": hit.record.data,
        }
        if hit.before or hit.after:
            told["before"] = [record.data for record in hit.before]
            told["after"] = [record.data for record in hit.after]
        sys.stdout.write(safe_json(msgspec.json.encode(told).decode()) + "\n")

    def _print_rows(self, hit: "Hit") -> None:
        for record in hit.before:
            self._row(record, "-", describe(record).text)
        for passage in hit.passages:
            self._row(hit.record, ":", passage.text)
        for record in hit.after:
            self._row(record, "-", describe(record).text)

    def _row(self, record: "Record", sign: str, text: str) -> None:
        when = moment(record.time_ns, "%Y-%m-%d %H:%M:%S")
        cells = (record.session_id or self._file.session, when, record.type, sign, text)
        self._cli.print("\t".join(" ".join(cell.split()) for cell in cells))

    def _print_group(self, console: "Console", hit: "Hit") -> None:
        from rich.text import Text

        if not self._begun:
            first = hit.before[0] if hit.before else hit.record
            name = visible(first.session_id or self._file.session)
            console.print(Text(f"── session {name} · {moment(first.time_ns, '%Y-%m-%d')}", "bold"))
            self._begun = True
        for record in hit.before:
            self._paint(console, record, Text(visible(describe(record).text[: console.width])), style="dim")
        room = console.width - len("00:00:00 ") - TYPE_WIDTH - 1
        for passage in hit.passages:
            self._paint(console, hit.record, _highlighted(passage, room))
        for record in hit.after:
            self._paint(console, record, Text(visible(describe(record).text[: console.width])), style="dim")

    def _paint(self, console: "Console", record: "Record", text: "Text", *, style: str = "") -> None:
        from rich.text import Text

        front = Text.assemble(
            (moment(record.time_ns, CLOCK) + " ", "dim"), (f"{visible(record.type):{TYPE_WIDTH}} ", style or "cyan")
        )
        text.stylize(style)
        console.print(front + text, no_wrap=True, overflow="ellipsis", soft_wrap=False)


def _highlighted(passage: "Passage", room: int) -> "Text":
    """Return the line with what was found marked; a long one from shortly before that on."""
    from rich.text import Text

    first, last = passage.spans[0]
    lead = min(LEAD, max(0, room - (last - first)) // 2)
    begin = max(0, first - lead) if last > room else 0
    text = Text("…" if begin else "")
    place = begin + (1 if begin else 0)
    for start, end in passage.spans:
        text.append(visible(passage.text[place:start]).replace("\t", " "))
        text.append(visible(passage.text[max(place, start) : end]).replace("\t", " "), "bold red")
        place = max(place, end)
        if place - begin > room:
            break
    text.append(visible(passage.text[place : place + room]).replace("\t", " "))
    return text
