"""Writes the event log: one file a session, one `os.write` an event, before anybody else hears of it.

A write to a descriptor opened with `O_APPEND` is in the kernel's hands when it returns: `kill -9` takes nothing back,
and two processes that append to one file do not mix their lines.
"""

import os
import re
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from llmgine_cli import places
from llmgine_cli.bus import Bus, Event, SessionEnded
from llmgine_cli.errors import StorageError
from llmgine_cli.eventlog import lock, names
from llmgine_cli.eventlog.attachments import AttachmentRedactor, Attachments
from llmgine_cli.eventlog.codec import encode
from llmgine_cli.llm.events import SessionNamed

OUTSIDE = "@"
"""Begins what stands for the session in the name of a file that is of none; no session's name has an `@`."""

_FLAGS = (
    os.O_RDWR
    | os.O_APPEND
    | os.O_CREAT
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)  # a link that somebody else put there is not written through
    | getattr(os, "O_BINARY", 0)
)
_GENERATED = re.compile(r"[0-9a-f]{27}")
MOST_OPEN = 256  # files; a process may have 1,024 descriptors, for everything
_LOOK_AGAIN = 50_000_000  # nanoseconds between two looks whether the file is still in its folder


@dataclass(frozen=True, kw_only=True)
class EventsLost(Event):
    """Stands in the log where events are missing that could not be written.

    Attributes:
        count: How many.
        reason: Why the first could not be written.
    """

    count: int
    reason: str


class EventLog:
    """The event log of one application; see `attach`.

    Args:
        folder: Where the files are; made, for the user alone, when the first event is written.
        secrets: Known key values, which never reach a file.
        on_failure: Called once, at the first event that could not be written; the application goes on.

    Attributes:
        failed: Why the first event that could not be written could not; None while all is well.
    """

    def __init__(
        self,
        folder: Path,
        *,
        secrets: Iterable[str] = (),
        on_failure: Callable[[StorageError], None] | None = None,
    ) -> None:
        self.folder = folder
        self.failed: StorageError | None = None
        self._on_failure = on_failure
        self._redact = AttachmentRedactor(Attachments(folder), secrets)
        self._files: dict[str | None, _File] = {}
        self._paths: dict[str | None, Path] = {}  # of the sessions that are open
        self._lost: dict[str | None, int] = {}  # how many events could not be written since one was

    def attach(self, bus: Bus) -> None:
        """Write every event of this bus from now on, each before any other subscriber sees it."""
        bus.subscribe(Event, self.write, first=True)

    def write(self, event: Event) -> None:
        """Append one event to its session's file. Does not raise when it cannot be written; see `failed`."""
        if not event.logged:
            return
        try:
            file = self._files.get(event.session_id)
            if file is None or not 0 <= event.time_ns - file.looked < _LOOK_AGAIN:
                file = self._file(event, file)
            if self._lost:
                self._tell_lost(event, file)
            file.write(encode(event, self._redact))
            if type(event) is SessionNamed and self._redact.text(event.name) == event.name:
                names.record(self.folder, event.name, file.path)
        except OSError as error:
            self._fail(error)
            self._lost[event.session_id] = self._lost.get(event.session_id, 0) + 1
            self._close(event.session_id)  # the next event tries anew: a folder can come back, a disk can be freed
        if type(event) is SessionEnded:
            self._end(event.session_id)

    def path(self, session_id: str | None) -> Path | None:
        """Return the file of a session (None: of what happened outside any); None while there is none."""
        known = self._paths.get(session_id)
        if known is not None or session_id is None:
            return known
        place = self._place(session_id)
        return place if place.exists() else None

    def claim(self, session_id: str, path: Path) -> bool:
        """Open the file of an earlier session, to go on with it; say no if another process is writing it.

        Raises:
            OSError: It cannot be written.
        """
        file = _File(path, time.time_ns())
        if not file.ours:
            file.close()
            return False
        self._files[session_id], self._paths[session_id] = file, path
        return True

    def close(self) -> None:
        """Close all files. Harmless the second time; an event after it opens its file anew."""
        for session_id in list(self._files):
            self._close(session_id)

    def _file(self, event: Event, file: "_File | None") -> "_File":
        """Return the session's file, which is opened if it is not, or was taken away."""
        session_id = event.session_id
        if file is not None:
            if not file.vanished(event.time_ns):
                return file
            self._close(session_id)
            self._fail(OSError(f"its file was removed while it was written: {file.path}"))
        path = self._paths.get(session_id) or self._place(session_id)
        while len(self._files) >= MOST_OPEN:
            self._close(next(iter(self._files)))  # the one that was opened first; its next event opens it again
        self._make_folder()
        file = self._files[session_id] = _File(path, event.time_ns)
        self._paths[session_id] = path
        return file

    def _make_folder(self) -> None:
        """Make the folder for the user alone.

        The default one is tightened if it was there and open to others. One that the user named stays as they made it:
        they may share it on purpose, and the files in it are theirs alone all the same.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.name != "posix" or self.folder != places.state_dir() / "logs":
            return
        found = self.folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and found.st_mode & 0o077:
            with suppress(OSError):  # some file systems have no permissions; the log matters more
                self.folder.chmod(0o700)

    def _place(self, session_id: str | None) -> Path:
        if session_id is None:
            return self.folder / file_of_none("outside")
        if _GENERATED.fullmatch(session_id):
            # Such an id says when it was made, so that the name is known without a look into the folder.
            return self.folder / f"events_{_stamp(int(session_id[:16], 16))}_{session_id}.jsonl"
        name = file_name_part(session_id)
        new = f"events_{_stamp(time.time_ns())}_{name}.jsonl"
        end = f"Z_{name}.jsonl"
        try:
            with os.scandir(self.folder) as entries:  # no `glob`, which would remember a pattern for each session
                there = (entry.name for entry in entries)
                return self.folder / max((it for it in there if len(it) == len(new) and it.endswith(end)), default=new)
        except FileNotFoundError:
            return self.folder / new

    def _fail(self, error: OSError) -> None:
        if self.failed is not None:
            return
        reason = error.strerror or str(error)
        self.failed = StorageError(
            f"the event log in {self.folder} could not be written: {reason}",
            hint="set log.dir to a folder that can be written, or use --no-log",
        )
        self.failed.__cause__ = error
        if self._on_failure is not None:
            self._on_failure(self.failed)

    def _tell_lost(self, event: Event, file: "_File") -> None:
        """Leave word in the file of what is missing in it, before the next event."""
        count = self._lost.get(event.session_id)
        if count:
            reason = self.failed.message if self.failed else ""
            lost = EventsLost(session_id=event.session_id, parent_id=event.parent_id, count=count, reason=reason)
            file.write(encode(lost, self._redact))
            del self._lost[event.session_id]

    def _end(self, session_id: str | None) -> None:
        """Forget a session that is over; that its file was removed since the last look is noticed now."""
        file = self._files.get(session_id)
        if file is not None and file.removed():
            self._fail(OSError(f"its file was removed while it was written: {file.path}"))
        self._close(session_id)
        self._paths.pop(session_id, None)
        self._lost.pop(session_id, None)

    def _close(self, session_id: str | None) -> None:
        file = self._files.pop(session_id, None)
        if file is not None:
            file.close()


class _File:
    """One open file of the log.

    Attributes:
        path: Where it is.
        ours: Whether no other process has it open for writing; see `lock`.
    """

    def __init__(self, path: Path, time_ns: int) -> None:
        self.path = path
        self._descriptor = os.open(path, _FLAGS, 0o600)
        self.looked = time_ns
        try:
            size = os.fstat(self._descriptor).st_size
            # A line that lost its end when a machine stopped is ended here, so that ours begins on a line of its own.
            self._torn = size > 0 and _last_byte(self._descriptor, size) != b"\n"
            self.ours = lock.hold(self._descriptor)
        except OSError:
            self.close()
            raise

    def write(self, line: bytes) -> None:
        """Append a line, newline included.

        Raises:
            OSError: It was not written, or not whole.
        """
        if self._torn:
            line = b"\n" + line
            self._torn = False
        written = os.write(self._descriptor, line)
        while written < len(line):  # a signal or a nearly full disk can cut a write short
            written += os.write(self._descriptor, line[written:])

    def vanished(self, time_ns: int) -> bool:
        """Whether the file is in no folder any more; asked now and then, for the look costs as much as a write."""
        self.looked = time_ns
        return self.removed()

    def removed(self) -> bool:
        """Whether the file is in no folder any more."""
        return os.fstat(self._descriptor).st_nlink == 0

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)


def file_name_part(session_id: str) -> str:
    """Return a session's id as it stands in a file name: unchanged if it can be, else cleaned, with a digest."""
    clean = re.sub(r"[^A-Za-z0-9._-]", "-", session_id)[:60]
    if clean == session_id and clean.strip("."):
        return clean
    return f"{clean}-{sha256(session_id.encode(errors='surrogatepass')).hexdigest()[:8]}"


def file_of_none(what: str) -> str:
    """Return a new name for a file of the log that is no session's.

    Args:
        what: What is in it, in a word.
    """
    return f"events_{_stamp(time.time_ns())}_{OUTSIDE}{what}-{os.urandom(4).hex()}.jsonl"


def _stamp(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // 1000 / 1_000_000, UTC).strftime("%Y%m%dT%H%M%S.%fZ")


def _last_byte(descriptor: int, size: int) -> bytes:
    os.lseek(descriptor, size - 1, os.SEEK_SET)  # reading moves nothing: O_APPEND writes at the end
    return os.read(descriptor, 1)
