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
    ResponseFormat,
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
from llmgine_cli.providers.constrained import TIGHT, constrain, formed, schema, translate

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


# -- answers that have a form of their own

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "pets": {"type": "array", "items": {"$ref": "#/$defs/Pet"}}},
    "required": ["name", "pets"],
    "$defs": {"Pet": {"type": "string", "maxLength": 9}},
}
FORM = ResponseFormat(schema=PERSON)


def with_form(asked: Request, form: ResponseFormat = FORM) -> Request:
    import msgspec

    return msgspec.structs.replace(asked, response_format=form)


def test_a_form_is_enforced_and_told_to_the_model_for_a_grammar_has_no_descriptions() -> None:
    made = formed(with_form(request(system("Be brief."), user("hi"), tools=())))
    sent = made.options.extra["response_format"]["json_schema"]["schema"]
    assert sent["properties"]["name"]["maxLength"] == 1000
    assert sent["properties"]["pets"]["items"] == {"$ref": "#/$defs/Pet"}
    assert "maxItems" not in sent["properties"]["pets"], "a list may have any number of items"
    assert made.response_format is None, "nobody else sends it too"
    assert made.options.max_tokens is None
    assert made.messages[0].text.startswith("Be brief.\n\nYou answer in JSON that follows this JSON Schema: ")
    assert json.dumps(PERSON) in made.messages[0].text


def test_for_the_embedded_model_lists_have_an_end_as_well() -> None:
    made = formed(with_form(request(user("hi"), tools=())), TIGHT)
    properties = made.options.extra["response_format"]["json_schema"]["schema"]["properties"]
    assert (properties["name"]["maxLength"], properties["pets"]["maxItems"]) == (200, 10)
    assert made.options.max_tokens == 2048
    assert formed(with_form(request(user("hi"), tools=(), max_tokens=7)), TIGHT).options.max_tokens == 7


def test_bounds_do_not_contradict_those_of_the_schema() -> None:
    given = {"type": "array", "minItems": 20, "items": {"type": "string", "minLength": 500}}
    made = formed(with_form(request(tools=()), ResponseFormat(schema=given)), TIGHT)
    sent = made.options.extra["response_format"]["json_schema"]["schema"]
    assert (sent["maxItems"], sent["items"]["maxLength"]) == (20, 500)


def test_a_form_without_a_schema_is_any_object() -> None:
    made = formed(with_form(request(user("hi"), tools=()), ResponseFormat()))
    assert made.options.extra["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert made.messages[0].text == "You answer in JSON"


def test_without_a_form_a_request_stays_as_it_is() -> None:
    asked = request(user("hi"), tools=())
    assert formed(asked) is asked


def test_two_forms_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        formed(with_form(request(tools=(), extra={"response_format": {}})))


def test_with_tools_a_turn_is_a_call_or_an_answer_of_the_form() -> None:
    made = constrain(with_form(request(user("hi"))))
    sent = made.options.extra["response_format"]["json_schema"]["schema"]
    call, answer = sent["anyOf"]
    assert call["properties"]["tool"] == {"const": "get_weather"}
    assert answer["properties"]["answer"]["properties"]["pets"]["items"] == {"$ref": "#/$defs/$answer.Pet"}
    assert sent["$defs"] == {"$answer.Pet": {"type": "string", "maxLength": 9}}
    assert json.dumps(PERSON) in made.messages[0].text
    assert made.response_format is None


def test_an_earlier_answer_that_has_the_form_is_told_as_json() -> None:
    made = constrain(with_form(request(user("a"), assistant('{"name": "Ada"}'), user("b"), assistant("plain"))))
    assert [message.text for message in made.messages if message.role == "assistant"] == [
        '{"answer": {"name": "Ada"}}',
        '{"answer": "plain"}',
    ]


async def test_an_answer_of_the_form_comes_whole_as_its_json() -> None:
    events = [
        event async for event in translate(said(['{"answer": {"na', 'me": "Zoë", "pets": []}}']), number=1, form=True)
    ]
    assert texts(events) == ['{"name": "Zoë", "pets": []}']
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "stop"


async def test_a_call_is_a_call_with_a_form_too() -> None:
    pieces = ['{"tool": "get_weather", "arguments": {"city": "Paris"}}']
    reply = await fold(translate(said(pieces), number=1, form=True))
    assert [call.name for call in reply.tool_calls] == ["get_weather"]
    assert reply.text == ""


async def test_an_answer_of_the_form_that_was_cut_is_shown_as_far_as_it_came() -> None:
    reply = await fold(translate(said(['{"answer": {"name": "Z'], "length"), number=1, form=True))
    assert (reply.text, reply.finish_reason) == ('{"answer": {"name": "Z', "length")
