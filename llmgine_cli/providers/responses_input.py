"""From our messages to the items of OpenAI Responses.

The format: https://platform.openai.com/docs/api-reference/responses/create.
"""

from collections.abc import Iterable, Iterator
from itertools import dropwhile, takewhile
from typing import Any

from llmgine_cli.errors import UsageError
from llmgine_cli.llm.messages import File, Image, Message, Part, Reasoning, Text, ToolCall, ToolResult, ToolSpec
from llmgine_cli.providers.responses_kept import Kept, read
from llmgine_cli.providers.vendor import Vendor
from llmgine_cli.providers.wire import arguments_text, data_url, quoted_file

Item = dict[str, Any]


def instructions_of(messages: Iterable[Message]) -> str:
    """Return the system messages that the conversation begins with, which stand outside of it here."""
    return "\n\n".join(message.text for message in takewhile(_is_system, messages) if message.text)


def input_of(messages: Iterable[Message], vendor: Vendor) -> list[Item]:
    """Return the conversation as items, but for the system messages it begins with.

    Raises:
        UsageError: It has a file that the vendor does not take.
    """
    return [item for message in dropwhile(_is_system, messages) for item in _items(message, vendor)]


def tools_of(tools: Iterable[ToolSpec]) -> list[Item]:
    """Return what the model is told of the tools."""
    return [
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
            "strict": False,  # else the vendor reads the schema as one of its strict subset
        }
        for tool in tools
    ]


def _is_system(message: Message) -> bool:
    return message.role == "system"


def _items(message: Message, vendor: Vendor) -> Iterator[Item]:
    for part in message.parts:
        if isinstance(part, ToolResult):
            result = f"Error: {part.content}" if part.is_error else part.content
            yield {"type": "function_call_output", "call_id": part.call_id, "output": result}
    if message.role == "assistant":
        yield from _said(message.parts, vendor)
    elif content := [_content(part, vendor) for part in message.parts if isinstance(part, Text | Image | File)]:
        yield {"type": "message", "role": "system" if message.role == "system" else "user", "content": content}


def _said(parts: Iterable[Part], vendor: Vendor) -> Iterator[Item]:
    """What the model said. Its thoughts are refused without what they led to, as an interrupted answer has them."""
    thoughts: list[Item] = []
    phase: str | None = None
    for part in parts:
        match part:
            case Reasoning(signature=signature):
                kept = read(signature, vendor.name)
                if kept is not None and kept.kind == "phase":
                    phase = kept.value
                elif kept is not None:
                    thoughts.append(_thought(part, kept))
                continue
            case Text(text) if text:
                content: list[Item] = [{"type": "output_text", "text": text, "annotations": []}]
                said: Item = {"type": "message", "role": "assistant", "status": "completed", "content": content}
                if phase is not None:
                    said["phase"] = phase
            case ToolCall():
                said = {
                    "type": "function_call",
                    "call_id": part.id,
                    "name": part.name,
                    "arguments": arguments_text(part.arguments),
                }
            case _:
                continue
        yield from thoughts
        thoughts.clear()
        yield said


def _thought(part: Reasoning, kept: Kept) -> Item:
    summary = [{"type": "summary_text", "text": part.text}] if part.text else []
    return {"type": "reasoning", "id": kept.id, "summary": summary, "encrypted_content": kept.value}


def _content(part: Text | Image | File, vendor: Vendor) -> Item:
    match part:
        case Text(text):
            return {"type": "input_text", "text": text}
        case Image():
            return {"type": "input_image", "image_url": data_url(part), "detail": "auto"}
        case File():
            if (quoted := quoted_file(part)) is not None:
                return {"type": "input_text", "text": quoted}
            if not vendor.takes_files:
                raise UsageError(
                    f"{vendor.name} takes no files such as {part.name!r} ({part.media_type})",
                    hint="give it as text, or use another provider: openai, anthropic or openrouter",
                )
            return {"type": "input_file", "filename": part.name, "file_data": data_url(part)}
