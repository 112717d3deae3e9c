"""Sampling options as each vendor takes them."""

import logging
from typing import Any

import pytest

from llmgine_cli.errors import UsageError
from llmgine_cli.llm.messages import ModelOptions, ResponseFormat, Routing
from llmgine_cli.providers.anthropic_options import AnthropicOptions
from llmgine_cli.providers.options import Options
from llmgine_cli.providers.own_vendors import merged
from llmgine_cli.providers.presets import VENDORS
from tests.support.adapters import WEATHER, request

EVERYTHING: dict[str, Any] = {"temperature": 0.5, "max_tokens": 9, "top_p": 0.9, "stop": ("END",), "seed": 7}


def fields(vendor: str, model: str = "some-model", **options: Any) -> dict[str, Any]:
    make = AnthropicOptions if vendor == "anthropic" else Options
    return make(VENDORS[vendor]).fields(request(model=model, **options))


def test_what_is_not_asked_for_is_not_sent() -> None:
    assert fields("openai") == {}


@pytest.mark.parametrize("vendor", ["openai", "anthropic", "mistral", "groq"])
def test_zero_is_sent_as_zero(vendor: str) -> None:
    sent = fields(vendor, temperature=0.0, top_p=0.0)
    assert (sent["temperature"], sent["top_p"]) == (0.0, 0.0)


def test_a_seed_of_zero_is_sent() -> None:
    assert fields("mistral", seed=0) == {"random_seed": 0}


@pytest.mark.parametrize(
    ("vendor", "expected"),
    [
        ("groq", {"temperature": 0.5, "max_tokens": 9, "top_p": 0.9, "stop": ["END"], "seed": 7}),
        ("openai", {"temperature": 0.5, "max_completion_tokens": 9, "top_p": 0.9, "stop": ["END"], "seed": 7}),
        ("mistral", {"temperature": 0.5, "max_tokens": 9, "top_p": 0.9, "stop": ["END"], "random_seed": 7}),
        ("anthropic", {"temperature": 0.5, "max_tokens": 9, "top_p": 0.9, "stop_sequences": ["END"]}),
    ],
)
def test_every_option_has_the_vendors_own_name(vendor: str, expected: dict[str, object]) -> None:
    assert fields(vendor, **EVERYTHING) == expected


def test_extra_fields_are_sent_as_they_are_and_have_the_last_word() -> None:
    sent = fields("openai", max_tokens=9, extra={"max_completion_tokens": 5, "logprobs": True})
    assert sent == {"max_completion_tokens": 5, "logprobs": True}


@pytest.mark.parametrize(
    ("vendor", "model", "taken"),
    [
        ("openai", "gpt-4.1-mini", True),
        ("openai", "gpt-4o", True),
        ("openai", "gpt-5.4-mini", True),
        ("openai", "gpt-5.1", True),
        ("openai", "gpt-5-chat-latest", True),
        ("openai", "o3", False),
        ("openai", "o4-mini-2025-04-16", False),
        ("openai", "gpt-5", False),
        ("openai", "gpt-5-mini", False),
        ("openai", "gpt-5.2-chat-latest", False),
        ("openai", "gpt-5.1-codex", False),
        ("openai", "gpt-5.3-codex", False),
        ("openai", "o3-mini", False),
        ("openai", "gpt-5.6-luna", False),
        ("openai", "gpt-6.2-astra", False),
        ("openai", "gpt-10", False),
        ("anthropic", "claude-sonnet-4-5", True),
        ("anthropic", "claude-sonnet-4-5-20250929", True),
        ("anthropic", "claude-opus-4-6", True),
        ("anthropic", "claude-haiku-4-5-20251001", True),
        ("anthropic", "claude-opus-4-7", False),
        ("anthropic", "claude-opus-4-8", False),
        ("anthropic", "claude-sonnet-5-5", False),
        ("anthropic", "claude-haiku-5-5", False),
        ("anthropic", "claude-opus-5", False),
        ("anthropic", "claude-mythos-preview", False),
        ("groq", "openai/gpt-oss-120b", True),
    ],
)
def test_models_that_refuse_a_temperature_get_none(
    vendor: str, model: str, taken: bool, caplog: pytest.LogCaptureFixture
) -> None:
    sent = fields(vendor, model, temperature=0.0)
    assert ("temperature" in sent) is taken
    assert ("temperature" in caplog.text) is not taken


def test_what_is_left_out_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    options = AnthropicOptions(VENDORS["anthropic"])
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            options.fields(request(model="claude-sonnet-4-5", seed=7))
    assert [record.getMessage() for record in caplog.records] == [
        "anthropic:claude-sonnet-4-5 takes no seed; it is left out"
    ]


def test_a_model_told_not_to_think_takes_a_temperature() -> None:
    sent = fields("openai", "gpt-5.6-sol", temperature=0.0, extra={"reasoning_effort": "none"})
    assert sent == {"temperature": 0.0, "reasoning_effort": "none"}


@pytest.mark.parametrize(
    ("model", "effort"), [("gpt-5.6-luna", "none"), ("gpt-6-sol", "none"), ("gpt-5.4-mini", None), ("gpt-4.1", None)]
)
def test_models_that_take_tools_only_without_thinking_are_told_not_to(model: str, effort: str | None) -> None:
    options = Options(VENDORS["openai"])
    assert options.fields(request(model=model, tools=[WEATHER])).get("reasoning_effort") == effort
    assert "reasoning_effort" not in options.fields(request(model=model))


def test_what_the_user_says_about_thinking_stands() -> None:
    asked = request(model="gpt-5.6-luna", tools=[WEATHER], extra={"reasoning_effort": "low"})
    assert Options(VENDORS["openai"]).fields(asked)["reasoning_effort"] == "low"


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
@pytest.mark.parametrize("name", ["model", "messages", "system", "tools", "stream", "stream_options"])
def test_extra_fields_do_not_replace_what_the_conversation_says(vendor: str, name: str) -> None:
    with pytest.raises(UsageError, match=rf"'extra' may not set {name}:"):
        fields(vendor, extra={name: "x", "logprobs": True})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", ["temperature", "top_p"])
def test_what_is_no_number_is_refused_and_not_sent_as_null(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=rf"option '{name}' is .*(nan|inf)"):
        fields("openai", "gpt-5", **{name: value})
    with pytest.raises(UsageError, match=rf"option '{name}' is .*(nan|inf)"):
        fields("openai", extra={name: value})


def test_the_users_options_are_not_changed() -> None:
    asked = request(model="gpt-6-sol", tools=[WEATHER], max_tokens=9, extra={"a": 1})
    Options(VENDORS["openai"]).fields(asked)
    assert asked.options == ModelOptions(max_tokens=9, extra={"a": 1})


# -- thinking


@pytest.mark.parametrize(
    ("vendor", "model", "effort", "sent"),
    [
        ("openai", "o3-mini", "high", {"reasoning_effort": "high"}),
        ("openai", "o3-mini", "minimal", {"reasoning_effort": "low"}),
        ("openai", "gpt-5", "none", {"reasoning_effort": "minimal"}),
        ("openai", "gpt-5.1", "none", {"reasoning_effort": "none"}),
        ("openai", "gpt-5.1", "xhigh", {"reasoning_effort": "high"}),
        ("openai", "gpt-5.4-mini", "xhigh", {"reasoning_effort": "xhigh"}),
        ("openai", "gpt-4.1", "low", {}),
        ("openai", "gpt-4o-mini", "low", {}),
        ("openrouter", "x-ai/grok-3-mini", "low", {"reasoning": {"effort": "low"}}),
        ("gemini", "gemini-2.5-flash", "none", {"reasoning_effort": "none"}),
        ("gemini", "gemini-2.5-pro", "none", {"reasoning_effort": "low"}),
        ("gemini", "gemini-2.0-flash", "low", {}),
        ("deepseek", "deepseek-flash", "none", {"thinking": {"type": "disabled"}}),
        ("deepseek", "deepseek-flash", "high", {"reasoning_effort": "high"}),
        ("xai", "grok-4.3", "none", {"reasoning_effort": "none"}),
        ("xai", "grok-3-mini", "medium", {"reasoning_effort": "high"}),
        ("xai", "grok-4", "low", {}),
        ("groq", "openai/gpt-oss-120b", "minimal", {"reasoning_effort": "low"}),
        ("groq", "qwen/qwen3-32b", "high", {"reasoning_effort": "default"}),
        ("groq", "llama-3.3-70b-versatile", "high", {}),
        ("mistral", "mistral-small-latest", "low", {"reasoning_effort": "high"}),
        ("mistral", "mistral-large-latest", "low", {}),
    ],
)
def test_reasoning_effort_is_said_as_the_model_knows_it(
    vendor: str, model: str, effort: str, sent: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert fields(vendor, model, reasoning_effort=effort) == sent
    as_asked = effort in str(sent) or "disabled" in str(sent)
    assert bool(caplog.records) is not as_asked, "another effort than the user's is told"


@pytest.mark.parametrize(
    ("vendor", "sent"),
    [
        ("openrouter", {"reasoning": {"max_tokens": 2000}}),
        ("gemini", {"extra_body": {"google": {"thinking_config": {"thinking_budget": 2000}}}}),
        ("openai", {}),
        ("groq", {}),
    ],
)
def test_a_budget_for_thoughts_goes_where_a_vendor_counts_them(vendor: str, sent: dict[str, Any]) -> None:
    assert fields(vendor, reasoning_budget=2000) == sent


def test_of_effort_and_budget_the_budget_is_sent_and_that_is_told(caplog: pytest.LogCaptureFixture) -> None:
    sent = fields("openrouter", reasoning_effort="low", reasoning_budget=2000)
    assert sent == {"reasoning": {"max_tokens": 2000}}
    assert "the budget is sent" in caplog.text


def test_a_vendor_that_does_not_count_gets_the_effort() -> None:
    assert fields("openai", "o3", reasoning_effort="low", reasoning_budget=2000) == {"reasoning_effort": "low"}


@pytest.mark.parametrize(("effort", "taken"), [(None, True), ("none", True), ("low", False)])
def test_a_model_that_thinks_when_asked_to_takes_no_temperature_then(effort: str | None, taken: bool) -> None:
    assert ("temperature" in fields("openai", "gpt-5.4-mini", temperature=0, reasoning_effort=effort)) is taken


# -- limits


def test_of_more_stop_texts_than_a_vendor_takes_the_first_are_sent(caplog: pytest.LogCaptureFixture) -> None:
    assert fields("openai", "gpt-4.1", stop=tuple("abcdef")) == {"stop": ["a", "b", "c", "d"]}
    assert "takes 4 stop texts at most; the first 4 are sent" in caplog.text


@pytest.mark.parametrize("model", ["o3-mini", "o1"])
def test_the_first_thinkers_take_neither_stop_nor_parallel_tool_calls(model: str) -> None:
    assert fields("openai", model, stop=("x",), parallel_tool_calls=True, tools=[WEATHER]) == {}


# -- tools


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", "auto"),
        ("required", "required"),
        ("none", "none"),
        ("get_weather", {"type": "function", "function": {"name": "get_weather"}}),
    ],
)
def test_the_choice_of_a_tool_is_sent(choice: str, sent: Any) -> None:
    assert fields("openai", "gpt-4.1", tools=[WEATHER], tool_choice=choice) == {"tool_choice": sent}


@pytest.mark.parametrize("parallel", [True, False])
def test_parallel_calls_are_a_field(parallel: bool) -> None:
    sent = fields("openai", "gpt-4.1", tools=[WEATHER], parallel_tool_calls=parallel)
    assert sent == {"parallel_tool_calls": parallel}


def test_without_tools_nothing_is_said_of_them_to_the_model_but_to_the_user(caplog: pytest.LogCaptureFixture) -> None:
    assert fields("openai", "gpt-4.1", tool_choice="required", parallel_tool_calls=False) == {}
    assert "openai:gpt-4.1 is offered no tools; tool_choice is left out" in caplog.text


def test_a_tool_that_is_not_offered_cannot_be_chosen() -> None:
    with pytest.raises(UsageError, match="'get_wether', which is none of the tools") as caught:
        fields("openai", "gpt-4.1", tools=[WEATHER], tool_choice="get_wether")
    assert caught.value.hint == "did you mean get_weather?"


def test_a_model_that_cannot_be_made_to_call_is_left_the_choice(caplog: pytest.LogCaptureFixture) -> None:
    sent = fields("deepseek", "deepseek-flash", tools=[WEATHER], tool_choice="required")
    assert sent == {"tool_choice": "auto"}
    assert "tool_choice required is sent as auto" in caplog.text
    sent = fields("deepseek", "deepseek-flash", tools=[WEATHER], tool_choice="required", reasoning_effort="none")
    assert sent["tool_choice"] == "required"


def test_a_server_that_would_pass_over_an_option_in_silence_is_not_sent_it(caplog: pytest.LogCaptureFixture) -> None:
    assert fields("ollama", "qwen3", tools=[WEATHER], tool_choice="required") == {}
    assert "ollama:qwen3 takes no tool_choice; it is left out" in caplog.text


# -- the form of the answer

POINT = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}


def test_a_schema_is_enforced_strictly_where_that_loses_nothing() -> None:
    sent = fields("openai", "gpt-4.1", response_format=ResponseFormat(name="point", schema=POINT))
    assert sent["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "point", "schema": {**POINT, "additionalProperties": False}, "strict": True},
    }


@pytest.mark.parametrize(
    "form", [ResponseFormat(schema={"type": "object"}), ResponseFormat(schema=POINT, strict=False)]
)
def test_another_schema_is_sent_as_it_is(form: ResponseFormat) -> None:
    described = fields("openai", "gpt-4.1", response_format=form)["response_format"]["json_schema"]
    assert (described["schema"], described["strict"]) == (form.schema, False)


@pytest.mark.parametrize(
    ("vendor", "model", "schema", "kind", "told"),
    [
        ("openai", "gpt-4.1", None, "json_object", True),
        ("openai", "gpt-3.5-turbo", POINT, "json_object", True),
        ("openai", "gpt-4", POINT, None, True),
        ("deepseek", "deepseek-flash", POINT, "json_object", True),
        ("groq", "openai/gpt-oss-20b", POINT, "json_schema", False),
        ("groq", "llama-3.3-70b-versatile", POINT, "json_object", True),
        ("lmstudio", "x", None, "json_schema", False),
        ("mistral", "mistral-small-latest", POINT, "json_schema", False),
    ],
)
def test_what_a_vendor_cannot_enforce_the_model_is_told(
    vendor: str, model: str, schema: dict[str, Any] | None, kind: str | None, told: bool
) -> None:
    options = Options(VENDORS[vendor])
    asked = request(model=model, response_format=ResponseFormat(schema=schema))
    assert options.fields(asked).get("response_format", {}).get("type") == kind
    instruction = options.instruction(asked)
    assert (instruction is not None) is (told and kind != "json_schema")
    if instruction is not None and schema is not None:
        assert '"x": {"type": "integer"}' in instruction


def test_a_model_that_takes_tools_or_a_form_is_told_the_form_when_it_has_tools() -> None:
    options = Options(VENDORS["gemini"])
    form = ResponseFormat(schema=POINT)
    alone = request(model="gemini-2.5-flash", response_format=form)
    both = request(model="gemini-2.5-flash", response_format=form, tools=[WEATHER])
    assert ("response_format" in options.fields(alone), options.instruction(alone)) == (True, None)
    assert "response_format" not in options.fields(both)
    assert "JSON Schema" in str(options.instruction(both))


def test_a_form_in_the_users_own_words_stands() -> None:
    own = {"response_format": {"type": "json_object"}}
    asked = request(model="gpt-4.1", response_format=ResponseFormat(schema=POINT), extra=own)
    assert Options(VENDORS["openai"]).fields(asked) == own
    assert Options(VENDORS["openai"]).instruction(asked) is None


# -- routing and caching


def test_routing_of_a_request_goes_before_that_of_the_settings_key_by_key() -> None:
    mine = merged(VENDORS, {"openrouter": {"routing": {"order": ["azure"], "allow_fallbacks": False}}})["openrouter"]
    assert Options(mine).fields(request())["provider"] == {"order": ["azure"], "allow_fallbacks": False}
    asked = request(routing=Routing(order=("openai", "azure"), data_collection="deny"))
    assert Options(mine).fields(asked)["provider"] == {
        "order": ("openai", "azure"),
        "allow_fallbacks": False,
        "data_collection": "deny",
    }


@pytest.mark.parametrize("option", [{"routing": Routing(sort="price")}, {"cache": True}])
def test_what_only_others_know_is_left_out_and_told(option: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    assert fields("openai", "gpt-4.1", **option) == {}
    assert f"takes no {next(iter(option))}" in caplog.text


# -- quirks of a vendor of the user's own


def test_quirks_of_the_settings_come_after_those_that_are_known() -> None:
    own = {"models": "gpt-4.1", "names": {"max_tokens": "max_output", "seed": False}, "most": {"max_tokens": 100}}
    vendor = merged(VENDORS, {"openai": {"quirks": [own]}})["openai"]
    sent = Options(vendor).fields(request(model="gpt-4.1-mini", max_tokens=500, seed=1, temperature=0))
    assert sent == {"max_output": 100, "temperature": 0}
    assert "temperature" not in Options(vendor).fields(request(model="o3", temperature=0))


def test_a_quirk_is_lifted_by_a_field_of_the_request() -> None:
    own = {"models": "think", "drops": ["temperature"], "unless": {"mode": ["fast", "plain"]}}
    vendor = merged(VENDORS, {"acme": {"base_url": "http://acme/v1", "quirks": [own]}})["acme"]
    assert Options(vendor).fields(request(model="thinker", temperature=0)) == {}
    lifted = Options(vendor).fields(request(model="thinker", temperature=0, extra={"mode": "plain"}))
    assert lifted == {"temperature": 0, "mode": "plain"}
