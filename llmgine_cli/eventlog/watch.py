"""Waits until something changes in a folder: the kernel tells on Linux (inotify), elsewhere one looks now and then."""

import ctypes
import os
import select
import struct
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

INTERVAL = 0.1  # seconds between two looks where the kernel does not tell

# <sys/inotify.h>: MODIFY | MOVED_FROM | MOVED_TO | CREATE | DELETE. That the folder itself goes is told by its parent:
# it would not tell so itself as long as somebody has one of its files open.
_OF_FILES = 0x2 | 0x40 | 0x80 | 0x100 | 0x200
_OF_FOLDER = 0x40 | 0x200
_OVERFLOW = 0x4000
_HEAD = struct.Struct("iIII")  # descriptor, what happened, cookie, length of the name


class Watch:
    """Watches one folder, which must exist; a context manager.

    Args:
        folder: The folder.
        output: A descriptor; when the reader of that pipe goes away, waiting ends.

    Attributes:
        gone: Whether the folder is not there any more.
        unread: Whether nobody reads the output any more.
    """

    def __init__(self, folder: Path, output: int | None = None) -> None:
        self.gone = False
        self.unread = False
        self._folder = folder = folder.resolve()
        self._output = output
        self._inotify = _inotify((folder, _OF_FILES), (folder.parent, _OF_FOLDER))
        self._poll = select.poll() if hasattr(select, "poll") else None
        if self._poll is not None:
            if self._inotify is not None:
                self._poll.register(self._inotify, select.POLLIN)
            if output is not None:
                self._poll.register(output, 0)  # errors are always told

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._inotify is not None:
            os.close(self._inotify)

    def wait(self) -> set[str] | None:
        """Wait for a change; return the names of the files that may have changed, or None if it may be any."""
        if self._poll is None:
            time.sleep(INTERVAL)
            ready: list[tuple[int, int]] = []
        else:
            ready = self._poll.poll(None if self._inotify is not None else INTERVAL * 1000)
        self.unread = any(descriptor == self._output for descriptor, _ in ready)
        if self._inotify is not None:
            return self._told(self._inotify) if any(descriptor == self._inotify for descriptor, _ in ready) else set()
        self.gone = not self._folder.is_dir()
        return None

    def _told(self, inotify: int) -> set[str] | None:
        names: set[str] = set()
        everything = False
        told = os.read(inotify, 1 << 16)
        while told:
            watch, what, _, length = _HEAD.unpack_from(told)
            name = os.fsdecode(told[_HEAD.size : _HEAD.size + length].rstrip(b"\0"))
            told = told[_HEAD.size + length :]
            everything |= bool(what & _OVERFLOW)
            if watch == 1:  # the kernel counts from 1: the folder, then its parent
                names.add(name)
            else:
                self.gone |= name == self._folder.name
        return None if everything else names


def _inotify(*watches: tuple[Path, int]) -> int | None:
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None, use_errno=True)
    descriptor: int = library.inotify_init1(os.O_CLOEXEC)
    if descriptor < 0:
        return None  # as many watches as one may have: we look ourselves
    if any(library.inotify_add_watch(descriptor, os.fsencode(folder), mask) < 0 for folder, mask in watches):
        os.close(descriptor)
        return None
    return descriptor
