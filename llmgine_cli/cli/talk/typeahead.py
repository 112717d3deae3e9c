"""What is typed while an answer runs: not shown in the middle of it, and kept for the next prompt as it was typed."""

import sys
from collections.abc import Generator
from contextlib import contextmanager

if sys.platform == "win32":  # pragma: no cover -- POSIX is where the tests run

    @contextmanager
    def keys_kept() -> Generator[None]:
        """Do nothing: a console neither shows nor changes keys that nobody reads."""
        yield

else:
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
        termios.tcsetattr(device, termios.TCSANOW, quiet)
        try:
            yield
        finally:
            with suppress(termios.error):  # the terminal has gone
                termios.tcsetattr(device, termios.TCSANOW, before)
