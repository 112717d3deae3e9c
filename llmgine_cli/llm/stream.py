"""The stream of a model's answer, the same for every provider, and its sum: the `Reply`."""

from collections.abc import AsyncIterable
from typing import Literal, TypeAlias

from msgspec import Struct

from llmgine_cli.errors import TruncatedError
from llmgine_cli.llm.messages import Message, Part, Reasoning, Text, ToolCall

FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter", "refusal", "other"]


class Usage(Struct, frozen=True, kw_only=True):
    """Tokens, as the vendor counted them. None means: the vendor did not say.

    Attributes:
        input_tokens: All tokens of the request, cached ones included.
        output_tokens: All tokens of the answer, reasoning included.
        cached_tokens: Those of the input that came from the vendor's cache.
        cache_write_tokens: Those of the input that were put into it, where the vendor has a price for that.
        reasoning_tokens: Those of the output that were thoughts.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None

    def __add__(self, other: "Usage") -> "Usage":
        def total(mine: int | None, theirs: int | None) -> int | None:
            return theirs if mine is None else mine if theirs is None else mine + theirs

        return Usage(
            input_tokens=total(self.input_tokens, other.input_tokens),
            output_tokens=total(self.output_tokens, other.output_tokens),
            cached_tokens=total(self.cached_tokens, other.cached_tokens),
            cache_write_tokens=total(self.cache_write_tokens, other.cache_write_tokens),
            reasoning_tokens=total(self.reasoning_tokens, other.reasoning_tokens),
        )


class TextDelta(Struct, frozen=True, tag_field="type", tag="text_delta"):
    """A piece of the answer."""

    text: str


class ReasoningDelta(Struct, frozen=True, tag_field="type", tag="reasoning_delta"):
    """A piece of the model's thoughts; signature and redacted text come whole, usually with an empty `text`."""

    text: str = ""
    signature: str | None = None
    redacted: str | None = None


class ToolCallOpened(Struct, frozen=True, kw_only=True, tag_field="type", tag="tool_call_opened"):
    """The model begins to ask for a tool; `index` tells parallel calls apart."""

    index: int
    id: str
    name: str


class ToolCallArguments(Struct, frozen=True, kw_only=True, tag_field="type", tag="tool_call_arguments"):
    """A piece of a call's JSON arguments, split anywhere."""

    index: int
    fragment: str


class ToolCallComplete(Struct, frozen=True, kw_only=True, tag_field="type", tag="tool_call_complete"):
    """A call is complete; only this event counts for the reply."""

    index: int
    call: ToolCall


class UsageReported(Struct, frozen=True, tag_field="type", tag="usage"):
    """Tokens so far; a later report replaces an earlier one."""

    usage: Usage


class Finished(Struct, frozen=True, kw_only=True, tag_field="type", tag="finished"):
    """The vendor's own finish marker. A stream without it was cut off.

    Attributes:
        reason: Why the answer ended.
        model: The model that answered, as the vendor names it.
        response_id: The vendor's id of the answer.
    """

    reason: FinishReason
    model: str | None = None
    response_id: str | None = None


StreamEvent: TypeAlias = (
    TextDelta | ReasoningDelta | ToolCallOpened | ToolCallArguments | ToolCallComplete | UsageReported | Finished
)


class Reply(Struct, frozen=True, kw_only=True):
    """A model's whole answer.

    Attributes:
        message: What the model said and asked for: an assistant message.
        finish_reason: Why it ended.
        usage: Tokens.
        model: The model that answered, as the vendor names it.
        response_id: The vendor's id of the answer.
    """

    message: Message
    finish_reason: FinishReason
    usage: Usage = Usage()
    model: str | None = None
    response_id: str | None = None

    @property
    def text(self) -> str:
        """The answer's text."""
        return self.message.text

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools the model asks for, in order."""
        return self.message.tool_calls

    @property
    def reasoning(self) -> str:
        """The model's thoughts, where the vendor shows them."""
        return "".join(part.text for part in self.message.parts if isinstance(part, Reasoning))


class ReplyBuilder:
    """Adds stream events up. Useful at any moment: `message` is what has come so far."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget what has come: another attempt begins."""
        self._text: list[str] = []
        self._thoughts: list[str] = []
        self._signature: str | None = None
        self._parts: list[Part] = []
        self._usage = Usage()
        self._finished: Finished | None = None

    def add(self, event: StreamEvent) -> None:
        """Take the next event of the stream."""
        match event:
            case TextDelta(text):
                if text:  # vendors open an answer with an empty piece; an empty part they would refuse from us
                    self._close_reasoning()
                    self._text.append(text)
            case ReasoningDelta(text=text, signature=signature, redacted=redacted):
                self._close_text()
                if redacted is not None:
                    self._close_reasoning()
                    self._parts.append(Reasoning(redacted=redacted))
                    return
                self._thoughts.append(text)
                if signature is not None:
                    self._signature = signature
                    self._close_reasoning()
            case ToolCallComplete(call=call):
                self._close_text()
                self._close_reasoning()
                self._parts.append(call)
            case UsageReported(usage):
                self._usage = usage
            case Finished():
                self._finished = event
            case ToolCallOpened() | ToolCallArguments():
                pass  # the complete call follows

    @property
    def finished(self) -> bool:
        """Whether the finish marker has come."""
        return self._finished is not None

    @property
    def usage(self) -> Usage:
        """What the vendor has said of tokens so far."""
        return self._usage

    @property
    def message(self) -> Message:
        """What has come so far, complete tool calls only."""
        return Message("assistant", (*self._parts, *self._open_text(), *self._open_reasoning()))

    def reply(self) -> Reply:
        """Return the sum.

        Raises:
            TruncatedError: The stream ended before its finish marker.
        """
        if self._finished is None:
            raise TruncatedError(
                "the answer was cut off: the stream ended without its finish marker",
                retryable=True,
                hint="the part that came is in the event log; try again",
            )
        return Reply(
            message=self.message,
            finish_reason=self._finished.reason,
            usage=self._usage,
            model=self._finished.model,
            response_id=self._finished.response_id,
        )

    def _open_text(self) -> list[Part]:
        return [Text("".join(self._text))] if self._text else []

    def _open_reasoning(self) -> list[Part]:
        return [Reasoning(text="".join(self._thoughts), signature=self._signature)] if self._thoughts else []

    def _close_text(self) -> None:
        self._parts += self._open_text()
        self._text.clear()

    def _close_reasoning(self) -> None:
        self._parts += self._open_reasoning()
        self._thoughts.clear()
        self._signature = None


async def fold(stream: AsyncIterable[StreamEvent]) -> Reply:
    """Read a stream to its end and return its sum.

    Raises:
        TruncatedError: It ended before its finish marker.
    """
    builder = ReplyBuilder()
    async for event in stream:
        builder.add(event)
    return builder.reply()
