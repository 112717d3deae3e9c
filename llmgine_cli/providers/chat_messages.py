"""From our messages to those of OpenAI chat completions.

The format: https://platform.openai.com/docs/api-reference/chat/create.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from llmgine_cli.errors import UsageError
from llmgine_cli.llm.messages import File, Image, Message, Reasoning, Text, ToolCall, ToolResult, ToolSpec
from llmgine_cli.providers.quirks import SystemRole
from llmgine_cli.providers.vendor import Vendor
from llmgine_cli.providers.wire import arguments_text, data_url, is_call_signature, quoted_file


def messages_of(
    messages: Iterable[Message], vendor: Vendor, *, system_role: SystemRole = "system"
) -> list[dict[str, Any]]:
    """Return the conversation as the vendor reads it.

    Args:
        messages: The conversation.
        vendor: Who reads it.
        system_role: Who says the system message; "user": it opens the first message of the user.

    Raises:
        UsageError: It has a file that the vendor does not take.
    """
    if system_role == "user":
        messages = _said_by_the_user(messages)
    wires: list[dict[str, Any]] = []
    for message in messages:
        if (text := _only_text(message)) is not None:
            wires.append({"role": message.role, "content": text})
        else:
            wires += _translated(message, vendor)
    if system_role == "developer":
        return [{**wire, "role": system_role} if wire["role"] == "system" else wire for wire in wires]
    return wires


def tools_of(tools: Iterable[ToolSpec]) -> list[dict[str, Any]]:
    """Return what the model is told of the tools."""
    return [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
        }
        for tool in tools
    ]


def _said_by_the_user(messages: Iterable[Message]) -> Iterator[Message]:
    """The conversation with its system messages as the beginning of what the user says first after them."""
    waiting: list[Text] = []
    for message in messages:
        if message.role == "system":
            waiting.append(Text(f"{message.text}\n\n"))
        elif message.role == "user" and waiting:
            yield Message("user", (*waiting, *message.parts))
            waiting = []
        else:
            yield message
    if waiting:
        yield Message("user", tuple(waiting))


def _only_text(message: Message) -> str | None:
    """The text of a message that is no more than that, as most of a long conversation are; None for any other."""
    if len(message.parts) != 1 or message.role == "tool":
        return None
    part = message.parts[0]
    return part.text or None if isinstance(part, Text) else None


def _translated(message: Message, vendor: Vendor) -> Iterator[dict[str, Any]]:
    for part in message.parts:
        if isinstance(part, ToolResult):
            result = f"Error: {part.content}" if part.is_error else part.content
            yield {"role": "tool", "tool_call_id": part.call_id, "content": result}
    if message.role == "assistant":
        if wire := _assistant(message, vendor):
            yield wire
    elif content := _content(message, vendor):
        yield {"role": "system" if message.role == "system" else "user", "content": content}


def _assistant(message: Message, vendor: Vendor) -> dict[str, Any] | None:
    text, calls = message.text, message.tool_calls
    if not text and not calls:
        return None  # an answer cut off before its first word
    wire: dict[str, Any] = {"role": "assistant", "content": text or None}
    if calls:
        wire["tool_calls"] = list(_calls(message, vendor))
        if vendor.reasoning_field:
            thoughts = "".join(part.text for part in message.parts if isinstance(part, Reasoning))
            wire[vendor.reasoning_field] = thoughts  # also when empty: DeepSeek refuses a call without the field
    return wire


def _calls(message: Message, vendor: Vendor) -> Iterator[dict[str, Any]]:
    signature: str | None = None
    for part in message.parts:
        if isinstance(part, Reasoning):
            signature = part.signature
        elif isinstance(part, ToolCall):
            wire: dict[str, Any] = {
                "id": part.id,
                "type": "function",
                "function": {"name": part.name, "arguments": arguments_text(part.arguments)},
            }
            if vendor.call_signatures and signature is not None and is_call_signature(signature):
                wire["extra_content"] = msgspec.Raw(signature.encode())
            signature = None
            yield wire


def _content(message: Message, vendor: Vendor) -> str | list[dict[str, Any]]:
    parts = [part for part in message.parts if isinstance(part, Text | Image | File)]
    if all(isinstance(part, Text) for part in parts):
        return message.text
    return [_part(part, vendor) for part in parts]


def _part(part: Text | Image | File, vendor: Vendor) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Image():
            return {"type": "image_url", "image_url": {"url": data_url(part)}}
        case File():
            if (quoted := quoted_file(part)) is not None:
                return {"type": "text", "text": quoted}
            if not vendor.takes_files:
                raise UsageError(
                    f"{vendor.name} takes no files such as {part.name!r} ({part.media_type})",
                    hint="give it as text, or use another provider: openai, anthropic or openrouter",
                )
            return {"type": "file", "file": {"filename": part.name, "file_data": data_url(part)}}
