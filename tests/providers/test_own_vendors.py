"""Vendors of the settings."""

import pytest

from llmgine_cli.llm.messages import ModelOptions, ReasoningEffort
from llmgine_cli.providers.anthropic_options import AnthropicOptions
from llmgine_cli.providers.own_vendors import merged
from llmgine_cli.providers.presets import VENDORS
from tests.support.adapters import request


def test_a_base_url_makes_a_new_vendor() -> None:
    vendors = merged(VENDORS, {"acme": {"base_url": "http://acme/v1", "api_key_env": "ACME_KEY", "protocol": "chat"}})
    acme = vendors["acme"]
    assert (acme.name, acme.base_url, acme.key_env, acme.protocol) == ("acme", "http://acme/v1", "ACME_KEY", "chat")
    assert list(vendors) == [*VENDORS, "acme"]
    assert "acme" not in VENDORS


@pytest.mark.parametrize("name", ["acme", "deepseek", "openai", "mistral", "anthropic"])
def test_who_is_spoken_to_in_the_anthropic_protocol_gets_the_options_by_its_names(name: str) -> None:
    vendor = merged(VENDORS, {name: {"base_url": "http://acme", "protocol": "anthropic"}})[name]
    asked = request(model="m", stop=("END",), seed=7, reasoning_budget=2000)
    assert AnthropicOptions(vendor).fields(asked) == {
        "stop_sequences": ["END"],
        "max_tokens": 16_384,
        "thinking": {"type": "enabled", "budget_tokens": 2000},
    }


def test_a_new_vendor_of_the_anthropic_protocol_has_no_key_unless_one_is_named() -> None:
    assert merged(VENDORS, {"acme": {"base_url": "http://acme", "protocol": "anthropic"}})["acme"].key_env is None


def test_a_limit_of_the_settings_goes_before_that_of_the_protocol() -> None:
    acme = merged(VENDORS, {"acme": {"base_url": "http://acme", "protocol": "anthropic", "max_tokens": 99}})["acme"]
    assert AnthropicOptions(acme).fields(request()) == {"max_tokens": 99}


def test_a_new_vendor_of_the_responses_protocol_has_its_thoughts_sent_back() -> None:
    acme = merged(VENDORS, {"acme": {"base_url": "http://acme/v1", "protocol": "responses"}})["acme"]
    assert acme.thinkers == VENDORS["openai"].thinkers
    assert (acme.takes_files, acme.quirks, acme.names) == (True, (), {})


@pytest.mark.parametrize("said", ["chat", "responses"])
def test_a_protocol_in_the_settings_holds_for_all_of_the_vendors_models(said: str) -> None:
    changed = merged(VENDORS, {"openai": {"protocol": said}})["openai"]
    assert {changed.protocol_of(model) for model in ("gpt-4.1", "gpt-5-pro", "gpt-6-sol")} == {said}
    assert [quirk.drops for quirk in changed.quirks] == [quirk.drops for quirk in VENDORS["openai"].quirks]


def test_a_known_vendor_can_be_changed_in_part() -> None:
    changed = merged(VENDORS, {"openai": {"headers": {"X-Team": "blue"}, "base_url": None}})["openai"]
    assert changed.headers == {"X-Team": "blue"}
    assert changed.base_url == VENDORS["openai"].base_url
    assert changed.quirks == VENDORS["openai"].quirks


def test_a_base_url_in_the_settings_goes_before_the_vendors_variable() -> None:
    changed = merged(VENDORS, {"openai": {"base_url": "http://mine/v1"}})["openai"]
    assert changed.address({"OPENAI_BASE_URL": "http://other/v1"}.get) == "http://mine/v1"


def test_another_key_variable_replaces_all_of_the_vendors() -> None:
    changed = merged(VENDORS, {"gemini": {"api_key_env": "WORK_KEY"}})["gemini"]
    assert changed.key_envs == ("WORK_KEY",)
    assert VENDORS["gemini"].key_envs == ("GEMINI_API_KEY", "GOOGLE_API_KEY")


def test_of_a_vendor_nobody_knows_it_is_known_too_for_models_that_others_serve() -> None:
    acme = merged(VENDORS, {"acme": {"base_url": "http://acme/v1"}})["acme"]
    assert not acme.takes_images("openai/gpt-oss-20b")
    assert acme.takes_images("acme-1")


def test_names_and_aliases_of_the_settings_are_added_to_those_that_are_known() -> None:
    change = {"names": {"seed": False, "stop": "halt"}, "aliases": {"quick": "gpt-4.1-nano"}}
    changed = merged(VENDORS, {"openai": change})["openai"]
    assert changed.names == {"max_tokens": "max_completion_tokens", "seed": None, "stop": "halt"}
    assert changed.aliases == {"quick": "gpt-4.1-nano"}


def test_a_proxy_of_the_anthropic_protocol_knows_what_claude_wants() -> None:
    proxy = merged(VENDORS, {"acme": {"base_url": "http://acme", "protocol": "anthropic"}})["acme"]
    assert "temperature" in proxy.traits("claude-opus-5").drops
    assert proxy.traits("claude-3-5-haiku-20241022").most == {"max_tokens": 8192}
    assert proxy.traits("kimi-k2").formats == ()


def test_every_option_of_ours_can_be_named_in_the_settings() -> None:
    """The settings list them by themselves, for they may not know the layer that has them."""
    from typing import get_args

    from llmgine_cli.settings.vendors import Effort, Option

    assert {*get_args(Option)} == {*ModelOptions.__struct_fields__, "response_format"} - {"extra"}
    assert {*get_args(Effort)} == {*get_args(ReasoningEffort)}


def test_one_more_resource_of_a_cloud_has_what_the_cloud_has() -> None:
    eu = merged(VENDORS, {"eu": {"platform": "azure", "base_url": "https://eu.example", "api_key_env": "EU_KEY"}})["eu"]
    assert (eu.name, eu.transport, eu.key_envs) == ("eu", "sdk", ("EU_KEY",))
    assert eu.quirks == VENDORS["azure"].quirks
    assert eu.variables == VENDORS["azure"].variables
    assert eu.address({"AZURE_OPENAI_ENDPOINT": "https://other.example"}.get) == "https://eu.example"
