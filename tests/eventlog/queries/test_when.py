"""Times as people write them."""

from datetime import UTC, datetime

import pytest

from llmgine_cli.errors import UsageError
from llmgine_cli.eventlog.queries.when import period

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
NOON = 1_795_521_600 * SECOND  # 2026-11-24 12:00 UTC, which is the time zone of the tests
MIDNIGHT = NOON - 12 * HOUR


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90s", 90 * SECOND), ("15m", HOUR // 4), ("2h", 2 * HOUR), ("3d", 3 * DAY), ("2w", 14 * DAY),
        ("1d12h", 36 * HOUR),
        ("1.5h", HOUR * 3 // 2), ("1d 2h", 26 * HOUR), ("3D", 3 * DAY), ("0s", 0), ("now", 0),
    ],
)  # fmt: skip
def test_how_long_ago_is_a_moment(text: str, ago: int) -> None:
    assert period(text, NOON) == (NOON - ago, NOON - ago)


@pytest.mark.parametrize(
    ("text", "begin"),
    [
        ("today", MIDNIGHT),
        ("yesterday", MIDNIGHT - DAY),
        ("Yesterday", MIDNIGHT - DAY),
        ("2026-11-20", MIDNIGHT - 4 * DAY),
    ],
)
def test_a_day_is_all_of_it(text: str, begin: int) -> None:
    assert period(text, NOON) == (begin, begin + DAY)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("14:30", NOON + 5 * HOUR // 2), ("9:05", MIDNIGHT + 545 * 60 * SECOND), ("9:05:07", MIDNIGHT + 32707 * SECOND),
        ("2026-11-24T12:00", NOON), ("2026-11-24 12:00", NOON), ("2026-11-24t12:00:00.5", NOON + SECOND // 2),
        ("2026-11-24T12:00:00.123456789Z", NOON + 123456789), ("2026-11-24T12:00:00+02:00", NOON - 2 * HOUR),
    ],
)  # fmt: skip
def test_a_time_is_a_moment_of_today_or_of_its_day(text: str, moment: int) -> None:
    assert period(text, NOON) == (moment, moment)


def test_what_has_no_zone_is_local_and_days_may_have_23_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    try:
        begin, end = period("2026-03-29", NOON)
        assert datetime.fromtimestamp(begin // SECOND, UTC) == datetime(2026, 3, 28, 23, tzinfo=UTC)
        assert end - begin == 23 * HOUR
        assert period("2026-11-24T13:00", MIDNIGHT)[0] == NOON
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "text",
    ["", "soon", "3x", "2026-13-01", "2026-02-30", "25:00", "-3d", "h", "9" * 30 + "d", "0000-00-00", "12:00:00:00"],
)
def test_what_is_no_time_is_said_with_examples(text: str) -> None:
    with pytest.raises(UsageError, match="is no time") as caught:
        period(text, NOON)
    assert "yesterday" in str(caught.value.hint)
