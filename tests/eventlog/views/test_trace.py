"""Where the time of a session went."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmgine_cli.bus import SessionStarted
from llmgine_cli.eventlog.reader import LogReader, Record
from llmgine_cli.eventlog.views.trace import Span, busy, flat, merged, spans
from llmgine_cli.llm.events import LLMAttemptFailed, LLMCallFailed, LLMCallInterrupted
from llmgine_cli.llm.messages import Message, assistant
from tests.support.session import MODEL, Session, call

HOUR = 3_600_000.0
SUM, TIME = call("calculate", "1", {"expression": "1/0"}), call("clock", "2")


def whole(folder: Path) -> Session:
    """A turn with a call of the model, two tools side by side, one of them asked for, and an answer."""
    session = Session(folder)
    turn = session.prompt("What is 1/0?", 10)
    asked = session.ask(turn, 10)
    session.answered(turn, asked, Message("assistant", (SUM, TIME)), 310, 300, first=200, reason="tool_calls")
    one = session.tool(turn, SUM, 310, runs=False)
    question = session.asked(one, SUM, 310)
    two = session.tool(turn, TIME, 311)
    session.tool_done(two, TIME, "noon", 611, 300)
    session.approved(one, question, SUM, 810, 500)
    session.tool_done(one, SUM, "division by zero", 910, 600, ran=100, is_error=True)
    asked = session.ask(turn, 910)
    session.answered(turn, asked, "It cannot be said.", 1010, 100, first=20)
    session.finish(turn, 1010, 1000)
    session.end(1020)
    return session


def outline(roots: list[Span]) -> list[tuple[int, str, str, int, int, int]]:
    """Depth, kind, name, start, duration and own time of each span."""
    return [
        (depth, span.kind, span.name, round(span.start_ms), round(span.duration_ms), round(span.self_ms))
        for depth, span in flat(roots)
    ]


def test_turns_hold_models_and_tools_and_tools_hold_approvals(tmp_path: Path) -> None:
    assert outline(spans(whole(tmp_path).records)) == [
        (0, "turn", "What is 1/0?", 10, 1000, 0),
        (1, "model", MODEL, 10, 300, 300),
        (1, "tool", "calculate", 310, 600, 100),
        (2, "approval", "approval", 310, 500, 500),
        (1, "tool", "clock", 311, 300, 300),
        (1, "model", MODEL, 910, 100, 100),
    ]


def test_a_span_says_what_else_is_known(tmp_path: Path) -> None:
    turn, model, tool, approval, clock, _ = (span for _, span in flat(spans(whole(tmp_path).records)))

    assert model.first_token_ms == 200
    assert model.attributes["output_tokens"] == 5
    assert tool.error == "division by zero"
    assert tool.attributes == {
        "command": "CallTool",
        "tool": "calculate",
        "arguments": '{"expression": "1/0"}',
        "ran_after_ms": 500,
        "ran_ms": 100,
    }
    assert clock.error is None
    assert all(span.ended for span in (turn, model, tool, approval, clock))
    assert [span.parent for span in (turn, model, approval)] == [None, turn.id, tool.id]


def test_own_time_counts_what_ran_side_by_side_once(tmp_path: Path) -> None:
    session = Session(tmp_path)
    turn = session.prompt("both", 0)
    one, two = session.tool(turn, SUM, 100), session.tool(turn, TIME, 200)
    session.tool_done(one, SUM, "4", 300, 200)
    session.tool_done(two, TIME, "noon", 400, 200)
    session.finish(turn, 500, 500)

    assert spans(session.records)[0].self_ms == pytest.approx(200)


def test_what_has_no_end_lasts_to_the_last_sign_of_life(tmp_path: Path) -> None:
    session = Session(tmp_path)
    turn = session.prompt("hi", 100)
    session.ask(turn, 200)
    session.tool(turn, TIME, 900)

    roots = spans(session.records)

    assert outline(roots) == [
        (0, "turn", "hi", 100, 800, 100),
        (1, "model", MODEL, 200, 700, 700),
        (1, "tool", "clock", 900, 0, 0),
    ]
    assert not any(span.ended for _, span in flat(roots))


def test_what_was_killed_does_not_last_until_the_session_is_taken_up_again(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.ask(session.prompt("hi", 100), 200)
    session.write(SessionStarted, HOUR)
    turn = session.prompt("again", HOUR + 50)
    session.finish(turn, HOUR + 60, 10)

    first, second = spans(session.records)

    assert (first.duration_ms, first.ended) == (100, False)
    assert (second.start_ms, second.duration_ms, second.ended) == (HOUR + 50, 10, True)


def test_what_lost_its_beginning_began_as_long_ago_as_it_took(tmp_path: Path) -> None:
    session = whole(tmp_path)
    kept = [record for record in session.records if not record.type.endswith("Started")]
    kept.insert(0, session.records[0])

    found = {span.name: span for _, span in reversed(flat(spans(kept)))}

    assert found["Prompt"].start_ms == pytest.approx(10)
    assert found["calculate"].duration_ms == pytest.approx(100)
    assert found[MODEL].start_ms == pytest.approx(10)


@pytest.mark.parametrize("step", [-HOUR, HOUR])
def test_a_clock_that_is_set_while_the_model_answers_bends_no_bar(tmp_path: Path, step: float) -> None:
    session = Session(tmp_path)
    turn = session.prompt("hi", 100)
    asked = session.ask(turn, 100)
    session.answered(turn, asked, "hello", 600 + step, 500)
    session.finish(turn, 605 + step, 505)
    session.end(610 + step, 610)

    assert outline(spans(session.records)) == [
        (0, "turn", "hi", 100, 505, 5),
        (1, "model", MODEL, 100, 500, 500),
    ]


def test_what_failed_or_was_stopped_says_so(tmp_path: Path) -> None:
    session = Session(tmp_path)
    turn = session.prompt("hi", 0)
    common = {"model": MODEL, "partial": assistant("")}
    asked = session.ask(turn, 0)
    session.write(LLMCallFailed, 10, turn, call_id=asked, error="no", error_type="Bad", duration_ms=10, **common)
    asked = session.ask(turn, 10)
    session.write(LLMCallInterrupted, 20, turn, call_id=asked, duration_ms=10, **common)
    refused = session.tool(turn, TIME, 20)
    session.tool_done(refused, TIME, "no", 30, 10, is_error=True, denied=True)
    session.finish(turn, 40, 40, error="all is lost")

    assert [span.error for _, span in flat(spans(session.records))] == [
        "LlmgineError: all is lost",
        "Bad: no",
        "interrupted",
        "denied",
    ]


def test_attempts_that_failed_are_inside_their_call_and_the_waiting_is_its_own(tmp_path: Path) -> None:
    session = Session(tmp_path)
    turn = session.prompt("hi", 0)
    asked = session.ask(turn, 0)
    attempt = {
        "call_id": asked, "attempts": 3, "error": "busy", "error_type": "ProviderError", "status": 503, "wait_s": 0.05,
    }  # fmt: skip
    session.write(LLMAttemptFailed, 10, turn, model=MODEL, attempt=1, duration_ms=10, next_model="other:m", **attempt)
    session.write(
        LLMAttemptFailed, 80, turn, model="other:m", attempt=1, duration_ms=20, next_model="other:m", **attempt
    )
    session.answered(turn, asked, "hello", 200, 200)
    session.finish(turn, 200, 200)
    session.end(200, 200)

    roots = spans(session.records)
    assert outline(roots) == [
        (0, "turn", "hi", 0, 200, 0),
        (1, "model", MODEL, 0, 200, 170),
        (2, "attempt", MODEL, 0, 10, 10),
        (2, "attempt", "other:m", 60, 20, 20),
    ]
    first = flat(roots)[2][1]
    assert (first.error, first.attributes["status"], first.attributes["next_model"]) == (
        "ProviderError: busy", 503, "other:m",
    )  # fmt: skip
    assert all(span.ended for _, span in flat(roots))


def test_stretches_are_merged_where_they_meet() -> None:
    assert merged([(5, 6), (1, 3), (2, 4), (4, 5)]) == [(1, 6)]
    assert merged([(5, 6), (1, 3)]) == [(1, 3), (5, 6)]


def test_busy_is_when_anything_of_a_kind_ran(tmp_path: Path) -> None:
    roots = spans(whole(tmp_path).records)

    assert [(round(begin), round(end)) for begin, end in busy(roots)] == [(10, 1010)]
    assert [(round(begin), round(end)) for begin, end in busy(roots, "tool")] == [(310, 910)]
    assert busy(roots, "question") == []


def check(records: list[Record]) -> None:
    """What must be so of any log."""
    roots = spans(records)
    for _, span in flat(roots):
        assert span.duration_ms >= 0
        assert 0 <= span.self_ms <= span.duration_ms + 1e-6
        assert span.start_ms >= 0
        assert span.name


def test_a_log_that_was_cut_at_any_line_has_a_trace(tmp_path: Path) -> None:
    records = whole(tmp_path).records

    for number in range(len(records) + 1):
        check(records[:number])
        check(records[number:])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_lines_that_are_lost_or_stand_twice_or_say_nonsense_do_no_harm(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "whole"
    if not path.exists():
        path.write_bytes(whole(tmp_path).path.read_bytes())
    records = list(LogReader(path))
    numbers = data.draw(st.lists(st.integers(0, len(records) - 1), max_size=30))
    chosen = [records[number] for number in numbers]
    for record in chosen:
        if data.draw(st.booleans()):
            names = sorted(set(record.data) - {"event_type", "timestamp"})
            spoilt: dict[str, Any] = {
                data.draw(st.sampled_from(names)): data.draw(st.sampled_from([None, 7, "x", [], {}]))
            }
            chosen[chosen.index(record)] = Record(record.line, {**record.data, **spoilt})

    check(chosen)


def test_no_events_are_no_spans() -> None:
    assert spans([]) == []
