"""How an application calls models: again when that may help, another when it does not, and no faster than allowed.

::

    reply = await app.calls.call(model, request, fallbacks=[another])
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING

from llmgine_cli.bus import Bus
from llmgine_cli.errors import LlmgineError, ProviderError
from llmgine_cli.llm.attempts import Next
from llmgine_cli.llm.breaker import Breaker
from llmgine_cli.llm.call import call_model
from llmgine_cli.llm.embedding import embed_texts
from llmgine_cli.llm.embeddings import EmbeddingRequest, Embeddings
from llmgine_cli.llm.events import StatusChanged
from llmgine_cli.llm.messages import Request
from llmgine_cli.llm.pace import Pace
from llmgine_cli.llm.provider import Model
from llmgine_cli.llm.retry import RetryPolicy, another_may_answer
from llmgine_cli.llm.stream import Reply, ReplyBuilder

if TYPE_CHECKING:
    from llmgine_cli.llm.budget import Budget

_SLOW_DOWN = 429
_WORTH_TELLING = 1.0  # seconds of waiting for one's turn


class Calls:
    """Calls models for all conversations of an application, which share what is known of each provider.

    Args:
        bus: Where it is told.
        policy: When a call is made again; default: never.
        pace: Makes what limits a provider's requests, given its name; default: no limits.
        breaker: Makes what leaves a provider alone that is not there, given its name.
        sleep: Waits for so many seconds.
        budget: Asked before each request whether there is money for it; default: there is.

    Attributes:
        policy: When a call is made again.
        budget: What calls may cost; None: anything.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        policy: RetryPolicy | None = None,
        pace: Callable[[str], Pace] = lambda _: Pace(),
        breaker: Callable[[str], Breaker] = Breaker,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        budget: "Budget | None" = None,
    ) -> None:
        self._bus = bus
        self.budget = budget
        self.policy = policy or RetryPolicy(retries=0)
        self._make_pace = pace
        self._make_breaker = breaker
        self._sleep = sleep
        self._lines: dict[str, _Line] = {}

    async def call(
        self,
        model: Model,
        request: Request,
        *,
        fallbacks: Sequence[Model] = (),
        history: int = 0,
        visible: bool = True,
        builder: ReplyBuilder | None = None,
    ) -> Reply:
        """Ask the model, and tell it on the bus; see `call_model`.

        An attempt that fails before the first token is made again as the policy says, then with the next fallback if
        the failure is of a kind that another model may not have. Each is an `LLMAttemptFailed` event.

        Args:
            model: Whom to ask.
            request: What to ask; its `model` is replaced by the name of whoever is asked.
            fallbacks: Whom to ask in its place, in this order.
            history: How many of the request's messages are known from `MessageAdded` events.
            visible: Whether the pieces of the answer are published for the screen.
            builder: What adds the answer up.

        Raises:
            ProviderError: The model or its vendor failed, and so did the last fallback.
            CredentialsError: Its key is missing or was refused.
            LimitReachedError: There is not enough money left for it.
        """
        attempts = _Attempts(self, (model, *fallbacks), request, visible=visible)
        return await call_model(
            self._bus, model, request, history=history, visible=visible, builder=builder, attempts=attempts
        )

    async def embed(self, model: Model, request: EmbeddingRequest) -> Embeddings:
        """Have texts turned into vectors, and tell it on the bus; attempts are made as for `call`.

        Raises:
            UsageError: The model makes no vectors.
            ProviderError: It failed.
            CredentialsError: Its key is missing or was refused.
            LimitReachedError: There is not enough money left for it.
        """
        return await embed_texts(self._bus, request, _Attempts(self, (model,), request, visible=False))

    # -- for the attempts

    def line(self, model: Model) -> "_Line":
        """What is known of a model's provider."""
        name = model.provider.name
        if name not in self._lines:
            self._lines[name] = _Line(self._make_pace(name), self._make_breaker(name))
        return self._lines[name]

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._sleep(seconds)

    async def tell(self, status: str) -> None:
        """Say what is waited for."""
        await self._bus.publish(StatusChanged(status=status))


class _Line:
    """What is known of a provider."""

    def __init__(self, pace: Pace, breaker: Breaker) -> None:
        self.pace = pace
        self.breaker = breaker


class _Attempts:
    """The attempts of one call."""

    def __init__(
        self, calls: Calls, models: Sequence[Model], request: Request | EmbeddingRequest, *, visible: bool
    ) -> None:
        self._calls = calls
        self._models = list(models)
        self._request = request
        self._visible = visible
        self._attempt = 1

    @property
    def model(self) -> Model:
        return self._models[0]

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Let one attempt be made: what has to be asked before each request goes out is asked here."""
        line, budget = self._calls.line(self.model), self._calls.budget
        waiting = self._visible and line.pace.delay >= _WORTH_TELLING
        with budget.room(self.model, self._request) if budget else nullcontext():
            if waiting:
                await self._calls.tell(f"waiting for the rate limit of {self.model.provider.name}")
            async with line.pace.turn():
                if waiting:
                    await self._calls.tell("")
                line.breaker.admit()
                try:
                    yield
                except Exception as error:
                    line.breaker.failed(error)
                    raise
                except BaseException:
                    line.breaker.gave_up()
                    raise
                line.breaker.answered()

    def answered(self) -> None:
        self._calls.line(self.model).breaker.answered()

    def after(self, error: LlmgineError) -> Next | None:
        line, policy, attempt = self._calls.line(self.model), self._calls.policy, self._attempt
        wait = None if line.breaker.is_open else policy.wait(error, attempt)
        if policy.asks_too_much(error):
            _say_too_much(error, policy)
        elif isinstance(error, ProviderError) and error.status == _SLOW_DOWN:
            line.pace.slow_down(wait if wait is not None else error.retry_after or 0.0)
        if wait is not None:
            self._attempt += 1
            return Next(wait, attempt, policy.retries + 1)
        if len(self._models) == 1 or not another_may_answer(error):
            return None
        self._models.pop(0)
        self._attempt = 1
        return Next(0.0, attempt, policy.retries + 1)

    async def wait(self, seconds: float) -> None:
        if seconds > 0:
            await self._calls.sleep(seconds)


def _say_too_much(error: LlmgineError, policy: RetryPolicy) -> None:
    if isinstance(error, ProviderError) and error.retry_after is not None:
        error.message += f"; it asks us to wait {_span(error.retry_after)}"
        error.hint = (
            f"that is longer than the {policy.retry_after_cap:g} s of retry_after_cap in [limits]: try again then, or "
            "name another model with --fallback"
        )


def _span(seconds: float) -> str:
    """A time as people say it, in its largest unit."""
    for size, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
