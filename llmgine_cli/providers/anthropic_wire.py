"""What Anthropic answers: the events of a stream, or a whole message, as events of ours.

Only the fields that are used are read; events and blocks of kinds not known here are passed over, as the API asks.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from llmgine_cli.llm.messages import ToolCall
from llmgine_cli.llm.stream import (
    Finished,
    FinishReason,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallArguments,
    ToolCallComplete,
    ToolCallOpened,
    Usage,
    UsageReported,
)

_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
}


class OutputDetails(Struct):
    """Of the output tokens."""

    thinking_tokens: int | None = None


class TokenCount(Struct):
    """Usage as Anthropic reports it, in pieces: `input_tokens` leaves out what came from or went to the cache."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: OutputDetails | None = None


class Block(Struct):
    """A block of content, whole or at its start."""

    type: str = ""
    id: str = ""
    name: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    input: Any = None


class Delta(Struct):
    """A piece of a block, or of the message itself."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None


class Message(Struct):
    """The message, whole or at its start."""

    id: str | None = None
    model: str | None = None
    content: list[Block] | None = None
    stop_reason: str | None = None
    usage: TokenCount | None = None


class Event(Message):
    """One event of a stream; also a whole message, whose fields it has."""

    type: str = ""
    index: int = 0
    message: Message | None = None
    content_block: Block | None = None
    delta: Delta | None = None
    error: Any = None


class Reading:
    """Turns the events of an answer into ours.

    Attributes:
        stopped: Whether the finish marker has come.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._blocks: dict[int, _Call] = {}
        self._calls = 0
        self._usage = TokenCount()
        self._model: str | None = None
        self._id: str | None = None
        self._reason: str | None = None

    def add(self, event: Event) -> Iterator[StreamEvent]:
        """Return our events for the next one; `Finished` is the last."""
        match event.type:
            case "content_block_delta":
                if event.delta is not None:
                    yield from self._delta(event.index, event.delta)
            case "content_block_start":
                if event.content_block is not None:
                    yield from self._open(event.index, event.content_block)
            case "content_block_stop":
                yield from self._close(event.index)
            case "message_start":
                yield from self._begin(event.message or Message())
            case "message_delta":
                self._reason = (event.delta.stop_reason if event.delta else None) or self._reason
                yield from self._count(event.usage)
            case "message_stop":
                yield from self._stop()
            case _:
                pass  # ping, and what is still to be invented

    def whole(self, message: Event) -> Iterator[StreamEvent]:
        """Return our events for a message that was not streamed."""
        yield from self._begin(message)
        for index, block in enumerate(message.content or ()):
            yield from self._open(index, block)
            yield from self._close(index)
        self._reason = message.stop_reason
        yield from self._stop()

    def _begin(self, message: Message) -> Iterator[StreamEvent]:
        self._id, self._model = message.id, message.model
        yield from self._count(message.usage)

    def _open(self, index: int, block: Block) -> Iterator[StreamEvent]:
        match block.type:
            case "text":
                if block.text:
                    yield TextDelta(block.text)
            case "thinking":
                if block.thinking or block.signature:
                    yield ReasoningDelta(block.thinking or "", signature=block.signature or None)
            case "redacted_thinking":
                yield ReasoningDelta(redacted=block.data)
            case "tool_use":
                call = _Call(self._calls, block.id, block.name, block.input)
                self._blocks[index] = call
                self._calls += 1
                yield ToolCallOpened(index=call.number, id=call.id, name=call.name)
            case _:
                pass

    def _delta(self, index: int, delta: Delta) -> Iterator[StreamEvent]:
        if delta.text:
            yield TextDelta(delta.text)
        elif delta.thinking:
            yield ReasoningDelta(delta.thinking)
        elif delta.signature:
            yield ReasoningDelta(signature=delta.signature)
        elif delta.partial_json and (call := self._blocks.get(index)):
            call.fragments.append(delta.partial_json)
            yield ToolCallArguments(index=call.number, fragment=delta.partial_json)

    def _close(self, index: int) -> Iterator[StreamEvent]:
        call = self._blocks.pop(index, None)
        if call is None:
            return
        arguments = "".join(call.fragments)
        if not arguments:
            arguments = msgspec.json.encode(call.input or {}).decode()
            yield ToolCallArguments(index=call.number, fragment=arguments)
        yield ToolCallComplete(index=call.number, call=ToolCall(id=call.id, name=call.name, arguments=arguments))

    def _count(self, tokens: TokenCount | None) -> Iterator[StreamEvent]:
        """A later count replaces an earlier one, field by field: the counts are totals."""
        if tokens is None:
            return
        for name in tokens.__struct_fields__:
            if (value := getattr(tokens, name)) is not None:
                setattr(self._usage, name, value)
        known = self._usage
        parts = (known.input_tokens, known.cache_read_input_tokens, known.cache_creation_input_tokens)
        yield UsageReported(
            Usage(
                input_tokens=None if known.input_tokens is None else sum(part or 0 for part in parts),
                output_tokens=known.output_tokens,
                cached_tokens=known.cache_read_input_tokens,
                cache_write_tokens=known.cache_creation_input_tokens,
                reasoning_tokens=known.output_tokens_details.thinking_tokens if known.output_tokens_details else None,
            )
        )

    def _stop(self) -> Iterator[StreamEvent]:
        for index in list(self._blocks):
            yield from self._close(index)
        self.stopped = True
        yield Finished(
            reason=_REASONS.get(self._reason or "end_turn", "other"), model=self._model, response_id=self._id
        )


class _Call:
    """A tool call whose arguments are still coming."""

    def __init__(self, number: int, call_id: str, name: str, given: Any) -> None:
        self.number = number
        self.id = call_id
        self.name = name
        self.input = given
        self.fragments: list[str] = []
