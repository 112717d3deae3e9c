"""The vendors as data."""

import re

import pytest

from llmgine_cli.llm.messages import ModelOptions, ReasoningEffort
from llmgine_cli.providers.own_vendors import merged
from llmgine_cli.providers.presets import VENDORS
from llmgine_cli.providers.vendor import Vendor, ollama_url


def test_the_order_of_choice_is_fixed() -> None:
    assert list(VENDORS) == [
        "openai", "anthropic", "openrouter", "deepseek", "gemini", "xai", "groq", "mistral", "together", "azure",
        "bedrock", "vertex", "ollama", "lmstudio", "vllm", "local", "echo",
    ]  # fmt: skip


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)
def test_every_row_is_whole(vendor: Vendor) -> None:
    assert VENDORS[vendor.name] is vendor
    if vendor.platform:
        assert vendor.transport == "sdk"
        assert set(vendor.variables) <= {"api_version", "region", "project"}
        assert vendor.base_url_env
        assert vendor.sign_in or vendor.key_env
    elif vendor.protocol in {"chat", "responses", "anthropic"}:
        assert re.match(r"https?://", vendor.base_url)
        assert not vendor.base_url.endswith("/")
        assert (vendor.key_env is None) == (vendor.starter is not None)
    if vendor.key_env and not vendor.platform:
        assert vendor.base_url.startswith("https://")
        assert vendor.default_model
    for quirk in vendor.quirks:
        re.compile(quirk.models)


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("openai", "OPENAI_API_KEY"), ("anthropic", "ANTHROPIC_API_KEY"), ("openrouter", "OPENROUTER_API_KEY"),
        ("gemini", "GEMINI_API_KEY"), ("deepseek", "DEEPSEEK_API_KEY"), ("xai", "XAI_API_KEY"),
        ("groq", "GROQ_API_KEY"), ("mistral", "MISTRAL_API_KEY"), ("together", "TOGETHER_API_KEY"),
    ],
)  # fmt: skip
def test_keys_are_in_the_vendors_own_variables(name: str, variable: str) -> None:
    assert VENDORS[name].key_env == variable


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434/v1"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080/v1"),
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        ("0.0.0.0:9999", "http://127.0.0.1:9999/v1"),
        (":8080", "http://127.0.0.1:8080/v1"),
        ("box", "http://box:11434/v1"),
        ("http://box", "http://box:80/v1"),
        ("https://box", "https://box:443/v1"),
        ("http://box:11434", "http://box:11434/v1"),
        ("http://box:11434/", "http://box:11434/v1"),
        ("http://box:11434/v1", "http://box:11434/v1"),
        ("https://box/ollama/", "https://box:443/ollama/v1"),
        ("box/ollama", "http://box:11434/ollama/v1"),
        ("[::1]:7", "http://[::1]:7/v1"),
        ("::1", "http://[::1]:11434/v1"),
        ("[::]", "http://[::1]:11434/v1"),
        (' "box:1" ', "http://box:1/v1"),
        ("box:99999", "http://box:11434/v1"),
        ("", "http://127.0.0.1:11434/v1"),
    ],
)
def test_ollama_host_is_understood_in_all_its_forms(host: str, url: str) -> None:
    assert ollama_url(host) == url


def test_a_variable_moves_a_vendor() -> None:
    moved = {"OPENAI_BASE_URL": "http://box/v1/", "OLLAMA_HOST": "box:1"}
    assert VENDORS["openai"].address(moved.get) == "http://box/v1"
    assert VENDORS["ollama"].address(moved.get) == "http://box:1/v1"
    assert VENDORS["groq"].address(moved.get) == "https://api.groq.com/openai/v1"


def test_a_base_url_makes_a_new_vendor() -> None:
    vendors = merged(VENDORS, {"acme": {"base_url": "http://acme/v1", "api_key_env": "ACME_KEY", "protocol": "chat"}})
    acme = vendors["acme"]
    assert (acme.name, acme.base_url, acme.key_env, acme.protocol) == ("acme", "http://acme/v1", "ACME_KEY", "chat")
    assert list(vendors) == [*VENDORS, "acme"]
    assert "acme" not in VENDORS


def test_a_new_vendor_of_the_anthropic_protocol_has_its_names() -> None:
    acme = merged(VENDORS, {"acme": {"base_url": "http://acme", "protocol": "anthropic"}})["acme"]
    assert acme.max_tokens
    assert acme.names["stop"] == "stop_sequences"
    assert acme.key_env is None


def test_a_new_vendor_of_the_responses_protocol_has_its_thoughts_sent_back() -> None:
    acme = merged(VENDORS, {"acme": {"base_url": "http://acme/v1", "protocol": "responses"}})["acme"]
    assert acme.thinkers == VENDORS["openai"].thinkers
    assert (acme.takes_files, acme.quirks, acme.names) == (True, (), {})


@pytest.mark.parametrize("said", ["chat", "responses"])
def test_a_protocol_in_the_settings_holds_for_all_of_the_vendors_models(said: str) -> None:
    changed = merged(VENDORS, {"openai": {"protocol": said}})["openai"]
    assert {changed.protocol_of(model) for model in ("gpt-4.1", "gpt-5-pro", "gpt-6-sol")} == {said}
    assert [quirk.drops for quirk in changed.quirks] == [quirk.drops for quirk in VENDORS["openai"].quirks]


@pytest.mark.parametrize(
    ("model", "thinks"),
    [
        ("o3", True), ("o1-pro", True), ("codex-mini-latest", True), ("gpt-5", True), ("gpt-5.4-mini", True),
        ("gpt-5.1-codex-max", True), ("gpt-6.2-astra", True), ("gpt-10", True), ("gpt-rosalind-research", True),
        ("gpt-4.1", False), ("gpt-4o", False), ("gpt-35-turbo", False), ("gpt-5-chat-latest", False),
        ("gpt-5.3-chat-latest", False), ("chatgpt-4o-latest", False), ("computer-use-preview", False),
    ],
)  # fmt: skip
def test_it_is_known_which_models_think(model: str, thinks: bool) -> None:
    thinkers = VENDORS["openai"].thinkers
    assert thinkers is not None
    assert (re.match(thinkers, model) is not None) is thinks


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


def test_a_vendor_does_not_show_its_headers() -> None:
    assert "secret" not in repr(Vendor(name="x", headers={"Authorization": "secret"}))


# -- what models can do


@pytest.mark.parametrize(
    ("vendor", "model", "taken"),
    [
        ("openai", "gpt-4.1", True),
        ("openai", "gpt-4o-mini", True),
        ("openai", "o3", True),
        ("openai", "o3-mini", False),
        ("openai", "gpt-3.5-turbo", False),
        ("openai", "gpt-4-turbo", True),
        ("openai", "gpt-4", False),
        ("anthropic", "claude-3-5-haiku-20241022", True),
        ("anthropic", "claude-sonnet-5-5", True),
        ("openrouter", "google/gemini-2.5-flash", True),
        ("openrouter", "openai/o3-mini", False),
        ("openrouter", "deepseek/deepseek-chat", False),
        ("openrouter", "x-ai/grok-3-mini", False),
        ("deepseek", "deepseek-flash", False),
        ("gemini", "gemini-2.5-flash", True),
        ("xai", "grok-3-mini", False),
        ("xai", "grok-4.3", True),
        ("groq", "openai/gpt-oss-120b", False),
        ("groq", "meta-llama/llama-4-scout-17b-16e-instruct", True),
        ("mistral", "mistral-small-latest", True),
        ("mistral", "mistral-small-2409", False),
        ("mistral", "codestral-latest", False),
        ("ollama", "llama3.2:3b", False),
        ("ollama", "llama3.2-vision", True),
        ("ollama", "qwen2.5vl:7b", True),
        ("ollama", "smollm2", False),
        ("local", "smollm2-135m", False),
        ("vllm", "nobody/has-heard-of-it", True),
    ],
)
def test_it_is_known_which_models_take_pictures(vendor: str, model: str, taken: bool) -> None:
    assert VENDORS[vendor].takes_images(model) is taken


def test_of_a_vendor_nobody_knows_it_is_known_too_for_models_that_others_serve() -> None:
    acme = merged(VENDORS, {"acme": {"base_url": "http://acme/v1"}})["acme"]
    assert not acme.takes_images("openai/gpt-oss-20b")
    assert acme.takes_images("acme-1")


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)
def test_quirks_speak_of_options_that_there_are(vendor: Vendor) -> None:
    options = {*ModelOptions.__struct_fields__, "response_format"} - {"extra"}
    efforts = {"none", "minimal", "low", "medium", "high", "xhigh"}
    for quirk in vendor.quirks:
        assert {*quirk.drops, *quirk.names, *quirk.least, *quirk.most} <= options
        assert {*quirk.efforts, *quirk.budgets} <= efforts
    assert vendor.names.keys() <= options
    assert vendor.carries.keys() <= VENDORS.keys()


def test_every_option_of_ours_can_be_named_in_the_settings() -> None:
    """The settings list them by themselves, for they may not know the layer that has them."""
    from typing import get_args

    from llmgine_cli.settings.model import Effort, Option

    assert {*get_args(Option)} == {*ModelOptions.__struct_fields__, "response_format"} - {"extra"}
    assert {*get_args(Effort)} == {*get_args(ReasoningEffort)}


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
