"""How fast a model wrote its answer."""

from typing import NamedTuple

from llmgine_cli.llm.stream import Usage

_AT_ONCE = 1.0  # milliseconds; an answer whose pieces come within so many did not come in pieces


class Speed(NamedTuple):
    """Tokens, and the milliseconds in which they came."""

    tokens: int
    ms: float

    @property
    def per_second(self) -> float:
        """Tokens per second."""
        return self.tokens * 1000 / self.ms

    def __str__(self) -> str:
        return f"{self.per_second:.3g} tokens/s" if self.per_second < 100 else f"{self.per_second:.0f} tokens/s"


def speed_of(usage: Usage, duration_ms: float, first_token_ms: float | None, *, thoughts: bool) -> Speed | None:
    """Return how fast an answer came from its first token on; one that came whole, from the beginning; None: unknown.

    Args:
        usage: Its tokens.
        duration_ms: Milliseconds from sending to the end.
        first_token_ms: Milliseconds from sending to the first piece.
        thoughts: Whether the model's thoughts were among the pieces; else they were thought before the first one.
    """
    made = usage.output_tokens
    if not made or duration_ms <= 0:
        return None
    if first_token_ms is None or duration_ms - first_token_ms < _AT_ONCE:
        return Speed(made, duration_ms)
    seen = made if thoughts else made - (usage.reasoning_tokens or 0)
    return Speed(seen, duration_ms - first_token_ms) if seen > 0 else None
