"""The answer on its way to stdout as plain text: into a pipe, a file, or a terminal that cannot move its cursor."""

import sys
from typing import Protocol

from llmgine_cli.cli.sanitize import visible


class Answer(Protocol):
    """Where the pieces of an answer go."""

    @property
    def empty(self) -> bool:
        """Whether nothing has been written since the last `close`."""
        ...

    def write(self, text: str) -> None:
        """Take the next piece."""
        ...

    def separate(self) -> None:
        """Let what follows begin on a line of its own."""
        ...

    def close(self) -> None:
        """End the answer with exactly one newline, or with nothing if there was none. Harmless the second time."""
        ...


class PlainAnswer:
    """Writes each piece as it comes, and ends with exactly one newline.

    Args:
        raw: Pass control characters on as they are.
    """

    def __init__(self, *, raw: bool = False) -> None:
        self._raw = raw
        self._newlines = ""
        self.empty = True
        # A half surrogate, or an emoji on a Latin-1 terminal, is no reason to lose the rest of the answer.
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]

    def write(self, text: str) -> None:
        """Write a piece at once. Newlines at its end wait for what follows, since the last one counts."""
        if not self._raw:
            text = visible(text)
        body = text.rstrip("\n")
        if not body:
            self._newlines += text
            return
        sys.stdout.write(self._newlines + body)
        sys.stdout.flush()
        self._newlines = text[len(body) :]
        self.empty = False

    def separate(self) -> None:
        """Let what follows begin on a line of its own."""
        if not self.empty and not self._newlines:
            self._newlines = "\n"

    def close(self) -> None:
        """End with exactly one newline, or with nothing if nothing was written."""
        self._newlines = ""
        if not self.empty:
            self.empty = True
            sys.stdout.write("\n")
            sys.stdout.flush()
