"""All that an engine or tool file may import, or a package with a provider; it is promised not to break under them.

Names load when they are first used, so that listing a folder of tools does not import what only an engine needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmgine_cli.asking import AskUser, UserAnswered
    from llmgine_cli.bus import Bus, Command, CommandResult, Event, Session
    from llmgine_cli.engine import Engine, Prompt, Run, engine
    from llmgine_cli.errors import (
        InvalidAnswerError,
        LimitReachedError,
        LlmgineError,
        ProviderError,
        ToolError,
        UnansweredError,
        UsageError,
    )
    from llmgine_cli.llm.embeddings import EmbeddingRequest, Embeddings
    from llmgine_cli.llm.events import StatusChanged
    from llmgine_cli.llm.history import History
    from llmgine_cli.llm.messages import (
        File,
        Image,
        Message,
        ModelOptions,
        Reasoning,
        Request,
        ResponseFormat,
        Text,
        ToolCall,
        ToolResult,
        ToolSpec,
        assistant,
        system,
        user,
    )
    from llmgine_cli.llm.provider import ProviderContext
    from llmgine_cli.llm.stream import (
        Finished,
        ReasoningDelta,
        Reply,
        StreamEvent,
        TextDelta,
        ToolCallArguments,
        ToolCallComplete,
        ToolCallOpened,
        Usage,
        UsageReported,
    )
    from llmgine_cli.toolkit.tool import Setting, tool

_HOMES = {
    "asking": ("AskUser", "UserAnswered"),
    "bus": ("Bus", "Command", "CommandResult", "Event", "Session"),
    "engine": ("Engine", "Prompt", "Run", "engine"),
    "errors": (
        "InvalidAnswerError",
        "LimitReachedError",
        "LlmgineError",
        "ProviderError",
        "ToolError",
        "UnansweredError",
        "UsageError",
    ),
    "llm.embeddings": ("EmbeddingRequest", "Embeddings"),
    "llm.events": ("StatusChanged",),
    "llm.history": ("History",),
    "llm.messages": (
        "File",
        "Image",
        "Message",
        "ModelOptions",
        "Reasoning",
        "Request",
        "ResponseFormat",
        "Text",
        "ToolCall",
        "ToolResult",
        "ToolSpec",
        "assistant",
        "system",
        "user",
    ),
    "llm.provider": ("ProviderContext",),
    "llm.stream": (
        "Finished",
        "ReasoningDelta",
        "Reply",
        "StreamEvent",
        "TextDelta",
        "ToolCallArguments",
        "ToolCallComplete",
        "ToolCallOpened",
        "Usage",
        "UsageReported",
    ),
    "toolkit.tool": ("Setting", "tool"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AskUser",
    "Bus",
    "Command",
    "CommandResult",
    "EmbeddingRequest",
    "Embeddings",
    "Engine",
    "Event",
    "File",
    "Finished",
    "History",
    "Image",
    "InvalidAnswerError",
    "LimitReachedError",
    "LlmgineError",
    "Message",
    "ModelOptions",
    "Prompt",
    "ProviderContext",
    "ProviderError",
    "Reasoning",
    "ReasoningDelta",
    "Reply",
    "Request",
    "ResponseFormat",
    "Run",
    "Session",
    "Setting",
    "StatusChanged",
    "StreamEvent",
    "Text",
    "TextDelta",
    "ToolCall",
    "ToolCallArguments",
    "ToolCallComplete",
    "ToolCallOpened",
    "ToolError",
    "ToolResult",
    "ToolSpec",
    "UnansweredError",
    "Usage",
    "UsageError",
    "UsageReported",
    "UserAnswered",
    "assistant",
    "engine",
    "system",
    "tool",
    "user",
]


def __getattr__(name: str) -> Any:
    if home := _HOME_OF.get(name):
        return getattr(import_module(f"llmgine_cli.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
