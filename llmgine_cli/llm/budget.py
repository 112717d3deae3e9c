"""Caps on what calls of models may cost: each is asked for before a request goes out that might break one.

What a call will cost is not known before it is made: its input is estimated, and its output counts as far as a limit
is set for it (`max_tokens`). The answer that breaks a cap is thus the last one, not one of many.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from math import floor, log10
from time import time_ns
from typing import NamedTuple, Protocol, TypeAlias, get_args

from llmgine_cli.bus import Bus
from llmgine_cli.bus.scope import scope_session
from llmgine_cli.errors import LimitReachedError
from llmgine_cli.llm.embeddings import EmbeddingRequest
from llmgine_cli.llm.estimate import tokens_of, tokens_of_message
from llmgine_cli.llm.events import EmbeddingFinished, LLMCallFailed, LLMCallFinished, LLMCallInterrupted
from llmgine_cli.llm.messages import Request
from llmgine_cli.llm.prices import Prices, is_free
from llmgine_cli.llm.provider import Model
from llmgine_cli.llm.stream import Usage

Costly: TypeAlias = LLMCallFinished | LLMCallFailed | LLMCallInterrupted | EmbeddingFinished
"""Tells of a call that may have cost something."""


@dataclass(frozen=True, kw_only=True)
class Caps:
    """The most that calls may cost, in US dollars; None: any amount.

    Attributes:
        run: All calls of this process.
        session: All calls of a session, also those of earlier processes.
        day: All calls since midnight, whoever made them.
    """

    run: float | None = None
    session: float | None = None
    day: float | None = None


class Ledger(Protocol):
    """What was spent according to the log, in US dollars, as far as prices are known."""

    def of_session(self, session_id: str) -> float:
        """All that was spent in a session."""
        ...

    def since(self, since_ns: int) -> float:
        """All that was spent since then, nanoseconds since 1970."""
        ...


class NoLedger:
    """Where nothing was written down."""

    def of_session(self, session_id: str) -> float:  # noqa: ARG002 -- as in the protocol
        """Nothing is known."""
        return 0.0

    def since(self, since_ns: int) -> float:  # noqa: ARG002
        """Nothing is known."""
        return 0.0


class _Spent(NamedTuple):
    """What a call of ours cost: when, in which session, and US dollars."""

    time_ns: int
    session: str | None
    dollars: float


class _Claim(NamedTuple):
    """A call under way: in which session, and about what it will cost, in US dollars."""

    session: str | None
    dollars: float


class _Input(NamedTuple):
    """Tokens of a request: as we estimated them, and as the vendor counted them."""

    estimated: int
    counted: int


class _Purse(NamedTuple):
    """What a cap allows, what of it is gone, both in US dollars, and what to say of it."""

    cap: float
    gone: float
    setting: str
    what: str
    hint: str


class Budget:
    """Knows what was spent, and lets calls through only as far as the caps allow.

    Args:
        caps: The most that may be spent.
        prices: Where prices are looked up.
        ledger: What the log knows of this session and this day.
        logged: Whether our own calls come to be in it.
        tell: Told, once of each, which models have no known price.
    """

    def __init__(
        self,
        caps: Caps,
        prices: Prices,
        *,
        ledger: Ledger | None = None,
        logged: bool = False,
        tell: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._caps = caps
        self._prices = prices
        self._ledger = ledger or NoLedger()
        self._logged = logged
        self._tell = tell
        self._own: list[_Spent] = []
        self._under_way: list[_Claim] = []
        self._inputs: dict[tuple[str | None, str], int] = {}  # of the last call as estimated, by session and model
        self._counted: dict[tuple[str | None, str], _Input] = {}  # of the last one that the vendor has counted
        self._told: set[str] = set()

    def attach(self, bus: Bus) -> None:
        """Take note of what calls cost, as the bus tells it."""
        for kind in get_args(Costly):
            bus.subscribe(kind, self.note)

    @contextmanager
    def room(self, model: Model, request: Request | EmbeddingRequest) -> Generator[None]:
        """Let a call be made, if there is money for it; inside the block it is under way and counts as estimated.

        Raises:
            LimitReachedError: It might cost more than is left.
        """
        name, session = str(model), scope_session()
        if is_free(name):
            yield
            return
        self._inputs[session, name] = given = tokens_of(request)
        last = self._counted.get((session, name))
        if last is not None and given >= last.estimated:  # the same conversation, grown
            given += last.counted - last.estimated
        made = request.options.max_tokens if isinstance(request, Request) else None
        about = self._prices.cost(name, Usage(input_tokens=given, output_tokens=made or 0), time_ns())
        self._prices.keep()
        if about is None:
            self._warn(name)
            yield
            return
        self._check(name, session, about)
        claim = _Claim(session, about)
        self._under_way.append(claim)
        try:
            yield
        finally:
            self._under_way.remove(claim)

    def note(self, event: Costly) -> None:
        """Take note of what a call cost."""
        asked = (event.session_id, event.model)
        usage, answered = spent(event)
        if isinstance(event, LLMCallFinished | EmbeddingFinished) and asked in self._inputs:
            estimated = self._inputs[asked]
            if usage.input_tokens is None:
                usage = usage + Usage(input_tokens=estimated)
            else:
                self._counted[asked] = _Input(estimated, usage.input_tokens)
        cost = self._prices.cost(event.model, usage, event.time_ns, answered=answered)
        if cost:
            self._own.append(_Spent(event.time_ns, event.session_id, cost))

    def _check(self, model: str, session: str | None, about: float) -> None:
        for purse in self._purses(session):
            if purse.gone + about > purse.cap:
                raise LimitReachedError(
                    f"the call of {model} was not made: it would cost {dollars(about)} or more, "
                    f"{dollars(purse.gone)} is spent, and {purse.setting} allows {dollars(purse.cap)} {purse.what}",
                    hint=purse.hint,
                )

    def _purses(self, session: str | None) -> Iterator[_Purse]:
        """Say for each cap that is set what is gone already, calls under way included."""
        caps, own, under_way = self._caps, self._own, self._under_way
        if caps.run is not None:
            gone = sum(each.dollars for each in own) + sum(each.dollars for each in under_way)
            hint = "allow more with --max-cost USD, or with max_cost in [limits] of the settings"
            yield _Purse(caps.run, gone, "max_cost", "for this run", hint)
        if caps.session is not None and session is not None:
            ours = sum(each.dollars for each in own if each.session == session)
            gone = self._known(self._ledger.of_session(session), ours)
            gone += sum(each.dollars for each in under_way if each.session == session)
            hint = "allow more with max_cost_session in [limits] of the settings, or begin a new session"
            yield _Purse(caps.session, gone, "max_cost_session", "for this session", hint)
        if caps.day is not None:
            midnight = local_midnight()
            ours = sum(each.dollars for each in own if each.time_ns >= midnight)
            gone = self._known(self._ledger.since(midnight), ours) + sum(each.dollars for each in under_way)
            hint = "allow more with max_cost_day in [limits] of the settings"
            yield _Purse(caps.day, gone, "max_cost_day", "for today", hint)

    def _known(self, logged: float, own: float) -> float:
        """What is spent: our own calls are in the log as well, unless it is off or could not be written."""
        return max(logged, own) if self._logged else logged + own

    def _warn(self, model: str) -> None:
        if model not in self._told:
            self._told.add(model)
            self._tell(f"the price of {model} is not known: what it costs does not count for the caps in [limits]")


def spent(event: Costly) -> tuple[Usage, str | None]:
    """Return the tokens a call took, and the model that answered; an answer that nobody counted is estimated."""
    if not isinstance(event, LLMCallFinished):
        return event.usage, None
    usage = event.reply.usage
    if usage.output_tokens is None:
        usage = usage + Usage(output_tokens=tokens_of_message(event.reply.message))
    return usage, event.reply.model


def local_midnight() -> int:
    """Return when this day began where the user is, nanoseconds since 1970."""
    now = datetime.now().astimezone()
    # Of that very moment: the clocks may have been changed since.
    return int(datetime(now.year, now.month, now.day).astimezone().timestamp()) * 1_000_000_000


def dollars(amount: float) -> str:
    """Return an amount of US dollars for people: `$1.25`, `$0.0031`."""
    if amount >= 1 or amount == 0:
        return f"${amount:.2f}"
    # Not as 5e-05: a price is no formula.
    return f"${amount:.{max(2, 1 - floor(log10(amount)))}f}"
