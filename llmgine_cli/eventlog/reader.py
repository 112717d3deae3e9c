"""Reads event logs: which files there are, their events from the beginning or from the end.

A bad line (torn by a power cut, overwritten with NULs, not UTF-8, not ours) is skipped and counted, wherever it is.
"""

import os
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from llmgine_cli.errors import NotFoundError, StorageError, UsageError
from llmgine_cli.eventlog import names
from llmgine_cli.eventlog.blocks import backward, forward, next_line, opened, piece, reopened, size_of
from llmgine_cli.eventlog.crew import ALONE, Crew, spread
from llmgine_cli.eventlog.filenames import OUTSIDE, file_name_part
from llmgine_cli.eventlog.filters import Filter
from llmgine_cli.eventlog.lines import BadLineError, parse
from llmgine_cli.eventlog.pieces import Piece, pieces
from llmgine_cli.eventlog.record import Record

__all__ = ["EVERYTHING", "LogFile", "LogReader", "Record", "files", "find", "in_order", "is_whole", "latest"]

EVERYTHING = Filter()
_NAME = re.compile(r"events_(?P<time>\d{8}T\d{6}\.\d{6}Z)_(?P<session>.+)\.jsonl")
_START = b'{"v":'
_NEAR = 50  # the latest sessions, among which a near miss is looked for
LEAST = 4  # characters of a part of an id: nearly every id has any one of them
_NAMED = 3  # sessions that a hint names
_JUNK = b"\0\r\n "  # what may stand around a line


class LogFile(NamedTuple):
    """A file of the log, as its name says: these sort by the time they were begun.

    Attributes:
        started: As `20261123T231104.123456Z`.
        session: The session's id, as it can stand in a file name.
        path: The file.
    """

    started: str
    session: str
    path: Path

    @property
    def modified_ns(self) -> int:
        """When it was written to last, nanoseconds since 1970; 0 if it was removed since the folder was read."""
        try:
            return self.path.stat().st_mtime_ns
        except OSError:
            return 0


def files(folder: Path) -> list[LogFile]:
    """Return the log files of a folder, the earliest first; none if there is no such folder.

    Raises:
        StorageError: The folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if _NAME.fullmatch(entry.name) and _is_file(entry)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StorageError(f"cannot read the event log in {folder}: {error.strerror}") from error
    return in_order(folder, names)


def _is_file(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False  # a link that leads to itself


def in_order(folder: Path, names: Iterable[str]) -> list[LogFile]:
    """Return those of the names that are log files, the earliest first."""
    matches = (_NAME.fullmatch(name) for name in names)
    return sorted(LogFile(found["time"], found["session"], folder / found[0]) for found in matches if found)


def latest(folder: Path) -> Path | None:
    """Return the file of the session that was written to last; None if there is none."""
    sessions = [file for file in files(folder) if not file.session.startswith(OUTSIDE)]
    return max(sessions, key=lambda file: (file.modified_ns, file)).path if sessions else None


def find(folder: Path, name: str) -> Path:
    """Return the file of a session.

    Args:
        folder: Where the logs are.
        name: What was given to it with `--name`; else its id, or the beginning, the end or a part of it that no other
            session has, of 4 characters or more; or the path of a log file.

    Raises:
        NotFoundError: There is no such session.
        UsageError: There are several, or this is too short for a part of an id.
    """
    if _is_path(name):
        return Path(name)
    if (named := names.lookup(folder, name)) is not None:
        return named
    known = [file for file in files(folder) if name.startswith("@") or not file.session.startswith(OUTSIDE)]
    exact = [file for file in known if _is_id(name, file)]
    holds = [file for file in known if name and name in file.session]
    begins = [file for file in holds if file.session.startswith(name)]
    ends = [file for file in holds if file.session.endswith(name)]
    for found in (exact[-1:], begins, ends, holds):
        if found and len(name) < LEAST and not exact:
            raise UsageError(
                f"{name!r} is too short for a part of an id: {LEAST} characters or more",
                hint=f"the latest: {_latest(folder, known)}",
            )
        if len(found) == 1:
            return found[0].path
        if found:
            raise UsageError(
                f"{len(found)} sessions have {name!r} in their id", hint=f"the latest: {_latest(folder, found)}"
            )
    missing = NotFoundError("session", name, [*names.everything(folder), *(file.session for file in known[-_NEAR:])])
    if not (missing.hint or "").startswith("did you mean"):
        missing.hint = f"the latest: {_latest(folder, known)}" if known else f"no logs in {folder} yet"
    raise missing


def is_whole(folder: Path, name: str, path: Path) -> bool:
    """Whether what found the file of a session is no mere part of its id, but its name, its id or its path."""
    if _is_path(name) or names.lookup(folder, name) is not None:
        return True
    return any(_is_id(name, file) for file in in_order(path.parent, [path.name]))


def _is_path(name: str) -> bool:
    return ("/" in name or name.endswith(".jsonl")) and Path(name).is_file()


def _is_id(name: str, file: LogFile) -> bool:
    return file.session in {name, file_name_part(name)}


def _latest(folder: Path, found: Sequence[LogFile]) -> str:
    from llmgine_cli.eventlog.glance import glance, handles

    some = found[: -_NAMED - 1 : -1]
    return ", ".join(str(glance(file, handle)) for file, handle in zip(some, handles(folder, some), strict=True))


class _Place(NamedTuple):
    """Where an event is in the file, and the event if it is at hand."""

    offset: int
    size: int
    record: Record | None = None


class LogReader:
    """Reads one file.

    Args:
        path: The file.
        crew: Who looks through a large one for events that are wanted.

    Attributes:
        path: The file.
        skipped: How many bad lines have been met so far.
    """

    def __init__(self, path: Path, crew: Crew = ALONE) -> None:
        self.path = path
        self.skipped = 0
        self._crew = crew

    def __iter__(self) -> Iterator[Record]:
        """Go through all events, the earliest first.

        Raises:
            StorageError: The file cannot be read.
        """
        return self.matching(EVERYTHING)

    def matching(self, wanted: Filter, start: int = 0) -> Iterator[Record]:
        """Go through the events that match, the earliest first.

        Args:
            wanted: Which ones; lines that cannot be among them are not decoded, nor counted if they are bad.
            start: Take only what begins at this byte, which begins a line, or after it.

        Raises:
            StorageError: The file cannot be read.
        """
        with opened(self.path) as file:
            for place in self._places(file, wanted, Piece(start, None)):
                record = place.record or self._again(file, place)
                if record is not None:
                    yield record

    def backwards(self, end: int | None = None, wanted: Filter = EVERYTHING) -> Iterator[Record]:
        """Go through the events that match from the end, reading only as much of the file as is asked for.

        Args:
            end: Take only what is before this byte.
            wanted: Which ones, as for `matching`.

        Raises:
            StorageError: The file cannot be read.
        """
        with opened(self.path) as file:
            for place in self._places_backwards(file, wanted, end):
                record = place.record or self._again(file, place)
                if record is not None:
                    yield record

    def tail(self, count: int, wanted: Filter = EVERYTHING, end: int | None = None) -> Iterator[Record]:
        """Yield the last events that match, in the order of the log.

        The file is read from its end until there are enough, then these are read again: however many they are and
        however long their lines, one of them is in memory at a time.

        Args:
            count: How many at most.
            wanted: Which ones, as for `matching`.
            end: Take only what is before this byte.

        Raises:
            StorageError: The file cannot be read.
        """
        places, sizes = array("q"), array("q")
        with opened(self.path) as file:
            for place in islice(self._places_backwards(file, wanted, end), count):
                places.append(place.offset)
                sizes.append(place.size)
            for offset, size in zip(reversed(places), reversed(sizes), strict=True):
                again = self._again(file, _Place(offset, size))
                if again is not None:
                    yield again

    def records(self, lines: Iterable[bytes]) -> Iterator[Record]:
        """Return the records of these lines; bad ones are counted."""
        for line in lines:
            record = self._record(line, -1)
            if record is not None:
                yield record

    def _places(self, file: FileIO, wanted: Filter, whole: Piece) -> Iterator[_Place]:
        """Yield where the events are that match."""
        if self._is_shared(wanted, size_of(file) - whole.begin):
            return self._spread(file, wanted, pieces(file, self._crew.piece, *whole), back=False)
        return self._within(file, wanted, whole)

    def _places_backwards(self, file: FileIO, wanted: Filter, end: int | None) -> Iterator[_Place]:
        """Yield where the events are that match, the last first."""
        last = size_of(file) if end is None else end
        if not self._is_shared(wanted, last):
            yield from self._within(file, wanted, Piece(0, last), back=True)
            return
        # What is asked for often stands near the end, and nobody else is needed for it.
        near = min(next_line(file, max(1, last - self._crew.piece)) or last, last)
        yield from self._within(file, wanted, Piece(near, last), back=True)
        yield from self._spread(file, wanted, pieces(file, self._crew.piece, 0, near)[::-1], back=True)

    def _is_shared(self, wanted: Filter, size: int) -> bool:
        return self._crew.size > 1 and size >= self._crew.large and wanted.is_narrow

    def _within(self, file: FileIO, wanted: Filter, part: Piece, *, back: bool = False) -> Iterator[_Place]:
        """Look through a part of the file here."""
        begin, end = part
        for block in backward(file, end or 0, begin) if back else forward(file, begin, end):
            self.skipped += block.dropped
            spans = wanted.spans(block.data, block.end)
            for start, stop in reversed(list(spans)) if back else spans:
                record = self._record(bytes(block.data[start:stop]), block.offset + start)
                if record is not None and wanted.matches(record):
                    yield _Place(record.offset, len(record.line), record)

    def _spread(self, file: FileIO, wanted: Filter, parts: Sequence[Piece], *, back: bool) -> Iterator[_Place]:
        """Have the parts of the file looked through by the crew."""

        def work(part: Piece) -> bytes:
            found, reader = array("q"), LogReader(self.path)
            with reopened(file) as own:
                for place in reader._within(own, wanted, part, back=back):
                    found.extend((reader.skipped, place.offset, place.size))
            found.extend((reader.skipped, 0, 0))
            return found.tobytes()

        for told in spread(work, parts, self._crew.size):
            found, seen = array("q", told), 0
            for at in range(0, len(found), 3):
                skipped, offset, size = found[at : at + 3]
                self.skipped += skipped - seen
                seen = skipped
                if size:
                    yield _Place(offset, size)

    def _again(self, file: FileIO, place: _Place) -> Record | None:
        """Read an event again that was found; None if the file was cut or replaced meanwhile."""
        return self._record(piece(file, place.offset, place.size), place.offset)

    def _record(self, line: bytes, offset: int) -> Record | None:
        whole = line.lstrip(_JUNK)
        offset += len(line) - len(whole)
        line = whole.rstrip(_JUNK)
        if not line:
            return None
        try:
            return Record(line, parse(line), offset)
        except BadLineError:
            self.skipped += 1
        # A line whose end was lost may have another's whole line behind it.
        again = line.rfind(_START)
        if again > 0:
            try:
                return Record(line[again:], parse(line[again:]), offset + again)
            except BadLineError:
                pass
        return None
