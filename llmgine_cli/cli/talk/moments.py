"""Moments as people write them on a command line: `--at "tomorrow 07:00"`, `--in 2h30m`."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

import typer

from llmgine_cli.errors import UsageError

At = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", help='Answer it later: 07:00, tomorrow-07:00 or "2026-11-24 07:00".'),
]
In = Annotated[str | None, typer.Option("--in", metavar="SPAN", help="Answer it in 10m, 2h30m, 90s, 3d or 1w.")]

AT_FORMS = (
    '"2026-11-24 07:00" (local time; 2026-11-24T07:00Z or …+01:00 says the zone), 07:00 (the next time it is that), '
    "today-19:00 or tomorrow-07:00"
)
IN_FORMS = "90s, 10m, 2h30m, 3d or 1w"
CENTURY = timedelta(days=36_525)

_DAY = re.compile(r"(?P<day>today|tomorrow)[- ](?P<time>.+)")
_TIME = re.compile(r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?", re.ASCII)
_FULL = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?", re.ASCII)
_SPAN = re.compile("".join(rf"(?:([0-9]{{1,12}}){unit})?" for unit in "wdhms"))


@dataclass(frozen=True)
class When:
    """When something is due: at a time, or after some seconds."""

    at: datetime | None
    after: float | None

    def moment(self, now: datetime) -> datetime:
        """The moment, if the clock is not set meanwhile."""
        return self.at or now + timedelta(seconds=self.after or 0.0)


def when(at: str | None, after: str | None) -> When:
    """Read `--at` and `--in`.

    Raises:
        UsageError: Neither or both were given, or they are no moment to come.
    """
    if at is not None and after is not None:
        raise UsageError("--at and --in exclude each other", hint="leave one out")
    if after is not None:
        return When(None, span(after))
    if at is None:
        raise UsageError("when?", hint=f"--in {IN_FORMS}; --at {AT_FORMS}")
    return When(moment(at, datetime.now().astimezone()), None)


def moment(text: str, now: datetime) -> datetime:
    """Read what `--at` is given, as an aware time.

    A local time that the clocks skip comes as much later as they skip; of one that comes twice, the first is meant.

    Args:
        text: One of the forms in `AT_FORMS`.
        now: The time it is; aware.

    Raises:
        UsageError: It is none of these forms, there is no such time, or it is past.
    """
    words = " ".join(text.split())
    try:
        found = _read(words, now)
    except (ValueError, OverflowError):  # of one of the forms, and yet no time: 25:00, the 30th of February
        found = None
    if found is None:
        # `llm` calls by this name what is --attachment-type here.
        is_file = words.rpartition(".")[2].isalpha() and "." in words
        hint = "to attach a file and say what it is: --attachment-type PATH TYPE" if is_file else f"write {AT_FORMS}"
        raise UsageError(f"--at {text!r} is no time", hint=hint)
    if found <= now:
        raise UsageError(f"--at {text!r} is past: that was {shown(found)}", hint="leave --at out to run it now")
    if found - now > CENTURY:
        raise UsageError(f"--at {text!r} is more than a century away")
    return found


def span(text: str) -> float:
    """Read what `--in` is given, as seconds.

    Raises:
        UsageError: It is none of the forms in `IN_FORMS`.
    """
    match = _SPAN.fullmatch(text.replace(" ", ""))
    if match is None or not any(match.groups()):
        raise UsageError(f"--in {text!r} is no span of time", hint=f"write {IN_FORMS}")
    weeks, days, hours, minutes, seconds = (int(number or 0) for number in match.groups())
    total = (((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60 + seconds
    if total > CENTURY.total_seconds():
        raise UsageError(f"--in {text!r} is more than a century")
    return float(total)


def shown(when: datetime) -> str:
    """A moment in local time, to the minute, or to the second where that says more."""
    local = when.astimezone()
    return local.strftime("%Y-%m-%d %H:%M:%S" if local.second else "%Y-%m-%d %H:%M")


def _read(text: str, now: datetime) -> datetime | None:
    if _FULL.fullmatch(text):
        full = datetime.fromisoformat(text)
        return full.astimezone() if full.tzinfo else _local(full)
    day = _DAY.fullmatch(text)
    time = _TIME.fullmatch(day["time"] if day else text)
    if time is None:
        return None
    today = now.astimezone().replace(tzinfo=None)
    found = today.replace(
        hour=int(time["hour"]), minute=int(time["minute"]), second=int(time["second"] or 0), microsecond=0
    )
    later = (day is not None and day["day"] == "tomorrow") or (day is None and _local(found) <= now)
    return _local(found + timedelta(days=1) if later else found)


def _local(time: datetime) -> datetime:
    """A local time without a zone, as the moment it is; one that the clocks skip comes as much later."""
    found = [time.replace(fold=fold).astimezone() for fold in (0, 1)]
    skipped = found[0].replace(tzinfo=None) != time
    return max(found) if skipped else found[0]
