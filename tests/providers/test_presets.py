"""The vendors as data."""

import re

import pytest

from llmgine_cli.providers.presets import VENDORS, Vendor, merged, ollama_url


def test_the_order_of_choice_is_fixed() -> None:
    assert list(VENDORS) == [
        "openai", "anthropic", "openrouter", "deepseek", "gemini", "xai", "groq", "mistral", "together", "azure",
        "bedrock", "vertex", "ollama", "lmstudio", "local", "echo",
    ]  # fmt: skip


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)
def test_every_row_is_whole(vendor: Vendor) -> None:
    assert VENDORS[vendor.name] is vendor
    if vendor.platform:
        assert vendor.transport == "sdk"
        assert set(vendor.variables) <= {"api_version", "region", "project"}
        assert vendor.base_url_env
        assert vendor.sign_in or vendor.key_env
    elif vendor.protocol in {"chat", "anthropic"}:
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
