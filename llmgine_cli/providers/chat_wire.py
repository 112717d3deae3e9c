"""What vendors answer in chat completions, and how the pieces of tool calls become calls.

Only the fields that are used are read, and all of them may be missing: every vendor leaves out other ones.
"""

import os
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from llmgine_cli.llm.messages import ToolCall
from llmgine_cli.llm.stream import (
    FinishReason,
    ReasoningDelta,
    StreamEvent,
    ToolCallArguments,
    ToolCallComplete,
    ToolCallOpened,
    Usage,
)

_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


class FunctionDelta(Struct):
    """A function's name and arguments, or a piece of them."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class CallDelta(Struct):
    """A tool call, or a piece of one."""

    index: int | None = None
    id: str | None = None
    function: FunctionDelta | None = None
    extra_content: dict[str, Any] | None = None


class ContentPart(Struct):
    """A part of the content, where a vendor (Mistral) sends a list instead of text."""

    text: str | None = None
    thinking: "str | list[ContentPart] | None" = None


class Delta(Struct):
    """A message, or a piece of one."""

    content: str | list[ContentPart] | None = None
    tool_calls: list[CallDelta] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None


class Choice(Struct):
    """The answer: whole in `message`, or a piece in `delta`."""

    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None


class InputDetails(Struct):
    """Of the input tokens."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class OutputDetails(Struct):
    """Of the output tokens."""

    reasoning_tokens: int | None = None


class TokenCount(Struct):
    """Usage as vendors report it."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None
    prompt_cache_hit_tokens: int | None = None  # DeepSeek's

    def usage(self) -> Usage:
        """Return it as ours."""
        details = self.prompt_tokens_details or InputDetails()
        cached = details.cached_tokens
        return Usage(
            input_tokens=self.prompt_tokens,
            output_tokens=self.completion_tokens,
            cached_tokens=self.prompt_cache_hit_tokens if cached is None else cached,
            cache_write_tokens=details.cache_write_tokens,
            reasoning_tokens=self.completion_tokens_details.reasoning_tokens
            if self.completion_tokens_details
            else None,
        )


class Chunk(Struct):
    """One event of a stream, or a whole answer."""

    choices: list[Choice] | None = None
    usage: TokenCount | None = None
    id: str | int | None = None
    model: str | None = None
    error: Any = None
    object: Any = None
    message: Any = None  # of an error, where a vendor (vLLM) sends no envelope


def thoughts_of(delta: Delta) -> str:
    """The thoughts in a piece, whatever the vendor calls them."""
    thoughts = delta.reasoning_content or delta.reasoning or ""
    if isinstance(delta.content, list):
        thoughts += "".join(_thinking(part.thinking) for part in delta.content)
    return thoughts


def text_of(delta: Delta) -> str:
    """The text in a piece, a refusal included."""
    content = delta.content
    text = "".join(part.text or "" for part in content) if isinstance(content, list) else content
    return (text or "") + (delta.refusal or "")


def reason_of(reason: str, *, called: bool, refused: bool) -> FinishReason:
    """Return a finish reason as ours.

    Args:
        reason: The vendor's.
        called: Whether there are tool calls, which some vendors end with "stop".
        refused: Whether the text was a refusal.
    """
    ours = _REASONS.get(reason, "other")
    if refused and ours == "stop":
        return "refusal"
    return "tool_calls" if called and ours == "stop" else ours


class Calls:
    """Puts the pieces of parallel tool calls together."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, deltas: Iterable[CallDelta]) -> Iterator[StreamEvent]:
        """Take the next pieces; return the events that they are."""
        for delta in deltas:
            function = delta.function or FunctionDelta()
            call = self._find(delta, function)
            call.id = call.id or delta.id or ""
            call.name = call.name or function.name or ""
            if delta.extra_content is not None and call.signature is None:
                call.signature = msgspec.json.encode(delta.extra_content).decode()
            if call.name and not call.opened:
                call.opened = True
                call.id = call.id or f"call_{os.urandom(12).hex()}"
                yield ToolCallOpened(index=call.number, id=call.id, name=call.name)
            arguments = function.arguments
            if isinstance(arguments, dict):
                arguments = msgspec.json.encode(arguments).decode()
            if arguments:
                call.arguments.append(arguments)
                yield ToolCallArguments(index=call.number, fragment=arguments)

    def complete(self) -> Iterator[StreamEvent]:
        """Return the events that complete the calls, each after its signature."""
        for call in self._calls:
            if not call.opened:
                continue  # a call without a name calls nothing
            if call.signature is not None:
                yield ReasoningDelta(signature=call.signature)
            arguments = "".join(call.arguments).strip() or "{}"
            yield ToolCallComplete(index=call.number, call=ToolCall(id=call.id, name=call.name, arguments=arguments))

    def _find(self, delta: CallDelta, function: FunctionDelta) -> "_Call":
        """The call a piece belongs to: by index; failing that, an id or a name begins a new one."""
        begins = bool(function.name)
        if delta.index is not None:
            call = self._by_index.get(delta.index)
            # Some vendors send parallel calls whole and give all of them index 0.
            if call is not None and not (begins and delta.id and call.id and delta.id != call.id):
                return call
        elif delta.id and (same := [call for call in self._calls if call.id == delta.id]):
            return same[0]
        elif self._calls and not begins and not delta.id:
            return self._calls[-1]
        call = _Call(len(self._calls))
        self._calls.append(call)
        if delta.index is not None:
            self._by_index[delta.index] = call
        return call


class _Call:
    """A call whose pieces are still coming."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []
        self.signature: str | None = None
        self.opened = False


def _thinking(value: str | list[ContentPart] | None) -> str:
    if isinstance(value, list):
        return "".join(part.text or "" for part in value)
    return value or ""
