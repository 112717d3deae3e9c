"""The time in every zone, and what becomes of zones that do not exist."""

from datetime import UTC, datetime, timedelta

import pytest

from llmgine_cli.errors import ToolError
from tests.support.shipped import shipped_tools

current_time = shipped_tools("clock").current_time


def moment(said: str) -> datetime:
    return datetime.fromisoformat(said.partition(" ")[0])


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Lima", "Asia/Kathmandu"])
def test_it_is_now_everywhere_and_the_day_is_that_of_the_place(zone: str) -> None:
    said = current_time(zone)
    assert abs(moment(said) - datetime.now(UTC)) < timedelta(minutes=5)
    assert said.endswith(f"({moment(said):%A}, {zone})")


def test_the_offset_is_that_of_the_place() -> None:
    assert moment(current_time("Asia/Kathmandu")).utcoffset() == timedelta(hours=5, minutes=45)


def test_without_a_zone_it_is_where_the_user_is() -> None:
    assert moment(current_time()).utcoffset() == datetime.now().astimezone().utcoffset()


@pytest.mark.parametrize(
    ("zone", "hint"),
    [
        ("Europe/Berlni", "did you mean Europe/Berlin"),
        ("europe/paris ", "did you mean Europe/Paris?"),
        ("Lima", "did you mean America/Lima?"),
        ("New York", "did you mean America/New_York"),
        ("Xyzzy", "use an IANA name, such as Europe/Berlin or UTC"),
        ("", "use an IANA name"),
        ("../../etc/passwd", "use an IANA name"),
        ("/etc/passwd", "use an IANA name"),
        ("a\0b", "use an IANA name"),
        ("x" * 10_000, "use an IANA name"),
    ],
)
def test_a_zone_that_does_not_exist_is_told_with_what_may_be_meant(zone: str, hint: str) -> None:
    with pytest.raises(ToolError, match="there is no time zone") as caught:
        current_time(zone)
    assert hint in (caught.value.hint or "")
