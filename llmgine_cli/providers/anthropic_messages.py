"""From our messages to those of Anthropic.

The format: https://platform.claude.com/docs/en/api/messages.
"""

from base64 import b64encode
from collections.abc import Iterable
from typing import Any

from llmgine_cli.errors import UsageError
from llmgine_cli.llm.messages import File, Image, Message, Part, Reasoning, Text, ToolCall, ToolResult, ToolSpec
from llmgine_cli.providers.wire import arguments_object, is_thought_signature, quoted_file

Block = dict[str, Any]


def system_of(messages: Iterable[Message]) -> str:
    """Return the system messages, which stand outside the conversation here."""
    return "\n\n".join(message.text for message in messages if message.role == "system" and message.text)


def messages_of(messages: Iterable[Message], vendor: str) -> list[dict[str, Any]]:
    """Return the conversation; what one side says in a row is one message, so are the results of one turn's calls.

    Args:
        messages: The conversation; system messages are left out.
        vendor: Its name, for errors.

    Raises:
        UsageError: It has a file that the protocol does not take.
    """
    turns: list[dict[str, Any]] = []
    for message in messages:
        if message.role == "system":
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = [block for part in message.parts for block in _blocks(part, vendor)]
        if not blocks:
            continue
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"].extend(blocks)
        else:
            turns.append({"role": role, "content": blocks})
    return turns


def tools_of(tools: Iterable[ToolSpec]) -> list[dict[str, Any]]:
    """Return what the model is told of the tools."""
    return [{"name": tool.name, "description": tool.description, "input_schema": tool.parameters} for tool in tools]


def _blocks(part: Part, vendor: str) -> list[Block]:
    """The blocks of a part: one, or none if there is nothing in it that may be sent."""
    match part:
        case Text(text):
            return [{"type": "text", "text": text}] if text.strip() else []  # blank blocks are refused
        case Image():
            return [{"type": "image", "source": _source(part)}]
        case File():
            return [_document(part, vendor)]
        case ToolCall():
            given = arguments_object(part.arguments)
            return [{"type": "tool_use", "id": part.id, "name": part.name, "input": given}]
        case ToolResult():
            result: Block = {"type": "tool_result", "tool_use_id": part.call_id, "content": part.content}
            return [result | ({"is_error": True} if part.is_error else {})]
        case Reasoning():
            return _thinking(part)


def _thinking(part: Reasoning) -> list[Block]:
    """Thoughts go back unchanged; those of another vendor, or cut off before their signature, would be refused."""
    if part.redacted is not None:
        return [{"type": "redacted_thinking", "data": part.redacted}]
    if not is_thought_signature(part.signature):
        return []
    return [{"type": "thinking", "thinking": part.text, "signature": part.signature}]


def _source(part: Image) -> Block:
    if part.url is not None:
        return {"type": "url", "url": part.url}
    return _base64(part.media_type, part.data or b"")


def _document(part: File, vendor: str) -> Block:
    if part.media_type == "application/pdf":
        return {"type": "document", "title": part.name, "source": _base64(part.media_type, part.data)}
    if (quoted := quoted_file(part)) is not None:
        return {"type": "text", "text": quoted}
    raise UsageError(
        f"{vendor} takes no files such as {part.name!r} ({part.media_type})", hint="give it as text or as PDF"
    )


def _base64(media_type: str, data: bytes) -> Block:
    return {"type": "base64", "media_type": media_type, "data": b64encode(data).decode("ascii")}
