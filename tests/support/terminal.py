"""A program on a real pseudo-terminal, and what a person would see of it."""

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pexpect
import pyte

TIMEOUT = 30.0  # seconds without a byte; a safety net against hanging, not an expectation


class _Screen(pyte.HistoryScreen):
    """A screen that answers when a program asks where the cursor is."""

    answer: Callable[[str], Any] = staticmethod(lambda _: None)

    def write_process_input(self, data: str) -> None:
        self.answer(data)


class Terminal:
    """Runs a program on a pseudo-terminal and keeps the picture.

    Args:
        argv: The program and its arguments.
        rows: Lines of the terminal.
        cols: Its columns.
        env: Added to this process's environment; None takes a variable away.
        cwd: The working folder.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        rows: int = 24,
        cols: int = 80,
        env: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
    ) -> None:
        merged = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})}
        for name in ("COLUMNS", "LINES"):
            merged.pop(name, None)
        self.raw = b""
        self._closed = False  # whether the program has let go of the terminal
        self._screen = _Screen(cols, rows, history=100_000, ratio=1.0)
        self._stream = pyte.ByteStream(self._screen)
        self._child = pexpect.spawn(
            argv[0],
            list(argv[1:]),
            dimensions=(rows, cols),
            env={name: value for name, value in merged.items() if value is not None},
            cwd=str(cwd) if cwd else None,
            timeout=TIMEOUT,
            echo=True,
        )
        self._child.delaybeforesend = None
        self._screen.answer = self._child.send

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # it was hung up
            self._child.close(force=True)
        self._child.terminate(force=True)

    def send(self, text: str) -> None:
        """Type; `\\r` is the Enter key, `\\x03` is Ctrl-C."""
        self._child.send(text)

    def resize(self, rows: int, cols: int) -> None:
        """Change the size of the window."""
        self._screen.resize(rows, cols)
        self._child.setwinsize(rows, cols)

    def hang_up(self) -> None:
        """Close the window; the program goes on, if it will."""
        os.close(self._child.child_fd)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program."""
        self._child.kill(number)

    def wait_for(self, text: str, *, timeout: float = TIMEOUT) -> None:
        """Read until this text is to be seen, on the screen or scrolled off it."""
        self.wait_until(lambda: text in self.everything(), repr(text), timeout=timeout)

    def wait_gone(self, text: str, *, timeout: float = TIMEOUT) -> None:
        """Read until this text is no longer on the screen."""
        self.wait_until(lambda: text not in self.screen(), f"the end of {text!r}", timeout=timeout)

    def wait_until(self, seen: Callable[[], bool], what: str, *, timeout: float = TIMEOUT) -> None:
        """Read until something is so; `what` names it should it never be."""
        while not seen():
            if not self._read(timeout):
                raise AssertionError(f"{what} never came; the screen:\n{self.everything()}")

    def wait_end(self, *, timeout: float = TIMEOUT) -> int:
        """Read until the program has ended; return its exit code, or minus the signal that ended it."""
        while self._read(timeout):
            pass
        if not self._closed:  # to wait for a program that waits for a key would be to wait for ever
            raise AssertionError(f"the program does not end; the screen:\n{self.everything()}")
        self._child.wait()
        ended: int = -self._child.signalstatus if self._child.signalstatus else self._child.exitstatus
        return ended

    def screen(self) -> str:
        """What is on the screen now, without blanks at the ends."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip("\n")

    def everything(self) -> str:
        """What has scrolled off at the top, and the screen."""
        above = ("".join(line[x].data for x in range(self._screen.columns)) for line in self._screen.history.top)
        return "\n".join([*(line.rstrip() for line in above), self.screen()])

    @property
    def cursor(self) -> tuple[int, int]:
        """Where the cursor is: line and column from 0."""
        return self._screen.cursor.y, self._screen.cursor.x

    def _read(self, timeout: float) -> bool:
        try:
            data: bytes = self._child.read_nonblocking(65536, timeout=timeout)
        except pexpect.EOF:
            self._closed = True
            return False
        except pexpect.TIMEOUT:
            return False
        self.raw += data
        self._stream.feed(data)
        return True
