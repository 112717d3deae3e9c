"""Works through the pieces of something large in several processes, and gives what they found in their order.

The processes are forks of this one: they begin at once, know all that it knows, and end with it. What one of them did
not deliver (it was killed, it failed) is done here, so that an answer is whole, or an error, and never short.
"""

import os
import signal
import struct
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import FileIO
from typing import NamedTuple, NoReturn, TypeVar

T = TypeVar("T")

MOST = 8  # processes: then it is the memory that they wait for
LARGE = 64 * 1024 * 1024  # bytes of a file from which on a crew is quicker, its beginning included
PIECE = 8 * 1024 * 1024  # bytes that one reads before it tells what it found
_ENDING = (signal.SIGINT, signal.SIGTERM)
_LOOK = 1.0  # seconds between two looks whether the process above is still there
_SIZE = struct.Struct("<q")  # before each message: how many bytes it has


class Crew(NamedTuple):
    """How the reading of large files is shared out.

    Attributes:
        size: How many processes read; with 1 it is this one.
        large: Bytes of a file, or of what is to be read of it, from which on it is shared out.
        piece: Bytes that one of them reads at a time.
    """

    size: int = 1
    large: int = LARGE
    piece: int = PIECE


ALONE = Crew()


def crew() -> Crew:
    """Return as many as there are processors for this process, where a fork is safe: on Linux, without threads."""
    if sys.platform != "linux" or threading.active_count() > 1:
        return ALONE
    return Crew(min(len(os.sched_getaffinity(0)), MOST))


def spread(work: Callable[[T], bytes], items: Sequence[T], size: int) -> Iterator[bytes]:
    """Yield what comes of each item, in their order.

    However slowly that is taken, little waits in memory: each process stops until what it found is read.

    Args:
        work: What is done to an item, in another process; what it changes stays there.
        items: The items.
        size: How many processes are begun; with three, the first takes the items 0, 3, 6 and so on.

    Raises:
        Whatever `work` raises, when it does so here as well.
    """
    team: list[_Worker] = []
    try:
        for first in range(min(size, len(items))):
            with _undisturbed():  # else a Ctrl-C could leave one that nobody knows of, or be lost on it
                team.append(_Worker(work, items[first::size], [one.results for one in team]))
        for number, item in enumerate(items):
            told = team[number % size].next()
            yield work(item) if told is None else told
    finally:
        for one in team:
            one.stop()


class _Worker:
    """A process that works, seen from this one.

    Args:
        work: What it does to an item.
        items: The items.
        others: The pipes of the other processes, which it must not keep open.
    """

    def __init__(self, work: Callable[[T], bytes], items: Sequence[T], others: Sequence[FileIO]) -> None:
        here = os.getpid()
        ours, theirs = os.pipe()
        self.results = FileIO(ours)
        try:
            self._process = os.fork()
        except OSError:  # too many processes: it delivers nothing
            self._process = -1
        if not self._process:
            _serve(work, items, theirs, [self.results, *others], here)
        os.close(theirs)

    def next(self) -> bytes | None:
        """Wait for what comes of the next item; None if it will not come any more."""
        head = self._read(_SIZE.size)
        return None if head is None else self._read(_SIZE.unpack(head)[0])

    def stop(self) -> None:
        """End the process, whatever it does."""
        self.results.close()
        if self._process > 0:
            with suppress(ProcessLookupError):
                os.kill(self._process, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(self._process, 0)

    def _read(self, size: int) -> bytes | None:
        buffer = bytearray(size)
        with memoryview(buffer) as room:
            begin = 0
            while begin < size:
                got = self.results.readinto(room[begin:])
                if not got:
                    return None
                begin += got
        return bytes(buffer)


def _serve(
    work: Callable[[T], bytes], items: Sequence[T], output: int, foreign: Sequence[FileIO], above: int
) -> NoReturn:
    """Be the other process, to its end: nothing of what this one has under way is gone on with in it."""
    try:
        signal.set_wakeup_fd(-1)  # else our signals would wake an event loop of the process above
        # It ends at once and without a word, by Ctrl-C as by a reader that has gone.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        for number in _ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        _watch(above)
        for each in foreign:
            each.close()
        for item in items:
            told = work(item)
            _write(output, _SIZE.pack(len(told)))
            _write(output, told)
    finally:
        os._exit(0)


@contextmanager
def _undisturbed() -> Generator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _watch(above: int) -> None:
    """End this process soon after the one above, which may be killed while there is nothing to tell it for long."""

    def look(_: int, __: object) -> None:
        if os.getppid() != above:
            os._exit(0)

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, _LOOK, _LOOK)


def _write(output: int, told: bytes) -> None:
    with memoryview(told) as rest:
        begin = 0
        while begin < len(rest):
            begin += os.write(output, rest[begin:])
