"""What the log says was spent."""

from pathlib import Path

import pytest

from llmgine_cli.bus import Event
from llmgine_cli.eventlog.codec import encode
from llmgine_cli.eventlog.queries.spending import Spending
from llmgine_cli.llm.events import EmbeddingFinished, LLMCallFailed, LLMCallFinished, LLMCallInterrupted
from llmgine_cli.llm.messages import assistant
from llmgine_cli.llm.prices import Prices
from llmgine_cli.llm.stream import Reply, Usage

HOUR = 3_600_000_000_000  # nanoseconds
NOON = 1_795_521_600_000_000_000  # 2026-11-24 12:00 UTC
USAGE = Usage(input_tokens=1000, output_tokens=100)
PRICE = 1000 * 2.0 / 1e6 + 100 * 8.0 / 1e6  # of gpt-4.1


def finished(time_ns: int = NOON, model: str = "openai:gpt-4.1") -> LLMCallFinished:
    reply = Reply(message=assistant("hello"), finish_reason="stop", usage=USAGE)
    return LLMCallFinished(call_id="c", model=model, reply=reply, duration_ms=1, time_ns=time_ns)


def write(folder: Path, session: str, *events: Event, tail: bytes = b"") -> Path:
    path = folder / f"events_20261124T000000.000000Z_{session}.jsonl"
    with path.open("ab") as file:
        file.write(b"".join(map(encode, events)) + tail)
    return path


def spending(folder: Path) -> Spending:
    return Spending(folder, Prices())


def test_all_calls_of_a_session_add_up_and_of_no_other(tmp_path: Path) -> None:
    write(tmp_path, "mine", finished(), finished(NOON - 48 * HOUR), finished(model="local:x"))
    write(tmp_path, "another", finished())
    assert spending(tmp_path).of_session("mine") == pytest.approx(2 * PRICE)
    assert spending(tmp_path).of_session("nobody") == 0


def test_of_a_day_counts_what_came_after_midnight_in_all_sessions(tmp_path: Path) -> None:
    write(tmp_path, "one", finished(NOON - 24 * HOUR), finished())
    write(tmp_path, "two", finished())
    assert spending(tmp_path).since(NOON - 12 * HOUR) == pytest.approx(2 * PRICE)


def test_calls_that_broke_off_and_vectors_count_as_well(tmp_path: Path) -> None:
    failed = LLMCallFailed(
        call_id="c",
        model="openai:gpt-4.1",
        error="e",
        error_type="E",
        partial=assistant("h"),
        duration_ms=1,
        usage=USAGE,
    )
    stopped = LLMCallInterrupted(
        call_id="c", model="openai:gpt-4.1", partial=assistant("h"), duration_ms=1, usage=USAGE
    )
    vectors = EmbeddingFinished(
        call_id="c", model="openai:text-embedding-3-small", dimensions=3, usage=Usage(input_tokens=1000), duration_ms=1
    )
    write(tmp_path, "mine", failed, stopped, vectors)
    assert spending(tmp_path).of_session("mine") == pytest.approx(2 * PRICE + 1000 * 0.02 / 1e6)


def test_what_others_write_meanwhile_is_seen_and_nothing_is_counted_twice(tmp_path: Path) -> None:
    book = spending(tmp_path)
    assert book.of_session("mine") == 0
    for count in (1, 2, 3):
        write(tmp_path, "mine", finished())
        assert book.of_session("mine") == pytest.approx(count * PRICE)
        assert book.since(NOON - HOUR) == pytest.approx(count * PRICE)
    assert book.since(NOON + HOUR) == 0  # another day


def test_a_torn_line_hides_nothing(tmp_path: Path) -> None:
    book = spending(tmp_path)
    path = write(tmp_path, "mine", finished(), tail=encode(finished())[:40])
    assert book.of_session("mine") == pytest.approx(PRICE)
    write(tmp_path, "mine", tail=b"\n" + encode(finished()))
    assert book.of_session("mine") == pytest.approx(2 * PRICE)
    path.write_bytes(encode(finished()))  # another file of that name
    assert book.of_session("mine") == pytest.approx(PRICE)


def test_a_file_that_is_removed_takes_nothing_back(tmp_path: Path) -> None:
    book = spending(tmp_path)
    path = write(tmp_path, "mine", finished())
    assert book.since(NOON - HOUR) == pytest.approx(PRICE)
    path.unlink()
    assert book.since(NOON - HOUR) == pytest.approx(PRICE)


def test_without_a_log_nothing_is_known(tmp_path: Path) -> None:
    assert spending(tmp_path / "nowhere").since(0) == 0
