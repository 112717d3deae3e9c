"""What a run took: calls, tokens, money and time, added up from the events.

What it cost is looked up when it is shown, and not before.
"""

from dataclasses import dataclass
from typing import Any

from llmgine_cli.bus import Bus
from llmgine_cli.llm.events import LLMCallFailed, LLMCallFinished, LLMCallInterrupted
from llmgine_cli.llm.speed import Speed, speed_of
from llmgine_cli.llm.stream import Reply, Usage
from llmgine_cli.toolkit.messages import ToolCallFinished

_REMARKS = {
    "length": "the answer stopped at the token limit (allow more with -o max_tokens N)",
    "content_filter": "the vendor's content filter cut the answer",
    "refusal": "the model refused to answer",
}


@dataclass(frozen=True)
class Price:
    """What calls cost.

    Attributes:
        dollars: US dollars, as far as prices are known.
        unknown: How many calls have no known price.
        free: Whether all of them were of models that cost nothing.
    """

    dollars: float
    unknown: int
    free: bool

    def __str__(self) -> str:
        from llmgine_cli.llm.budget import dollars

        if self.free:
            return "free"
        if not self.unknown:
            return dollars(self.dollars)
        return f"more than {dollars(self.dollars)}" if self.dollars else "price unknown"


class Account:
    """Listens to the bus and adds up."""

    def __init__(self) -> None:
        self._calls: list[LLMCallFinished] = []
        self._broken: list[LLMCallFailed | LLMCallInterrupted] = []
        self._tools: list[ToolCallFinished] = []

    def attach(self, bus: Bus) -> None:
        """Listen from now on."""
        bus.subscribe(LLMCallFinished, self._calls.append)
        bus.subscribe(LLMCallFailed, self._broken_off)
        bus.subscribe(LLMCallInterrupted, self._broken_off)
        bus.subscribe(ToolCallFinished, self._tools.append)

    @property
    def model(self) -> str | None:
        """The model that answered last."""
        return self._calls[-1].model if self._calls else None

    @property
    def usage(self) -> Usage:
        """Tokens of all calls of the model; those of answers that broke off are estimated."""
        return sum((call.reply.usage for call in self._calls), sum((call.usage for call in self._broken), Usage()))

    @property
    def speed(self) -> Speed | None:
        """How fast the answers came, all together."""
        known = [speed for call in self._calls if (speed := _speed(call)) is not None]
        return Speed(sum(each.tokens for each in known), sum(each.ms for each in known)) if known else None

    def price(self) -> Price:
        """Look up what it cost."""
        calls = [(call.model, call.reply.usage, call.time_ns, call.reply.model) for call in self._calls]
        return _price([*calls, *((call.model, call.usage, call.time_ns, None) for call in self._broken)])

    def summary(self) -> str:
        """Say it in one line."""
        if not (self._calls or self._broken):
            return "no model was asked"
        usage, number = self.usage, len(self._calls) + len(self._broken)
        seconds = sum(call.duration_ms for call in (*self._calls, *self._broken)) / 1000
        kept = {"cached": usage.cached_tokens, "written to the cache": usage.cache_write_tokens}
        thought = {"for reasoning": usage.reasoning_tokens}
        line = f"tokens: {_count(usage.input_tokens, kept)} in, {_count(usage.output_tokens, thought)} out"
        line += f"; {self.price()}; {number} call{'' if number == 1 else 's'} of the model, {seconds:.1f} s"
        if self._calls and self._calls[0].first_token_ms is not None:
            line += f", first token after {self._calls[0].first_token_ms / 1000:.2f} s"
        if speed := self.speed:
            line += f", {speed}"
        return line

    def _broken_off(self, call: LLMCallFailed | LLMCallInterrupted) -> None:
        if call.usage != Usage():
            self._broken.append(call)

    def remarks(self, result: Any) -> list[str]:
        """Say what the user should know about how the last answer ended.

        Args:
            result: What the engine returned.
        """
        reason = self._calls[-1].reply.finish_reason if self._calls else "stop"
        if reason in _REMARKS:
            return [_REMARKS[reason]]
        silent = isinstance(result, Reply) and not result.text.strip() and not result.message.tool_calls
        return ["the model gave an empty answer"] if silent else []

    def as_json(self) -> dict[str, Any]:
        """The same for programs; times in milliseconds, the price in US dollars."""
        usage, price, speed = self.usage, self.price(), self.speed
        return {
            "usage": {name: getattr(usage, name) for name in usage.__struct_fields__},
            "price": None if price.unknown else round(price.dollars, 9),
            "calls": len(self._calls),
            "duration_ms": round(sum(call.duration_ms for call in self._calls), 1),
            "first_token_ms": round(self._calls[0].first_token_ms, 1)
            if self._calls and self._calls[0].first_token_ms is not None
            else None,
            "tokens_per_second": round(speed.per_second, 1) if speed else None,
            "tool_calls": [
                {
                    "name": done.call.name,
                    "arguments": done.call.arguments,
                    "result": done.result.content,
                    "is_error": done.result.is_error,
                    "duration_ms": round(done.duration_ms, 1),
                }
                for done in self._tools
            ],
        }


def price_of(model: str, usage: Usage) -> Price:
    """Look up what tokens of a model, as `provider:model`, cost now."""
    from time import time_ns

    return _price([(model, usage, time_ns(), None)])


def _price(calls: list[tuple[str, Usage, int, str | None]]) -> Price:
    from llmgine_cli import places
    from llmgine_cli.llm.prices import Prices, is_free

    prices = Prices(places.cache_dir())
    found = [prices.cost(model, usage, time_ns, answered=answered) for model, usage, time_ns, answered in calls]
    prices.keep()
    known = [price for price in found if price is not None]
    return Price(sum(known), len(found) - len(known), all(is_free(model) for model, *_ in calls))


def _speed(call: LLMCallFinished) -> Speed | None:
    reply = call.reply
    return speed_of(reply.usage, call.duration_ms, call.first_token_ms, thoughts=bool(reply.reasoning))


def _count(tokens: int | None, among: dict[str, int | None]) -> str:
    """Say how many tokens there were, and what some of them were."""
    some = ", ".join(f"{number} {what}" for what, number in among.items() if number)
    return ("unknown" if tokens is None else str(tokens)) + (f" ({some})" if some else "")
