"""An endpoint that is not there is left alone for a while."""

from datetime import datetime

import pytest

from llmgine_cli.errors import ProviderError, RateLimitedError, TimedOutError, UnreachableError
from llmgine_cli.llm.breaker import Breaker
from tests.support.clock import Clock

GONE = UnreachableError("no", hint="is it running?")


def breaker(clock: Clock, failures: int = 3) -> Breaker:
    return Breaker(
        "acme",
        failures=failures,
        cooldown=30,
        clock=clock,
        now=lambda: datetime(2026, 11, 28, 12, 0, 0),  # noqa: DTZ001
    )


def fail(what: Breaker, times: int, error: Exception = GONE) -> None:
    for _ in range(times):
        what.admit()
        what.failed(error)


def test_after_so_many_failures_in_a_row_callers_are_refused_and_told_until_when() -> None:
    made = breaker(Clock())
    fail(made, 3)
    with pytest.raises(UnreachableError) as caught:
        made.admit()
    assert str(caught.value) == ("acme could not be reached 3 times in a row, and it is left alone until 12:00:30")
    assert (caught.value.hint, caught.value.retryable, made.is_open) == ("is it running?", False, True)


def test_fewer_failures_or_an_answer_between_them_change_nothing() -> None:
    made = breaker(Clock())
    for _ in range(5):
        fail(made, 2)
        made.answered()
    made.admit()
    assert not made.is_open


@pytest.mark.parametrize("error", [ProviderError("500", status=500), RateLimitedError("429", status=429)])
def test_an_error_is_an_answer_too(error: Exception) -> None:
    made = breaker(Clock())
    fail(made, 2)
    fail(made, 1, error)
    fail(made, 2)
    made.admit()


@pytest.mark.parametrize("error", [TimedOutError("silent"), ValueError("a bug")])
def test_silence_and_faults_of_our_own_prove_nothing(error: Exception) -> None:
    made = breaker(Clock())
    fail(made, 2)
    fail(made, 1, error)
    fail(made, 1)
    assert made.is_open


def test_when_the_time_is_over_one_caller_may_try_and_the_others_wait_for_what_comes_of_it() -> None:
    clock = Clock()
    made = breaker(clock)
    fail(made, 3)
    clock.now += 30
    made.admit()
    with pytest.raises(UnreachableError, match="somebody is trying it now"):
        made.admit()
    made.answered()
    made.admit()
    made.admit()


def test_a_trial_that_fails_begins_the_time_anew() -> None:
    clock = Clock()
    made = breaker(clock)
    fail(made, 3)
    clock.now += 30
    fail(made, 1)
    clock.now += 29
    with pytest.raises(UnreachableError, match="4 times in a row"):
        made.admit()
    clock.now += 1
    made.admit()


def test_a_trial_that_is_cancelled_leaves_the_next_caller_to_try() -> None:
    clock = Clock()
    made = breaker(clock)
    fail(made, 3)
    clock.now += 30
    made.admit()
    made.gave_up()
    made.admit()


def test_it_can_be_switched_off() -> None:
    made = breaker(Clock(), failures=0)
    fail(made, 100)
    made.admit()
