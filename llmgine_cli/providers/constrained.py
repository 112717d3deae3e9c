"""Tools for models that were not trained to call any: the form of the answer is enforced while it is written.

The model is told of the tools in its system message, and its answer is held to a JSON Schema: either
`{"tool": NAME, "arguments": {…}}` or `{"answer": TEXT}`. So the form is guaranteed; the sense is the model's own.
Where the answer itself must have a form, that stands in the place of TEXT.
"""

import json
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeAlias, Union

import msgspec

from llmgine_cli.errors import UsageError, near_miss
from llmgine_cli.llm.messages import (
    Message,
    Request,
    ResponseFormat,
    Text,
    ToolCall,
    ToolResult,
    ToolSpec,
    user,
)
from llmgine_cli.llm.stream import (
    Finished,
    StreamEvent,
    TextDelta,
    ToolCallArguments,
    ToolCallComplete,
    ToolCallOpened,
)

Json: TypeAlias = Union[dict[str, "Json"], list["Json"], str, float, bool, None]  # noqa: UP007 -- "Json" is a string

_OBJECT: Mapping[str, Any] = {"type": "object"}
_FORM = "$answer"  # before the names of the definitions in the form of an answer; no tool has a name like that
_ANSWER = re.compile(r'\s*\{\s*"answer"\s*:\s*"')
# A piece of a JSON string that can be decoded by itself; a high surrogate waits for its other half.
_PIECE = re.compile(r'[^"\\]+|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[0-9a-fA-F]{4}|\\u(?![dD][89abAB])[0-9a-fA-F]{4}|\\[^u]')


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Where an answer ends that sets no bound itself: small models repeat themselves without end.

    Attributes:
        text: The most characters of a text.
        items: The most items of a list; None: any number.
        tokens: The most tokens of the whole answer, where the request does not say; None: as the server has it.
    """

    text: int = 1000
    items: int | None = None
    tokens: int | None = None


FREE = Bounds()
TIGHT = Bounds(text=200, items=10, tokens=2048)
"""For the embedded model, whose lists have no end otherwise (6 of 10)."""


def constrain(request: Request, bounds: Bounds = FREE) -> Request:
    """Return a request that offers the tools in words and in the schema of the answer.

    Without tools only the calls and results of earlier turns are put in words.

    Args:
        request: As it was made.
        bounds: Of the answer, if it must have a form.

    Raises:
        UsageError: The options of the request set a form of their own for the answer.
    """
    turn = _turn_of if request.response_format is None else _formed_turn_of
    messages = tuple(_told(message, turn if request.tools else None) for message in request.messages)
    # What a tool said is to be said again.
    extra: dict[str, Any] = {"repeat_penalty": 1.0, **request.options.extra}
    if not request.tools:
        options = msgspec.structs.replace(request.options, extra=extra)
        return formed(msgspec.structs.replace(request, messages=messages, options=options), bounds)
    if "response_format" in extra:
        raise UsageError(
            "this model can be given tools or a form for its answer (response_format), not both",
            hint="leave one of them out, or use a model that was trained to call tools",
        )
    turn_schema = schema(request.tools, request.response_format, bounds, choice=request.options.tool_choice)
    return msgspec.structs.replace(
        request,
        messages=_introduced(messages, request.tools, request.response_format),
        tools=(),
        response_format=None,
        options=msgspec.structs.replace(
            request.options,
            extra={**extra, "response_format": _form("turn", turn_schema)},
            tool_choice=None,
            parallel_tool_calls=None,
        ),
    )


def formed(request: Request, bounds: Bounds = FREE) -> Request:
    """Return a request whose answer is held to the form that it asks for, while it is written.

    The model is told of the form as well, for the grammar that holds it to it has no descriptions.

    Args:
        request: As it was made.
        bounds: Of what the form sets no bounds itself.

    Raises:
        UsageError: The options of the request set a form of their own for the answer.
    """
    form = request.response_format
    if form is None:
        return request
    extra = request.options.extra
    if "response_format" in extra:
        raise UsageError("--schema and -o extra with a response_format exclude each other", hint="leave one out")
    whole = _form(form.name, _adapted(form.schema or _OBJECT, None, bounds))
    # JSON repeats itself: with the penalty the embedded model had 7 of 16 values right, without 12, and told of the
    # schema 15.
    extra = {"repeat_penalty": 1.0, **extra, "response_format": whole}
    said = "" if form.schema is None else f" that follows this JSON Schema: {json.dumps(form.schema)}"
    return msgspec.structs.replace(
        request,
        messages=_with_system(request.messages, f"You answer in JSON{said}"),
        response_format=None,
        options=msgspec.structs.replace(
            request.options, extra=extra, max_tokens=request.options.max_tokens or bounds.tokens
        ),
    )


def schema(
    tools: Sequence[ToolSpec],
    form: ResponseFormat | None = None,
    bounds: Bounds = FREE,
    *,
    choice: str | None = None,
) -> dict[str, Any]:
    """Return the JSON Schema of one turn: a call of one of the tools, or an answer.

    Args:
        tools: What may be called.
        form: The form of the answer; None: a text.
        bounds: Of that form.
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
        parameters = _adapted(tool.parameters, tool.name, FREE)
        for name, definition in parameters.pop("$defs", {}).items():
            definitions[f"{tool.name}.{name}"] = definition
        turns.append(_object(tool={"const": tool.name}, arguments=parameters))
    if choice in {None, "auto", "none"}:
        answer: dict[str, Any] = {"type": "string", "minLength": 1}
        if form is not None:
            answer = _adapted(form.schema or _OBJECT, _FORM, bounds)
            for name, definition in answer.pop("$defs", {}).items():
                definitions[f"{_FORM}.{name}"] = definition
        turns.append(_object(answer=answer))
    return {"anyOf": turns, **({"$defs": definitions} if definitions else {})}


async def translate(
    events: AsyncGenerator[StreamEvent, None], *, number: int, form: bool = False
) -> AsyncGenerator[StreamEvent, None]:
    """Turn the stream of such an answer into text and tool calls.

    Args:
        events: As the model gives them.
        number: Of the tool call in this conversation, should it be one.
        form: Whether the answer has a form of its own; its text is then JSON, and comes whole.
    """
    turn = _Turn(form=form)
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
                case Finished() if form:
                    yield TextDelta(turn.answer())
                    yield event
                case _:
                    yield event


class _Turn:
    """An answer as it comes: JSON, of which the text of an `answer` can be shown at once, unless it has a form."""

    def __init__(self, *, form: bool) -> None:
        self._form = form
        self._json = ""
        self._shown: int | None = None  # up to where the text has been given away; None: it is no answer, or not yet

    def add(self, piece: str) -> str:
        """Take the next piece; return the text that it completes."""
        self._json += piece
        at = self._shown
        if self._form:
            return ""
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

    def answer(self) -> str:
        """Return the answer that has a form, as JSON; what there is of it if it was cut."""
        try:
            return json.dumps(json.loads(self._json)["answer"], ensure_ascii=False)
        except (ValueError, KeyError, TypeError):
            return self._json

    def call(self, call_id: str) -> ToolCall | None:
        """Return the tool call, if it is one and whole."""
        if self._shown is not None:
            return None
        try:
            turn = json.loads(self._json)
            return ToolCall(id=call_id, name=turn["tool"], arguments=json.dumps(turn["arguments"], ensure_ascii=False))
        except (ValueError, KeyError, TypeError):
            return None


def _form(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def _adapted(given: Mapping[str, Any], tool: str | None, bounds: Bounds) -> dict[str, Any]:
    """A copy in which texts and lists have bounds, and references point to where the definitions will be.

    Args:
        given: A JSON Schema.
        tool: What the names of its definitions will begin with; None: they stay as they are.
        bounds: Of what has none.
    """
    copy = {key: _adapted_value(value, tool, bounds) for key, value in given.items()}
    if tool is not None and isinstance(at := copy.get("$ref"), str):
        copy["$ref"] = at.replace("#/$defs/", f"#/$defs/{tool}.", 1)
    if copy.get("type") == "string" and not copy.keys() & {"enum", "const", "pattern", "format", "maxLength"}:
        copy["maxLength"] = max(bounds.text, copy.get("minLength", 0))
    if copy.get("type") == "array" and bounds.items is not None and "maxItems" not in copy:
        copy["maxItems"] = max(bounds.items, copy.get("minItems", 0))
    return copy


def _adapted_value(value: "Json", tool: str | None, bounds: Bounds) -> Any:
    if isinstance(value, dict):
        return _adapted(value, tool, bounds)
    return [_adapted_value(item, tool, bounds) for item in value] if isinstance(value, list) else value


def _introduced(
    messages: Sequence[Message], tools: Sequence[ToolSpec], form: ResponseFormat | None
) -> tuple[Message, ...]:
    return _with_system(messages, _introduction(tools, form))


def _with_system(messages: Sequence[Message], text: str) -> tuple[Message, ...]:
    """The messages, with one more text in the one system message that all templates allow."""
    said = [message.text for message in messages if message.role == "system"]
    system = "\n\n".join([*said, text])
    return (Message("system", (Text(system),)), *(message for message in messages if message.role != "system"))


def _introduction(tools: Sequence[ToolSpec], form: ResponseFormat | None) -> str:
    answer = "TEXT" if form is None else json.dumps(form.schema) if form.schema is not None else "{...}"
    listed = (f"- {tool.name}: {tool.description}\n  arguments: {json.dumps(tool.parameters)}" for tool in tools)
    return "\n".join(
        [
            "You answer in JSON. You have these tools:",
            *listed,
            'To use a tool, write {"tool": NAME, "arguments": {...}}. Its result comes in the next message.',
            f'To answer the user, write {{"answer": {answer}}}.',
        ]
    )


def _told(message: Message, turn: Callable[[str], str] | None) -> Message:
    """A turn without calls and results as such; with answers in JSON, as the introduction asks for them.

    Args:
        message: The turn.
        turn: Puts an answer into JSON; None: it stays as it is.
    """
    if message.role == "tool":
        results = (part for part in message.parts if isinstance(part, ToolResult))
        return user(
            "\n".join(f"{'Error' if part.is_error else 'Result'} of {part.name}: {part.content}" for part in results)
        )
    if message.role != "assistant":
        return message
    turns = [f'{{"tool": {json.dumps(call.name)}, "arguments": {call.arguments}}}' for call in message.tool_calls]
    if message.text:
        turns.append(message.text if turn is None else turn(message.text))
    return Message("assistant", (Text("\n".join(turns)),))


def _turn_of(answer: str) -> str:
    return json.dumps({"answer": answer}, ensure_ascii=False)


def _formed_turn_of(answer: str) -> str:
    """An answer that has a form is JSON already, if it was one."""
    try:
        return json.dumps({"answer": json.loads(answer)}, ensure_ascii=False)
    except ValueError:
        return _turn_of(answer)
