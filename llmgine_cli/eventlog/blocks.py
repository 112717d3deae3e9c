"""Reads a file in blocks of whole lines, from the beginning or from the end, in little memory however large it is.

Only a line that is longer than a block is held as a whole; one that is longer than any event can be (garbage, a hole of
zeros where a disk was full) is not held at all: it is left out and told of.
"""

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


def forward(file: FileIO, start: int = 0, *, longest: int = LONGEST_LINE) -> Iterator[Block]:
    """Yield the blocks from a byte on, which begins a line, to the end of the file as it is when it is reached.

    Args:
        file: The file.
        start: The byte.
        longest: Bytes of a line from which on it is not held but left out.

    Raises:
        StorageError: The file cannot be read.
    """
    buffer = bytearray(BLOCK)
    offset, kept, dropping = file.seek(start), 0, False
    while got := _fill(file, buffer, kept):
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


def backward(file: FileIO, end: int, *, longest: int = LONGEST_LINE) -> Iterator[Block]:
    """Yield the blocks before a byte, the last first; each byte is read once, however long the lines are.

    Args:
        file: The file.
        end: The byte.
        longest: Bytes of a line from which on it is not held but left out.

    Raises:
        StorageError: The file cannot be read.
    """
    rest: list[bytes] = []  # pieces of the line whose beginning has not come yet, the last first
    size, dropped, step = 0, 0, FIRST
    while end > 0:
        start = max(0, end - step)
        read = piece(file, start, end - start)
        cut = read.find(b"\n") + 1 if start else 0
        end, step = start, min(step * 2, BLOCK)
        if start and not cut:
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


def _fill(file: FileIO, buffer: bytearray, kept: int) -> int:
    with memoryview(buffer) as whole, whole[kept:] as room:
        try:
            return file.readinto(room) or 0
        except OSError as error:
            raise _unreadable(file, error) from error


def _unreadable(file: FileIO, error: OSError) -> StorageError:
    return StorageError(f"cannot read {file.name!s}: {error.strerror}")
