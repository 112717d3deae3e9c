"""What is typed before a prompt asks for it: kept as it was typed, and not shown in the middle of an answer."""

import sys
from collections.abc import Generator
from contextlib import contextmanager

if sys.platform == "win32":  # pragma: no cover -- POSIX is where the tests run

    @contextmanager
    def keys_kept() -> Generator[None]:
        """Do nothing: a console neither shows nor changes keys that nobody reads."""
        yield

    def typed_early() -> str:
        """Return nothing: the console keeps what nobody has read."""
        return ""

else:
    import os
    import select
    import termios
    from contextlib import suppress

    @contextmanager
    def keys_kept() -> Generator[None]:
        """Have the terminal on stdin neither show keys nor change them until somebody reads them.

        As terminals are set, Enter would reach the prompt as Ctrl-J, which begins a new line there, and Ctrl-U would
        take away lines that were sent. Ctrl-C and Ctrl-Z go on working.
        """
        device = sys.stdin.fileno()
        before = termios.tcgetattr(device)
        quiet = termios.tcgetattr(device)
        quiet[0] &= ~termios.ICRNL
        quiet[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
        quiet[3] |= termios.NOFLSH  # Ctrl-C stops the answer, and takes nothing of what was typed for the next prompt
        termios.tcsetattr(device, termios.TCSANOW, quiet)
        try:
            yield
        finally:
            with suppress(termios.error):  # the terminal has gone
                termios.tcsetattr(device, termios.TCSANOW, before)

    def typed_early() -> str:
        """Take what was typed before `keys_kept` began, as when the program was starting.

        The terminal has made a newline of each Enter by then, which would begin a new line of the message instead of
        sending it; here it is Enter again.
        """
        device = sys.stdin.fileno()
        typed = b""
        while select.select([device], [], [], 0)[0] and (keys := os.read(device, 1024)):
            typed += keys
        return typed.decode("utf-8", "replace").replace("\n", "\r")
