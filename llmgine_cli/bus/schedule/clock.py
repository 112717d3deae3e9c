"""What time it is, twice: as the wall clock says, which anybody may set, and as seconds that nobody can."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


def _steady() -> float:
    """Seconds since this machine started, the time it slept included where the system can tell."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def _boot() -> str | None:
    """Which start of this machine the steady seconds are counted from; None where nobody can tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


@dataclass(frozen=True)
class Clock:
    """What a schedule asks for the time; a test gives its own functions.

    Attributes:
        wall: Seconds since 1970 UTC. It may be set, forward and back.
        steady: Seconds since the machine started. Nobody can set it, and all processes of the machine share it.
        boot: Names the start of the machine that `steady` counts from; None: nobody can tell, and what is written for
            others is by the wall clock only.
    """

    wall: Callable[[], float] = time.time
    steady: Callable[[], float] = _steady
    boot: str | None = field(default_factory=_boot)
