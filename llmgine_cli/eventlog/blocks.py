"""Reads a file in blocks of whole lines, from the beginning or from the end, in little memory however large it is.

Only a line that is longer than a block is held as a whole; one that is longer than any event can be (garbage, a hole of
zeros where a disk was full) is not held at all: it is left out and told of.
"""

import os
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from llmgine_cli.errors import StorageError

FIRST = 16 * 1024  # bytes read first from the end: enough for the usual tail
BLOCK = 128 * 1024  # bytes read at a time; what fits into a processor's cache is searched several times faster
LONGEST_LINE = 1 << 28  # bytes


class Block(NamedTuple):
    """Whole lines that stand together in a file; only the file's last one may lack its newline.

    Attributes:
        offset: Where in the file the first one begins, in bytes.
        data: The lines; the memory is used anew for the next block.
        end: How many bytes of `data` count.
        dropped: How many lines that are too long were left out beside these.
    """

    offset: int
    data: bytearray | bytes
    end: int
    dropped: int = 0


def opened(path: Path) -> FileIO:
    """Open a file to read blocks of.

    Raises:
        StorageError: It cannot be read.
    """
    try:
        return FileIO(path)
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error


def size_of(file: FileIO) -> int:
    """Return how many bytes a file has at present; 0 for what is no such file."""
    return os.fstat(file.fileno()).st_size


def reopened(file: FileIO) -> FileIO:
    """Open a file once more, to have a place of its own in it: that very file, whatever has its name by now.

    Raises:
        StorageError: It cannot be opened.
    """
    try:
        again = FileIO(f"/dev/fd/{file.fileno()}")
    except OSError:
        return opened(Path(os.fsdecode(file.name)))
    again.name = file.name  # errors name it
    return again


def forward(file: FileIO, start: int = 0, end: int | None = None, *, longest: int = LONGEST_LINE) -> Iterator[Block]:
    """Yield the blocks from a byte on, which begins a line, to the end of the file as it is when it is reached.

    Args:
        file: The file.
        start: The byte.
        end: Where to stop before that: a byte that begins a line.
        longest: Bytes of a line from which on it is not held but left out.

    Raises:
        StorageError: The file cannot be read.
    """
    buffer = bytearray(BLOCK)
    offset, kept, dropping = file.seek(start), 0, False
    while got := _fill(file, buffer, kept, None if end is None else end - offset):
        filled = kept + got
        cut = buffer.rfind(b"\n", kept, filled) + 1
        kept = filled
        if not cut and kept > longest:
            offset, kept, dropping = offset + kept, 0, True
        elif not cut and kept == len(buffer):
            buffer.extend(bytes(kept))
        elif cut:
            first = (
                buffer.find(b"\n", 0, cut) + 1 if dropping else 0
            )  # behind what is left of the line that is too long
            if dropping:
                buffer[:first] = b" " * first  # blanks before a line say nothing
            yield Block(offset, buffer, cut, int(dropping))
            kept = filled - cut
            buffer[:kept] = buffer[cut:filled]
            del buffer[max(kept * 2, BLOCK) :]
            offset, dropping = offset + cut, False
    if kept or dropping:
        yield Block(offset, buffer, 0 if dropping else kept, int(dropping))


def backward(file: FileIO, end: int, first: int = 0, *, longest: int = LONGEST_LINE) -> Iterator[Block]:
    """Yield the blocks before a byte, the last first; each byte is read once, however long the lines are.

    Args:
        file: The file.
        end: The byte.
        first: Where to stop: a byte that begins a line.
        longest: Bytes of a line from which on it is not held but left out.

    Raises:
        StorageError: The file cannot be read.
    """
    rest: list[bytes] = []  # pieces of the line whose beginning has not come yet, the last first
    size, dropped, step = 0, 0, FIRST
    while end > first:
        start = max(first, end - step)
        read = piece(file, start, end - start)
        cut = read.find(b"\n") + 1 if start > first else 0
        end, step = start, min(step * 2, BLOCK)
        if start > first and not cut:
            rest.append(read)
            size += len(read)
            if size > longest:
                rest, size, dropped = [], 0, 1
            continue
        if dropped:
            read = read[: read.rfind(b"\n") + 1]
            rest = []
        data = b"".join([read[cut:], *reversed(rest)])
        yield Block(start + cut, data, len(data), dropped)
        rest, size, dropped = [read[:cut]], cut, 0


def piece(file: FileIO, start: int, size: int) -> bytes:
    """Return the bytes at one place of a file; fewer if it has become shorter.

    Raises:
        StorageError: The file cannot be read.
    """
    try:
        file.seek(start)
        return file.read(size) or b""
    except OSError as error:
        raise _unreadable(file, error) from error


def next_line(file: FileIO, place: int) -> int | None:
    """Return the first byte from a place on, which is not the file's first, that begins a line; None if there is none.

    Raises:
        StorageError: The file cannot be read.
    """
    begin, step = place - 1, FIRST  # the newline may stand right before it
    while read := piece(file, begin, step):
        found = read.find(b"\n")
        if found >= 0:
            return begin + found + 1
        begin, step = begin + len(read), BLOCK
    return None


def _fill(file: FileIO, buffer: bytearray, kept: int, most: int | None) -> int:
    with memoryview(buffer) as whole, whole[kept:most] as room:
        try:
            return file.readinto(room) or 0
        except OSError as error:
            raise _unreadable(file, error) from error


def _unreadable(file: FileIO, error: OSError) -> StorageError:
    return StorageError(f"cannot read {file.name!s}: {error.strerror}")
