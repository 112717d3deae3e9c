"""Leaves an endpoint alone that could not be reached several times in a row."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from llmgine_cli.errors import ProviderError, TimedOutError, UnreachableError


class Breaker:
    """A circuit breaker for one endpoint: https://martinfowler.com/bliki/CircuitBreaker.html.

    After so many failures to connect in a row the endpoint is refused at once for a while (open); then one caller may
    try it (half-open): if that goes well, all may again (closed), otherwise it is left alone for the same time again.
    Any answer counts as well, errors included: somebody is there.

    Args:
        name: The provider's name.
        failures: How many failures in a row are enough; 0: it is never left alone.
        cooldown: Seconds for which it is left alone.
        clock: Returns seconds that only ever grow.
        now: Returns the time of day, for people.
    """

    def __init__(
        self,
        name: str,
        *,
        failures: int = 5,
        cooldown: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._name = name
        self._enough = failures
        self._cooldown = cooldown
        self._clock = clock
        self._now = now
        self._failures = 0
        self._until: float | None = None  # None: closed
        self._on_trial = False
        self._hint: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether the endpoint is left alone now."""
        return self._until is not None and (self._on_trial or self._clock() < self._until)

    def admit(self) -> None:
        """Let a caller through, or not; whoever is let through has to say what came of it.

        Raises:
            UnreachableError: The endpoint is left alone now; the message says until when.
        """
        if self._until is None:
            return
        left = self._until - self._clock()
        if left <= 0 and not self._on_trial:
            self._on_trial = True
            return
        until = (self._now() + timedelta(seconds=max(0.0, left))).strftime("%H:%M:%S")
        when = "somebody is trying it now" if self._on_trial else f"it is left alone until {until}"
        raise UnreachableError(
            f"{self._name} could not be reached {self._failures} times in a row, and {when}",
            provider=self._name,
            hint=self._hint,
        )

    def failed(self, error: Exception) -> None:
        """Take note of how a caller failed who was let through."""
        if isinstance(error, UnreachableError):
            self._failures += 1
            self._hint = error.hint
            if self._enough and self._failures >= self._enough:
                self._until = self._clock() + self._cooldown
            self._on_trial = False
        elif isinstance(error, ProviderError) and not isinstance(error, TimedOutError):
            self.answered()
        else:  # silence proves nothing, and what is no failure of the provider's even less
            self.gave_up()

    def answered(self) -> None:
        """Take note that somebody is there."""
        self._failures, self._until, self._on_trial = 0, None, False

    def gave_up(self) -> None:
        """Take note that a caller who was let through went away before anything came of it."""
        self._on_trial = False
