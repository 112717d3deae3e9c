"""Times as people write them: `2h`, `3d`, `today`, `yesterday`, `2026-11-24`, `2026-11-24T14:30`, `14:30`."""

import re
import time
from datetime import date, datetime, timedelta

from llmgine_cli.errors import UsageError
from llmgine_cli.eventlog.times import from_text

_SPAN = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?\s*[smhdw]\s*)+", re.IGNORECASE)
_PIECE = re.compile(r"(\d+)(?:\.(\d+))?\s*([smhdw])", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SECOND = 1_000_000_000


def period(text: str, now_ns: int | None = None) -> tuple[int, int]:
    """Return what a text means: a day is all of it, everything else a moment. Without a zone it is local time.

    Args:
        text: A date, a time, both (ISO 8601), `today`, `yesterday`, `now`, or how long ago: `90s`, `2h`, `1d12h`, `2w`.
        now_ns: The present, nanoseconds since 1970.

    Returns:
        Its first nanosecond since 1970 and the first after it; the same one twice for a moment.

    Raises:
        UsageError: It is no such time.
    """
    now_ns = time.time_ns() if now_ns is None else now_ns
    plain = text.strip().lower()
    try:
        if _SPAN.fullmatch(plain):
            ago = now_ns - _length(plain)
            return ago, ago
        if plain == "now":
            return now_ns, now_ns
        today = datetime.fromtimestamp(now_ns // _SECOND).astimezone().date()
        if plain in {"today", "yesterday"}:
            return _day(today - timedelta(days=plain == "yesterday"))
        if re.fullmatch(r"\d{4}-\d\d-\d\d", plain):
            return _day(date.fromisoformat(plain))
        if re.fullmatch(r"\d\d?:\d\d(:\d\d(\.\d+)?)?", plain):
            hour, _, rest = plain.partition(":")
            plain = f"{today.isoformat()}T{hour:0>2}:{rest}"
        return _moment(plain.upper())
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(
            f"{text!r} is no time", hint="as 2h, 3d, today, yesterday, 2026-11-24, 2026-11-24T14:30 or 14:30"
        ) from error


def _length(span: str) -> int:
    """Return nanoseconds."""
    total = 0
    for whole, part, unit in _PIECE.findall(span):
        unit_ns = _SECONDS[unit.lower()] * _SECOND
        total += int(whole) * unit_ns + int(part or "0") * unit_ns // 10 ** len(part)
    return total


def _day(day: date) -> tuple[int, int]:
    return _midnight(day), _midnight(day + timedelta(days=1))


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day).astimezone().timestamp()) * _SECOND


def _moment(text: str) -> tuple[int, int]:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        seconds = int(moment.replace(microsecond=0).astimezone().timestamp())
        found = seconds * _SECOND + moment.microsecond * 1000
    else:
        found = from_text(text)
    return found, found
