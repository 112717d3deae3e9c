"""Wakes the processes that wait for a schedule when another one has put something into it.

Each waiting process has a named pipe in one folder; whoever changes the schedule writes a byte into each. A pipe whose
process has died is known by having no reader, and is taken away. Where there are no named pipes (Windows), a waiting
process looks now and then instead.
"""

import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

LOOK_AGAIN = 1.0  # seconds between two looks where nobody can wake us


class Bell:
    """One process's pipe; `woken` is called in the loop when somebody rings.

    Args:
        folder: Where the pipes are; made for the user alone.
        loop: Calls `woken`.
        woken: What to do.

    Attributes:
        works: Whether somebody can ring; otherwise one must look.
    """

    def __init__(self, folder: Path, loop: "AbstractEventLoop", woken: Callable[[], None]) -> None:
        self._loop = loop
        self._woken = woken
        self._path = folder / secrets.token_hex(8)
        self._ends: list[int] = []
        try:
            self._open(folder)
        except (OSError, AttributeError, NotImplementedError):  # no pipes here: one looks
            self.close()
        self.works = bool(self._ends)

    def _open(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.mkfifo(self._path, 0o600)
        self._ends.append(os.open(self._path, os.O_RDONLY | os.O_NONBLOCK))
        # A writer of our own: without any, the pipe would be at its end for ever once somebody has rung.
        self._ends.append(os.open(self._path, os.O_WRONLY | os.O_NONBLOCK))
        self._loop.add_reader(self._ends[0], self._rung)

    def _rung(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._ends[0], 1 << 16)
        self._woken()

    def close(self) -> None:
        """Take the pipe away. Harmless the second time."""
        if self._ends:
            with suppress(NotImplementedError):
                self._loop.remove_reader(self._ends[0])
        for end in self._ends:
            os.close(end)
        self._ends.clear()
        with suppress(OSError):
            self._path.unlink()


def ring(folder: Path) -> None:
    """Wake every process that has a bell in this folder. Never raises: they look by themselves in a while."""
    with suppress(OSError):
        for path in folder.iterdir():
            with suppress(OSError):
                _ring(path)


def _ring(path: Path) -> None:
    if not stat.S_ISFIFO(path.lstat().st_mode):
        return
    try:
        end = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:  # its process died without taking it away
        path.unlink(missing_ok=True)
        return
    try:
        os.write(end, b"!")  # a full pipe will wake it just as well
    finally:
        os.close(end)
