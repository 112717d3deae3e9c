"""One line an event on stderr, as `llmgine logs tail` prints it into a pipe."""

from datetime import datetime

from llmgine_cli.bus import Bus, Event
from llmgine_cli.eventlog.codec import encode
from llmgine_cli.eventlog.describe import describe
from llmgine_cli.eventlog.lines import parse
from llmgine_cli.eventlog.reader import Record
from llmgine_cli.sinks import SinkContext
from llmgine_cli.toolkit.stdout import to_stderr

TYPE_WIDTH = 22  # columns of the event's type


class Console:
    """Shows every event that is logged, when it happens."""

    def __init__(self, context: SinkContext) -> None:
        context.check()
        self._redact = context.redact
        self._write = context.write or _to_stderr

    def attach(self, bus: Bus) -> None:
        """Show every event from now on, in line: what is shown first happened first."""
        bus.subscribe(Event, self._show)

    async def aclose(self) -> None:
        """Nothing is left to do."""

    def _show(self, event: Event) -> None:
        if event.logged:
            line = self._redact(encode(event).rstrip(b"\n"))
            self._write(one_line(Record(line, parse(line))))


def one_line(record: Record) -> str:
    """Return a record as `2026-11-23 23:11:04.123  LLMCallFinished  openai:gpt-5-mini · 1.2 s · Hello`."""
    try:
        when = datetime.fromtimestamp(record.time_ns // 1_000_000 / 1000).astimezone()
        clock = f"{when:%Y-%m-%d %H:%M:%S}.{when.microsecond // 1000:03d}"
    except (OverflowError, ValueError, OSError):
        clock = "????-??-?? ??:??:??.???"  # a year that no calendar has
    return f"{clock}  {record.type:{TYPE_WIDTH}}  {describe(record).text}".rstrip()


def _to_stderr(line: str) -> None:
    to_stderr(line + "\n")
