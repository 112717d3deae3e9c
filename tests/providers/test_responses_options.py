"""Options as OpenAI Responses takes them."""

import logging
from typing import Any

import msgspec
import pytest

from llmgine_cli.errors import UsageError
from llmgine_cli.llm.messages import ModelOptions, ResponseFormat
from llmgine_cli.providers.presets import VENDORS
from llmgine_cli.providers.responses_options import ResponsesOptions
from llmgine_cli.providers.vendor import Vendor
from tests.support.adapters import WEATHER, request

PERSON = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


def fields(model: str = "gpt-4.1", *, form: ResponseFormat | None = None, **asked: Any) -> dict[str, Any]:
    wanted = msgspec.structs.replace(request(model=model, **asked), response_format=form)
    return ResponsesOptions(VENDORS["openai"]).fields(wanted)


def test_what_is_not_asked_for_is_not_sent() -> None:
    assert fields() == {}
    assert fields(tools=[WEATHER]) == {}


def test_options_have_the_protocols_own_names() -> None:
    sent = fields(temperature=0.5, max_tokens=9, top_p=0.9)
    assert sent == {"temperature": 0.5, "max_output_tokens": 9, "top_p": 0.9}


def test_zero_is_sent_as_zero() -> None:
    assert fields(temperature=0.0, top_p=0.0) == {"temperature": 0.0, "top_p": 0.0}


def test_what_the_protocol_does_not_have_is_left_out_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    options = ResponsesOptions(VENDORS["openai"])
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            asked = request(model="gpt-4.1", stop=("END",), seed=0, reasoning_budget=100)
            assert options.fields(asked) == {}
    assert sorted(record.getMessage() for record in caplog.records) == [
        "openai:gpt-4.1 takes no reasoning_budget; it is left out",
        "openai:gpt-4.1 takes no seed; it is left out",
        "openai:gpt-4.1 takes no stop; it is left out",
    ]


@pytest.mark.parametrize(
    ("model", "taken"),
    [
        ("gpt-4.1", True), ("gpt-5.4", True), ("gpt-5", False), ("o3-pro", False), ("gpt-5.6-sol", False),
        ("gpt-5.5-pro", False), ("gpt-5.2-pro", False), ("gpt-5.1-codex-max", False), ("o4-mini-deep-research", False),
    ],
)  # fmt: skip
def test_models_that_refuse_a_temperature_get_none(model: str, taken: bool, caplog: pytest.LogCaptureFixture) -> None:
    assert ("temperature" in fields(model, temperature=0.0)) is taken
    assert ("takes no temperature" in caplog.text) is not taken


@pytest.mark.parametrize("how", [{"reasoning_effort": "none"}, {"extra": {"reasoning": {"effort": "none"}}}])
def test_a_model_told_not_to_think_takes_a_temperature(how: dict[str, Any]) -> None:
    sent = fields("gpt-5.6-sol", temperature=0.0, **how)
    assert (sent["temperature"], sent["reasoning"]) == (0.0, {"effort": "none"})


@pytest.mark.parametrize(
    ("model", "effort", "encrypted"),
    [
        ("gpt-5.6-sol", None, True), ("gpt-5.4", None, True), ("gpt-4.1", None, False),
        ("gpt-5-chat-latest", None, False), ("gpt-5.6-sol", "high", True), ("unheard-of", "high", True),
        ("unheard-of", None, False), ("unheard-of", "none", False),
    ],
)  # fmt: skip
def test_thoughts_are_asked_for_where_there_may_be_some(model: str, effort: Any, encrypted: bool) -> None:
    sent = fields(model, reasoning_effort=effort)
    assert sent.get("include") == (["reasoning.encrypted_content"] if encrypted else None)


def test_an_effort_is_asked_for_with_a_summary_of_the_thoughts() -> None:
    assert fields("o3", reasoning_effort="low")["reasoning"] == {"effort": "low", "summary": "auto"}


def test_an_effort_that_a_model_refuses_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    from llmgine_cli.providers.quirks import Quirk

    vendor = Vendor(name="acme", quirks=(Quirk(models="plain", drops=("reasoning_effort",)),))
    assert ResponsesOptions(vendor).fields(request(model="plain-1", reasoning_effort="low")) == {}
    assert "acme:plain-1 takes no reasoning_effort" in caplog.text


@pytest.mark.parametrize("choice", ["auto", "required", "none"])
def test_a_choice_among_tools_is_a_word(choice: str) -> None:
    assert fields(tools=[WEATHER], tool_choice=choice) == {"tool_choice": choice}


def test_a_choice_of_one_tool_names_it() -> None:
    sent = fields(tools=[WEATHER], tool_choice="get_weather", parallel_tool_calls=False)
    assert sent == {"tool_choice": {"type": "function", "name": "get_weather"}, "parallel_tool_calls": False}


def test_without_tools_nothing_is_said_of_them() -> None:
    assert fields(tool_choice="required", parallel_tool_calls=True) == {}


@pytest.mark.parametrize("model", ["gpt-5.6-luna", "gpt-6-sol"])
def test_tools_are_no_reason_not_to_think(model: str) -> None:
    assert "reasoning" not in fields(model, tools=[WEATHER])


def test_a_schema_is_a_format_of_the_text() -> None:
    form = ResponseFormat(name="person", schema=PERSON, strict=False)
    assert fields(form=form) == {
        "text": {"format": {"type": "json_schema", "name": "person", "schema": PERSON, "strict": False}}
    }


def test_any_json_object_is_a_format_too() -> None:
    assert fields(form=ResponseFormat()) == {"text": {"format": {"type": "json_object"}}}


def test_extra_fields_are_sent_as_they_are_and_have_the_last_word() -> None:
    extra = {"max_output_tokens": 5, "store": True, "include": [], "text": "odd", "service_tier": "flex"}
    assert fields("o3", max_tokens=9, extra=extra) == extra


def test_fields_of_our_own_tables_stay_beside_the_users() -> None:
    form = ResponseFormat()
    extra = {"text": {"verbosity": "low"}, "reasoning": {"summary": "detailed"}}
    sent = fields("o3", form=form, reasoning_effort="low", extra=extra)
    assert sent["text"] == {"format": {"type": "json_object"}, "verbosity": "low"}
    assert sent["reasoning"] == {"effort": "low", "summary": "detailed"}


@pytest.mark.parametrize(
    "name", ["model", "input", "instructions", "tools", "stream", "previous_response_id", "conversation"]
)
def test_extra_fields_do_not_replace_what_the_conversation_says(name: str) -> None:
    with pytest.raises(UsageError, match=rf"'extra' may not set {name}:"):
        fields(extra={name: "x", "top_logprobs": 2})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused_and_not_sent_as_null(value: float) -> None:
    with pytest.raises(UsageError, match=r"option 'temperature' is (nan|inf)"):
        fields("o3", temperature=value)
    with pytest.raises(UsageError, match=r"option 'top_p' is (nan|inf)"):
        fields(extra={"top_p": value})


def test_the_users_options_are_not_changed() -> None:
    asked = request(
        model="o3", tools=[WEATHER], max_tokens=9, reasoning_effort="low", extra={"text": {"verbosity": "low"}}
    )
    ResponsesOptions(VENDORS["openai"]).fields(asked)
    assert asked.options == ModelOptions(max_tokens=9, reasoning_effort="low", extra={"text": {"verbosity": "low"}})
