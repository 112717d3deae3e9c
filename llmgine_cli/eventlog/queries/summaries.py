"""The sessions of a folder, newest first, in a few words each; what was read once is kept, so as not to be read again.

What is kept is a cache: a file that can be deleted at any time. A summary counts only while its log has the very size
and time of change that it was made of, and only with the list of prices it was made with.
"""

import os
from collections.abc import Callable, Generator
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec

from llmgine_cli.errors import StorageError
from llmgine_cli.eventlog.filenames import OUTSIDE
from llmgine_cli.eventlog.filters import Filter
from llmgine_cli.eventlog.queries.sessions import Summary, summarise
from llmgine_cli.eventlog.reader import LogFile, LogReader, files, find
from llmgine_cli.eventlog.times import from_text
from llmgine_cli.llm.kept import keep, kept
from llmgine_cli.llm.prices import Prices, edition

FORMAT = 4
WORTH = 4 * 1024 * 1024  # bytes of logs that are read as fast as the cache is


class _Entry(msgspec.Struct, array_like=True):
    size: int
    modified_ns: int
    summary: Summary


class _Kept(msgspec.Struct):
    format: int
    prices: str
    entries: dict[str, _Entry]


class Listed(NamedTuple):
    """A session of a folder.

    Attributes:
        file: Its file.
        size: How many bytes that has.
        modified_ns: When it was last written to.
        summary: What it was.
    """

    file: LogFile
    size: int
    modified_ns: int
    summary: Summary


class Summaries:
    """Makes summaries of the files of a folder, or takes them from the cache.

    Args:
        folder: Where the logs are.
        cache: Folder for the cache; None keeps none.
    """

    def __init__(self, folder: Path, cache: Path | None) -> None:
        self._prices = Prices(cache)
        name = sha256(os.fsencode(folder.absolute())).hexdigest()[:16]
        self._path = None if cache is None else cache / "logs" / f"{name}.msgpack"
        self._kept: dict[str, _Entry] | None = None
        self._read = 0  # bytes of logs read since
        self._fresh: dict[str, _Entry] = {}

    def of(self, file: LogFile, status: os.stat_result) -> Summary:
        """Return what the session of a file was.

        Raises:
            StorageError: The file cannot be read.
        """
        if self._kept is None and self._read + status.st_size > WORTH:
            self._kept = self._load()
        entry = (self._kept or {}).get(file.path.name)
        if entry is not None and (entry.size, entry.modified_ns) == (status.st_size, status.st_mtime_ns):
            return entry.summary
        summary = summarise(file.path, file.session, self._prices)
        self._read += status.st_size
        self._fresh[file.path.name] = _Entry(status.st_size, status.st_mtime_ns, summary)
        return summary

    def keep(self, known: frozenset[str]) -> None:
        """Write the cache, if much was read.

        Args:
            known: The names of the files that are there; of others nothing is kept.
        """
        self._prices.keep()
        if self._path is None or self._read <= WORTH:
            return
        entries = self._load() | self._fresh
        entries = {name: entry for name, entry in entries.items() if name in known}
        cache = _Kept(FORMAT, edition(), entries)
        keep(self._path, msgspec.msgpack.encode(cache))  # if it cannot, the next time takes as long

    def _load(self) -> dict[str, _Entry]:
        cache = kept(self._path, _Kept)
        return cache.entries if cache and (cache.format, cache.prices) == (FORMAT, edition()) else {}


class Wanted(NamedTuple):
    """Which sessions are wanted; what is not given does not matter.

    Attributes:
        path: The file.
        since_ns: Something happened in it then or later, nanoseconds since 1970.
        until_ns: It began before.
        model: A model it asked, `provider:model`, or a part, in any case.
        query: Text that was said or done in it, in any case.
    """

    path: Path | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    model: str | None = None
    query: str | None = None


def sessions(
    folder: Path,
    wanted: Wanted,
    summaries: Summaries,
    *,
    unreadable: Callable[[StorageError], None],
    bad_lines: Callable[[int], None] = lambda _: None,
    progress: Callable[[int, int], None] = lambda _, __: None,
) -> Generator[Listed]:
    """Yield the sessions of a folder, the one that began last first; stop reading when no more are asked for.

    Args:
        folder: Where the logs are.
        wanted: Which ones.
        summaries: Makes the summaries; keeps them when this generator ends.
        unreadable: Called with each file that cannot be read.
        bad_lines: Called with how many bad lines a file has, if any.
        progress: Called with how many files were looked at, of how many.

    Raises:
        StorageError: The folder cannot be read.
    """
    known = files(folder)
    chosen = [file for file in reversed(known) if not file.session.startswith(OUTSIDE)]
    if wanted.path is not None:
        chosen = [file for file in chosen if file.path == wanted.path] or [named(wanted.path)]
    text = None if not wanted.query else Filter(text=wanted.query, ignore_case=True)
    try:
        for count, file in enumerate(chosen):
            progress(count, len(chosen))
            try:
                listed = _listed(file, wanted, text, summaries, bad_lines)
            except StorageError as error:
                if file.path.exists():  # else it was removed since the folder was read
                    unreadable(error)
                continue
            if listed is not None:
                yield listed
    finally:
        summaries.keep(frozenset(file.path.name for file in known))


def chosen(folder: Path, session: str | None, since_ns: int | None) -> list[LogFile]:
    """Return the files to read for events, the latest first; what was not written to since then holds none of them.

    Args:
        folder: Where the logs are.
        session: Only this one; see `reader.find`.
        since_ns: The earliest time that counts, nanoseconds since 1970.

    Raises:
        NotFoundError: There is no such session.
        StorageError: The folder cannot be read.
    """
    if session is not None:
        return [named(find(folder, session))]
    return [file for file in reversed(files(folder)) if since_ns is None or file.modified_ns >= since_ns]


def named(path: Path) -> LogFile:
    """Return a file of the log as its name says it, or, if it has a name of its own, as a session of that name."""
    started, _, session = path.stem.removeprefix("events_").partition("_")
    return LogFile(started, session, path) if session else LogFile("", path.stem, path)


def _listed(
    file: LogFile, wanted: Wanted, text: Filter | None, summaries: Summaries, bad_lines: Callable[[int], None]
) -> Listed | None:
    try:
        status = file.path.stat()
    except OSError as error:
        raise StorageError(f"cannot read {file.path}: {error.strerror}") from error
    if wanted.since_ns is not None and status.st_mtime_ns < wanted.since_ns:
        return None
    if wanted.until_ns is not None and (began := _began(file)) is not None and began >= wanted.until_ns:
        return None
    summary = summaries.of(file, status)
    if summary.skipped:
        bad_lines(summary.skipped)
    if not summary.started_ns:
        return None  # no event is in it
    if wanted.since_ns is not None and summary.ended_ns < wanted.since_ns:
        return None
    if wanted.model is not None and not any(wanted.model.lower() in model.lower() for model in summary.models):
        return None
    if text is not None and next(LogReader(file.path).matching(text), None) is None:
        return None
    return Listed(file, status.st_size, status.st_mtime_ns, summary)


def _began(file: LogFile) -> int | None:
    """Return when a file was begun as its name says, nanoseconds since 1970."""
    time = file.started  # 20261123T231104.123456Z
    try:
        return from_text(f"{time[:4]}-{time[4:6]}-{time[6:11]}:{time[11:13]}:{time[13:]}")
    except ValueError:
        return None
