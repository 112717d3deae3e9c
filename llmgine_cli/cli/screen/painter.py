"""From Rich renderables to rows: lines of text with their colours, ready for the terminal.

Imports Rich when it is imported, and so is itself imported only when there is a terminal to paint on.
"""

from rich.console import Console, RenderableType


class Painter:
    """Renders to rows at the size the terminal had when it was last asked.

    Args:
        console: Says what the terminal can do.
        width: The most columns to use; default: all there are.
    """

    def __init__(self, console: Console, *, width: int | None = None) -> None:
        self.console = console
        self._limit = width
        self.width, self.height = self._size()

    def resize(self) -> bool:
        """Ask the terminal for its size again; say whether the width is another one than before."""
        before = self.width
        self.width, self.height = self._size()
        return self.width != before

    def rows(self, renderable: RenderableType) -> list[str]:
        """Render to rows without their newlines and the blanks at their ends."""
        with self.console.capture() as capture:
            self.console.print(renderable, width=self.width, end="")
        rows = [row.rstrip(" ") for row in capture.get().split("\n")]
        if not rows[-1]:
            rows.pop()
        return rows

    def _size(self) -> tuple[int, int]:
        columns, lines = self.console.size
        return max(1, min(columns, self._limit or columns)), lines
