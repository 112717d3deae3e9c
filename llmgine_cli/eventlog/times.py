"""Moments as the log writes them: ISO 8601, UTC, all nine digits of the nanoseconds, so that nothing is lost."""

from datetime import UTC, datetime, timedelta

from llmgine_cli.eventlog.memo import Memo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000_000


def _calendar(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).isoformat()[:19]  # strftime would not pad the year


_CALENDAR = Memo(_calendar, 64)  # many events share a second, and the calendar is the dear part


def to_text(time_ns: int) -> str | int:
    """Write nanoseconds since 1970 as `2026-11-23T23:11:04.123456789Z`; what no calendar has stays a number."""
    try:
        rest = time_ns % _SECOND
        if rest >= _SECOND // 10:  # nine digits as it is; to ask for nine takes as long as all the rest
            return f"{_CALENDAR[time_ns // _SECOND]}.{rest}Z"
        return f"{_CALENDAR[time_ns // _SECOND]}.{rest:09d}Z"
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
