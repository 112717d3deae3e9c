"""Moments as the log writes them."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmgine_cli.eventlog.times import from_text, to_text


def test_a_moment_is_written_in_utc_with_all_nanoseconds() -> None:
    assert to_text(1_795_476_664_123_456_789) == "2026-11-23T23:31:04.123456789Z"


@given(st.integers(min_value=-(10**22), max_value=10**22))
@example(0)
@example(-1)
@example(253402300800 * 10**9)  # the year 10000
def test_every_moment_comes_back_to_the_nanosecond(time_ns: int) -> None:
    assert from_text(to_text(time_ns)) == time_ns


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("1970-01-01T00:00:01Z", 10**9),
        ("1970-01-01T00:00:01", 10**9),
        ("1970-01-01T01:00:00.5+01:00", 5 * 10**8),
        ("1970-01-01T00:00:00.123456Z", 123_456_000),
    ],
)
def test_times_that_others_wrote_are_read(text: str, time_ns: int) -> None:
    assert from_text(text) == time_ns


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        from_text(text)
