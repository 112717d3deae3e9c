"""Several processes find in a file what one finds, whatever is in it and wherever it is divided."""

import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmgine_cli.bus import CommandFinished, Event, HandlerFailed
from llmgine_cli.eventlog.codec import encode
from llmgine_cli.eventlog.crew import ALONE, Crew
from llmgine_cli.eventlog.filters import Filter
from llmgine_cli.eventlog.queries.counted import CountedLog
from llmgine_cli.eventlog.queries.counting import TYPES
from llmgine_cli.eventlog.queries.search import Search
from llmgine_cli.eventlog.queries.stats import Stats
from llmgine_cli.eventlog.reader import LogReader
from llmgine_cli.llm.events import LLMCallFailed, LLMCallFinished, LLMCallInterrupted, MessageAdded
from llmgine_cli.llm.messages import ToolCall, ToolResult, assistant, user
from llmgine_cli.llm.prices import Prices
from llmgine_cli.llm.stream import Reply, Usage
from llmgine_cli.toolkit.messages import ToolCallFinished
from tests.support.messages import Pong

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="a file is shared out among forks"),
    # Where tests run side by side, a thread waits in each process for the next test; it has no part in this.
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),
]

NOON = 1_795_521_600_000_000_000  # 2026-11-24 12:00 UTC
HOUR = 3_600_000_000_000


def finished(model: str, given_tokens: int, hours: int, *, answered: str | None = None) -> LLMCallFinished:
    usage = Usage(input_tokens=given_tokens, output_tokens=given_tokens // 7, cached_tokens=given_tokens // 3)
    reply = Reply(message=assistant("the answer"), finish_reason="stop", usage=usage, model=answered)
    return LLMCallFinished(
        session_id="s", call_id="c", model=model, reply=reply, duration_ms=given_tokens / 3, first_token_ms=hours / 7,
        time_ns=NOON + hours * HOUR,
    )  # fmt: skip


def failed(error: str) -> LLMCallFailed:
    return LLMCallFailed(
        session_id="s", call_id="c", model="openai:gpt-4o", error=error, error_type="E", partial=assistant(""),
        duration_ms=1, time_ns=NOON,
    )  # fmt: skip


def command(error: str | None, *, kind: str = "Prompt") -> CommandFinished:
    return CommandFinished(
        session_id="s", command_type=kind, success=False, error=error, error_type="E", duration_ms=1, time_ns=NOON
    )


def tool(name: str, *, is_error: bool = False, denied: bool = False) -> ToolCallFinished:
    call, result = ToolCall(id="1", name=name), ToolResult(call_id="1", name=name, content="…", is_error=is_error)
    return ToolCallFinished(session_id="s", call=call, result=result, duration_ms=2, denied=denied, time_ns=NOON)


EVENTS: tuple[Event, ...] = (
    Pong(session_id="s", text="needle", time_ns=NOON),
    Pong(session_id="other", text="hay " * 300, time_ns=NOON + HOUR),
    Pong(session_id="s", text="needle " + "x" * 200_000, time_ns=NOON),
    MessageAdded(session_id="s", message=user("a needle\nin\nthe needle stack"), time_ns=NOON + 2 * HOUR),
    finished("openai:gpt-4o", 1003, 0),
    finished("openai:gpt-4o", 77_777, 13, answered="gpt-4o-2024-08-06"),
    finished("anthropic:claude-sonnet-4-5", 250_001, -20),
    finished("mine:unknown", 31, 5),
    LLMCallInterrupted(
        session_id="s", call_id="c", model="openai:gpt-4o", partial=assistant("half"), duration_ms=1, time_ns=NOON
    ),
    failed("slow down"), failed("boom"), failed(""),
    command("slow down"), command("boom"), command(""), command(None), command("boom", kind="Chat"),
    tool("look"), tool("look", is_error=True), tool("write", denied=True),
    HandlerFailed(session_id="s", handler="h", about_type="A", about_id="1", error="x", error_type="KeyError"),
)  # fmt: skip
WHOLE = [encode(event) for event in EVENTS]
BAD_TIME = b'{"v":1,"event_type":"Pong","event_id":"1","timestamp":"never","session_id":"s","text":"needle"}\n'
LINES = st.one_of(
    st.sampled_from(WHOLE),
    st.sampled_from(WHOLE).map(lambda line: line[:-1] + b"\r\n"),
    st.sampled_from(WHOLE).map(lambda line: json.dumps(json.loads(line), sort_keys=True).encode() + b"\n"),
    st.sampled_from(WHOLE).map(lambda line: line[: len(line) // 2] + b"\n"),  # torn
    st.sampled_from(WHOLE).map(lambda line: line[: len(line) // 2]),  # torn, and the next one right behind it
    st.sampled_from(WHOLE).map(lambda line: line[: len(line) // 2] + b"\0" * 3000),
    st.sampled_from(
        [
            b"\n",
            b"\r\n",
            b"\0" * 5000,
            b"\0\n",
            b"\xff\xfe{]\n",
            BAD_TIME,
            BAD_TIME.replace(b"Pong", b"ToolCallFinished"),
        ]
    ),
)
FILTERS = (
    Filter(types=("pong",)),
    Filter(types=("LLMCall", "CommandFinished")),
    Filter(text="needle"),
    Filter(text="n.*e", regex=True),
    Filter(text="NEEDLE", ignore_case=True, types=("message", "pong")),
    Filter(text='"text"', raw=True),
    Filter(session="s"),
    Filter(since_ns=NOON + 1),
    Filter(until_ns=NOON + HOUR, model="gpt"),
)
SIZES = st.integers(2, 4)
PIECES = st.sampled_from([1, 100, 700, 5000, 50_000, 10**6])


def shared(size: int, piece: int) -> Crew:
    return Crew(size, large=0, piece=piece)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs") / "log.jsonl"


def told(path: Path, wanted: Filter, crew: Crew, most: int) -> Iterator[Any]:
    """Yield all that a reader tells: each event, and how many bad lines it has met by then."""
    reader = LogReader(path, crew)
    yield [(record, record.offset, reader.skipped) for record in reader.matching(wanted)], reader.skipped
    for count in (most, None):
        reader = LogReader(path, crew)
        backwards = islice(reader.backwards(None, wanted), count)
        yield [(record, record.offset, reader.skipped) for record in backwards], reader.skipped
    reader = LogReader(path, crew)
    yield list(reader.tail(most, wanted)), reader.skipped
    search = Search(path, wanted, 1, crew)
    yield list(search), search.skipped


@given(st.lists(LINES, max_size=12), st.sampled_from(FILTERS), SIZES, PIECES, st.integers(0, 4))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_several_find_is_what_one_finds(
    path: Path, lines: list[bytes], wanted: Filter, size: int, piece: int, most: int
) -> None:
    path.write_bytes(b"".join(lines))
    crew = shared(size, piece)

    for one, several in zip(told(path, wanted, ALONE, most), told(path, wanted, crew, most), strict=True):
        assert several == one


def counted(path: Path, wanted: Filter, crew: Crew) -> tuple[Any, ...]:
    log, stats = CountedLog(path, wanted, crew), Stats(Prices())
    stats.count(log)
    rows = [stats.rows(by) for by in ("model", "tool", "day")]
    return rows, stats.total(), list(stats.errors.items()), stats.sessions, log.skipped


@given(st.lists(LINES, max_size=20), st.booleans(), SIZES, PIECES)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_several_count_is_what_one_counts_to_the_last_digit(
    path: Path, lines: list[bytes], some: bool, size: int, piece: int
) -> None:
    path.write_bytes(b"".join(lines))
    wanted = Filter(types=TYPES, since_ns=NOON if some else None, model="o" if some else None)

    one = counted(path, wanted, ALONE)
    assert counted(path, wanted, shared(size, piece)) == one
    assert counted(path, wanted, Crew(1, large=0, piece=piece)) == one


def test_an_error_told_at_the_end_of_a_piece_is_not_told_again_in_the_next(path: Path) -> None:
    events = (failed("boom"), command("boom"), command("boom", kind="Chat"), command("other"), command("boom"))
    path.write_bytes(b"".join(map(encode, events)))

    for piece in (1, 400, 800, 10**6):
        _, _, errors, _, _ = counted(path, Filter(types=TYPES), shared(2, piece))
        assert [(kind.where, count) for kind, count in errors] == [("openai:gpt-4o", 1), ("Prompt", 2)]


def test_a_line_of_50_mb_over_many_pieces_is_one_event(path: Path) -> None:
    around = [encode(Pong(session_id="s", text=f"{number}")) for number in range(6)]
    giant = encode(Pong(session_id="s", text="giant " + "x" * 50_000_000))
    path.write_bytes(b"".join([*around[:3], giant, *around[3:]]))
    reader = LogReader(path, shared(2, 1_000_000))

    assert [record.data["text"][:5] for record in reader.matching(Filter(types=("Pong",)))] == [*"012", "giant", *"345"]
    assert [record.data["text"][:5] for record in reader.tail(5, Filter(types=("Pong",)))] == ["2", "giant", *"345"]
    assert reader.skipped == 0


def test_what_is_appended_while_a_file_is_read_is_read_once_or_not_at_all(path: Path) -> None:
    lines = [encode(Pong(session_id="s", text=f"{number}")) for number in range(400)]
    path.write_bytes(b"".join(lines[:200]))
    wanted, crew = Filter(types=("Pong",)), shared(2, 3000)
    found: list[str] = []
    with path.open("ab", buffering=0) as file:
        for record, line in zip(LogReader(path, crew).matching(wanted), lines[200:], strict=False):
            file.write(line)
            found.append(record.data["text"])

    assert found[:200] == [str(number) for number in range(200)]
    assert found == [str(number) for number in range(len(found))]


def test_a_file_that_is_moved_away_while_it_is_read_is_read_to_its_end(path: Path, tmp_path: Path) -> None:
    path.write_bytes(b"".join(encode(Pong(session_id="s", text="x" * 1000)) for _ in range(2000)))
    reading = LogReader(path, shared(2, 50_000)).matching(Filter(types=("Pong",)))
    next(reading)
    path.rename(tmp_path / "moved")
    path.write_bytes(encode(Pong(session_id="s", text="another file")) * 3000)

    assert [len(record.data["text"]) for record in reading] == [1000] * 1999


def test_a_small_file_or_what_leaves_nothing_out_is_read_by_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("it forked"))
    path.write_bytes(b"".join(WHOLE))
    size = path.stat().st_size

    assert len(list(LogReader(path, Crew(2, large=size + 1, piece=10)).matching(Filter(types=("Pong",))))) == 3
    assert len(list(LogReader(path, shared(2, 10)))) == len(WHOLE)
    assert len(list(LogReader(path, shared(2, 10)).tail(5))) == 5
    found = LogReader(path, shared(2, 10**6)).tail(2, Filter(types=("HandlerFailed", "ToolCall")))
    assert len(list(found)) == 2  # near the end
