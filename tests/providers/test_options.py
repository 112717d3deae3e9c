"""Sampling options as each vendor takes them."""

import logging
from typing import Any

import pytest

from llmgine_cli.errors import UsageError
from llmgine_cli.llm.messages import ModelOptions
from llmgine_cli.providers.options import Options
from llmgine_cli.providers.presets import VENDORS
from tests.support.adapters import WEATHER, request

EVERYTHING: dict[str, Any] = {"temperature": 0.5, "max_tokens": 9, "top_p": 0.9, "stop": ("END",), "seed": 7}


def fields(vendor: str, model: str = "some-model", **options: Any) -> dict[str, Any]:
    return Options(VENDORS[vendor]).fields(request(model=model, **options))


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
    options = Options(VENDORS["anthropic"])
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
