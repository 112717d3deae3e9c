"""The file of a schedule: made whole or not at all, readable by its owner alone, and never taken for what it is not."""

import os
import secrets
import shlex
import struct
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from llmgine_cli.errors import StorageError

if TYPE_CHECKING:
    import sqlite3

VERSION = 1
APPLICATION = 0x6C6C6D67  # "llmg", by which a database says whose it is
_HEAD = struct.Struct(">16xH10xI28xI4xI28x")  # of a database: page size, pages, user_version, application_id
BUSY = 30.0  # seconds to wait for another process that writes; each of them takes milliseconds

# Times are seconds: due and lease_until of the wall clock, due_steady and lease_steady since the machine's start that
# boot and lease_boot name. An entry with a boot is due by the steady clock as long as the machine runs.
_SCHEMA = f"""
CREATE TABLE entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    queue TEXT NOT NULL,
    type TEXT NOT NULL,
    event BLOB NOT NULL,
    created REAL NOT NULL,
    due REAL NOT NULL,
    due_steady REAL,
    boot TEXT,
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
    attempts INTEGER NOT NULL DEFAULT 0,
    owner TEXT,
    lease_until REAL,
    lease_steady REAL,
    lease_boot TEXT,
    session_id TEXT,
    error TEXT,
    finished REAL
);
CREATE INDEX entries_by_due ON entries (queue, state, boot, due, number);
CREATE INDEX entries_by_steady ON entries (queue, state, boot, due_steady, number);
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
"""


def connect(path: Path) -> "sqlite3.Connection":
    """Open the schedule's file; make it first if there is none.

    Raises:
        StorageError: It cannot be made, opened or read; what is there stays as it is.
    """
    import sqlite3

    with told(path):
        if not path.exists():
            if path.with_name(path.name + "-wal").exists() and not path.exists():
                # What SQLite keeps beside the file belongs to that very file, and would spoil another one.
                raise StorageError(f"the schedule's file {path} is missing", hint=_begin_anew(path))
            _make(path)
        _examine(path)
        connection = sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA synchronous = FULL")  # kept is kept, even when the power goes
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def told(path: Path) -> Generator[None]:
    """Say what SQLite and the system have to say about the file in our own words.

    Raises:
        StorageError: Something was wrong.
    """
    import sqlite3

    try:
        yield
    except sqlite3.IntegrityError:  # no fault of the file
        raise
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "")
        raise StorageError(f"the schedule in {path} cannot be used: {error}", hint=_way_out(name, path)) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"the schedule in {path} cannot be used: {reason}", hint=_way_out("", path)) from error


def _examine(path: Path) -> None:
    """See that the file is a schedule, and whole, before SQLite does anything about it.

    SQLite would take what stands in the write-ahead log beside a broken file for done, and away. The head of a database
    is described in https://www.sqlite.org/fileformat.html

    Raises:
        StorageError: It is none, or was cut.
    """
    head, size = _head(path)
    if not size:
        # Ours are put in their place when they are complete: an empty one may not pass for a new one.
        raise StorageError(f"the schedule in {path} is empty: it was cut", hint=_begin_anew(path))
    if len(head) < _HEAD.size or not head.startswith(b"SQLite format 3\0"):
        raise StorageError(f"the schedule in {path} cannot be read: it is no database", hint=_begin_anew(path))
    page, pages, version, application = _HEAD.unpack(head)
    if application != APPLICATION:
        raise StorageError(f"{path} is no schedule of llmgine", hint=_begin_anew(path))
    if version > VERSION:
        raise StorageError(f"the schedule in {path} is of a newer llmgine", hint="update this one")
    if size < pages * page and not path.with_name(path.name + "-wal").exists():
        # With a log beside it, the rest may be there; if another process has just put that into the file, it is now.
        head, size = _head(path)
        if size < _HEAD.unpack(head)[1] * page:
            raise StorageError(f"the schedule in {path} is not whole: it was cut", hint=_begin_anew(path))


def _head(path: Path) -> tuple[bytes, int]:
    with path.open("rb") as file:
        return file.read(_HEAD.size), file.seek(0, os.SEEK_END)


def _make(path: Path) -> None:
    """Make the file under another name and put it in its place when it is complete, unless somebody else was faster."""
    import sqlite3

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f".new-{secrets.token_hex(8)}")
    os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        connection = sqlite3.connect(new, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
        finally:
            connection.close()
        _put(new, path)
    finally:
        for left in (new, *(new.with_name(new.name + end) for end in ("-wal", "-shm", "-journal"))):
            left.unlink(missing_ok=True)


def _put(new: Path, path: Path) -> None:
    try:
        os.link(new, path)
    except FileExistsError:
        return
    except OSError:  # a file system without links; there, two first uses in one moment could meet
        if not path.exists():
            new.rename(path)
    else:
        _sync(path.parent)


def _sync(folder: Path) -> None:
    """Have the folder on disk too: a file whose name is lost is lost."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _way_out(name: str, path: Path) -> str:
    if name in ("SQLITE_NOTADB", "SQLITE_FORMAT") or name.startswith("SQLITE_CORRUPT"):
        return f"nothing was changed in it; {_begin_anew(path)}"
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"another process has held it for {BUSY:g} s; try again"
    if name == "SQLITE_FULL":
        return "the disk is full: make room"
    return f"it must be in a folder that can be written, on a disk with room: {shlex.quote(str(path.parent))}"


def _begin_anew(path: Path) -> str:
    folder = path.parent
    aside = folder.with_name(f"{folder.name}-broken-{time.strftime('%Y%m%d-%H%M%S')}")
    return f"to begin anew, move its folder away: mv {shlex.quote(str(folder))} {shlex.quote(str(aside))}"
