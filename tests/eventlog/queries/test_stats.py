"""What the log adds up to."""

import random
from array import array
from pathlib import Path

import pytest

from llmgine_cli.bus import CommandFinished, Event, HandlerFailed
from llmgine_cli.eventlog.codec import encode
from llmgine_cli.eventlog.crew import Crew
from llmgine_cli.eventlog.filters import Filter
from llmgine_cli.eventlog.queries.counted import CountedLog
from llmgine_cli.eventlog.queries.counting import TYPES, Failure, Part, count
from llmgine_cli.eventlog.queries.stats import Stats, bars, percentiles
from llmgine_cli.llm.events import (
    EmbeddingFailed,
    EmbeddingFinished,
    LLMAttemptFailed,
    LLMCallFailed,
    LLMCallFinished,
    LLMCallInterrupted,
)
from llmgine_cli.llm.messages import ToolCall, ToolResult, assistant
from llmgine_cli.llm.prices import Prices
from llmgine_cli.llm.stream import Reply, Usage
from llmgine_cli.toolkit.messages import ToolCallFinished

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
NOON = 1_795_521_600 * SECOND  # 2026-11-24 12:00 UTC


def finished(
    model: str = "openai:gpt-4o", *, ms: float = 10, time_ns: int = NOON, given: int = 1000
) -> LLMCallFinished:
    usage = Usage(input_tokens=given, output_tokens=100, cached_tokens=10)
    reply = Reply(message=assistant("secret of the text"), finish_reason="stop", usage=usage)
    return LLMCallFinished(
        call_id="c", model=model, reply=reply, duration_ms=ms, first_token_ms=ms / 2, time_ns=time_ns
    )


def failed(model: str = "openai:gpt-4o", *, error: str = "slow down") -> LLMCallFailed:
    return LLMCallFailed(
        call_id="c", model=model, error=error, error_type="RateLimitedError", partial=assistant(""), duration_ms=5,
        time_ns=NOON,
    )  # fmt: skip


def tool(name: str, *, ms: float = 1, is_error: bool = False, denied: bool = False) -> ToolCallFinished:
    result = ToolResult(call_id="1", name=name, content="…", is_error=is_error)
    call = ToolCall(id="1", name=name)
    return ToolCallFinished(call=call, result=result, duration_ms=ms, denied=denied, time_ns=NOON)


def counted(folder: Path, *events: Event, wanted: Filter | None = None, tail: bytes = b"") -> Stats:
    path = folder / "log.jsonl"
    path.write_bytes(b"".join(map(encode, events)) + tail)
    stats = Stats(Prices())
    stats.count(CountedLog(path, wanted or Filter(types=TYPES)))
    return stats


def test_what_had_come_of_a_call_that_did_not_end_well_has_its_price(tmp_path: Path) -> None:
    usage = Usage(input_tokens=1000, output_tokens=100)
    broken = LLMCallFailed(
        call_id="c", model="openai:gpt-4o", error="no", error_type="E", partial=assistant("half"), duration_ms=1,
        usage=usage,
    )  # fmt: skip
    stopped = LLMCallInterrupted(
        call_id="c", model="openai:gpt-4o", partial=assistant("half"), duration_ms=1, usage=usage
    )
    total = counted(tmp_path, broken, stopped, failed()).total()
    assert (total.calls, total.failed, total.stopped, total.unpriced) == (3, 2, 1, 0)
    assert (total.input_tokens, total.output_tokens) == (2000, 200)
    assert total.price == pytest.approx(2 * (1000 * 2.5 + 100 * 10) / 1e6)


def test_calls_tokens_and_prices_add_up_by_model(tmp_path: Path) -> None:
    interrupted = LLMCallInterrupted(call_id="c", model="local:x", partial=assistant(""), duration_ms=1)
    stats = counted(tmp_path, finished(), finished(), failed(), finished("mine:x"), finished("local:x"), interrupted)

    rows = dict(stats.rows("model"))
    assert list(rows) == ["openai:gpt-4o", "local:x", "mine:x"]  # the most calls first
    assert (rows["openai:gpt-4o"].calls, rows["openai:gpt-4o"].failed) == (3, 1)
    assert (rows["openai:gpt-4o"].input_tokens, rows["openai:gpt-4o"].output_tokens) == (2000, 200)
    assert rows["openai:gpt-4o"].cached_tokens == 20
    assert rows["openai:gpt-4o"].price == pytest.approx(2 * (990 * 2.5 + 10 * 1.25 + 100 * 10) / 1e6)
    assert (rows["local:x"].calls, rows["local:x"].stopped, rows["local:x"].price) == (2, 1, 0)
    assert (rows["mine:x"].unpriced, rows["local:x"].unpriced) == (1, 0)
    assert stats.total().calls == 6
    assert stats.sessions == 1


def test_what_was_put_into_the_cache_is_priced_as_that(tmp_path: Path) -> None:
    model = "anthropic:claude-sonnet-4-5"
    usage = Usage(input_tokens=4000, output_tokens=10, cached_tokens=1000, cache_write_tokens=2000)
    reply = Reply(message=assistant("x"), finish_reason="stop", usage=usage)
    call = LLMCallFinished(call_id="c", model=model, reply=reply, duration_ms=1, time_ns=NOON)

    price = counted(tmp_path, call).total().price
    assert price == pytest.approx((1000 * 3 + 1000 * 0.3 + 2000 * 3.75 + 10 * 15) / 1e6)


def test_calls_for_vectors_count_with_what_they_cost(tmp_path: Path) -> None:
    model = "openai:text-embedding-3-small"
    vectors = EmbeddingFinished(
        call_id="c", model=model, dimensions=2, usage=Usage(input_tokens=1_000_000), duration_ms=7, time_ns=NOON
    )
    failure = EmbeddingFailed(call_id="c", model=model, error="no", error_type="E", duration_ms=1, time_ns=NOON)
    stats = counted(tmp_path, vectors, failure)
    total = stats.total()
    assert (total.calls, total.failed, total.input_tokens, total.output_tokens, total.unpriced) == (
        2,
        1,
        1_000_000,
        0,
        0,
    )
    assert total.price == pytest.approx(0.02)
    assert list(total.durations) == [7]
    assert stats.errors == {Failure(model, "E"): 1}


@pytest.mark.parametrize("processes", [1, 2])
def test_prices_that_are_at_hand_and_those_that_are_not_add_up_to_the_same(tmp_path: Path, processes: int) -> None:
    models = ("openai:gpt-4o", "gemini:gemini-2.5-pro", "deepseek:deepseek-chat", "local:x", "nobody:y")
    calls = [
        finished(model, given=given, time_ns=NOON - number * DAY * 30)
        for number, model in enumerate(models * 20)
        for given in (0, 1000, 199_999, 200_001, 300_000)
    ]
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join(map(encode, calls)))
    prices = Prices()
    found: list[Stats] = []
    for _ in range(2):  # the second time all are at hand
        stats = Stats(prices)
        stats.count(CountedLog(path, Filter(types=TYPES), Crew(size=processes, large=0, piece=10_000)))
        found.append(stats)
    each = [prices.cost(call.model, call.reply.usage, call.time_ns) for call in calls]
    for stats in found:
        total = stats.total()
        assert total.price == pytest.approx(sum(price or 0 for price in each))
        assert total.unpriced == sum(price is None for price in each) == 100
        assert total.calls == len(calls)
        assert list(percentiles(total.durations) or ()) == [10, 10, 10]


def test_what_is_at_hand_is_priced_where_it_is_counted_and_times_come_in_order(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join(encode(finished(ms=ms)) for ms in (30, 10, 20)))
    prices = Prices()

    def part() -> Part:
        return count(CountedLog(path, Filter(types=TYPES)), prices.at_hand())

    first = part()
    assert ([tally.price for tally in first.models.values()], len(first.requests)) == ([0.0], 3)
    prices.cost("openai:gpt-4o", Usage(input_tokens=1), NOON)
    [tally] = part().models.values()
    assert tally.price == pytest.approx(3 * (990 * 2.5 + 10 * 1.25 + 100 * 10) / 1e6)
    assert part().requests == []
    assert (list(tally.durations), list(tally.first_tokens)) == ([10, 20, 30], [5, 10, 15])


def test_an_attempt_that_failed_is_an_error_and_no_call(tmp_path: Path) -> None:
    attempt = LLMAttemptFailed(
        call_id="c", model="openai:gpt-4o", attempt=1, attempts=3, error="slow down", error_type="RateLimitedError",
        status=429, duration_ms=5, wait_s=1, next_model="openai:gpt-4o", time_ns=NOON,
    )  # fmt: skip
    stats = counted(tmp_path, attempt, attempt, finished())

    assert stats.errors == {Failure("openai:gpt-4o", "RateLimitedError"): 2}
    assert (stats.total().calls, stats.total().failed) == (1, 0)


def test_days_are_those_of_the_reader_in_their_order(tmp_path: Path) -> None:
    stats = counted(tmp_path, finished(time_ns=NOON + DAY // 2), finished(), finished(time_ns=NOON - 30 * DAY))

    assert [(day, tally.calls) for day, tally in stats.rows("day")] == [
        ("2026-10-25", 1),
        ("2026-11-24", 1),
        ("2026-11-25", 1),
    ]


def test_tools_count_their_errors_and_refusals(tmp_path: Path) -> None:
    stats = counted(tmp_path, tool("look"), tool("look", is_error=True), tool("write", denied=True, is_error=True))

    rows = dict(stats.rows("tool"))
    assert (rows["look"].calls, rows["look"].failed, rows["look"].stopped) == (2, 1, 0)
    assert (rows["write"].calls, rows["write"].failed, rows["write"].stopped) == (1, 0, 1)
    assert stats.errors == {Failure("look", "error"): 1, Failure("write", "denied"): 1}


def test_an_error_that_runs_up_through_commands_counts_once(tmp_path: Path) -> None:
    up = CommandFinished(command_type="Prompt", success=False, error="slow down", error_type="R", duration_ms=1)
    own = CommandFinished(command_type="Prompt", success=False, error="boom", error_type="RuntimeError", duration_ms=1)
    stopped = CommandFinished(command_type="Prompt", success=False, cancelled=True, duration_ms=1)
    handler = HandlerFailed(handler="f", about_type="A", about_id="1", error="x", error_type="KeyError")
    stats = counted(tmp_path, failed(), up, up, own, own, stopped, handler)

    assert stats.errors == {
        Failure("openai:gpt-4o", "RateLimitedError"): 1,
        Failure("Prompt", "RuntimeError"): 1,
        Failure("f", "KeyError"): 1,
    }


def test_a_filter_by_model_and_time_counts_only_those(tmp_path: Path) -> None:
    events = (finished(), finished("local:x"), finished(time_ns=NOON + DAY), tool("look"))

    only = counted(tmp_path, *events, wanted=Filter(types=TYPES, model="GPT"))
    assert [(name, tally.calls) for name, tally in only.rows("model")] == [("openai:gpt-4o", 2)]
    assert only.rows("tool") == []
    late = counted(tmp_path, *events, wanted=Filter(types=TYPES, since_ns=NOON + 1))
    assert late.total().calls == 1
    early = counted(tmp_path, *events, wanted=Filter(types=TYPES, until_ns=NOON + 1))
    assert early.total().calls == 2


def test_what_others_wrote_and_what_is_torn_is_counted_where_it_can_be(tmp_path: Path) -> None:
    line = encode(finished())
    foreign = b" " + line.replace(b'":', b'" : ').replace(b"LLMCallFinished", b"\\u004cLMCallFinished")
    glued = encode(tool("look"))[:-30] + b"\0" * 10 + line
    mine = b'{"v":1,"event_type":"Mine","timestamp":1,"model":[1],"duration_ms":"long"}\n'
    bad = b'{"v":1,"event_type":"LLMCallFinished","timestamp":"never","model":"m"}\n'
    path = tmp_path / "log.jsonl"
    path.write_bytes(line + foreign + glued + mine + bad + line[:50])
    log, stats = CountedLog(path, Filter(types=TYPES)), Stats(Prices())
    stats.count(log)

    assert stats.total().calls == 3
    assert log.skipped == 3  # what lost its end, what has no time, what stops in the middle


def test_percentiles_are_exact() -> None:
    times = list(range(1, 1001))
    random.Random(1).shuffle(times)

    assert percentiles(array("d", times)) == (500, 900, 990)
    assert percentiles(array("d", [7])) == (7, 7, 7)
    assert percentiles(array("d")) is None


def test_bars_are_as_long_as_their_values_in_eighths() -> None:
    assert list(bars([8, 4, 1, 0], 1)) == ["█", "▌", "▏", ""]
    assert list(bars([3, 1.5], 10)) == ["█" * 10, "█" * 5]
    assert list(bars([0, 0], 10)) == ["", ""]
    assert list(bars([], 10)) == []
