"""One key from the terminal itself, also when stdin and stdout are pipes."""

import asyncio
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager

if sys.platform == "win32":  # pragma: no cover -- POSIX is where the tests run
    import msvcrt

    def has_terminal() -> bool:
        """Whether there is a console to ask on."""
        return sys.stderr.isatty()

    @contextmanager
    def terminal(*, lines: bool = False) -> "Generator[Keys | None]":
        """Open the console; None if there is none to ask on."""
        yield Keys(lines=lines) if has_terminal() else None

    class Keys:
        """The console."""

        def __init__(self, *, lines: bool) -> None:
            self._lines = lines

        def write(self, text: str) -> None:
            """Write to the console."""
            for letter in text:
                msvcrt.putwch(letter)

        async def read(self) -> str:
            """Wait for one key, "" for a key that is no letter; or for a line, whose end may be Ctrl-D."""
            if not self._lines:
                return await self._key()
            line = ""
            while not line.endswith(("\r", "\x04")):
                key = await self._key()
                line = line[:-1] if key == "\b" else line + key
                self.write("\b \b" if key == "\b" else key)
            self.write("\n")
            return line

        async def _key(self) -> str:
            while not msvcrt.kbhit():  # noqa: ASYNC110 -- a console cannot be waited for in any other way
                await asyncio.sleep(0.05)
            key = msvcrt.getwch()
            if key in "\0\xe0":
                msvcrt.getwch()
                return ""
            return key

else:
    import select
    import termios
    import tty

    def has_terminal() -> bool:
        """Whether there is a terminal to ask on."""
        try:
            os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
        except OSError:
            return False
        return True

    @contextmanager
    def terminal(*, lines: bool = False) -> "Generator[Keys | None]":
        """Open the terminal; None if there is none, or it is not ours to read.

        Args:
            lines: Let whole lines through, shown and mended by the terminal, instead of keys one by one.
        """
        try:
            device = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            yield None
            return
        try:
            # A job in the background would be stopped when it reads.
            if os.tcgetpgrp(device) != os.getpgrp():
                yield None
                return
            before = termios.tcgetattr(device)
            try:
                # What was typed before the question was asked is no answer to it; the same holds for what comes after.
                if lines:
                    cooked = termios.tcgetattr(device)
                    cooked[0] |= termios.ICRNL
                    cooked[3] |= termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG
                    termios.tcsetattr(device, termios.TCSAFLUSH, cooked)
                else:
                    tty.setcbreak(device, termios.TCSAFLUSH)
                yield Keys(device)
            finally:
                termios.tcsetattr(device, termios.TCSAFLUSH, before)
        finally:
            os.close(device)

    class Keys:
        """The terminal.

        Args:
            device: It, opened.
        """

        def __init__(self, device: int) -> None:
            self._device = device

        def write(self, text: str) -> None:
            """Write to the terminal."""
            data = text.encode("utf-8", "replace")
            while data:
                data = data[os.write(self._device, data) :]

        async def read(self) -> str:
            """Wait for one key or line; "" when the terminal has gone, more than one letter for some keys.

            The wait is in a thread, which is woken up when this call is cancelled.
            """
            asleep, alarm = os.pipe()
            waiting = asyncio.get_running_loop().run_in_executor(None, self._wait, asleep)
            try:
                return await asyncio.shield(waiting)
            finally:
                os.write(alarm, b"!")
                await asyncio.wait([waiting])
                os.close(asleep)
                os.close(alarm)

        def _wait(self, asleep: int) -> str:
            ready, _, _ = select.select([self._device, asleep], [], [])
            return os.read(self._device, 4096).decode("utf-8", "replace") if self._device in ready else ""
