"""When a call of a model is made again, after how long, and when another model is asked in its place."""

from collections.abc import Callable
from dataclasses import dataclass

from llmgine_cli.errors import (
    BadResponseError,
    ContextWindowError,
    CredentialsError,
    LlmgineError,
    ModelNotFoundError,
    NoCreditError,
    ProviderError,
    RateLimitedError,
    TruncatedError,
)

_FORBIDDEN = 403  # blocked on the way there; a key that is refused is a `CredentialsError`


def random_part() -> float:
    """Return a random number from 0 to 1; the module it comes from is imported only when something failed."""
    from random import random

    return random()  # noqa: S311 -- it keeps no secret


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often and when a call that failed is made again.

    The waiting is exponential with full jitter: a random part of a time that doubles with each attempt, so that many
    callers that failed together do not come back together
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).

    Attributes:
        retries: How often a model is asked again after the first attempt.
        first_wait: Seconds that the first waiting may take at most.
        longest_wait: Seconds that any waiting may take at most, unless the vendor asks for more.
        retry_after_cap: Seconds that the vendor may ask us to wait; who asks for more is not waited for.
        jitter: Returns a random number from 0 to 1.
    """

    retries: int = 2
    first_wait: float = 1.0
    longest_wait: float = 30.0
    retry_after_cap: float = 60.0
    jitter: Callable[[], float] = random_part

    def wait(self, error: LlmgineError, attempt: int) -> float | None:
        """Return how many seconds to wait before the same model is asked again; None: it is not.

        Args:
            error: Why the attempt failed.
            attempt: Its number, from 1.
        """
        if not isinstance(error, ProviderError) or not error.retryable or attempt > self.retries:
            return None
        if self.asks_too_much(error):
            return None
        # Never earlier than the vendor says; later by the jitter, for all whom it told the same.
        longest = min(self.longest_wait, self.first_wait * 2.0 ** (attempt - 1))
        return (error.retry_after or 0.0) + self.jitter() * longest

    def asks_too_much(self, error: LlmgineError) -> bool:
        """Whether the vendor asks us to wait longer than we would."""
        return isinstance(error, ProviderError) and (error.retry_after or 0.0) > self.retry_after_cap


def another_may_answer(error: LlmgineError) -> bool:
    """Whether the failure is of a kind that another model may not have.

    That is so for all trouble on the way to the model and at its vendor: no connection, silence, a rate limit, an
    account without credit, a key that is missing or refused, a model that is gone or too small. A request that is wrong
    in itself stays wrong.
    """
    if isinstance(error, CredentialsError):
        return True
    if not isinstance(error, ProviderError):
        return False
    elsewhere = (
        *(BadResponseError, ContextWindowError, ModelNotFoundError),
        *(NoCreditError, RateLimitedError, TruncatedError),
    )
    return (
        error.retryable
        or isinstance(error, elsewhere)
        or error.status is None  # it never got as far as an answer
        or error.status == _FORBIDDEN
        or error.status >= 500
    )
