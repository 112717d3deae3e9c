"""When a call is made again, after how long, and when another model is asked."""

import pytest

from llmgine_cli.errors import (
    BadResponseError,
    ContextWindowError,
    CredentialsError,
    LlmgineError,
    ModelNotFoundError,
    NoCreditError,
    ProviderError,
    RateLimitedError,
    SettingsError,
    TimedOutError,
    TruncatedError,
    UnreachableError,
    UsageError,
)
from llmgine_cli.llm.retry import RetryPolicy, another_may_answer, random_part

LATEST = RetryPolicy(retries=8, jitter=lambda: 1.0)
BUSY = ProviderError("busy", status=503, retryable=True)


def test_the_waiting_doubles_up_to_a_limit() -> None:
    waits = [LATEST.wait(BUSY, attempt) for attempt in range(1, 9)]
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]


def test_the_whole_of_the_waiting_is_jitter() -> None:
    assert RetryPolicy(jitter=lambda: 0.0).wait(BUSY, 1) == 0
    assert RetryPolicy(jitter=lambda: 0.25).wait(BUSY, 2) == 0.5


def test_by_default_two_callers_do_not_wait_equally_long() -> None:
    assert len({random_part() for _ in range(20)}) > 1
    assert all(0 <= random_part() <= 1 for _ in range(20))


def test_it_ends_when_the_retries_are_spent() -> None:
    policy = RetryPolicy(retries=2, jitter=lambda: 0.0)
    assert [policy.wait(BUSY, attempt) for attempt in (1, 2, 3)] == [0, 0, None]
    assert RetryPolicy(retries=0).wait(BUSY, 1) is None


@pytest.mark.parametrize(
    "error",
    [
        ProviderError("bad request", status=400),
        CredentialsError("no key"),
        UsageError("no"),
        ModelNotFoundError("none", status=404),
    ],
)
def test_what_would_fail_again_is_not_tried_again(error: LlmgineError) -> None:
    assert LATEST.wait(error, 1) is None


def test_the_vendors_own_time_is_never_undercut() -> None:
    error = RateLimitedError("slow down", status=429, retryable=True, retry_after=7.0)
    assert RetryPolicy(jitter=lambda: 0.0).wait(error, 1) == 7
    assert RetryPolicy(jitter=lambda: 1.0).wait(error, 1) == 8


def test_who_asks_us_to_wait_too_long_is_not_waited_for() -> None:
    policy = RetryPolicy(retry_after_cap=60.0)
    patient = RateLimitedError("slow down", retryable=True, retry_after=60.0)
    absurd = RateLimitedError("slow down", retryable=True, retry_after=60.1)
    assert (policy.asks_too_much(patient), policy.asks_too_much(absurd)) == (False, True)
    assert policy.wait(patient, 1) is not None
    assert policy.wait(absurd, 1) is None


@pytest.mark.parametrize(
    ("error", "another"),
    [
        (UnreachableError("gone"), True),
        (TimedOutError("silent", retryable=True), True),
        (RateLimitedError("slow down", status=429), True),
        (NoCreditError("no credit left", status=400), True),
        (ProviderError("blocked on the way", status=403), True),
        (ProviderError("broken", status=500, retryable=True), True),
        (ProviderError("x-should-retry says no", status=503), True),
        (BadResponseError("a web page"), True),
        (TruncatedError("cut"), True),
        (ModelNotFoundError("retired", status=404), True),
        (ContextWindowError("too long", status=400), True),
        (CredentialsError("refused"), True),
        (ProviderError("temperature must be a number", status=400), False),
        (ProviderError("too large", status=413), False),
        (UsageError("takes no documents"), False),
        (SettingsError("no address"), False),
        (LlmgineError("?"), False),
    ],
)
def test_another_model_is_asked_where_it_may_not_have_the_same_trouble(error: LlmgineError, another: bool) -> None:
    assert another_may_answer(error) is another
