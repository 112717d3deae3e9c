"""Figures of the log as people write them, and a line that says how far a long reading is."""

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from math import floor, log10

from llmgine_cli.cli.common import Cli

DELAY = 0.5  # seconds: what is over sooner needs no word
STEP = 0.1


@contextmanager
def progress(cli: Cli, what: str) -> Generator[Callable[[int, int], None]]:
    """Show on a terminal how far a reading is, on one line that takes itself away.

    Give the function that it yields how much is done, and of how much.
    """
    began = last = time.monotonic()
    drawn = False
    shown = sys.stderr.isatty() and not cli.quiet

    def tell(done: int, of: int) -> None:
        nonlocal drawn, last
        now = time.monotonic()
        if shown and now - began > DELAY and now - last > STEP:
            sys.stderr.write(f"\r\x1b[K{what} {done:,} of {of:,}")
            sys.stderr.flush()
            drawn, last = True, now

    try:
        yield tell
    finally:
        if drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def money(price: float, unpriced: int, calls: int) -> str:
    """Return a price in US dollars, or that it is unknown, or that it is more than what is known."""
    if unpriced and unpriced >= calls:
        return "unknown"
    more = "> " if unpriced else ""
    if price >= 0.1 or price == 0:
        return f"{more}${price:.2f}"
    digits = min(1 - floor(log10(price)), 12)  # two that say something
    return f"{more}${price:.{digits}f}".rstrip("0")


def amount(number: int) -> str:
    """Return a number in four or five characters: `950`, `12.3k`, `4.56M`."""
    for size, letter in ((1_000_000_000, "G"), (1_000_000, "M"), (1000, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}" if number < 999.5 * size else f"{number // size}{letter}"
    return str(number)


def volume(size: int) -> str:
    """Return a number of bytes: `950 B`, `12.3 kB`, `4.56 GB`."""
    short = amount(size)
    return f"{short[:-1]} {short[-1]}B" if short[-1].isalpha() else f"{short} B"


def moment(time_ns: int, form: str = "%Y-%m-%d %H:%M") -> str:
    """Return a time where the reader is; question marks when no calendar has it."""
    try:
        return f"{datetime.fromtimestamp(time_ns // 1_000_000_000).astimezone():{form}}"
    except (OverflowError, ValueError, OSError):
        return "????-??-?? ??:??"


def plural(count: int, noun: str) -> str:
    """Return as `1 session` or `20,000 sessions`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
