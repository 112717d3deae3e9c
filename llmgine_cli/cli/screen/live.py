"""Rows at the bottom of the terminal that can still be changed, and rows above them that are there for good."""

import re
from typing import TextIO

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# Terminals that know "synchronized output" show all that is between the two at once; the others ignore them.
_HOLD, _SHOW = "\x1b[?2026h", "\x1b[?2026l"


class LiveRows:
    """Writes rows, and writes only those again that have changed.

    The cursor rests at the beginning of the line below the rows.

    Args:
        stream: A terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._rows: list[str] = []
        self._width = 0

    def draw(self, final: list[str], live: list[str], *, width: int, height: int) -> None:
        """Replace the rows that are there by final ones, followed by live ones.

        Args:
            final: Rows that will not be touched again.
            live: Rows that may be replaced; of more than fit on the screen, the last.
            width: The terminal's columns.
            height: The terminal's lines.
        """
        live = live[-max(1, height - 1) :]
        rows = final + live
        same = 0
        if width == self._width or not self._rows:
            while same < min(len(self._rows), len(rows)) and self._rows[same] == rows[same]:
                same += 1
        up = self._lines(self._rows[same:], width, height)
        self._rows, self._width = live, width
        if up or rows[same:]:
            back = f"\x1b[{up}A" if up else ""
            self._stream.write(f"{_HOLD}\r{back}\x1b[J" + "".join(f"{row}\n" for row in rows[same:]) + _SHOW)
            self._stream.flush()

    def _lines(self, rows: list[str], width: int, height: int) -> int:
        """How many lines these rows take now: a terminal that was made narrower has wrapped them."""
        if width == self._width:
            return len(rows)
        from rich.cells import cell_len

        lines = sum(max(1, -(-cell_len(_COLOURS.sub("", row)) // width)) for row in rows)
        return min(lines, height - 1)
