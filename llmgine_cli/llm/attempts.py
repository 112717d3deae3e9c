"""How often a call is attempted, when, and whom each attempt asks: what calls of every kind share."""

import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import NamedTuple, Protocol, TypeVar

from llmgine_cli.bus import Bus
from llmgine_cli.errors import LlmgineError, ProviderError
from llmgine_cli.llm.events import LLMAttemptFailed
from llmgine_cli.llm.provider import Model

T = TypeVar("T")


class Next(NamedTuple):
    """The attempt that follows one that failed.

    Attributes:
        wait: Seconds until it is made.
        attempt: The number of the attempt that failed, from 1.
        attempts: How many there may be at its model.
    """

    wait: float
    attempt: int
    attempts: int


class Attempts(Protocol):
    """Decides how often a call is attempted, when, and whom each attempt asks."""

    @property
    def model(self) -> Model:
        """Whom the attempt asks that is made now, or made next."""
        ...

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Wait until the attempt may be made; inside the block it is under way.

        Raises:
            LlmgineError: It may not be made at all.
        """
        ...

    def answered(self) -> None:
        """Take note that the attempt's answer has begun."""

    def after(self, error: LlmgineError) -> Next | None:
        """Decide what follows an attempt that failed; None: nothing, the call has failed."""
        ...

    async def wait(self, seconds: float) -> None:
        """Let the time pass until the next attempt."""


class Once:
    """One attempt."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Make the attempt at once."""
        return nullcontext()

    def answered(self) -> None:
        """Nobody else wants to know."""

    def after(self, error: LlmgineError) -> None:
        """Nothing follows."""

    async def wait(self, seconds: float) -> None:
        """Nothing is waited for."""


async def attempted(
    bus: Bus,
    call_id: str,
    attempts: Attempts,
    once: Callable[[Model], Awaitable[T]],
    *,
    may_repeat: Callable[[], bool] = lambda: True,
) -> T:
    """Make attempts until one succeeds or the last has failed; each that is followed by another is told on the bus.

    Args:
        bus: Where `LLMAttemptFailed` is published.
        call_id: The `event_id` of the event that told that the call begins.
        attempts: Decides.
        once: Makes one attempt with the model it is given.
        may_repeat: Whether an attempt that has failed may be followed by another at all.

    Raises:
        LlmgineError: How the last attempt failed.
    """
    while True:
        model, begin = attempts.model, time.perf_counter()
        try:
            async with attempts.turn():
                begin = time.perf_counter()
                return await once(model)
        except LlmgineError as error:
            again = attempts.after(error) if may_repeat() else None
            if again is None:
                raise
            await bus.publish(
                LLMAttemptFailed(
                    call_id=call_id,
                    model=str(model),
                    attempt=again.attempt,
                    attempts=again.attempts,
                    error=str(error),
                    error_type=type(error).__name__,
                    status=error.status if isinstance(error, ProviderError) else None,
                    duration_ms=(time.perf_counter() - begin) * 1000,
                    wait_s=again.wait,
                    next_model=str(attempts.model),
                )
            )
        await attempts.wait(again.wait)
