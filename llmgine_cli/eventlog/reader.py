"""Reads event logs: which files there are, their events from the beginning or from the end.

A bad line (torn by a power cut, overwritten with NULs, not UTF-8, not ours) is skipped and counted, wherever it is.
"""

import os
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from llmgine_cli.errors import NotFoundError, StorageError, UsageError
from llmgine_cli.eventlog import names
from llmgine_cli.eventlog.blocks import backward, forward, opened, piece
from llmgine_cli.eventlog.codec import BadLineError, parse
from llmgine_cli.eventlog.filters import Filter
from llmgine_cli.eventlog.record import Record
from llmgine_cli.eventlog.writer import OUTSIDE, file_name_part

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


class LogReader:
    """Reads one file.

    Args:
        path: The file.

    Attributes:
        path: The file.
        skipped: How many bad lines have been met so far.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skipped = 0

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
            for block in forward(file, start):
                self.skipped += block.dropped
                for begin, end in wanted.spans(block.data, block.end):
                    record = self._record(bytes(block.data[begin:end]), block.offset + begin)
                    if record is not None and wanted.matches(record):
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
            for block in backward(file, file.seek(0, os.SEEK_END) if end is None else end):
                self.skipped += block.dropped
                for begin, stop in reversed(list(wanted.spans(block.data, block.end))):
                    record = self._record(bytes(block.data[begin:stop]), block.offset + begin)
                    if record is not None and wanted.matches(record):
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
        for record in islice(self.backwards(end, wanted), count):
            places.append(record.offset)
            sizes.append(len(record.line))
        if not places:
            return
        with opened(self.path) as file:
            for place, size in zip(reversed(places), reversed(sizes), strict=True):
                again = self._record(piece(file, place, size), place)
                if again is not None:  # else the file was cut or replaced meanwhile
                    yield again

    def records(self, lines: Iterable[bytes]) -> Iterator[Record]:
        """Return the records of these lines; bad ones are counted."""
        for line in lines:
            record = self._record(line, -1)
            if record is not None:
                yield record

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
