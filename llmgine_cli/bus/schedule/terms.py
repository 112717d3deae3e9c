"""How a scheduler deals with what it is given: how patient it is, what a delivery may say, and what is a moment."""

from dataclasses import dataclass
from datetime import datetime
from math import isfinite

from llmgine_cli.errors import LlmgineError, UsageError

LONGEST = 100 * 366 * 86_400.0  # seconds; what is further away is a mistake


class GiveUpError(LlmgineError):
    """Raised by a delivery: it failed, and trying again would not help."""


class HaltError(LlmgineError):
    """Raised by a delivery: nothing can be delivered here any more. What it was is put back; its cause is raised."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How patient a scheduler is.

    Attributes:
        lease: Seconds after which what a dead process ran is given to another.
        attempts: How often an event is tried before it is parked as failed.
        delay: Seconds before the second attempt; doubled for each further one.
        look_again: Seconds after which a sleeper looks at the clock even if nothing is due: that it was set forward is
            noticed by then, and so is a change that nobody could tell us of.
        together: How many deliveries may run at once.
    """

    lease: float = 30.0
    attempts: int = 3
    delay: float = 10.0
    look_again: float = 30.0
    together: int = 16


def due(at: datetime | None, after: float | None) -> tuple[float | None, float]:
    """Return the moment in seconds since 1970, or None and the seconds from now.

    Raises:
        UsageError: Neither or both were given, or they are no moment.
    """
    if (at is None) == (after is None):
        raise UsageError("an event is scheduled either at a time or after some seconds", hint="give at=… or after=…")
    if at is None:
        seconds = float(after or 0.0)
        if not isfinite(seconds) or not 0 <= seconds <= LONGEST:
            raise UsageError(f"after={after!r} is no number of seconds from now", hint="0 or more, a century at most")
        return None, seconds
    if at.tzinfo is None:
        raise UsageError("at=… has no time zone", hint="as in datetime(…, tzinfo=UTC), or datetime(…).astimezone()")
    return at.timestamp(), 0.0
