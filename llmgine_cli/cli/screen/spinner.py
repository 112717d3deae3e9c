"""One line on stderr that says what is going on and for how long; it takes itself away."""

import asyncio
import shutil
import sys
import time
import unicodedata

from llmgine_cli.cli.sanitize import visible

FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
PLAIN_FRAMES = "-\\|/"
DELAY = 0.1  # seconds: what is over sooner needs no word
STEP = 0.1


class Spinner:
    """Shows a text with a moving sign and the seconds since it was first shown. Needs a running event loop.

    Args:
        enabled: Whether there is a terminal to show it on; otherwise it does nothing.
        styled: Whether to use colour.
    """

    def __init__(self, *, enabled: bool, styled: bool) -> None:
        self._enabled = enabled
        self._styled = styled
        self._text = ""
        self._since = 0.0
        self._drawn = False
        self._timer: asyncio.TimerHandle | None = None
        encoding = (sys.stderr.encoding or "ascii").lower()
        self._frames = FRAMES if encoding.startswith("utf") else PLAIN_FRAMES

    def show(self, text: str) -> None:
        """Show this text from now on; it appears after a moment."""
        if not self._enabled:
            return
        if text != self._text:
            self._text, self._since = text, time.monotonic()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(DELAY, self._tick)

    def hide(self) -> None:
        """Take the line away at once."""
        self._text = ""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._drawn:
            self._drawn = False
            self._write("\r\x1b[K")

    def _tick(self) -> None:
        elapsed = time.monotonic() - self._since
        sign = self._frames[int(elapsed / STEP) % len(self._frames)]
        seconds = f" {elapsed:.0f}s" if elapsed >= 1 else ""
        room = shutil.get_terminal_size().columns - len(seconds) - 4
        line = f"{sign} {clip(self._text, room)}{seconds}"
        self._drawn = True
        self._write(f"\r\x1b[2m{line}\x1b[0m\x1b[K" if self._styled else f"\r{line}\x1b[K")
        self._timer = asyncio.get_running_loop().call_later(STEP, self._tick)

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:
            self._enabled = False  # stderr has gone; the answer matters more


def clip(text: str, room: int) -> str:
    """Return the text on one line, safe for a terminal and cut to this many columns."""
    line = visible(" ".join(text.split()))
    used = 0
    for position, letter in enumerate(line):
        used += 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if used > room:
            return line[: max(0, position - 1)] + "…"
    return line
