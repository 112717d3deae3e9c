"""What a log tells of a conversation, as a person would tell it: who said what, what tools did, what went wrong.

`eventlog.conversation` gives what a model is sent; here is also what was taken back, what failed, and when.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from llmgine_cli.eventlog.ending import State
from llmgine_cli.llm.messages import Message, Reasoning, Text, ToolCall, ToolResult
from llmgine_cli.llm.speed import Speed
from llmgine_cli.llm.stream import Usage


@dataclass(frozen=True, kw_only=True)
class CallFacts:
    """How a model came to an answer.

    Attributes:
        model: `provider:model`.
        duration_ms: Milliseconds from sending to the end.
        first_token_ms: Milliseconds to the first piece; None when the answer came whole.
        usage: Tokens.
        finish_reason: Why it ended; None when that is not known.
        speed: How fast it came; None when that is not known.
    """

    model: str
    duration_ms: float
    first_token_ms: float | None = None
    usage: Usage = Usage()  # noqa: RUF009 -- frozen
    finish_reason: str | None = None
    speed: Speed | None = None


@dataclass(kw_only=True)
class ToolUse:
    """A call of a tool, and what came of it.

    Attributes:
        call: What was asked for.
        time_ns: When, nanoseconds since 1970.
        result: What the model was told; None when the log ends before there was any.
        duration_ms: Milliseconds that it ran; None when it did not.
        denied: Whether the approval said no.
        printed: What the tool printed meanwhile.
    """

    call: ToolCall
    time_ns: int
    result: ToolResult | None = None
    duration_ms: float | None = None
    denied: bool = False
    printed: str = ""


@dataclass(kw_only=True)
class Said:
    """A message of the conversation, or one that an engine exchanged with a model beside it.

    Attributes:
        message: What was said.
        time_ns: When, nanoseconds since 1970.
        facts: How it came to be, for an answer.
        tools: The tools that it asked for, in order.
        undone: Whether the conversation forgot it later.
        aside: Whether it never was part of the conversation.
    """

    message: Message
    time_ns: int
    facts: CallFacts | None = None
    tools: list[ToolUse] = field(default_factory=list[ToolUse])
    undone: bool = False
    aside: bool = False

    @property
    def reasoning(self) -> str:
        """The thoughts before the answer, where the vendor showed them."""
        return "\n\n".join(part.text for part in self.message.parts if isinstance(part, Reasoning) and part.text)


@dataclass(kw_only=True)
class Trouble:
    """Something went wrong, or was stopped.

    Attributes:
        kind: Whether it failed by itself or the user stopped it.
        text: What happened, in a sentence.
        time_ns: When, nanoseconds since 1970.
        partial: What had come of an answer, when that is told nowhere else.
        duration_ms: Milliseconds after which it happened; None when that is not known.
        call: Whether it happened to a call of a model.
    """

    kind: Literal["failed", "interrupted"]
    text: str
    time_ns: int
    partial: Message | None = None
    duration_ms: float | None = None
    call: bool = False


@dataclass(kw_only=True)
class Mark:
    """A turn of the conversation that is no message: taken up again, taken back, begun anew, a model asked again.

    Attributes:
        text: What happened, in a sentence.
        time_ns: When, nanoseconds since 1970.
    """

    text: str
    time_ns: int


Item: TypeAlias = Said | ToolUse | Trouble | Mark


@dataclass(kw_only=True)
class Story:
    """A session as its log tells it.

    Attributes:
        session_id: Its id; None for what happened outside any.
        name: What the user called it; empty when nobody did.
        items: What happened, in order.
        started_ns: When it began, nanoseconds since 1970.
        duration_ms: Milliseconds that it was open, over all the times it was; see `queries.sessions.Summary`.
        engine: The strategy, or its command's name where the log does not say more.
        models: The models that were asked, `provider:model`.
        state: How the session ended, or its last turn; what has no end is interrupted, or running while a process
            writes it.
        turns: How many prompts there were.
        calls: How often a model answered.
        usage: Tokens of all calls.
        tools: Names of the tools that were offered.
        skipped: Lines of the log that could not be read.
    """

    session_id: str | None = None
    name: str = ""
    items: list[Item] = field(default_factory=list[Item])
    started_ns: int = 0
    duration_ms: float = 0.0
    engine: str = ""
    models: list[str] = field(default_factory=list[str])
    state: State = "finished"
    turns: int = 0
    calls: int = 0
    usage: Usage = field(default_factory=Usage)
    tools: list[str] = field(default_factory=list[str])
    skipped: int = 0

    @property
    def said(self) -> Iterator[Said]:
        """The messages, in order."""
        return (item for item in self.items if isinstance(item, Said))


def plain_text(message: Message) -> str:
    """Return a message's text; other parts than text are named in brackets, each on a line of its own."""
    texts: list[str] = []
    for part in message.parts:
        if isinstance(part, Text):
            texts.append(part.text)
        elif not isinstance(part, ToolCall | ToolResult | Reasoning):
            name = getattr(part, "name", None) or getattr(part, "url", None) or part.media_type
            texts.append(f"\n[{type(part).__name__.lower()}: {name}]\n")
    return "".join(texts).strip("\n")
