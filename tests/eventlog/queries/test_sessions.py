"""What a session was, as its events tell it."""

import fcntl
import os
from pathlib import Path

import pytest

from llmgine_cli.bus import Bus, CommandFinished, CommandStarted, Event, SessionEnded, SessionStarted
from llmgine_cli.engine import Prompt
from llmgine_cli.eventlog.codec import encode
from llmgine_cli.eventlog.queries.sessions import Summary, state, summarise
from llmgine_cli.llm.events import (
    EmbeddingFailed,
    EmbeddingFinished,
    EmbeddingStarted,
    LLMCallFailed,
    LLMCallFinished,
    LLMCallInterrupted,
    LLMCallStarted,
)
from llmgine_cli.llm.messages import ToolCall, assistant
from llmgine_cli.llm.prices import Prices
from llmgine_cli.llm.stream import Reply, Usage
from llmgine_cli.toolkit.messages import CallTool

SECOND = 1_000_000_000
NOON = 1_795_521_600 * SECOND


def turn(text: str, *, error: str | None = None, cancelled: bool = False, model: str = "openai:gpt-4o") -> list[Event]:
    prompt = Prompt(text=text)
    reply = Reply(message=assistant("yes"), finish_reason="stop", usage=Usage(input_tokens=1000, output_tokens=100))
    tool = CallTool(call=ToolCall(id="1", name="look"), parent_id=prompt.command_id)
    return [
        CommandStarted(command=prompt, parent_id=prompt.command_id),
        CommandStarted(command=tool, parent_id=tool.command_id),
        CommandFinished(parent_id=tool.command_id, command_type="CallTool", success=False, error="x", duration_ms=1),
        LLMCallStarted(model=model, history=1),
        LLMCallFinished(call_id="c", model=model, reply=reply, duration_ms=1, time_ns=NOON),
        CommandFinished(
            parent_id=prompt.command_id, command_type="Prompt", success=error is None and not cancelled,
            error=error, cancelled=cancelled, duration_ms=1,
        ),
    ]  # fmt: skip


def log(folder: Path, *events: Event, tail: bytes = b"") -> Path:
    path = folder / "log.jsonl"
    path.write_bytes(b"".join(map(encode, events)) + tail)
    return path


def summary(folder: Path, *events: Event) -> Summary:
    return summarise(log(folder, *events), "its-name", Prices())


def test_turns_models_tokens_price_and_the_first_words_are_told(tmp_path: Path) -> None:
    events = [*turn("What is\n this?"), *turn("And that?", model="local:x"), *turn("", model="openai:gpt-4o")]
    found = summary(tmp_path, SessionStarted(), *events, SessionEnded(duration_ms=1500))

    assert (found.session, found.title, found.turns, found.calls) == ("its-name", "What is this?", 3, 3)
    assert found.models == ["local:x", "openai:gpt-4o"]
    assert (found.input_tokens, found.output_tokens) == (3000, 300)
    assert found.price == pytest.approx(2 * (1000 * 2.5 + 100 * 10) / 1e6)
    assert (found.unpriced, found.duration_ms, found.skipped) == (0, 1500, 0)


def test_a_price_that_is_not_known_is_counted_as_unknown(tmp_path: Path) -> None:
    found = summary(tmp_path, *turn("a", model="mine:x"), *turn("b"))

    assert found.unpriced == 1
    assert found.price > 0


def test_a_call_that_was_broken_off_is_not_taken_for_free_and_one_that_failed_is(tmp_path: Path) -> None:
    begun = LLMCallStarted(model="openai:gpt-4o", history=1)
    local = LLMCallStarted(model="local:x", history=1)
    failed = LLMCallFailed(
        call_id="c", model="openai:gpt-4o", error="no", error_type="ProviderError", partial=assistant(""), duration_ms=1
    )
    assert summary(tmp_path, *turn("a"), begun).unpriced == 1
    assert summary(tmp_path, *turn("a"), begun, failed).unpriced == 0
    assert summary(tmp_path, local).unpriced == 0


def test_what_had_come_of_a_call_that_did_not_end_well_has_its_price(tmp_path: Path) -> None:
    begun = LLMCallStarted(model="openai:gpt-4o", history=1)
    usage, partial = Usage(input_tokens=1000, output_tokens=100), assistant("half")
    failed = LLMCallFailed(
        call_id="c", model="openai:gpt-4o", error="no", error_type="E", partial=partial, duration_ms=1, usage=usage
    )
    stopped = LLMCallInterrupted(call_id="c", model="openai:gpt-4o", partial=partial, duration_ms=1, usage=usage)
    found = summary(tmp_path, begun, failed, begun, stopped)
    assert (found.unpriced, found.input_tokens, found.output_tokens) == (0, 2000, 200)
    assert found.price == pytest.approx(2 * (1000 * 2.5 + 100 * 10) / 1e6)


def test_vectors_that_an_engine_asks_for_count_as_calls(tmp_path: Path) -> None:
    model = "openai:text-embedding-3-small"
    begun = EmbeddingStarted(model=model, texts=1, characters=3)
    usage = Usage(input_tokens=1_000_000)
    done = EmbeddingFinished(call_id="c", model=model, dimensions=2, usage=usage, duration_ms=1)
    failed = EmbeddingFailed(call_id="c", model=model, error="no", error_type="E", duration_ms=1)
    found = summary(tmp_path, begun, done, begun, failed, begun)
    assert (found.calls, found.models, found.input_tokens, found.unpriced) == (3, [model], 1_000_000, 1)
    assert found.price == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("events", "ending"),
    [
        ([*turn("a"), SessionEnded(duration_ms=1)], "finished"),
        ([*turn("a"), SessionEnded(duration_ms=1, error="the engine broke")], "failed"),
        ([*turn("a", error="boom"), SessionEnded(duration_ms=1)], "failed"),
        ([*turn("a", error="boom"), *turn("b"), SessionEnded(duration_ms=1)], "finished"),
        ([*turn("a", cancelled=True), SessionEnded(duration_ms=1)], "interrupted"),
        ([*turn("a", cancelled=True), SessionEnded(duration_ms=1, error="KeyboardInterrupt")], "interrupted"),
        (turn("a"), "open"),
        ([SessionEnded(duration_ms=1), SessionStarted(), *turn("a")], "open"),
        ([SessionStarted(), SessionStarted(), *turn("a"), SessionEnded(duration_ms=1)], "finished"),
    ],
)
def test_how_a_session_ended(tmp_path: Path, events: list[Event], ending: str) -> None:
    assert summary(tmp_path, SessionStarted(), *events).ending == ending


def test_what_has_no_end_runs_while_a_process_holds_its_file_and_is_interrupted_after(tmp_path: Path) -> None:
    path = log(tmp_path, SessionStarted(), *turn("a"))
    found = summarise(path, "s", Prices())
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        assert state(found, path) == "running"
    finally:
        os.close(descriptor)
    assert state(found, path) == "interrupted"


def test_the_time_a_session_was_open_is_that_of_all_its_parts(tmp_path: Path) -> None:
    found = summary(
        tmp_path,
        SessionStarted(time_ns=NOON),
        SessionEnded(time_ns=NOON + SECOND, duration_ms=1000),
        SessionStarted(time_ns=NOON + 3600 * SECOND),
        CommandStarted(command=Prompt(text="x"), time_ns=NOON + 3602 * SECOND),
        SessionStarted(time_ns=NOON + 7200 * SECOND),
        CommandStarted(command=Prompt(text="y"), time_ns=NOON + 7203 * SECOND),
    )

    assert found.duration_ms == 1000 + 2000 + 3000
    assert (found.started_ns, found.ended_ns) == (NOON, NOON + 7203 * SECOND)


def test_bad_lines_and_events_of_odd_shapes_do_not_matter(tmp_path: Path) -> None:
    odd = b'{"v":1,"event_type":"CommandStarted","timestamp":"2026-11-24T12:00:00Z","command":7}\n'
    strange = b'{"v":1,"event_type":"LLMCallFinished","timestamp":"no time","model":"m"}\n'
    mine = b'{"v": 1, "event_type": "Mine", "timestamp": 5, "model": {"a": 1}, "call": 3}\n'
    found = summarise(log(tmp_path, *turn("a"), tail=b"{torn\n" + odd + strange + mine), "s", Prices())

    assert found.turns == 1
    assert found.skipped == 3


async def test_a_real_session_on_the_bus_is_summed_up(tmp_path: Path) -> None:
    from llmgine_cli.eventlog.writer import EventLog

    bus, writer = Bus(), EventLog(tmp_path)
    writer.attach(bus)

    async def answer(_: Prompt) -> None:
        raise RuntimeError("boom")

    async with bus.session("morning") as session:
        session.register(Prompt, answer)
        await session.execute(Prompt(text="hello"))
    writer.close()
    path = writer.path("morning")
    assert path is not None
    found = summarise(path, "?", Prices())

    assert (found.session, found.title, found.turns, found.ending, found.error) == (
        "morning",
        "hello",
        1,
        "failed",
        "boom",
    )
