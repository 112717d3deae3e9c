"""A conversation as a request to OpenAI's chat completions, as the model would be asked to go on with it.

The format: https://platform.openai.com/docs/api-reference/chat/create.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from llmgine_cli.eventlog.attachments import Attachments
from llmgine_cli.eventlog.codec import decode
from llmgine_cli.eventlog.conversation import replay
from llmgine_cli.eventlog.reader import Record
from llmgine_cli.llm.events import LLMCallStarted
from llmgine_cli.llm.messages import File, Image, Message, ModelOptions, ResponseFormat, Text, ToolCall, ToolResult

_TYPES = frozenset({"SessionStarted", "MessageAdded", "SystemChanged", "HistoryRewound", "LLMCallStarted"})


def request_of(records: Iterable[Record], attachments: Attachments | None = None) -> dict[str, Any]:
    """Return the conversation of a session as the body of a request.

    What was taken back is not in it, and a tool call without a result has one that says so. Of the tools, the log has
    the names only.

    Args:
        records: The events of the session.
        attachments: Where the bytes are that are not in the log itself.
    """
    told = [decode(record.line) for record in records if record.type in _TYPES]
    calls = [event for event in told if isinstance(event, LLMCallStarted)]
    body: dict[str, Any] = {}
    if calls:
        body["model"] = calls[-1].model.partition(":")[2] or calls[-1].model
    messages = replay(told)
    body["messages"] = messages_of(messages if attachments is None else attachments.filled(messages)[0])
    if calls:
        body |= _options(calls[-1].options) | _form(calls[-1].response_format)
    names = dict.fromkeys(name for call in calls for name in call.tools)
    if names:
        body["tools"] = [{"type": "function", "function": {"name": name}} for name in names]
    return body


def messages_of(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Return messages as the API has them."""
    return [wire for message in messages for wire in _translated(message)]


def _translated(message: Message) -> Iterator[dict[str, Any]]:
    for part in message.parts:
        if isinstance(part, ToolResult):
            yield {"role": "tool", "tool_call_id": part.call_id, "content": part.content}
    if message.role == "assistant":
        if message.text or message.tool_calls:
            yield _answer(message)
    elif content := _content(message.parts):
        yield {"role": "system" if message.role == "system" else "user", "content": content}


def _answer(message: Message) -> dict[str, Any]:
    wire: dict[str, Any] = {"role": "assistant", "content": message.text or None}
    if message.tool_calls:
        wire["tool_calls"] = [_call(call) for call in message.tool_calls]
    return wire


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _arguments(call.arguments)}}


def _arguments(text: str) -> str:
    """The arguments as JSON text of an object, which servers parse: what the model wrote, if it is one."""
    try:
        if isinstance(json.loads(text or "{}"), dict):
            return text or "{}"
    except ValueError:
        pass
    return json.dumps({"invalid_arguments": text}, ensure_ascii=False)


def _content(parts: Sequence[object]) -> str | list[dict[str, Any]]:
    shown = [part for part in parts if isinstance(part, Text | Image | File)]
    if all(isinstance(part, Text) for part in shown):
        return "".join(part.text for part in shown if isinstance(part, Text))
    return [_part(part) for part in shown]


def _part(part: Text | Image | File) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Image():
            return {"type": "image_url", "image_url": {"url": part.url or data_url(part.media_type, part.data or b"")}}
        case File():
            file = {"filename": part.name, "file_data": data_url(part.media_type, part.data)}
            return {"type": "file", "file": file}


def data_url(media_type: str, data: bytes) -> str:
    """Return bytes as an address that has them in it."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def _options(options: ModelOptions) -> dict[str, Any]:
    named = {
        "temperature": options.temperature,
        "max_completion_tokens": options.max_tokens,
        "top_p": options.top_p,
        "stop": list(options.stop) or None,
        "seed": options.seed,
    }
    return {name: value for name, value in named.items() if value is not None}


def _form(form: ResponseFormat | None) -> dict[str, Any]:
    if form is None:
        return {}
    if form.schema is None:
        return {"response_format": {"type": "json_object"}}
    return {"response_format": {"type": "json_schema", "json_schema": {"name": form.name, "schema": form.schema}}}
