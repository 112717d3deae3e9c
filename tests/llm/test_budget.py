"""What may be spent: calls that would break a cap are not made."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from llmgine_cli.bus import Bus
from llmgine_cli.errors import LimitReachedError, ProviderError, UnreachableError
from llmgine_cli.llm.budget import Budget, Caps, dollars, local_midnight
from llmgine_cli.llm.calls import Calls
from llmgine_cli.llm.embeddings import EmbeddingRequest
from llmgine_cli.llm.events import LLMCallFailed
from llmgine_cli.llm.messages import ModelOptions, Request, user
from llmgine_cli.llm.prices import Prices
from llmgine_cli.llm.provider import Model
from llmgine_cli.llm.retry import RetryPolicy
from llmgine_cli.llm.stream import Reply, TextDelta, Usage
from llmgine_cli.testing import Recorder, ScriptedProvider, says
from tests.support.loop import until

GIVEN, MADE = 2.0 / 1e6, 8.0 / 1e6  # US dollars for a token of gpt-4.1
ASKED = "x" * 4000  # about a thousand tokens
DAY = 86_400_000_000_000  # nanoseconds


class Book:
    """What the log knows, as the test says."""

    def __init__(self, session: float = 0.0, day: float = 0.0) -> None:
        self.session = session
        self.day = day
        self.asked: list[str | int] = []

    def of_session(self, session_id: str) -> float:
        self.asked.append(session_id)
        return self.session

    def since(self, since_ns: int) -> float:
        self.asked.append(since_ns)
        return self.day


class Table:
    """Calls under caps; the vendor says what the test says, and has the prices that OpenAI has."""

    def __init__(self, *scripts: Any, book: Book | None = None, logged: bool = False, **caps: float) -> None:
        self.provider = ScriptedProvider(*scripts)
        self.provider.name = "openai"
        self.bus = Bus()
        self.heard = Recorder(self.bus)
        self.told: list[str] = []
        self.budget = Budget(Caps(**caps), Prices(), ledger=book, logged=logged, tell=self.told.append)
        self.budget.attach(self.bus)
        policy = RetryPolicy(retries=1, jitter=lambda: 0.0)
        self.calls = Calls(self.bus, policy=policy, budget=self.budget)

    async def ask(
        self, text: str = "hi", *, model: str = "gpt-4.1", fallbacks: Sequence[Model] = (), **options: Any
    ) -> Reply:
        request = Request(model=model, messages=(user(text),), options=ModelOptions(**options))
        return await self.calls.call(Model(provider=self.provider, name=model), request, fallbacks=fallbacks)

    @property
    def asked(self) -> int:
        return len(self.provider.requests)


def answer(given: int, made: int) -> Any:
    return says("hello", usage=Usage(input_tokens=given, output_tokens=made))


async def test_a_call_that_would_cost_more_than_the_cap_is_not_made() -> None:
    table = Table(answer(1000, 1), run=0.001)
    with pytest.raises(LimitReachedError) as caught:
        await table.ask(ASKED)
    assert table.asked == 0
    assert str(caught.value) == (
        "the call of openai:gpt-4.1 was not made: it would cost $0.0020 or more, $0.00 is spent, and max_cost allows "
        "$0.0010 for this run"
    )
    assert "--max-cost" in (caught.value.hint or "")
    (failed,) = table.heard.only(LLMCallFailed)
    assert (failed.error_type, failed.usage) == ("LimitReachedError", Usage())


async def test_a_call_that_fits_is_made_and_what_it_cost_is_gone() -> None:
    table = Table(answer(1000, 100), answer(1000, 100), run=1000 * GIVEN + 100 * MADE + 999 * GIVEN)
    await table.ask(ASKED)
    with pytest.raises(LimitReachedError, match=r"\$0\.0028 is spent"):
        await table.ask(ASKED)
    assert table.asked == 1


async def test_the_output_counts_as_far_as_a_limit_is_set_for_it() -> None:
    table = Table(answer(1, 1), answer(1, 1), run=0.01)
    with pytest.raises(LimitReachedError):
        await table.ask(max_tokens=1250)  # a cent, and the input
    await table.ask(max_tokens=1200)
    assert table.asked == 1


async def test_the_next_input_is_estimated_by_what_the_last_one_turned_out_to_be() -> None:
    table = Table(answer(4000, 0), answer(4000, 0), run=0.0161)
    await table.ask(ASKED)  # taken for a thousand tokens, and it had four thousand: 0.8 cents
    await table.ask(ASKED)
    with pytest.raises(LimitReachedError, match=r"cost \$0\.0080 or more, \$0\.016 is spent"):
        await table.ask(ASKED)


async def test_what_a_short_request_had_too_much_is_not_taken_times_the_length_of_the_next() -> None:
    table = Table(answer(1000, 0), answer(1000, 0), run=0.0061)
    await table.ask("hi")  # one token, and the vendor counts a thousand: 0.2 cents
    with pytest.raises(LimitReachedError, match=r"cost \$0\.0060 or more"):
        await table.ask("x" * 8004)
    await table.ask(ASKED)
    assert table.asked == 2


async def test_a_shorter_request_is_another_one() -> None:
    table = Table(answer(4000, 0), answer(1, 0), run=0.0101)
    await table.ask(ASKED)
    await table.ask(ASKED[:3000])
    assert table.asked == 2


async def test_nothing_is_asked_for_nothing() -> None:
    table = Table(answer(1, 1), run=0.0)
    with pytest.raises(LimitReachedError):
        await table.ask()
    assert table.asked == 0


@pytest.mark.parametrize("provider", ["local", "echo"])
async def test_what_runs_here_is_free(provider: str) -> None:
    table = Table(answer(10**9, 10**9), answer(1, 1), run=0.0, session=0.0, day=0.0, book=Book(session=5, day=5))
    table.provider.name = provider
    await table.ask(ASKED)
    await table.ask(ASKED)
    assert (table.asked, table.told) == (2, [])


async def test_a_model_without_a_known_price_is_told_once_and_asked() -> None:
    table = Table(answer(10**9, 1), answer(1, 1), run=0.01)
    await table.ask(ASKED, model="nobody-knows")
    await table.ask(ASKED, model="nobody-knows")
    assert table.asked == 2
    assert table.told == [
        "the price of openai:nobody-knows is not known: what it costs does not count for the caps in [limits]"
    ]


async def test_a_fallback_is_checked_by_its_own_price() -> None:
    dear = ScriptedProvider(answer(1, 1))
    dear.name = "openai"
    table = Table([UnreachableError("gone")], run=0.001)
    fallback = Model(provider=dear, name="gpt-4-turbo")  # ten dollars for a million tokens
    with pytest.raises(LimitReachedError, match="gpt-4-turbo"):
        await table.ask("x" * 1600, fallbacks=[fallback])
    assert (table.asked, len(dear.requests)) == (1, 0)


async def test_a_fallback_that_is_cheaper_may_answer() -> None:
    table = Table([UnreachableError("gone")], answer(1, 1), run=0.001)
    fallback = Model(provider=table.provider, name="gpt-4.1-nano")
    await table.ask("x" * 1600, fallbacks=[fallback])
    assert table.asked == 2


async def test_a_refusal_is_neither_tried_again_nor_elsewhere() -> None:
    table = Table(answer(1, 1), run=0.0)
    other = ScriptedProvider(says("free"))
    with pytest.raises(LimitReachedError):
        await table.ask(fallbacks=[other.model])
    assert (table.asked, other.requests) == (0, [])
    assert "LLMAttemptFailed" not in table.heard.names


async def test_an_answer_that_broke_off_counts_as_far_as_it_came() -> None:
    broken = [TextDelta("y" * 400), ProviderError("broken", retryable=True)]
    table = Table(broken, answer(1, 1), run=0.0041)
    with pytest.raises(ProviderError):
        await table.ask(ASKED)
    with pytest.raises(LimitReachedError, match=r"\$0\.0028 is spent"):  # 1000 tokens in, 100 out
        await table.ask(ASKED)


async def test_an_answer_that_was_stopped_counts_as_far_as_it_came() -> None:
    table = Table([TextDelta("y" * 400), asyncio.Event()], answer(1, 1), run=0.0041)
    task = asyncio.create_task(table.ask(ASKED))
    await until(lambda: "TextChunk" in table.heard.names)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(LimitReachedError, match=r"\$0\.0028 is spent"):
        await table.ask(ASKED)


async def test_a_call_that_failed_before_anything_came_costs_nothing() -> None:
    busy = ProviderError("busy", status=503, retryable=True)
    table = Table([busy], [busy], answer(1000, 0), run=0.0021)
    with pytest.raises(ProviderError):
        await table.ask(ASKED)
    await table.ask(ASKED)
    assert table.asked == 3


async def test_an_answer_that_the_vendor_did_not_count_is_estimated() -> None:
    table = Table(says("y" * 400), answer(1, 1), run=0.0041)
    await table.ask(ASKED)
    with pytest.raises(LimitReachedError, match=r"\$0\.0028 is spent"):
        await table.ask(ASKED)


async def test_calls_under_way_count_as_estimated() -> None:
    table = Table([asyncio.Event()], answer(1, 1), run=0.003)
    first = asyncio.create_task(table.ask(ASKED))
    await until(lambda: table.asked == 1)
    with pytest.raises(LimitReachedError, match=r"\$0\.0020 is spent"):
        await table.ask(ASKED)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await table.ask(ASKED)  # nothing had come of the first, which has left its place


async def test_vectors_count_too() -> None:
    table = Table(run=1e-7)  # five tokens of text-embedding-3-small
    model = Model(provider=table.provider, name="text-embedding-3-small")
    with pytest.raises(LimitReachedError, match="text-embedding-3-small"):
        await table.calls.embed(model, EmbeddingRequest(model=model.name, texts=("x" * 40,)))
    await table.calls.embed(model, EmbeddingRequest(model=model.name, texts=("x" * 16,)))
    with pytest.raises(LimitReachedError, match=r"\$0\.000000080 is spent"):  # not counted, so estimated
        await table.calls.embed(model, EmbeddingRequest(model=model.name, texts=("x" * 8,)))


async def test_what_the_log_knows_of_a_session_counts_for_it() -> None:
    book = Book(session=0.099)
    table = Table(answer(1, 1), session=0.1, book=book)
    with pytest.raises(LimitReachedError, match=r"\$0\.099 is spent, and max_cost_session allows \$0\.10 for this se"):
        async with table.bus.session("mine"):
            await table.ask(ASKED)
    assert book.asked == ["mine"]
    await table.ask(ASKED)  # in no session


async def test_what_the_log_knows_of_today_counts_for_the_day() -> None:
    book = Book(day=5.0)
    table = Table(answer(1, 1), day=5.0, book=book)
    with pytest.raises(LimitReachedError, match=r"\$5\.00 is spent, and max_cost_day allows \$5\.00 for today"):
        await table.ask()
    assert book.asked == [local_midnight()]


@pytest.mark.parametrize(("logged", "spent"), [(True, r"\$0\.0060"), (False, r"\$0\.0080")])
async def test_our_own_calls_count_once_whether_they_are_logged_or_not(logged: bool, spent: str) -> None:
    book = Book(day=0.004)
    table = Table(answer(1000, 0), answer(1, 1), day=0.0079, book=book, logged=logged)
    await table.ask(ASKED)
    book.day = 0.006  # with what others spent meanwhile, or with ours
    with pytest.raises(LimitReachedError, match=spent):
        await table.ask(ASKED)


async def test_a_log_that_can_no_longer_be_written_forgets_nothing_of_ours() -> None:
    table = Table(answer(1000, 0), answer(1, 1), day=0.0039, book=Book(day=0.0), logged=True)
    await table.ask(ASKED)
    with pytest.raises(LimitReachedError, match=r"\$0\.0020 is spent"):
        await table.ask(ASKED)


def test_the_day_begins_at_midnight_where_the_user_is(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    starts: list[int] = []
    for zone in ("Etc/GMT+10", "Etc/GMT-10"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        starts.append(local_midnight())
        assert 0 <= time.time_ns() - starts[-1] <= DAY
        assert time.localtime(starts[-1] // 1_000_000_000)[3:6] == (0, 0, 0)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert starts[0] % DAY == DAY * 10 // 24
    assert starts[1] % DAY == DAY * 14 // 24


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "$0.00"), (5e-05, "$0.000050"), (0.0031, "$0.0031"), (0.25, "$0.25"), (1.5, "$1.50"), (1234.5, "$1234.50")],
)
def test_money_is_written_as_money(amount: float, text: str) -> None:
    assert dollars(amount) == text
