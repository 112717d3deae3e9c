"""When things really happened, whatever was done to the clock meanwhile."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgine_cli.eventlog.views.timeline import TOLERANCE, Stretch, corrected, timeline
from tests.support.session import Session

HOUR = 3_600_000.0


def test_an_honest_clock_is_left_as_it_is() -> None:
    assert corrected([0, 5, 100, 20], [Stretch(0, 3, 125.4), Stretch(1, 2, 99.2)]) == [0, 5, 105, 125]


@pytest.mark.parametrize("step", [-HOUR, -60.0, HOUR])
def test_a_clock_that_was_set_inside_a_call_changes_nothing(step: float) -> None:
    # events: turn begins, call begins, call ends, turn ends; the call took 400 ms
    moments = corrected([0, 1, 400 + step, 1], [Stretch(0, 3, 402), Stretch(1, 2, 400)])

    assert moments == pytest.approx([0, 1, 401, 402], abs=2)


def test_it_is_taken_out_of_the_innermost_thing_that_saw_it() -> None:
    inner, outer = Stretch(1, 2, 10), Stretch(0, 3, 1010)

    moments = corrected([0, 500, 10 + HOUR, 500], [outer, inner])

    assert moments == pytest.approx([0, 500, 510, 1010])


def test_a_clock_set_back_between_two_turns_leaves_them_in_order() -> None:
    assert corrected([0, 100, -HOUR, 100], [Stretch(0, 1, 100), Stretch(2, 3, 100)]) == [0, 100, 100, 200]


@given(
    steps=st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=12),
    places=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11), st.floats(0, 1e9)), max_size=6),
)
def test_nothing_ever_runs_backwards(steps: list[float], places: list[tuple[int, int, float]]) -> None:
    last = len(steps) - 1
    known = [Stretch(min(first, second, last), min(max(first, second), last), span) for first, second, span in places]

    moments = corrected(steps, known)

    assert len(moments) == len(steps)
    assert all(later >= earlier for earlier, later in pairwise(moments))


@given(
    spans=st.lists(st.floats(0, 1e5), min_size=1, max_size=6),
    which=st.integers(0, 5),
    step=st.floats(-1e8, 1e8),
)
def test_each_of_several_calls_keeps_the_time_that_it_took(spans: list[float], which: int, step: float) -> None:
    steps, known = [0.0], []
    for number, span in enumerate(spans):
        steps += [1.0, span + (step if number == which else 0.0)]
        known.append(Stretch(2 * number + 1, 2 * number + 2, span))

    moments = corrected(steps, known)

    for first, last, span in known:
        assert moments[last] - moments[first] == pytest.approx(span, abs=TOLERANCE + span * 0.011)


def test_the_log_of_a_session_tells_what_took_how_long(tmp_path: Path) -> None:
    session = Session(tmp_path)
    turn = session.prompt("hi", 10)
    asked = session.ask(turn, 11)
    session.answered(turn, asked, "hello", 11 + 400 - HOUR, 400)
    session.finish(turn, 412 - HOUR, 402)

    moments = timeline(session.records)

    assert moments[0] == 0
    assert moments[-1] == pytest.approx(412, abs=3)
