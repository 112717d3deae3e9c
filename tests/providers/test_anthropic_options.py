"""Options as Anthropic has them: thinking, the choice of tools, the form of the answer."""

from typing import Any

import pytest

from llmgine_cli.errors import UsageError
from llmgine_cli.llm.messages import ResponseFormat, Text, ToolCall
from llmgine_cli.llm.stream import Reply
from llmgine_cli.providers.anthropic_options import AnthropicOptions
from llmgine_cli.providers.presets import VENDORS
from tests.support.adapters import WEATHER, ask, request
from tests.support.server import Answer, FakeVendor, ToolCalls

POINT: dict[str, Any] = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
MAP = {"type": "object", "additionalProperties": {"type": "integer"}}
NATIVE, OLD = "claude-sonnet-5-5", "claude-sonnet-4-20250514"


def fields(model: str, **options: Any) -> dict[str, Any]:
    """The fields but for the limit of tokens, unless that is what is asked for."""
    sent = AnthropicOptions(VENDORS["anthropic"]).fields(request(model=model, **options))
    if "max_tokens" not in options:
        del sent["max_tokens"]
    return sent


# -- thinking


@pytest.mark.parametrize(
    ("model", "effort", "sent"),
    [
        (NATIVE, "high", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        (NATIVE, "xhigh", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}}),
        (NATIVE, "minimal", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        (NATIVE, "none", {"thinking": {"type": "disabled"}}),
        ("claude-opus-5-5", "none", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        ("claude-opus-4-6", "xhigh", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}),
        ("claude-sonnet-4-6", "xhigh", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        ("claude-sonnet-4-5", "high", {"thinking": {"type": "enabled", "budget_tokens": 16384}}),
        ("claude-haiku-4-5-20251001", "minimal", {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        ("claude-opus-4-1-20250805", "low", {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
        ("claude-3-7-sonnet-20250219", "low", {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
        ("claude-sonnet-4-5", "none", {"thinking": {"type": "disabled"}}),
        ("claude-3-5-haiku-20241022", "high", {}),
    ],
)
def test_effort_is_said_as_the_model_knows_it(model: str, effort: str, sent: dict[str, Any]) -> None:
    assert fields(model, reasoning_effort=effort) == sent


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("claude-sonnet-4-5", {"thinking": {"type": "enabled", "budget_tokens": 3000}}),
        ("claude-opus-4-6", {"thinking": {"type": "enabled", "budget_tokens": 3000}}),
        (NATIVE, {}),
        ("claude-opus-4-7", {}),
        ("claude-3-5-haiku-20241022", {}),
    ],
)
def test_a_budget_goes_to_the_models_that_take_one(
    model: str, sent: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert fields(model, reasoning_budget=3000) == sent
    assert ("takes no reasoning_budget" in caplog.text) is not bool(sent)


@pytest.mark.parametrize(
    ("model", "effort", "both"), [("claude-sonnet-4-5", "low", False), ("claude-opus-4-6", "none", False),
                                  ("claude-opus-4-6", "low", True)],
)  # fmt: skip
def test_of_effort_and_budget_the_budget_is_sent_where_only_one_can_be(
    model: str, effort: str, both: bool, caplog: pytest.LogCaptureFixture
) -> None:
    sent = fields(model, reasoning_effort=effort, reasoning_budget=3000)
    assert sent["thinking"] == {"type": "enabled", "budget_tokens": 3000}
    assert sent.get("output_config") == ({"effort": effort} if both else None)
    assert ("the budget is sent" in caplog.text) is not both


@pytest.mark.parametrize(
    ("model", "dropped"),
    [("us.anthropic.claude-opus-5-20260101-v1:0", True), ("anthropic.claude-sonnet-4-5-20250929-v1:0", False),
     ("claude-sonnet-4@20250514", False)],
)  # fmt: skip
def test_the_names_that_clouds_give_a_model_are_understood(model: str, dropped: bool) -> None:
    assert ("temperature" not in fields(model, temperature=0)) is dropped
    assert ("budget_tokens" in str(fields(model, reasoning_effort="low"))) is not dropped


def test_a_budget_below_the_least_is_raised_to_it(caplog: pytest.LogCaptureFixture) -> None:
    assert fields("claude-sonnet-4-5", reasoning_budget=10)["thinking"]["budget_tokens"] == 1024
    assert "1024 is sent" in caplog.text


def test_there_is_room_for_an_answer_after_the_thoughts() -> None:
    sent = AnthropicOptions(VENDORS["anthropic"]).fields(request(model="claude-sonnet-4-5", reasoning_budget=30_000))
    assert sent["max_tokens"] > 30_000


def test_a_limit_of_the_users_that_leaves_no_room_is_an_error_with_a_way_out() -> None:
    with pytest.raises(UsageError, match="max_tokens 2000 leaves no room") as caught:
        fields("claude-sonnet-4-5", reasoning_budget=2000, max_tokens=2000)
    assert "max_tokens 6096" in str(caught.value.hint)


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-4-6"])
def test_no_temperature_is_sent_while_it_thinks(model: str, caplog: pytest.LogCaptureFixture) -> None:
    assert fields(model, temperature=0) == {"temperature": 0}
    assert "temperature" not in fields(model, temperature=0, reasoning_effort="low")
    assert "takes no temperature while it thinks" in caplog.text


@pytest.mark.parametrize(
    ("model", "most"), [("claude-3-5-haiku-20241022", 8192), ("claude-3-haiku-20240307", 4096), (NATIVE, 16_384)]
)
def test_no_more_tokens_are_asked_for_than_the_model_has(
    model: str, most: int, caplog: pytest.LogCaptureFixture
) -> None:
    assert AnthropicOptions(VENDORS["anthropic"]).fields(request(model=model))["max_tokens"] == most
    assert not caplog.records, "it is the user's limit that is told, not ours"
    if most < 16_384:
        assert fields(model, max_tokens=10_000)["max_tokens"] == most
        assert f"takes a max_tokens of {most} at most" in caplog.text


# -- tools


@pytest.mark.parametrize(
    ("choice", "parallel", "sent"),
    [
        ("auto", None, {"type": "auto"}),
        ("required", None, {"type": "any"}),
        ("none", None, {"type": "none"}),
        ("none", False, {"type": "none"}),
        ("get_weather", None, {"type": "tool", "name": "get_weather"}),
        ("get_weather", False, {"type": "tool", "name": "get_weather", "disable_parallel_tool_use": True}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (None, True, {"type": "auto", "disable_parallel_tool_use": False}),
    ],
)
def test_the_choice_of_a_tool_is_a_table(choice: str | None, parallel: bool | None, sent: dict[str, Any]) -> None:
    asked = fields(NATIVE, tools=[WEATHER], tool_choice=choice, parallel_tool_calls=parallel)
    assert asked == {"tool_choice": sent}


@pytest.mark.parametrize(
    ("model", "more"), [("claude-fable-5-1", {}), ("claude-sonnet-4-5", {"reasoning_effort": "low"})]
)
def test_a_model_that_cannot_be_made_to_call_is_left_the_choice(
    model: str, more: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    sent = fields(model, tools=[WEATHER], tool_choice="required", **more)
    assert sent["tool_choice"] == {"type": "auto"}
    assert "cannot be made to call a tool" in caplog.text


# -- the form of the answer


async def answered(
    answer: Answer, *, model: str, schema: dict[str, Any] | None = POINT, **more: Any
) -> tuple[dict[str, Any], Reply]:
    """What was sent, and what came of it."""
    with FakeVendor([answer]) as vendor:
        asked = request(model=model, response_format=ResponseFormat(name="point", schema=schema), **more)
        reply = await ask("anthropic", vendor, asked)
    return vendor.requests[0].body, reply


async def test_a_model_that_has_it_is_held_to_the_schema_by_the_vendor() -> None:
    body, reply = await answered(Answer('{"x": 1}'), model=NATIVE, reasoning_effort="low")
    assert body["output_config"] == {
        "effort": "low",
        "format": {"type": "json_schema", "schema": {**POINT, "additionalProperties": False}},
    }
    assert "tools" not in body
    assert reply.text == '{"x": 1}'


@pytest.mark.parametrize("stream", [True, False])
async def test_another_gives_its_answer_to_a_tool_and_nobody_above_notices(stream: bool) -> None:
    body, reply = await answered(ToolCalls(("point", {"x": 1})), model=OLD, stream=stream)
    assert body["tools"] == [{"name": "point", "description": body["tools"][0]["description"], "input_schema": POINT}]
    assert body["tool_choice"] == {"type": "tool", "name": "point"}
    assert "output_config" not in body
    assert reply.message.parts == (Text('{"x": 1}' if stream else '{"x":1}'),)
    assert reply.finish_reason == "stop"


async def test_beside_the_users_tools_it_calls_one_of_them_or_answers() -> None:
    body, reply = await answered(ToolCalls(("get_weather", {"city": "Oslo"})), model=OLD, tools=[WEATHER])
    assert [tool["name"] for tool in body["tools"]] == ["get_weather", "point"]
    assert body["tool_choice"] == {"type": "any"}
    assert [call.name for call in reply.tool_calls] == ["get_weather"]
    assert reply.finish_reason == "tool_calls"


async def test_a_users_tool_of_the_same_name_stays_the_users() -> None:
    from msgspec.structs import replace

    mine = replace(WEATHER, name="point")
    body, reply = await answered(ToolCalls(("point", {}), ("point_", {"x": 2})), model=OLD, tools=[mine])
    assert [tool["name"] for tool in body["tools"]] == ["point", "point_"]
    assert [(type(part), getattr(part, "name", None)) for part in reply.message.parts] == [
        (ToolCall, "point"),
        (Text, None),
    ]
    assert reply.finish_reason == "tool_calls"


async def test_an_answer_cut_by_the_limit_is_cut_text() -> None:
    _, reply = await answered(ToolCalls(("point", '{"x": '), finish="max_tokens"), model=OLD)
    assert (reply.text, reply.finish_reason) == ('{"x": ', "length")


@pytest.mark.parametrize(
    ("model", "schema", "more"),
    [
        (NATIVE, None, {}),  # any object
        ("claude-fable-5", MAP, {}),  # a schema the vendor does not take, and no tool can be forced
        (OLD, POINT, {"reasoning_effort": "low"}),  # nor while it thinks
        (OLD, {"type": "array", "items": POINT}, {}),  # the arguments of a tool are an object
        (OLD, POINT, {"tools": [WEATHER], "tool_choice": "none"}),
    ],
)
async def test_what_cannot_be_enforced_is_told_the_model(
    model: str, schema: dict[str, Any] | None, more: dict[str, Any]
) -> None:
    body, _ = await answered(Answer("{}"), model=model, schema=schema, **more)
    assert "Answer with one JSON object" in body["system"]
    assert [tool["name"] for tool in body.get("tools", [])] == ["get_weather"] * len(more.get("tools", ()))
    assert "format" not in body.get("output_config", {})


async def test_a_schema_the_vendor_does_not_take_goes_by_a_tool() -> None:
    body, _ = await answered(ToolCalls(("point", {"a": 1})), model=NATIVE, schema=MAP)
    assert body["tool_choice"] == {"type": "tool", "name": "point"}


# -- the official SDK's types take all of it


@pytest.mark.parametrize("model", [NATIVE, OLD, "claude-sonnet-4-5", "claude-opus-4-6"])
@pytest.mark.parametrize(
    "more",
    [
        {"reasoning_effort": "medium", "parallel_tool_calls": False},
        {"reasoning_budget": 2000, "tool_choice": "auto"},
        {"temperature": 0, "stop": ("x",), "top_p": 0.5, "tool_choice": "get_weather", "cache": True},
    ],
)
async def test_the_official_types_take_it(model: str, more: dict[str, Any]) -> None:
    from anthropic.types.message_create_params import MessageCreateParamsStreaming
    from pydantic import TypeAdapter

    body, _ = await answered(Answer("{}"), model=model, tools=[WEATHER], **more)
    TypeAdapter(MessageCreateParamsStreaming).validate_python(body)
    known = MessageCreateParamsStreaming.__required_keys__ | MessageCreateParamsStreaming.__optional_keys__
    sampling = {"temperature", "top_p"}  # which the types no longer have, and older models still take
    assert body.keys() <= known | sampling
