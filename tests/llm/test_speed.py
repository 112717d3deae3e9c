"""How fast answers come."""

import pytest

from llmgine_cli.llm.speed import speed_of
from llmgine_cli.llm.stream import Usage


def per_second(made: int | None, duration: float, first: float | None, thoughts: int = 0, shown: bool = False) -> float:
    usage = Usage(output_tokens=made, reasoning_tokens=thoughts)
    speed = speed_of(usage, duration, first, thoughts=shown)
    return speed.per_second if speed else 0.0


def test_the_time_before_the_first_token_does_not_count() -> None:
    assert per_second(100, 3000, 1000) == 50


@pytest.mark.parametrize("first", [None, 2000, 1999.5])
def test_an_answer_that_came_whole_was_made_all_the_time(first: float | None) -> None:
    assert per_second(100, 2000, first) == 50


def test_thoughts_that_are_kept_secret_were_thought_before_the_first_token() -> None:
    assert per_second(1100, 12_000, 10_000, thoughts=1000) == 50
    assert per_second(1100, 12_000, 1000, thoughts=1000, shown=True) == 100


@pytest.mark.parametrize(("made", "duration"), [(None, 10.0), (0, 10.0), (5, 0.0)])
def test_what_nobody_counted_has_no_speed(made: int | None, duration: float) -> None:
    assert per_second(made, duration, None) == 0.0
