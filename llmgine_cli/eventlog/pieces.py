"""Divides a file into pieces of whole lines, so that several processes can read it."""

from io import FileIO
from typing import NamedTuple

from llmgine_cli.eventlog.blocks import next_line, size_of


class Piece(NamedTuple):
    """Whole lines that stand together in a file.

    Attributes:
        begin: Where the first one begins, in bytes.
        end: Where the last one has ended; None for the end of the file as it is when it is reached.
    """

    begin: int
    end: int | None


def pieces(file: FileIO, size: int, begin: int = 0, end: int | None = None) -> list[Piece]:
    """Divide a file, the earliest piece first: each has at least so many bytes, and ends where a line does.

    Where they end is settled here, once, whatever is appended while they are read.

    Args:
        file: The file.
        size: Bytes of a piece.
        begin: Where to begin, a byte that begins a line.
        end: Where to end; None for the end of the file.

    Raises:
        StorageError: The file cannot be read.
    """
    last = size_of(file) if end is None else end
    found: list[Piece] = []
    while last - begin > size:
        cut = next_line(file, begin + size)
        if cut is None or cut >= last:
            break
        found.append(Piece(begin, cut))
        begin = cut
    return [*found, Piece(begin, end)]
