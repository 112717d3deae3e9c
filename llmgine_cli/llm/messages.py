"""What a conversation is made of, the same for every provider.

A message has a role and parts. Parts are small frozen structs, told apart by `type` when they are written as JSON.
Adapters in `providers/` translate them; nothing of a vendor's wire format is known here.
"""

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

from msgspec import Struct

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


class Text(Struct, frozen=True, tag_field="type", tag="text"):
    """Plain text, markdown more often than not."""

    text: str


class Image(Struct, frozen=True, kw_only=True, tag_field="type", tag="image"):
    """A picture: its bytes, or where it is.

    Attributes:
        media_type: As `image/png`.
        data: The file's bytes; None when `url` says where they are.
        url: An http(s) address the vendor fetches itself.
        name: The file's name, for people.
        digest: SHA-256 of the bytes, where a log keeps them beside it and `data` is empty.
    """

    media_type: str
    data: bytes | None = None
    url: str | None = None
    name: str | None = None
    digest: str | None = None


class File(Struct, frozen=True, kw_only=True, tag_field="type", tag="file"):
    """A document, such as a PDF.

    Attributes:
        name: The file's name, as the model is told.
        media_type: As `application/pdf`.
        data: The file's bytes.
        digest: SHA-256 of the bytes, where a log keeps them beside it and `data` is empty.
    """

    name: str
    media_type: str
    data: bytes
    digest: str | None = None


class ToolCall(Struct, frozen=True, kw_only=True, tag_field="type", tag="tool_call"):
    """The model asks for a tool.

    Attributes:
        id: The vendor's id of this call; the result must carry it.
        name: The tool's name.
        arguments: JSON text exactly as the model wrote it, which need not be valid.
    """

    id: str
    name: str
    arguments: str = "{}"


class ToolResult(Struct, frozen=True, kw_only=True, tag_field="type", tag="tool_result"):
    """What came of a tool call, as the model will read it.

    Attributes:
        call_id: The id of the call this answers.
        name: The tool's name.
        content: Text for the model.
        is_error: Whether the call failed; `content` then says how.
    """

    call_id: str
    name: str
    content: str
    is_error: bool = False


class Reasoning(Struct, frozen=True, kw_only=True, tag_field="type", tag="reasoning"):
    """What the model thought before it answered.

    Attributes:
        text: The thoughts, or a summary of them, or empty when the vendor keeps them to itself.
        signature: The vendor's proof that the text is its own; must be sent back unchanged.
        redacted: Encrypted thoughts; must be sent back unchanged.
    """

    text: str = ""
    signature: str | None = None
    redacted: str | None = None


Part: TypeAlias = Text | Image | File | ToolCall | ToolResult | Reasoning


def named(part: Image | File) -> str:
    """Return what to call a picture or a file, for people."""
    return part.name or (part.url if isinstance(part, Image) else None) or part.media_type


class Message(Struct, frozen=True):
    """One turn of a conversation."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """All its text parts, joined as they came."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def question(self) -> str:
        """The last of its texts: what the user asks, below the files that they quote."""
        return next((part.text for part in reversed(self.parts) if isinstance(part, Text)), "")

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools this message asks for, in order."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


def system(text: str) -> Message:
    """Return a system message of plain text."""
    return Message("system", (Text(text),))


def user(text: str) -> Message:
    """Return a user message of plain text."""
    return Message("user", (Text(text),))


def assistant(text: str) -> Message:
    """Return an assistant message of plain text."""
    return Message("assistant", (Text(text),))


def failed_result(call: ToolCall, why: str) -> ToolResult:
    """Return the result of a call that came to nothing, with the reason for the model to read."""
    return ToolResult(call_id=call.id, name=call.name, content=why, is_error=True)


def with_all_results(messages: Iterable[Message], why: str) -> tuple[Message, ...]:
    """Return a conversation that any vendor takes: each tool call has one result, before anybody speaks again.

    Args:
        messages: The conversation. A result without its call, or a second one, is left out.
        why: What the model reads of calls that have no result.
    """
    whole: list[Message] = []
    unanswered: dict[str, ToolCall] = {}
    for message in messages:
        if message.role != "tool":
            whole += (Message("tool", (failed_result(call, why),)) for call in unanswered.values())
            unanswered = {call.id: call for call in message.tool_calls}
            whole.append(message)
            continue
        answers = tuple(
            part
            for part in message.parts
            if isinstance(part, ToolResult) and unanswered.pop(part.call_id, None) is not None
        )
        if answers:
            whole.append(message if len(answers) == len(message.parts) else Message("tool", answers))
    return (*whole, *(Message("tool", (failed_result(call, why),)) for call in unanswered.values()))


class ToolSpec(Struct, frozen=True, kw_only=True):
    """What a model is told of a tool.

    Attributes:
        name: 1 to 64 of letters, digits, `_` and `-`: what all vendors accept.
        description: What it does and when to use it.
        parameters: JSON Schema (2020-12) of one object, the arguments.
    """

    name: str
    description: str
    parameters: dict[str, Any]


ReasoningEffort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh"]


class ResponseFormat(Struct, frozen=True, kw_only=True):
    """The answer must be JSON.

    Attributes:
        name: What the vendor is told it is called: letters, digits, `_` and `-`.
        schema: JSON Schema (2020-12) the answer must follow; None: any JSON object.
        strict: Whether to demand that the vendor enforces it, where it can.
    """

    name: str = "answer"
    schema: dict[str, Any] | None = None
    strict: bool = True


class Routing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who may serve a model that a router (OpenRouter) has from many. None means: not sent.

    Attributes:
        order: Whom to try, the first first.
        allow_fallbacks: Whether others may be asked when those fail.
        require_parameters: Whether to ask only those that take every option of the request.
        data_collection: `deny`: only those that keep nothing of what they are sent.
        only: Nobody else.
        ignore: Not these.
        sort: What matters most: `price`, `throughput` or `latency`.
    """

    order: tuple[str, ...] | None = None
    allow_fallbacks: bool | None = None
    require_parameters: bool | None = None
    data_collection: Literal["allow", "deny"] | None = None
    only: tuple[str, ...] | None = None
    ignore: tuple[str, ...] | None = None
    sort: Literal["price", "throughput", "latency"] | None = None


class ModelOptions(Struct, frozen=True, kw_only=True):
    """How to sample. None means: not sent, the vendor decides. Zero is sent as zero.

    Attributes:
        temperature: 0 (always the likeliest token) to 2.
        max_tokens: The most tokens the answer may have.
        top_p: Share of probability mass to sample from, 0 to 1.
        stop: Texts that end the answer.
        seed: For vendors that can repeat themselves.
        reasoning_effort: How much a model that thinks should think.
        reasoning_budget: The most tokens it may think, for vendors that count rather than grade.
        tool_choice: `auto`, `required` (some tool), `none`, or the name of the one tool to call.
        parallel_tool_calls: Whether one turn may ask for several tools.
        cache: Whether the vendor is to keep the prompt for the next request, where that must be asked for (Anthropic).
        routing: Who may serve the model, where the vendor leaves that to others (OpenRouter).
        extra: Further fields of the vendor's own request body, sent as they are.
    """

    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    reasoning_effort: ReasoningEffort | None = None
    reasoning_budget: int | None = None
    tool_choice: str | None = None
    parallel_tool_calls: bool | None = None
    cache: bool | None = None
    routing: Routing | None = None
    extra: dict[str, Any] = {}


class Request(Struct, frozen=True, kw_only=True):
    """One call of a model.

    Attributes:
        model: The model's name as its vendor knows it, without the provider.
        messages: The conversation, oldest first.
        tools: What the model may ask for.
        options: How to sample.
        response_format: The form the answer must have; None: any text.
        stream: Whether the answer should come in pieces; the stream of events is the same either way.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    options: ModelOptions = ModelOptions()
    response_format: ResponseFormat | None = None
    stream: bool = True
