import json
from collections.abc import AsyncGenerator, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from llmgine_cli.errors import UsageError
from llmgine_cli.llm.messages import (
    Message,
    ModelOptions,
    Request,
    Text,
    ToolCall,
    ToolResult,
    ToolSpec,
    assistant,
    system,
    user,
)
from llmgine_cli.llm.stream import (
    Finished,
    FinishReason,
    StreamEvent,
    TextDelta,
    ToolCallArguments,
    ToolCallOpened,
    Usage,
    UsageReported,
    fold,
)
from llmgine_cli.providers.constrained import constrain, schema, translate

WEATHER = ToolSpec(
    name="get_weather",
    description="Tell the weather.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


def request(*messages: Message, tools: Sequence[ToolSpec] = (WEATHER,), **options: Any) -> Request:
    return Request(model="m", messages=messages, tools=tuple(tools), options=ModelOptions(**options))


async def said(pieces: Sequence[str], reason: FinishReason = "stop") -> AsyncGenerator[StreamEvent, None]:
    for piece in pieces:
        yield TextDelta(piece)
    yield UsageReported(Usage(output_tokens=3))
    yield Finished(reason=reason, model="m")


async def translated(*pieces: str, reason: FinishReason = "stop") -> list[StreamEvent]:
    return [event async for event in translate(said(pieces, reason), number=7)]


def texts(events: Sequence[StreamEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, TextDelta)]


# -- what is asked


def turns(choice: str | None) -> list[list[str]]:
    """What one turn may be: its keys, or the tool."""
    other = msgspec.structs.replace(WEATHER, name="other")
    options = schema([WEATHER, other], choice=choice)["anyOf"]
    return [[next(iter(turn["properties"])), *turn["properties"].get("tool", {}).values()] for turn in options]


@pytest.mark.parametrize(
    ("choice", "allowed"),
    [
        (None, [["tool", "get_weather"], ["tool", "other"], ["answer"]]),
        ("auto", [["tool", "get_weather"], ["tool", "other"], ["answer"]]),
        ("required", [["tool", "get_weather"], ["tool", "other"]]),
        ("none", [["answer"]]),
        ("other", [["tool", "other"]]),
    ],
)
def test_the_choice_of_a_tool_is_the_choice_of_what_may_be_written(choice: str | None, allowed: list[Any]) -> None:
    assert turns(choice) == allowed


def test_a_tool_that_is_not_offered_cannot_be_chosen() -> None:
    with pytest.raises(UsageError, match="'get_wether', which is none of the tools") as caught:
        constrain(request(user("hi"), tool_choice="get_wether"))
    assert caught.value.hint == "did you mean get_weather?"


def test_the_choice_is_not_left_over_for_the_server() -> None:
    options = constrain(request(user("hi"), tool_choice="required", parallel_tool_calls=True)).options
    assert (options.tool_choice, options.parallel_tool_calls) == (None, None)


def test_a_turn_is_a_call_of_one_of_the_tools_or_an_answer() -> None:
    call, answer = schema([WEATHER])["anyOf"]
    assert call["properties"]["tool"] == {"const": "get_weather"}
    assert call["properties"]["arguments"]["required"] == ["city"]
    assert call["required"] == ["tool", "arguments"]
    assert answer["required"] == ["answer"]
    assert answer["properties"]["answer"]["minLength"] == 1


def test_a_text_without_a_greatest_length_gets_one() -> None:
    parameters = {
        "type": "object",
        "properties": {
            "free": {"type": "string"},
            "short": {"type": "string", "maxLength": 5},
            "choice": {"type": "string", "enum": ["a"]},
            "many": {"type": "array", "items": {"type": "string"}},
        },
    }
    tool = ToolSpec(name="t", description="", parameters=parameters)
    properties = schema([tool])["anyOf"][0]["properties"]["arguments"]["properties"]
    assert properties["free"]["maxLength"] == properties["many"]["items"]["maxLength"] == 1000
    assert properties["short"]["maxLength"] == 5
    assert "maxLength" not in properties["choice"]
    assert "maxLength" not in parameters["properties"]["free"], "the tool's own schema is left alone"  # type: ignore[index]


def test_definitions_of_two_tools_with_the_same_name_stay_apart() -> None:
    def tool(name: str, kind: str) -> ToolSpec:
        parameters = {
            "type": "object",
            "properties": {"x": {"$ref": "#/$defs/X"}},
            "$defs": {"X": {"type": "array", "items": {"$ref": "#/$defs/Y"}}, "Y": {"type": kind}},
        }
        return ToolSpec(name=name, description="", parameters=parameters)

    made = schema([tool("a", "integer"), tool("b", "boolean")])
    assert made["anyOf"][0]["properties"]["arguments"]["properties"]["x"] == {"$ref": "#/$defs/a.X"}
    assert "$defs" not in made["anyOf"][0]["properties"]["arguments"]
    assert made["$defs"]["b.X"]["items"] == {"$ref": "#/$defs/b.Y"}
    assert (made["$defs"]["a.Y"], made["$defs"]["b.Y"]) == ({"type": "integer"}, {"type": "boolean"})


def test_the_tools_are_explained_in_one_system_message_after_the_users_own() -> None:
    made = constrain(request(system("Be brief."), user("hi")))
    assert [message.role for message in made.messages] == ["system", "user"]
    assert made.messages[0].text.startswith("Be brief.\n\n")
    assert "get_weather: Tell the weather." in made.messages[0].text
    assert made.tools == ()
    assert made.options.extra["response_format"]["json_schema"]["schema"] == schema([WEATHER])


def test_other_options_are_kept() -> None:
    made = constrain(request(user("hi"), temperature=0.0, extra={"top_k": 5}))
    assert (made.options.temperature, made.options.extra["top_k"]) == (0.0, 5)


def test_earlier_calls_and_results_are_told_in_words() -> None:
    call = Message("assistant", (ToolCall(id="1", name="get_weather", arguments='{"city": "Lima"}'),))
    result = Message("tool", (ToolResult(call_id="1", name="get_weather", content="12 °C"),))
    failed = Message("tool", (ToolResult(call_id="1", name="get_weather", content="no network", is_error=True),))
    made = constrain(request(user("hi"), call, result, failed, assistant('It is "12".')))
    assert [(message.role, message.text) for message in made.messages[2:]] == [
        ("assistant", '{"tool": "get_weather", "arguments": {"city": "Lima"}}'),
        ("user", "Result of get_weather: 12 °C"),
        ("user", "Error of get_weather: no network"),
        ("assistant", '{"answer": "It is \\"12\\"."}'),
    ]
    for message in made.messages:
        assert all(isinstance(part, Text) for part in message.parts)


def test_without_tools_on_offer_nothing_is_explained_or_enforced() -> None:
    result = Message("tool", (ToolResult(call_id="1", name="get_weather", content="12 °C"),))
    made = constrain(request(user("hi"), result, assistant("12"), tools=()))
    assert [(message.role, message.text) for message in made.messages] == [
        ("user", "hi"),
        ("user", "Result of get_weather: 12 °C"),
        ("assistant", "12"),
    ]
    assert "response_format" not in made.options.extra


def test_a_form_of_the_users_own_and_tools_are_refused_together() -> None:
    with pytest.raises(UsageError, match="tools or a form for its answer"):
        constrain(request(user("hi"), extra={"response_format": {"type": "json_object"}}))


# -- what is answered


async def test_an_answer_is_streamed_as_text() -> None:
    events = await translated("{", '"answer', '": "', "Hel", "lo", ' you"', "}")
    assert texts(events) == ["Hel", "lo", " you"]
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "stop"


async def test_usage_is_passed_on() -> None:
    assert UsageReported(Usage(output_tokens=3)) in await translated('{"answer": "x"}')


@pytest.mark.parametrize(
    "text", ['a "quoted" \\ word', "lines\n\ttabs", "ünï 日本 😀", "", "}", '{"tool": "x"}', "\\u0041"]
)
@pytest.mark.parametrize("ascii_only", [True, False])
async def test_an_answer_may_be_cut_anywhere(text: str, ascii_only: bool) -> None:
    whole = json.dumps({"answer": text}, ensure_ascii=ascii_only, indent=1)
    assert "".join(texts(await translated(*whole))) == text
    for first, second in pairwise(range(0, len(whole) + 5, 5)):
        pieces = whole[:first], whole[first:second], whole[second:]
        assert "".join(texts(await translated(*pieces))) == text


async def test_a_call_becomes_a_tool_call() -> None:
    events = await translated('{\n "tool": "get_', 'weather",\n "arguments": {"city": "S', 'ão Paulo"}}')
    assert texts(events) == []
    assert events[1:3] == [
        ToolCallOpened(index=0, id="call_7", name="get_weather"),
        ToolCallArguments(index=0, fragment='{"city": "São Paulo"}'),
    ]
    reply = await fold(translate(said(['{"tool": "get_weather", "arguments": {"city": "São Paulo"}}']), number=7))
    assert reply.tool_calls == (ToolCall(id="call_7", name="get_weather", arguments='{"city": "São Paulo"}'),)
    assert (reply.finish_reason, reply.text) == ("tool_calls", "")


async def test_a_call_that_was_cut_off_is_no_call() -> None:
    events = await translated('{"tool": "get_weather", "arguments": {"city": "Li', reason="length")
    assert [type(event) for event in events] == [UsageReported, Finished]
    assert events[-1] == Finished(reason="length", model="m")


async def test_an_answer_that_was_cut_off_keeps_what_came() -> None:
    events = await translated('{"answer": "Hello the', reason="length")
    assert texts(events) == ["Hello the"]
    assert events[-1] == Finished(reason="length", model="m")
