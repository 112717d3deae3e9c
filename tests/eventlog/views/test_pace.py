"""When a replay shows what."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgine_cli.bus import Event
from llmgine_cli.eventlog.views.pace import STEP, Beat, beats, pauses
from llmgine_cli.llm.events import LLMCallFailed, LLMCallFinished, MessageAdded, ReasoningChunk, TextChunk
from llmgine_cli.llm.messages import Message, Reasoning, Text, assistant, user
from tests.support.session import MODEL, Session

LONG = "one two  three\n\nfour " * 40


def answer(folder: Path, message: Message | str = LONG, took: float = 1000, first: float | None = 400) -> list[Beat]:
    """The beats of a session in which a model answers 100 ms after its begin."""
    session = Session(folder)
    turn = session.prompt("hi", 100)
    asked = session.ask(turn, 100)
    session.answered(turn, asked, message, 100 + took, took, first=first)
    return beats(session.records)


def chunks(shown: list[Beat]) -> list[Beat]:
    return [beat for beat in shown if isinstance(beat.event, TextChunk | ReasoningChunk)]


def test_an_answer_comes_in_pieces_that_make_it_up(tmp_path: Path) -> None:
    pieces = [beat.event for beat in chunks(answer(tmp_path))]

    assert len(pieces) > 20
    assert "".join(event.text for event in pieces if isinstance(event, TextChunk)) == LONG


def test_it_begins_when_the_first_token_came_and_is_whole_before_the_end(tmp_path: Path) -> None:
    shown = answer(tmp_path)
    times = [beat.time_ms for beat in chunks(shown)]
    (end,) = [beat.time_ms for beat in shown if isinstance(beat.event, LLMCallFinished)]

    assert times[0] == pytest.approx(500)
    assert times == sorted(times)
    assert times[-1] < end == pytest.approx(1100)
    assert max(later - earlier for earlier, later in pairwise(times)) >= STEP - 1e-6


def test_thoughts_come_before_the_text(tmp_path: Path) -> None:
    shown = chunks(answer(tmp_path, Message("assistant", (Reasoning(text="hm, well"), Text("four")))))

    assert [(type(beat.event).__name__, getattr(beat.event, "text", "")) for beat in shown] == [
        ("ReasoningChunk", "hm,"),
        ("ReasoningChunk", " well"),
        ("TextChunk", "four"),
    ]


@pytest.mark.parametrize("first", [None, 0.0, 1000.0, 5000.0])
def test_an_answer_that_came_at_once_is_shown_all_the_same(tmp_path: Path, first: float | None) -> None:
    assert "".join(getattr(beat.event, "text", "") for beat in chunks(answer(tmp_path, first=first))) == LONG


def test_what_had_come_of_a_failed_answer_is_shown(tmp_path: Path) -> None:
    session = Session(tmp_path)
    asked = session.ask(None, 0)
    failed = {"model": MODEL, "error": "no", "error_type": "ProviderError", "partial": assistant("hal")}
    session.write(LLMCallFailed, 10, None, call_id=asked, duration_ms=10, **failed)

    assert [getattr(beat.event, "text", "") for beat in chunks(beats(session.records))] == ["hal"]


def test_what_was_asked_aside_was_not_on_the_screen(tmp_path: Path) -> None:
    session = Session(tmp_path)
    asked = session.ask(None, 0, history=0, messages=(user("is this English?"),))
    session.answered(None, asked, "yes", 10, 10, kept=False)

    assert chunks(beats(session.records)) == []


@given(
    times=st.lists(st.floats(0, 1e6), min_size=1, max_size=20).map(sorted),
    speed=st.sampled_from([0.0, 0.5, 1.0, 100.0]),
    most=st.floats(0, 5),
)
def test_pauses_are_scaled_and_never_longer_than_the_longest(times: list[float], speed: float, most: float) -> None:
    told = [Beat(time, Event()) for time in times]

    waits = [pause for pause, _ in pauses(told, speed=speed, most=most)]

    assert waits[0] == 0
    assert all(0 <= wait <= most for wait in waits)
    if speed == 0:
        assert not any(waits)
    for wait, (earlier, later) in zip(waits[1:], pairwise(times), strict=True):
        if speed and wait < most:
            assert wait == pytest.approx((later - earlier) / 1000 / speed)


def test_what_can_be_seen_of_the_rest_is_there_in_order(tmp_path: Path) -> None:
    shown = answer(tmp_path)

    assert [type(beat.event).__name__ for beat in shown if beat not in chunks(shown)] == [
        "MessageAdded",
        "LLMCallStarted",
        "LLMCallFinished",
    ]
    assert isinstance(shown[0].event, MessageAdded)
