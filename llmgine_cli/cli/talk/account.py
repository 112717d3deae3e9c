"""What a run took: calls, tokens and time, added up from the events."""

from typing import Any

from llmgine_cli.bus import Bus
from llmgine_cli.llm.events import LLMCallFinished
from llmgine_cli.llm.stream import Reply, Usage
from llmgine_cli.toolkit.messages import ToolCallFinished

_REMARKS = {
    "length": "the answer stopped at the token limit (allow more with -o max_tokens N)",
    "content_filter": "the vendor's content filter cut the answer",
    "refusal": "the model refused to answer",
}


class Account:
    """Listens to the bus and adds up."""

    def __init__(self) -> None:
        self._calls: list[LLMCallFinished] = []
        self._tools: list[ToolCallFinished] = []

    def attach(self, bus: Bus) -> None:
        """Listen from now on."""
        bus.subscribe(LLMCallFinished, self._calls.append)
        bus.subscribe(ToolCallFinished, self._tools.append)

    @property
    def model(self) -> str | None:
        """The model that answered last."""
        return self._calls[-1].model if self._calls else None

    @property
    def usage(self) -> Usage:
        """Tokens of all calls of the model."""
        return sum((call.reply.usage for call in self._calls), Usage())

    def summary(self) -> str:
        """Say it in one line."""
        usage = self.usage
        seconds = sum(call.duration_ms for call in self._calls) / 1000

        def count(tokens: int | None) -> str:
            return "unknown" if tokens is None else str(tokens)

        line = f"tokens: {count(usage.input_tokens)} in, {count(usage.output_tokens)} out"
        if usage.cached_tokens:
            line += f", {usage.cached_tokens} of them cached"
        if usage.reasoning_tokens:
            line += f", {usage.reasoning_tokens} for reasoning"
        calls = f"{len(self._calls)} call" + ("" if len(self._calls) == 1 else "s")
        line += f"; {calls} of the model, {seconds:.1f} s"
        if self._calls and self._calls[0].first_token_ms is not None:
            line += f", first token after {self._calls[0].first_token_ms / 1000:.2f} s"
        return line

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
        """The same for programs; times in milliseconds."""
        usage = self.usage
        return {
            "usage": {name: getattr(usage, name) for name in usage.__struct_fields__},
            "calls": len(self._calls),
            "duration_ms": round(sum(call.duration_ms for call in self._calls), 1),
            "first_token_ms": round(self._calls[0].first_token_ms, 1)
            if self._calls and self._calls[0].first_token_ms is not None
            else None,
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
