"""Moments as the log writes them: ISO 8601, UTC, all nine digits of the nanoseconds, so that nothing is lost."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000_000


@lru_cache(maxsize=64)
def _calendar(second: int) -> str:
    # Many events share a second, and the calendar is the dear part.
    return (_EPOCH + timedelta(seconds=second)).isoformat()[:19]  # strftime would not pad the year


@lru_cache(maxsize=64)
def _calendar_of(digits: str) -> str:
    return _calendar(int(digits))


def to_text(time_ns: int) -> str | int:
    """Write nanoseconds since 1970 as `2026-11-23T23:11:04.123456789Z`; what no calendar has stays a number."""
    try:
        if time_ns >= _SECOND:  # taking the digits apart is twice as fast as reckoning
            digits = str(time_ns)
            return f"{_calendar_of(digits[:-9])}.{digits[-9:]}Z"
        second, rest = divmod(time_ns, _SECOND)
        return f"{_calendar(second)}.{rest:09d}Z"
    except (OverflowError, ValueError):
        return time_ns


def from_text(text: str | int) -> int:
    """Read what `to_text` wrote, or any other ISO 8601 time, as nanoseconds since 1970.

    Raises:
        ValueError: It is no such time.
    """
    if isinstance(text, int):
        return text
    whole, point, rest = text.rstrip("Zz").partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    moment = datetime.fromisoformat(whole + rest[len(digits) :])
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    since = moment - _EPOCH
    nanoseconds = int(digits[:9].ljust(9, "0")) if point else 0
    return (since.days * 86400 + since.seconds) * _SECOND + nanoseconds
