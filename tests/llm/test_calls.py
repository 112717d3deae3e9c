"""Calls that are made again, by others, or not at all; no test here waits."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from llmgine_cli.bus import Bus
from llmgine_cli.errors import (
    CredentialsError,
    LlmgineError,
    ProviderError,
    RateLimitedError,
    TruncatedError,
    UnreachableError,
    UsageError,
)
from llmgine_cli.llm.breaker import Breaker
from llmgine_cli.llm.calls import Calls
from llmgine_cli.llm.events import (
    LLMAttemptFailed,
    LLMCallFailed,
    LLMCallFinished,
    LLMCallInterrupted,
    LLMCallStarted,
    StatusChanged,
    TextChunk,
)
from llmgine_cli.llm.messages import Request, user
from llmgine_cli.llm.pace import Pace
from llmgine_cli.llm.provider import Model
from llmgine_cli.llm.retry import RetryPolicy
from llmgine_cli.llm.stream import ReasoningDelta, Reply, TextDelta, ToolCallOpened, Usage, UsageReported
from llmgine_cli.testing import Recorder, ScriptedProvider, says
from tests.support.clock import Clock

BUSY = ProviderError("busy", status=503, retryable=True)
GONE = UnreachableError("gone", retryable=True)
REQUEST = Request(model="model-1", messages=(user("hi"),))


class Table:
    """Calls on a bus that is listened to, by a clock of its own."""

    def __init__(self, *, failures: int = 5, jitter: float = 1.0, pace: dict[str, Any] | None = None, **policy: Any):
        self.clock = Clock()
        self.bus = Bus()
        self.heard = Recorder(self.bus)
        self.calls = Calls(
            self.bus,
            policy=RetryPolicy(jitter=lambda: jitter, **policy),
            pace=lambda _: Pace(clock=self.clock, sleep=self.clock.sleep, **(pace or {})),
            breaker=lambda name: Breaker(name, failures=failures, clock=self.clock),
            sleep=self.clock.sleep,
        )

    async def call(self, *models: Model | ScriptedProvider, visible: bool = True) -> Reply:
        first, *rest = [each.model if isinstance(each, ScriptedProvider) else each for each in models]
        return await self.calls.call(first, REQUEST, fallbacks=rest, visible=visible)

    def failed(self) -> Sequence[LLMAttemptFailed]:
        return self.heard.only(LLMAttemptFailed)


def another(*scripts: Any, name: str = "other") -> ScriptedProvider:
    provider = ScriptedProvider(*scripts)
    provider.name = name
    return provider


async def test_a_call_that_failed_is_made_again_and_each_attempt_is_told() -> None:
    table, provider = Table(), ScriptedProvider([BUSY], [GONE], says("hello"))
    reply = await table.call(provider)
    assert reply.text == "hello"
    assert table.clock.slept == [1, 2]
    assert table.heard.names == [
        "LLMCallStarted", "LLMAttemptFailed", "LLMAttemptFailed", "TextChunk", "LLMCallFinished",
    ]  # fmt: skip
    first, second = table.failed()
    (started,) = table.heard.only(LLMCallStarted)
    assert {first.call_id, second.call_id} == {started.event_id}
    assert (first.model, first.attempt, first.attempts, first.error, first.error_type, first.status) == (
        "scripted:model-1", 1, 3, "busy", "ProviderError", 503,
    )  # fmt: skip
    assert (first.wait_s, first.next_model, first.duration_ms >= 0) == (1.0, "scripted:model-1", True)
    assert (second.attempt, second.error_type, second.status, second.wait_s) == (2, "UnreachableError", None, 2.0)


async def test_each_attempt_is_told_before_the_waiting_for_the_next_begins() -> None:
    table, provider = Table(), ScriptedProvider([BUSY], says("hello"))
    slept: list[int] = []
    table.bus.subscribe(LLMAttemptFailed, lambda _: slept.append(len(table.clock.slept)))
    await table.call(provider)
    assert slept == [0]


async def test_when_the_retries_are_spent_the_call_has_failed_with_its_last_error() -> None:
    last = ProviderError("still busy", status=503, retryable=True)
    table = Table(retries=2)
    with pytest.raises(ProviderError) as caught:
        await table.call(ScriptedProvider([BUSY], [BUSY], [last]))
    assert caught.value is last
    assert len(table.failed()) == 2
    (failed,) = table.heard.only(LLMCallFailed)
    assert failed.error == "still busy"


@pytest.mark.parametrize("error", [UsageError("no"), ProviderError("bad", status=400), ValueError("a bug")])
async def test_what_would_fail_again_is_asked_once(error: Exception) -> None:
    table, provider = Table(), ScriptedProvider([error])
    with pytest.raises(type(error)):
        await table.call(provider, another(says("never")))
    assert (table.failed(), table.clock.slept) == ([], [])


@pytest.mark.parametrize("shown", [TextDelta("half"), ReasoningDelta("hm"), ToolCallOpened(index=0, id="1", name="t")])
async def test_after_the_first_token_nothing_is_asked_again_and_nobody_else(shown: Any) -> None:
    table = Table()
    with pytest.raises(ProviderError):
        await table.call(ScriptedProvider([shown, BUSY]), another(says("never")))
    assert table.failed() == []
    assert len(table.heard.only(LLMCallFailed)) == 1


async def test_an_answer_that_ends_before_it_began_is_asked_for_again() -> None:
    table = Table()
    assert (await table.call(ScriptedProvider([], says("hello")))).text == "hello"
    assert [failed.error_type for failed in table.failed()] == ["TruncatedError"]
    with pytest.raises(TruncatedError):
        await table.call(ScriptedProvider([], [], []))


async def test_what_a_failed_attempt_reported_does_not_count_for_the_next() -> None:
    table = Table()
    reply = await table.call(ScriptedProvider([UsageReported(Usage(input_tokens=7)), BUSY], says("hello")))
    assert reply.usage == Usage()


async def test_a_request_aside_is_made_again_as_well() -> None:
    table = Table()
    assert (await table.call(ScriptedProvider([BUSY], says("hello")), visible=False)).text == "hello"
    assert table.heard.only(TextChunk) == []


async def test_a_vendor_that_asks_for_too_long_is_not_waited_for_and_that_is_said() -> None:
    absurd = RateLimitedError("slow down", status=429, retryable=True, retry_after=86_400.0 * 3)
    table = Table(retry_after_cap=60.0)
    with pytest.raises(RateLimitedError) as caught:
        await table.call(ScriptedProvider([absurd]))
    assert str(caught.value) == "slow down; it asks us to wait 3 days"
    assert "retry_after_cap" in str(caught.value.hint)
    assert table.clock.slept == []


# -- fallbacks


async def test_the_next_model_answers_when_the_retries_are_spent_and_the_reply_names_it() -> None:
    table, other = Table(retries=1), another(says("from the other"))
    reply = await table.call(ScriptedProvider([BUSY], [BUSY]), other)
    assert reply.text == "from the other"
    assert other.requests[0].model == "model-1"
    assert [(each.attempt, each.wait_s, each.next_model) for each in table.failed()] == [
        (1, 1.0, "scripted:model-1"),
        (2, 0.0, "other:model-1"),
    ]
    (finished,) = table.heard.only(LLMCallFinished)
    assert finished.model == "other:model-1"
    assert table.heard.only(LLMCallStarted)[0].model == "scripted:model-1"


async def test_the_next_model_is_asked_by_its_own_name() -> None:
    table, other = Table(retries=0), another(says("x"))
    await table.call(ScriptedProvider([BUSY]), Model(provider=other, name="model-2"))
    assert other.requests[0].model == "model-2"


async def test_fallbacks_are_asked_in_order_each_with_its_own_retries() -> None:
    table = Table(retries=1)
    second, third = another([BUSY], [BUSY], name="b"), another([BUSY], says("c"), name="c")
    assert (await table.call(ScriptedProvider([BUSY], [BUSY]), second, third)).text == "c"
    assert [(each.model.partition(":")[0], each.attempt) for each in table.failed()] == [
        ("scripted", 1), ("scripted", 2), ("b", 1), ("b", 2), ("c", 1),
    ]  # fmt: skip


async def test_a_refused_key_goes_to_the_next_model_at_once() -> None:
    table = Table()
    assert (await table.call(ScriptedProvider([CredentialsError("refused")]), another(says("x")))).text == "x"
    assert table.clock.slept == []


async def test_when_all_have_failed_the_last_error_counts_and_names_whom_it_is_about() -> None:
    table = Table(retries=0)
    with pytest.raises(CredentialsError):
        await table.call(ScriptedProvider([BUSY]), another([CredentialsError("refused")]))
    (failed,) = table.heard.only(LLMCallFailed)
    assert (failed.model, failed.error) == ("other:model-1", "refused")


# -- what all callers of a provider share


async def test_a_rate_limit_that_one_meets_holds_back_all_others_of_that_provider() -> None:
    table = Table(jitter=0.0)
    limited = RateLimitedError("slow down", status=429, retryable=True, retry_after=20.0)
    provider = ScriptedProvider([limited], says("one"))
    began: dict[str, float] = {}

    async def second(_: LLMAttemptFailed) -> None:
        bystander, stranger = ScriptedProvider(says("two")), another(says("three"))
        for name, each in (("stranger", stranger), ("bystander", bystander)):
            await table.call(each)
            began[name] = table.clock.now

    table.bus.subscribe(LLMAttemptFailed, second)
    await table.call(provider)
    assert began == {"stranger": 1000, "bystander": 1020}
    assert [event.status for event in table.heard.only(StatusChanged)] == ["waiting for the rate limit of scripted", ""]


async def test_conversations_share_the_limit_of_requests() -> None:
    table = Table(pace={"requests_per_minute": 2})
    provider = ScriptedProvider(says("a"), says("b"), says("c"))
    await asyncio.gather(*(table.call(provider) for _ in range(3)))
    assert table.clock.now == 1060


async def test_a_dead_endpoint_is_left_alone_and_the_fallback_answers_at_once() -> None:
    table = Table(failures=5, jitter=0.0)
    dead = ScriptedProvider(*([GONE] for _ in range(5)))
    other = another(*(says("x") for _ in range(3)))
    for _ in range(3):
        assert (await table.call(dead, other)).text == "x"
    assert dead.left == 0  # three attempts, two, none
    assert len(dead.requests) == 5
    assert "could not be reached 5 times in a row" in table.failed()[-1].error


async def test_without_a_fallback_a_dead_endpoint_fails_at_once_with_the_time_it_is_left_alone() -> None:
    table = Table(failures=3, jitter=0.0)
    dead = ScriptedProvider([GONE], [GONE], [GONE])
    for _ in range(2):
        with pytest.raises(UnreachableError) as caught:
            await table.call(dead)
    assert "it is left alone until" in str(caught.value)
    assert len(dead.requests) == 3


async def test_an_endpoint_that_is_there_again_is_used_again() -> None:
    table = Table(failures=3, jitter=0.0)
    provider = ScriptedProvider([GONE], [GONE], [GONE], says("back"))
    with pytest.raises(UnreachableError):
        await table.call(provider)
    table.clock.now += 31
    assert (await table.call(provider)).text == "back"


async def test_the_trial_is_over_when_its_answer_begins_not_when_it_ends() -> None:
    table, go = Table(failures=1, retries=0), asyncio.Event()
    provider = ScriptedProvider([GONE], [TextDelta("a"), go, *says("b")], says("c"))
    with pytest.raises(UnreachableError):
        await table.call(provider)
    table.clock.now += 31
    came = asyncio.Event()
    table.bus.subscribe(TextChunk, lambda _: came.set())
    trial = asyncio.create_task(table.call(provider))
    await came.wait()
    assert (await table.call(provider)).text == "c"
    go.set()
    assert (await trial).text == "ab"


async def test_calls_are_not_made_again_unless_somebody_says_so() -> None:
    with pytest.raises(LlmgineError):
        await Calls(Bus()).call(ScriptedProvider([BUSY]).model, REQUEST)


async def test_a_call_that_is_cancelled_while_it_waits_is_told_as_interrupted() -> None:
    table, waiting = Table(), asyncio.Event()

    async def forever(_: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    calls = Calls(table.bus, policy=RetryPolicy(), sleep=forever)
    task = asyncio.create_task(calls.call(ScriptedProvider([BUSY]).model, REQUEST))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (interrupted,) = table.heard.only(LLMCallInterrupted)
    assert not interrupted.partial.parts
    assert table.heard.only(LLMCallFailed) == []


async def test_a_call_that_is_cancelled_while_it_waits_for_the_rate_limit_is_told_and_never_made() -> None:
    table, waiting = Table(), asyncio.Event()

    async def forever(_: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    calls = Calls(table.bus, pace=lambda _: Pace(requests_per_minute=1, sleep=forever))
    provider = ScriptedProvider(says("a"), says("b"))
    await calls.call(provider.model, REQUEST)
    task = asyncio.create_task(calls.call(provider.model, REQUEST))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [status.status for status in table.heard.only(StatusChanged)] == [
        f"waiting for the rate limit of {provider.name}"
    ]
    assert len(table.heard.only(LLMCallInterrupted)) == 1
    assert len(provider.requests) == 1
