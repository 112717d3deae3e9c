"""Events of the log as lines: coloured and cut to the width of a terminal, plain and whole in a pipe."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from llmgine_cli.cli.common import Cli
from llmgine_cli.cli.sanitize import safe_json, visible
from llmgine_cli.eventlog.describe import Kind, describe
from llmgine_cli.eventlog.tree import Tree

if TYPE_CHECKING:
    from rich.console import Console

    from llmgine_cli.eventlog.filters import Filter
    from llmgine_cli.eventlog.reader import LogReader
    from llmgine_cli.eventlog.record import Record

TYPE_WIDTH = 22  # columns of the guides and the event's type; a deeper one pushes its text to the right
CONTEXT = 256 * 1024  # bytes before the first shown event that are searched for the commands it happened in
_STYLES: dict[Kind, str] = {
    "session": "bold",
    "command": "cyan",
    "message": "green",
    "model": "magenta",
    "tool": "yellow",
    "status": "dim",
    "other": "blue",
    "error": "bold red",
}


class Printer:
    """Prints records to stdout, and on stderr which session they are of.

    Args:
        cli: How to print.
        wanted: Which records are printed.
        nested: Whether guides show what happened inside what.
        as_json: Whether records are printed as they stand in the log.
    """

    def __init__(self, cli: Cli, *, wanted: "Filter", nested: bool, as_json: bool) -> None:
        self._cli = cli
        self._wanted = wanted
        self._tree = Tree() if nested and not as_json else None
        self._as_json = as_json
        self._session: str | None = ""
        self._console: Console | None = cli.console() if sys.stdout.isatty() and not as_json else None

    def tail(self, reader: "LogReader", count: int, end: int | None) -> int:
        """Print the last records of a file, and return how many those were."""
        shown = 0
        for record in reader.tail(count, self._wanted, end):
            if not shown and self._tree is not None:
                for earlier in _before(reader.path, record):
                    self._tree.guides(earlier)
            self.show(record)
            shown += 1
        return shown

    def show(self, record: "Record") -> None:
        """Print one record, if it is to be printed."""
        guides = "" if self._tree is None else self._tree.guides(record)
        if not self._wanted.matches(record):
            return
        if self._as_json:
            sys.stdout.write(safe_json(record.line.decode()) + "\n")
            return
        self._head(record)
        date, clock = _local(record)
        kind, text = describe(record)
        name, text = visible(record.type), visible(text)
        if self._console is None:
            row = f"{date} {clock}  {guides + name:{TYPE_WIDTH}}  {text}"
            sys.stdout.write(row.rstrip() + "\n")
            return
        self._paint(self._console, f"{clock} {guides}", name.ljust(TYPE_WIDTH - len(guides)), kind, text)

    def _head(self, record: "Record") -> None:
        if record.session_id == self._session:
            return
        self._session = record.session_id
        sys.stdout.flush()  # what is said on stderr comes after what was printed, and before what follows
        name = f"session {record.session_id}" if record.session_id else "outside any session"
        self._cli.note(f"── {name} · {_local(record)[0]}")

    def _paint(self, console: "Console", front: str, name: str, kind: Kind, text: str) -> None:
        from rich.text import Text

        # Cut before it is measured: a whole book in one message would take its time.
        body = Text(text[: console.width], "red" if kind == "error" else "")
        line = Text.assemble((front, "dim"), (f"{name} ", _STYLES[kind]), body)
        console.print(line, no_wrap=True, overflow="ellipsis", soft_wrap=False)


def _before(path: Path, first: "Record") -> "list[Record]":
    """Return what came shortly before this record."""
    from llmgine_cli.eventlog.reader import LogReader

    found: list[Record] = []
    size = 0
    for record in LogReader(path).backwards(first.offset):
        size += len(record.line)
        if size > CONTEXT:
            break
        found.append(record)
    return found[::-1]


def _local(record: "Record") -> tuple[str, str]:
    """Return the date and the time of a record, to the millisecond, where the reader is."""
    try:
        when = datetime.fromtimestamp(record.time_ns // 1_000_000 / 1000).astimezone()
    except (OverflowError, ValueError, OSError):
        return "????-??-??", "??:??:??.???"  # a year that no calendar has
    return f"{when:%Y-%m-%d}", f"{when:%H:%M:%S}.{when.microsecond // 1000:03d}"
