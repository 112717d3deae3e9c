"""Tools for models that were not trained to call any: the form of the answer is enforced while it is written.

The model is told of the tools in its system message, and its answer is held to a JSON Schema: either
`{"tool": NAME, "arguments": {…}}` or `{"answer": TEXT}`. So the form is guaranteed; the sense is the model's own.
"""

import json
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeAlias, Union

import msgspec

from llmgine_cli.errors import UsageError, near_miss
from llmgine_cli.llm.messages import Message, Request, Text, ToolCall, ToolResult, ToolSpec, user
from llmgine_cli.llm.stream import (
    Finished,
    StreamEvent,
    TextDelta,
    ToolCallArguments,
    ToolCallComplete,
    ToolCallOpened,
)

Json: TypeAlias = Union[dict[str, "Json"], list["Json"], str, float, bool, None]  # noqa: UP007 -- "Json" is a string

_LONGEST = 1000  # characters of an argument that sets no bound itself: small models repeat themselves without end
_ANSWER = re.compile(r'\s*\{\s*"answer"\s*:\s*"')
# A piece of a JSON string that can be decoded by itself; a high surrogate waits for its other half.
_PIECE = re.compile(r'[^"\\]+|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[0-9a-fA-F]{4}|\\u(?![dD][89abAB])[0-9a-fA-F]{4}|\\[^u]')


def constrain(request: Request) -> Request:
    """Return a request that offers the tools in words and in the schema of the answer.

    Without tools only the calls and results of earlier turns are put in words.

    Raises:
        UsageError: The request sets a form of its own for the answer.
    """
    messages = tuple(_told(message, in_json=bool(request.tools)) for message in request.messages)
    # What a tool said is to be said again.
    extra: dict[str, Any] = {"repeat_penalty": 1.0, **request.options.extra}
    if not request.tools:
        options = msgspec.structs.replace(request.options, extra=extra)
        return msgspec.structs.replace(request, messages=messages, options=options)
    if "response_format" in extra:
        raise UsageError(
            "this model can be given tools or a form for its answer (response_format), not both",
            hint="leave one of them out, or use a model that was trained to call tools",
        )
    choice = request.options.tool_choice
    form = {"type": "json_schema", "json_schema": {"name": "turn", "schema": schema(request.tools, choice=choice)}}
    return msgspec.structs.replace(
        request,
        messages=_introduced(messages, request.tools),
        tools=(),
        options=msgspec.structs.replace(
            request.options, extra={**extra, "response_format": form}, tool_choice=None, parallel_tool_calls=None
        ),
    )


def schema(tools: Sequence[ToolSpec], *, choice: str | None = None) -> dict[str, Any]:
    """Return the JSON Schema of one turn: a call of one of the tools, or an answer.

    Args:
        tools: Those that are offered.
        choice: As `ModelOptions.tool_choice`: a call must come, none may, or it must be of this tool.

    Raises:
        UsageError: `choice` names none of the tools.
    """
    choices = ["auto", "required", "none", *(tool.name for tool in tools)]
    if choice is not None and choice not in choices:
        raise UsageError(f"tool_choice is {choice!r}, which is none of the tools", hint=near_miss(choice, choices))
    if choice not in {None, "auto", "required"}:
        tools = [tool for tool in tools if tool.name == choice]  # of `none`: none
    definitions: dict[str, Any] = {}
    turns: list[dict[str, Any]] = []
    for tool in tools:
        parameters = _adapted(tool.parameters, tool.name)
        for name, definition in parameters.pop("$defs", {}).items():
            definitions[f"{tool.name}.{name}"] = definition
        turns.append(_object(tool={"const": tool.name}, arguments=parameters))
    if choice in {None, "auto", "none"}:
        turns.append(_object(answer={"type": "string", "minLength": 1}))
    return {"anyOf": turns, **({"$defs": definitions} if definitions else {})}


async def translate(events: AsyncGenerator[StreamEvent, None], *, number: int) -> AsyncGenerator[StreamEvent, None]:
    """Turn the stream of such an answer into text and tool calls.

    Args:
        events: As the model gives them.
        number: Of the tool call in this conversation, should it be one.
    """
    turn = _Turn()
    async with aclosing(events):
        async for event in events:
            match event:
                case TextDelta(text):
                    if plain := turn.add(text):
                        yield TextDelta(plain)
                case Finished(reason="stop") if (call := turn.call(f"call_{number}")) is not None:
                    yield ToolCallOpened(index=0, id=call.id, name=call.name)
                    yield ToolCallArguments(index=0, fragment=call.arguments)
                    yield ToolCallComplete(index=0, call=call)
                    yield msgspec.structs.replace(event, reason="tool_calls")
                case _:
                    yield event


class _Turn:
    """An answer as it comes: JSON, of which the text of an `answer` can be shown at once."""

    def __init__(self) -> None:
        self._json = ""
        self._shown: int | None = None  # up to where the text has been given away; None: it is no answer, or not yet

    def add(self, piece: str) -> str:
        """Take the next piece; return the text that it completes."""
        self._json += piece
        at = self._shown
        if at is None:
            if not (match := _ANSWER.match(self._json)):
                return ""
            at = match.end()
        plain: list[str] = []
        while match := _PIECE.match(self._json, at):
            plain.append(json.loads(f'"{match.group()}"', strict=False))
            at = match.end()
        self._shown = at
        return "".join(plain)

    def call(self, call_id: str) -> ToolCall | None:
        """Return the tool call, if it is one and whole."""
        if self._shown is not None:
            return None
        try:
            turn = json.loads(self._json)
            return ToolCall(id=call_id, name=turn["tool"], arguments=json.dumps(turn["arguments"], ensure_ascii=False))
        except (ValueError, KeyError, TypeError):
            return None


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def _adapted(given: Mapping[str, Any], tool: str) -> dict[str, Any]:
    """A copy in which every text has a greatest length, and references point to where the definitions will be."""
    copy = {key: _adapted_value(value, tool) for key, value in given.items()}
    if isinstance(at := copy.get("$ref"), str):
        copy["$ref"] = at.replace("#/$defs/", f"#/$defs/{tool}.", 1)
    if copy.get("type") == "string" and not copy.keys() & {"enum", "const", "pattern", "format", "maxLength"}:
        copy["maxLength"] = _LONGEST
    return copy


def _adapted_value(value: "Json", tool: str) -> Any:
    if isinstance(value, dict):
        return _adapted(value, tool)
    return [_adapted_value(item, tool) for item in value] if isinstance(value, list) else value


def _introduced(messages: Sequence[Message], tools: Sequence[ToolSpec]) -> tuple[Message, ...]:
    """The messages, with the tools explained in the one system message that all templates allow."""
    said = [message.text for message in messages if message.role == "system"]
    system = "\n\n".join([*said, _introduction(tools)])
    return (Message("system", (Text(system),)), *(message for message in messages if message.role != "system"))


def _introduction(tools: Sequence[ToolSpec]) -> str:
    listed = (f"- {tool.name}: {tool.description}\n  arguments: {json.dumps(tool.parameters)}" for tool in tools)
    return "\n".join(
        [
            "You answer in JSON. You have these tools:",
            *listed,
            'To use a tool, write {"tool": NAME, "arguments": {...}}. Its result comes in the next message.',
            'To answer the user, write {"answer": TEXT}.',
        ]
    )


def _told(message: Message, *, in_json: bool) -> Message:
    """A turn without calls and results as such; with answers in JSON, as the introduction asks for them."""
    if message.role == "tool":
        results = (part for part in message.parts if isinstance(part, ToolResult))
        return user(
            "\n".join(f"{'Error' if part.is_error else 'Result'} of {part.name}: {part.content}" for part in results)
        )
    if message.role != "assistant":
        return message
    turns = [f'{{"tool": {json.dumps(call.name)}, "arguments": {call.arguments}}}' for call in message.tool_calls]
    if message.text:
        turns.append(json.dumps({"answer": message.text}, ensure_ascii=False) if in_json else message.text)
    return Message("assistant", (Text("\n".join(turns)),))
