"""Whose a session is: one process at a time writes a file of the log, and the kernel knows which.

The lock is on the open file itself, so that it ends with the process, `kill -9` included. It is advisory: it keeps no
line from being written, it tells a second process to go on elsewhere. Some file systems have no locks; there the time
of the last write is what one can go by.
"""

import os
import sys
import time
from pathlib import Path

_TRIES = 5  # a look (`is_being_written`) holds the lock for a moment: whoever meets it there tries again
_PAUSE = 0.01  # seconds
QUIET = 600.0  # seconds without a write after which a file is taken to be left, where there are no locks

if sys.platform == "win32":  # pragma: no cover -- POSIX is where the tests run
    import msvcrt

    _FAR = 1 << 40  # no file is as long: a lock of bytes there keeps nobody from reading

    def _try(descriptor: int, *, shared: bool = False) -> bool | None:  # noqa: ARG001 -- there is one kind of lock
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try(descriptor: int, *, shared: bool = False) -> bool | None:
        """Try to get the lock; None: nobody can know who has it, for the file system has no locks."""
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return None
        return True


def hold(descriptor: int) -> bool:
    """Lock an open file until it is closed; say no if somebody else has it. Where there are no locks, anybody may."""
    for last in (*(False,) * (_TRIES - 1), True):
        if _try(descriptor) is not False:
            return True
        if not last:
            time.sleep(_PAUSE)
    return False


def is_being_written(path: Path) -> bool:
    """Whether a process that runs has this file of the log open for writing; no if there is no such file.

    On a file system without locks nobody knows; there it is what was written to within the last ten minutes.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
    except OSError:
        return False
    try:
        # Two who look are not in each other's way.
        return seems_written(_try(descriptor, shared=True), time.time() - os.fstat(descriptor).st_mtime)
    finally:
        os.close(descriptor)


def seems_written(free: bool | None, quiet: float) -> bool:
    """Decide whether a file is being written.

    Args:
        free: Whether its lock was to be had; None where there are no locks.
        quiet: Seconds since it was written to; below zero if a clock was set back.
    """
    return quiet < QUIET if free is None else not free
