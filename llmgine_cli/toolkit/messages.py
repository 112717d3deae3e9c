"""What is said on the bus about tools."""

from typing import Literal, TypeAlias

from llmgine_cli.bus import Command, Event
from llmgine_cli.bus.messages import message
from llmgine_cli.llm.messages import ToolCall, ToolResult

Effect: TypeAlias = Literal["read", "write", "exec", "net"]
Decision: TypeAlias = Literal["once", "session", "always", "no"]


@message
class CallTool(Command[ToolResult]):
    """Run a tool for the model. Succeeds with a `ToolResult`: what went wrong is in it, for it to read.

    Only where an approval is needed and nobody can give one, it fails, with `NobodyToAskError`.
    """

    call: ToolCall


@message
class ApproveToolCall(Command[Decision]):
    """Ask whether a tool may run. Handled by the front end; where nobody handles it, the answer is no.

    Attributes:
        call: What the model wants to run, arguments and all.
        effect: What the tool may do.
        origin: Where the tool comes from, for people.
    """

    call: ToolCall
    effect: Effect
    origin: str


@message
class ToolCallStarted(Event):
    """A tool is about to run: its arguments are valid and it was approved."""

    call: ToolCall


@message
class ToolPrinted(Event):
    """A tool printed something while it ran. Where nobody listens to this very type, it goes to stderr.

    Attributes:
        call: The call in which it did.
        text: Whole lines, as they came: they may have escape sequences for a terminal in them.
    """

    call: ToolCall
    text: str


@message
class ToolCallFinished(Event):
    """A tool has run, failed, or was refused.

    Attributes:
        call: What was asked for.
        result: What the model will read.
        duration_ms: Milliseconds from start to end, waiting for the approval not included.
        denied: Whether the approval said no.
    """

    call: ToolCall
    result: ToolResult
    duration_ms: float
    denied: bool = False
