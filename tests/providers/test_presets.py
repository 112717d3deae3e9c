"""The vendors that are known, as data."""

import re

import pytest

from llmgine_cli.llm.messages import ModelOptions
from llmgine_cli.providers.presets import VENDORS
from llmgine_cli.providers.vendor import Vendor


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


def test_a_variable_moves_a_vendor() -> None:
    moved = {"OPENAI_BASE_URL": "http://box/v1/", "OLLAMA_HOST": "box:1"}
    assert VENDORS["openai"].address(moved.get) == "http://box/v1"
    assert VENDORS["ollama"].address(moved.get) == "http://box:1/v1"
    assert VENDORS["groq"].address(moved.get) == "https://api.groq.com/openai/v1"


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


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)
def test_quirks_speak_of_options_that_there_are(vendor: Vendor) -> None:
    options = {*ModelOptions.__struct_fields__, "response_format"} - {"extra"}
    efforts = {"none", "minimal", "low", "medium", "high", "xhigh"}
    for quirk in vendor.quirks:
        assert {*quirk.drops, *quirk.names, *quirk.least, *quirk.most} <= options
        assert {*quirk.efforts, *quirk.budgets} <= efforts
    assert vendor.names.keys() <= options
    assert vendor.carries.keys() <= VENDORS.keys()


@pytest.mark.parametrize("cloud", ["bedrock", "vertex"])
@pytest.mark.parametrize(
    ("model", "later"),
    [
        ("us.anthropic.claude-opus-4-7-v1:0", True), ("anthropic.claude-haiku-4-5-20251001-v1:0", False),
        ("claude-opus-4-7@20260416", True), ("claude-haiku-4-5@20251001", False),
    ],
)  # fmt: skip
def test_claude_has_its_quirks_under_the_names_that_clouds_give_it(cloud: str, model: str, later: bool) -> None:
    traits = VENDORS[cloud].traits(model)
    assert ("temperature" in traits.drops) is later
    assert bool(traits.budgets) is not later
    # At Google an organization must allow schemas first; there a tool that must be called has the schema.
    assert traits.formats == (("json_schema",) if cloud == "bedrock" else ())


def test_a_deployment_of_azure_is_what_its_name_says() -> None:
    azure = VENDORS["azure"]
    assert "temperature" in azure.traits("o3-mini").drops
    assert azure.traits("gpt-4.1").names["max_tokens"] == "max_completion_tokens"
