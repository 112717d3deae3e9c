"""Moments as people write them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from llmgine_cli.cli.talk.moments import moment, shown, span, when
from llmgine_cli.errors import UsageError

NOW = datetime(2026, 11, 24, 6, 30, 15, 500, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _utc() -> Iterator[None]:
    time.tzset()
    yield
    time.tzset()


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2026-11-24 07:00", "2026-11-24T07:00:00+00:00"),
        ("2026-11-24T07:00:30", "2026-11-24T07:00:30+00:00"),
        ("  2026-11-24   07:00 ", "2026-11-24T07:00:00+00:00"),
        ("2026-11-24T07:00Z", "2026-11-24T07:00:00+00:00"),
        ("2026-11-24 09:00+01:00", "2026-11-24T08:00:00+00:00"),
        ("2026-11-24T09:00:00.25+0100", "2026-11-24T08:00:00.250000+00:00"),
        ("07:00", "2026-11-24T07:00:00+00:00"),
        ("06:30", "2026-11-25T06:30:00+00:00"),
        ("6:30:16", "2026-11-24T06:30:16+00:00"),
        ("today-19:00", "2026-11-24T19:00:00+00:00"),
        ("today 19:00", "2026-11-24T19:00:00+00:00"),
        ("tomorrow-07:00", "2026-11-25T07:00:00+00:00"),
        ("tomorrow 05:00", "2026-11-25T05:00:00+00:00"),
    ],
)
def test_what_at_takes(text: str, iso: str) -> None:
    assert moment(text, NOW).astimezone(UTC).isoformat() == iso


@pytest.mark.parametrize(
    "text",
    [
        "", "7", "soon", "25:00", "07:60", "2026-11-24", "2026-02-30 07:00", "07:00 tomorrow", "yesterday-07:00",
        "tomorrow", "1795500000", "2026-11-24 07:00 Europe/Berlin", "24.11.2026 07:00", "-07:00", "07:00\n08:00",
    ],
)  # fmt: skip
def test_what_at_does_not_take_is_refused_with_all_that_it_takes(text: str) -> None:
    with pytest.raises(UsageError, match="is no time") as told:
        moment(text, NOW)
    assert told.value.hint
    assert all(form in told.value.hint for form in ("2026-11-24 07:00", "07:00 (", "today-", "tomorrow-07:00"))


def test_a_file_where_llm_takes_one_leads_on() -> None:
    with pytest.raises(UsageError, match="is no time") as told:
        moment("photo.png", NOW)
    assert "--attachment-type" in (told.value.hint or "")


@pytest.mark.parametrize("text", ["2026-11-24 06:30:15", "today-06:00", "1999-01-01 00:00"])
def test_what_is_past_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is past"):
        moment(text, NOW)


def test_a_time_of_day_is_the_next_such_time_where_the_user_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    assert moment("16:00", NOW).astimezone(UTC).isoformat() == "2026-11-24T07:00:00+00:00"
    assert moment("07:00", NOW).astimezone(UTC).isoformat() == "2026-11-24T22:00:00+00:00"


def test_tomorrow_is_a_day_of_the_calendar_however_long_today_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    before = datetime(2026, 10, 24, 10, 0, tzinfo=UTC)  # the clocks are put back that night
    assert moment("tomorrow-12:00", before) - before == timedelta(hours=25)


def test_a_time_that_the_clocks_skip_is_not_early_and_of_one_that_comes_twice_the_first_is_meant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    spring = datetime(2027, 3, 27, 12, 0, tzinfo=UTC)
    assert moment("2027-03-28 02:30", spring).astimezone(UTC).isoformat() == "2027-03-28T01:30:00+00:00"
    assert moment("2027-10-31 02:30", spring).astimezone(UTC).isoformat() == "2027-10-31T00:30:00+00:00"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("2h30m", 9000), ("2h 30m", 9000), ("3d", 259_200), ("1w1d", 691_200), ("0s", 0)],
)
def test_what_in_takes(text: str, seconds: int) -> None:
    assert span(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "10 minutes", "m10", "30m2h", "1.5h", "-5m", "5M", "١s"])  # noqa: RUF001
def test_what_in_does_not_take_is_refused_with_all_that_it_takes(text: str) -> None:
    with pytest.raises(UsageError, match="is no span of time") as told:
        span(text)
    assert "2h30m" in str(told.value.hint)


@pytest.mark.parametrize("text", ["9999999d", "9" * 5000 + "s"])
def test_a_span_beyond_all_calendars_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        span(text)


def test_both_or_none_is_no_moment() -> None:
    for at, after in ((None, None), ("07:00", "1h")):
        with pytest.raises(UsageError):
            when(at, after)
    assert when(None, "1h").moment(NOW) == NOW + timedelta(hours=1)


def test_a_moment_is_shown_in_local_time() -> None:
    assert shown(NOW) == "2026-11-24 06:30:15"
    assert shown(NOW.replace(second=0)) == "2026-11-24 06:30"
