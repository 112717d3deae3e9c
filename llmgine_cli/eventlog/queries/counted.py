"""The events that are counted in listings and statistics, decoded as typed structs: only what is counted is decoded."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from llmgine_cli.eventlog.blocks import forward, opened, reopened, size_of
from llmgine_cli.eventlog.crew import ALONE, Crew, spread
from llmgine_cli.eventlog.filters import Filter
from llmgine_cli.eventlog.pieces import Piece, pieces
from llmgine_cli.eventlog.reader import LogReader
from llmgine_cli.eventlog.times import from_text
from llmgine_cli.llm.stream import Usage

T = TypeVar("T")


class CountedReply(msgspec.Struct):
    """A model's answer, without what it says."""

    usage: Usage = Usage()
    model: str | None = None


class CountedCall(msgspec.Struct):
    """A call of a tool, without its arguments."""

    name: str = ""


class CountedResult(msgspec.Struct):
    """What came of a tool call, without what it says."""

    is_error: bool = False


class CountedCommand(msgspec.Struct):
    """A command: what it is, and whether it was made by another one."""

    command_type: str = ""
    parent_id: str | None = None
    text: Any = None


class Counted(msgspec.Struct):
    """An event of any of the types that are counted; a field that its type does not have keeps its default."""

    timestamp: str | int
    event_type: str = ""
    session_id: str | None = None
    model: str = ""
    reply: CountedReply = msgspec.field(default_factory=CountedReply)
    usage: Usage = Usage()
    call: CountedCall = msgspec.field(default_factory=CountedCall)
    result: CountedResult = msgspec.field(default_factory=CountedResult)
    command: CountedCommand | None = None
    parent_id: str | None = None
    duration_ms: float = 0
    first_token_ms: float | None = None
    error: str | None = None
    error_type: str | None = None
    success: bool = True
    cancelled: bool = False
    denied: bool = False
    engine: str = ""
    command_type: str = ""
    handler: str = ""
    name: str = ""

    @property
    def time_ns(self) -> int:
        """When it was made, nanoseconds since 1970."""
        return from_text(self.timestamp)


_decode = msgspec.json.Decoder(Counted).decode


class CountedLog:
    """Goes through the events of one file that are counted.

    Args:
        path: The file.
        wanted: Which ones; its types are whole names here, and a text is not looked for.
        crew: Who works at the pieces of a large file.
    """

    def __init__(self, path: Path, wanted: Filter, crew: Crew = ALONE) -> None:
        self._reader = LogReader(path)
        self._wanted = wanted
        self._crew = crew
        self._types = frozenset(wanted.types)

    @property
    def skipped(self) -> int:
        """How many bad lines have been met among those that had to be decoded."""
        return self._reader.skipped

    def __iter__(self) -> Iterator[Counted]:
        """Yield the events, the earliest first.

        Raises:
            StorageError: The file cannot be read.
        """
        with opened(self._reader.path) as file:
            yield from self._within(file, Piece(0, None))

    def in_pieces(self, work: Callable[[Iterator[Counted]], T]) -> Iterator[T]:
        """Yield what is made of the events of one piece of the file after the other.

        Args:
            work: What makes it, in another process if the file is large. It must be possible to pickle that.

        Raises:
            StorageError: The file cannot be read.
        """
        with opened(self._reader.path) as file:
            parts = pieces(file, self._crew.piece)
            if self._crew.size > 1 and size_of(file) >= self._crew.large:
                yield from self._spread(file, parts, work)
            else:
                yield from (work(self._within(file, part)) for part in parts)

    def _spread(self, file: FileIO, parts: Sequence[Piece], work: Callable[[Iterator[Counted]], T]) -> Iterator[T]:
        import pickle

        def told(part: Piece) -> bytes:
            log = CountedLog(self._reader.path, self._wanted)
            with reopened(file) as own:
                made = work(log._within(own, part))
            return pickle.dumps((made, log.skipped))

        for message in spread(told, parts, self._crew.size):
            made, skipped = pickle.loads(message)  # noqa: S301 -- from a fork of this very process
            self._reader.skipped += skipped
            yield made

    def _within(self, file: FileIO, part: Piece) -> Iterator[Counted]:
        spans, is_wanted = self._wanted.spans, self._is_wanted
        for block in forward(file, *part):
            self._reader.skipped += block.dropped
            with memoryview(block.data) as lines:  # a copy of each would take a quarter of the time
                for begin, end in spans(block.data, block.end):
                    try:
                        event: Counted | None = _decode(lines[begin:end])
                    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                        event = self._slowly(bytes(lines[begin:end]))
                    if event is not None and is_wanted(event):
                        yield event

    def _slowly(self, line: bytes) -> Counted | None:
        """Decode what is torn, or of a type that has other fields of these names."""
        for record in self._reader.records([line]):
            if record.type in self._types:
                try:
                    return msgspec.convert(record.data, Counted)
                except msgspec.ValidationError:
                    self._reader.skipped += 1
        return None

    def _is_wanted(self, event: Counted) -> bool:
        wanted = self._wanted
        if event.event_type not in self._types:
            return False
        if wanted.model is not None and wanted.model.lower() not in event.model.lower():
            return False
        try:
            minute(event.timestamp)
        except ValueError:  # its time is none
            self._reader.skipped += 1
            return False
        return (wanted.since_ns is None or event.time_ns >= wanted.since_ns) and (
            wanted.until_ns is None or event.time_ns < wanted.until_ns
        )


class Minute(NamedTuple):
    """A minute of the log.

    Attributes:
        day: The day it is in where the reader is, as `2026-11-24`; `?` when no calendar has it.
        time_ns: When it begins, nanoseconds since 1970.
    """

    day: str
    time_ns: int


def minute(timestamp: str | int) -> Minute:
    """Return the minute of a time in the log. Many events share one, and the calendar is the dear part."""
    if isinstance(timestamp, str) and timestamp.endswith("Z"):
        return _minute(timestamp[:16])
    return _at(timestamp)


@lru_cache(maxsize=4096)
def _minute(text: str) -> Minute:
    return _at(text + "Z")


def _at(timestamp: str | int) -> Minute:
    time_ns = from_text(timestamp)
    try:
        return Minute(datetime.fromtimestamp(time_ns // 1_000_000_000).astimezone().date().isoformat(), time_ns)
    except (ValueError, OverflowError, OSError):
        return Minute("?", time_ns)
