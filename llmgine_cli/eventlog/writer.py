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
from pathlib import Path

from llmgine_cli import places
from llmgine_cli.bus import Bus, Event, SessionEnded
from llmgine_cli.errors import StorageError
from llmgine_cli.eventlog import lock, names
from llmgine_cli.eventlog.attachments import AttachmentRedactor, Attachments
from llmgine_cli.eventlog.codec import encoders
from llmgine_cli.eventlog.filenames import file_name_part, file_of_none, stamp
from llmgine_cli.llm.events import SessionNamed

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
_MOMENT = 50_000_000  # nanoseconds; once in each it is looked whether the file is still in its folder


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
        self._encoders = encoders(self._redact)
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
            if file is None or event.time_ns // _MOMENT != file.looked:
                file = self._file(event, file)
            line = self._encoders[type(event)](event)
            written = os.write(file.descriptor, line)
            if written < len(line):
                file.write(line[written:])
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
        file = _File(path)
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
        """Return the session's file, ready for the next line; it is opened if it is not, or was taken away."""
        if file is not None and file.removed():
            self._close(event.session_id)
            self._fail(OSError(f"its file was removed while it was written: {file.path}"))
            file = None
        file = file or self._open(event.session_id)
        file.looked = event.time_ns // _MOMENT
        file.mend()
        self._tell_lost(event, file)
        return file

    def _open(self, session_id: str | None) -> "_File":
        path = self._paths.get(session_id) or self._place(session_id)
        while len(self._files) >= MOST_OPEN:
            self._close(next(iter(self._files)))  # the one that was opened first; its next event opens it again
        self._make_folder()
        file = self._files[session_id] = _File(path)
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
            return self.folder / f"events_{stamp(int(session_id[:16], 16))}_{session_id}.jsonl"
        name = file_name_part(session_id)
        new = f"events_{stamp(time.time_ns())}_{name}.jsonl"
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
            file.write(self._encoders[EventsLost](lost))
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
        descriptor: To write a line with: whole, newline included.
        looked: The moment in which it was last looked whether the file is still there, by the clock of the events.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = os.open(path, _FLAGS, 0o600)
        self.looked: int | None = None
        try:
            size = os.fstat(self.descriptor).st_size
            self._torn = size > 0 and _last_byte(self.descriptor, size) != b"\n"
            self.ours = lock.hold(self.descriptor)
        except OSError:
            self.close()
            raise

    def write(self, line: bytes) -> None:
        """Append a line, or what is left of it.

        Raises:
            OSError: It was not written, or not whole.
        """
        written = 0
        while written < len(line):  # a signal or a nearly full disk can cut a write short
            written += os.write(self.descriptor, line[written:])

    def mend(self) -> None:
        """End a line that lost its end when a machine stopped, so that ours begins on a line of its own.

        Raises:
            OSError: It cannot be written.
        """
        if self._torn:
            self.write(b"\n")
            self._torn = False

    def removed(self) -> bool:
        """Whether the file is in no folder any more."""
        return os.fstat(self.descriptor).st_nlink == 0

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.descriptor)


def _last_byte(descriptor: int, size: int) -> bytes:
    os.lseek(descriptor, size - 1, os.SEEK_SET)  # reading moves nothing: O_APPEND writes at the end
    return os.read(descriptor, 1)
