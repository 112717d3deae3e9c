"""Reads event logs: which files there are, their events from the beginning or from the end.

A bad line (torn by a power cut, overwritten with NULs, not UTF-8, not ours) is skipped and counted, wherever it is.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from llmgine_cli.errors import NotFoundError, StorageError, UsageError
from llmgine_cli.eventlog import names
from llmgine_cli.eventlog.codec import BadLineError, parse
from llmgine_cli.eventlog.times import from_text
from llmgine_cli.eventlog.writer import OUTSIDE, file_name_part

BLOCK = 64 * 1024  # bytes read at a time
_NAME = re.compile(r"events_(?P<time>\d{8}T\d{6}\.\d{6}Z)_(?P<session>.+)\.jsonl")
_START = b'{"v":'
_NEAR = 50  # the latest sessions, among which a near miss is looked for
_NAMED = 3  # sessions that a hint names


@dataclass(frozen=True)
class Record:
    """One event as it stands in a log, not yet made into its own type (`codec.decode` of `line` does that).

    Attributes:
        line: The line without its newline, as it was written.
        data: The line as a plain object.
    """

    line: bytes
    data: dict[str, Any]

    @property
    def type(self) -> str:
        """The event's class name."""
        name: str = self.data.get("event_type") or self.data["command_type"]
        return name

    @property
    def session_id(self) -> str | None:
        """The conversation it belongs to."""
        return self.data.get("session_id")

    @property
    def parent_id(self) -> str | None:
        """The command or event that was being handled."""
        return self.data.get("parent_id")

    @cached_property
    def time_ns(self) -> int:
        """When it was made, nanoseconds since 1970."""
        return from_text(self.data["timestamp"])


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


def files(folder: Path) -> list[LogFile]:
    """Return the log files of a folder, the earliest first; none if there is no such folder.

    Raises:
        StorageError: The folder cannot be read.
    """
    try:
        names = [path.name for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StorageError(f"cannot read the event log in {folder}: {error.strerror}") from error
    return in_order(folder, names)


def in_order(folder: Path, names: Iterable[str]) -> list[LogFile]:
    """Return those of the names that are log files, the earliest first."""
    matches = (_NAME.fullmatch(name) for name in names)
    return sorted(LogFile(found["time"], found["session"], folder / found[0]) for found in matches if found)


def latest(folder: Path) -> Path | None:
    """Return the file of the session that was written to last; None if there is none."""
    sessions = [file for file in files(folder) if not file.session.startswith(OUTSIDE)]
    return max(sessions, key=lambda file: (_modified(file.path), file)).path if sessions else None


def find(folder: Path, name: str) -> Path:
    """Return the file of a session.

    Args:
        folder: Where the logs are.
        name: What was given to it with `--name`; else its id, or the beginning, the end or a part of it that no other
            session has; or the path of a log file.

    Raises:
        NotFoundError: There is no such session.
        UsageError: There are several.
    """
    if ("/" in name or name.endswith(".jsonl")) and Path(name).is_file():
        return Path(name)
    if (named := names.lookup(folder, name)) is not None:
        return named
    known = [file for file in files(folder) if name.startswith("@") or not file.session.startswith(OUTSIDE)]
    candidates = known if name else []
    exact = [file for file in candidates if file.session in {name, file_name_part(name)}]
    begins = [file for file in candidates if file.session.startswith(name)]
    ends = [file for file in candidates if file.session.endswith(name)]
    holds = [file for file in candidates if name in file.session]
    for found in (exact[-1:], begins, ends, holds):
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


def _latest(folder: Path, found: Sequence[LogFile]) -> str:
    from llmgine_cli.eventlog.glance import glance, handles

    some = found[: -_NAMED - 1 : -1]
    return ", ".join(str(glance(file, handle)) for file, handle in zip(some, handles(folder, some), strict=True))


def matcher(types: Sequence[str] = (), session_id: str | None = None) -> Callable[[Record], bool]:
    """Return a test for records.

    Args:
        types: Names of event types or how they begin, in any case: `llmcall` is all that happens to calls of models.
        session_id: The session; None is all.
    """
    wanted = tuple(name.casefold() for name in types)

    def matches(record: Record) -> bool:
        if session_id is not None and record.session_id != session_id:
            return False
        return not wanted or record.type.casefold().startswith(wanted)

    return matches


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
        with _opened(self.path) as file:
            yield from self.records(file)

    def backwards(self, end: int | None = None) -> Iterator[Record]:
        """Go through the events from the end, reading only as much of the file as is asked for.

        Args:
            end: Take only what is before this byte.

        Raises:
            StorageError: The file cannot be read.
        """
        with _opened(self.path) as file:
            yield from self.records(_lines_backwards(file, file.seek(0, os.SEEK_END) if end is None else end))

    def tail(self, count: int, matches: Callable[[Record], bool], end: int | None = None) -> list[Record]:
        """Return the last records that match, in the order of the log.

        Args:
            count: How many at most.
            matches: Which ones.
            end: Take only what is before this byte.

        Raises:
            StorageError: The file cannot be read.
        """
        return list(islice(filter(matches, self.backwards(end)), count))[::-1]

    def records(self, lines: Iterable[bytes]) -> Iterator[Record]:
        """Return the records of these lines; bad ones are counted."""
        for line in lines:
            record = self._record(line)
            if record is not None:
                yield record

    def _record(self, line: bytes) -> Record | None:
        line = line.strip(b"\0\r\n ")
        if not line:
            return None
        try:
            return Record(line, parse(line))
        except BadLineError:
            self.skipped += 1
        # A line whose end was lost may have another's whole line behind it.
        again = line.rfind(_START)
        if again > 0:
            try:
                return Record(line[again:], parse(line[again:]))
            except BadLineError:
                pass
        return None


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error


def _lines_backwards(file: BinaryIO, end: int) -> Iterator[bytes]:
    """Yield the lines before byte `end`, the last first; each block is looked at once, however long the lines are."""
    rest: list[bytes] = []  # pieces of the line whose beginning has not come yet, the last first
    while end > 0:
        start = max(0, end - BLOCK)
        file.seek(start)
        block = file.read(end - start)
        end = start
        first, *lines = block.split(b"\n")
        if lines:
            yield lines.pop() + b"".join(reversed(rest))
            yield from reversed(lines)
            rest = [first]
        else:
            rest.append(first)
    yield b"".join(reversed(rest))


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0  # removed since the folder was read
