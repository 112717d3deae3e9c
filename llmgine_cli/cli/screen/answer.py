"""The answer on its way to stdout: rendered on a terminal, plain in a pipe, in a file, or without a movable cursor."""

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from llmgine_cli.cli.common import Cli
from llmgine_cli.cli.sanitize import visible

if TYPE_CHECKING:
    from llmgine_cli.cli.screen.live import LiveRows
    from llmgine_cli.cli.screen.markdown import MarkdownStream

FRAME = 1 / 25  # seconds between two pictures
SHARE = 3  # a picture is followed by at least this many times the time it took, for others to use


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
        """Let what follows be a paragraph of its own."""
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
        """Let what follows be a paragraph of its own."""
        if not self.empty:
            self._newlines = "\n\n"

    def close(self) -> None:
        """End with exactly one newline, or with nothing if nothing was written."""
        self._newlines = ""
        if not self.empty:
            self.empty = True
            sys.stdout.write("\n")
            sys.stdout.flush()


class RenderedAnswer:
    """Shows the answer as rendered markdown while it comes.

    Args:
        cli: Says how to print.
        width: The most columns to use; default: all there are.
    """

    def __init__(self, cli: Cli, *, width: int | None = None) -> None:
        self._cli = cli
        self._width = width
        self._parts: tuple[MarkdownStream, LiveRows] | None = None
        self._plain: PlainAnswer | None = None
        self._text: list[str] = []
        self._next = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._gap = self._waiting = False
        self.empty = True
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]

    @staticmethod
    def prepare() -> None:
        """Import what rendering needs; worth doing while the model thinks."""
        for name in ("live", "markdown"):
            import_module(f"llmgine_cli.cli.screen.{name}")

    def write(self, text: str) -> None:
        """Take a piece; it is on the screen within the next picture."""
        self._text.append(text)
        if self._plain:
            self._plain.write(text)
            return
        if len(self._text) == 1 or self._waiting:
            self._waiting = not "".join(self._text).strip()
            if self._waiting:
                return  # a picture needs something to show
            text = "".join(self._text)
        self._attempt(lambda: self._show(visible(text)))

    def separate(self) -> None:
        """Make all that came final; what follows is a text of its own, below a blank row."""
        self._stop_timer()
        if self._text and not self.empty:
            self._attempt(self._settle)
            self._gap = True
            if self._plain:
                self._plain.separate()
        self._text.clear()

    def close(self) -> None:
        """Make all that came final, and wipe what the terminal may have echoed below it, such as ^C."""
        self.separate()
        if self._plain:
            self._plain.close()
        elif not self.empty:
            sys.stdout.write("\r\x1b[K")
            sys.stdout.flush()
        self._plain, self.empty, self._gap = None, True, False

    def _show(self, text: str) -> None:
        stream, live = self._parts = self._parts or self._make()
        if self._gap:
            live.draw([""], [], width=stream.painter.width, height=stream.painter.height)
        self.empty = self._gap = False
        stream.feed(text)
        wait = self._next - time.perf_counter()
        if wait <= 0:
            self._draw()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(wait, self._on_time)

    def _settle(self) -> None:
        if self._parts:
            stream, live = self._parts
            live.draw(stream.close(), [], width=stream.painter.width, height=stream.painter.height)

    def _attempt(self, paint: Callable[[], None]) -> None:
        """Paint; an answer that cannot be rendered is shown as it came rather than not at all."""
        try:
            paint()
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 -- what two libraries make of a stranger's text is not worth an answer
            self._stop_timer()
            self._parts = None
            self._cli.detail(f"the answer cannot be rendered: {type(error).__name__}: {error}")
            self._plain = PlainAnswer()
            self._plain.write("".join(self._text))
            self.empty = self._gap = False

    def _on_time(self) -> None:
        with suppress(OSError):  # the next piece will meet it too, where it can be told
            self._attempt(self._draw)

    def _make(self) -> "tuple[MarkdownStream, LiveRows]":
        from llmgine_cli.cli.screen.live import LiveRows
        from llmgine_cli.cli.screen.markdown import MarkdownStream

        return MarkdownStream(self._cli.console(), width=self._width), LiveRows(sys.stdout)

    def _draw(self) -> None:
        self._stop_timer()
        if self._parts is None:
            return
        stream, live = self._parts
        begin = time.perf_counter()
        final, rows = stream.update(stream.painter.height - 1)
        live.draw(final, rows, width=stream.painter.width, height=stream.painter.height)
        end = time.perf_counter()
        self._next = end + max(FRAME, SHARE * (end - begin))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
