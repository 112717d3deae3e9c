"""Whose a session is: one process at a time writes a file of the log, and the kernel knows which.

The lock is on the open file itself, so that it ends with the process, `kill -9` included. It is advisory: it keeps no
line from being written, it tells a second process to go on elsewhere.
"""

import os
import sys
import time
from pathlib import Path

_TRIES = 5  # a look (`is_being_written`) holds the lock for a moment: whoever meets it there tries again
_PAUSE = 0.01  # seconds

if sys.platform == "win32":  # pragma: no cover -- POSIX is where the tests run
    import msvcrt

    _FAR = 1 << 40  # no file is as long: a lock of bytes there keeps nobody from reading

    def _try(descriptor: int, *, shared: bool = False) -> bool:  # noqa: ARG001 -- there is one kind of lock
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try(descriptor: int, *, shared: bool = False) -> bool:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True  # a file system without locks: nobody can have one
        return True


def hold(descriptor: int) -> bool:
    """Lock an open file until it is closed; say whether that was possible, or somebody else has it."""
    for last in (*(False,) * (_TRIES - 1), True):
        if _try(descriptor):
            return True
        if not last:
            time.sleep(_PAUSE)
    return False


def is_being_written(path: Path) -> bool:
    """Whether a process that runs has this file of the log open for writing; no if there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
    except OSError:
        return False
    try:
        return not _try(descriptor, shared=True)  # two who look are not in each other's way
    finally:
        os.close(descriptor)
