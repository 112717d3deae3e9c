"""From names and keys to a model that can be called."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import pytest

from llmgine_cli.errors import CredentialsError, NoModelError, NotFoundError, SettingsError, UsageError
from llmgine_cli.llm.provider import Provider
from llmgine_cli.providers.catalog import Catalog
from llmgine_cli.providers.chat import ChatProvider
from llmgine_cli.providers.own_vendors import merged
from llmgine_cli.providers.presets import VENDORS
from llmgine_cli.providers.responses import ResponsesProvider
from tests.support.adapters import request
from tests.support.server import Answer, FakeVendor, Fault, dead_url


@dataclass(frozen=True)
class Secret:
    value: str

    def get_secret_value(self) -> str:
        return self.value


def catalog(
    keys: Mapping[str, str] | None = None,
    *,
    aliases: Mapping[str, str] | None = None,
    addresses: Mapping[str, str] | None = None,
    providers: Mapping[str, Mapping[str, Any]] | None = None,
) -> Catalog:
    given = keys or {}
    return Catalog(
        vendors=merged(VENDORS, providers or {}),
        aliases=aliases or {},
        key=lambda name: Secret(given[name]) if name in given else None,
        address=(addresses or {}).get,
        connect_timeout=5,
        idle_timeout=5,
        key_source=lambda name: "environment",
    )


ALL_KEYS = {name: "sk-1" for vendor in VENDORS.values() for name in vendor.key_envs}


@pytest.mark.parametrize(
    ("name", "provider", "model"),
    [
        ("openai:gpt-4.1-mini", "openai", "gpt-4.1-mini"),
        ("openrouter:x-ai/grok-3-mini", "openrouter", "x-ai/grok-3-mini"),
        ("ollama:llama3.2:3b", "ollama", "llama3.2:3b"),
        ("local:/models/a b.gguf", "local", "/models/a b.gguf"),
        ("echo:echo", "echo", "echo"),
        ("gpt-4.1-mini", "openai", "gpt-4.1-mini"),
        ("o3", "openai", "o3"),
        ("claude-sonnet-4-5", "anthropic", "claude-sonnet-4-5"),
        ("gemini-3.8-flash", "gemini", "gemini-3.8-flash"),
        ("grok-4.3", "xai", "grok-4.3"),
        ("mistral-small-latest", "mistral", "mistral-small-latest"),
        ("deepseek-flash", "deepseek", "deepseek-flash"),
        ("echo", "echo", "echo"),
        ("openai", "openai", VENDORS["openai"].default_model),
        ("local:", "local", "smollm2-135m"),
    ],
)
def test_a_name_finds_its_model(name: str, provider: str, model: str) -> None:
    found = catalog(ALL_KEYS).model(name)
    assert (found.provider.name, found.name) == (provider, model)
    assert str(found) == f"{provider}:{model}"
    assert found.explicit


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("opnai:gpt-4.1-mini", "did you mean openai:gpt-4.1-mini?"),
        ("antropic:claude-sonnet-4-5", "did you mean anthropic:claude-sonnet-4-5?"),
        ("openrouters:x-ai/grok-3-mini", "did you mean openrouter:x-ai/grok-3-mini?"),
        ("x-ai/grok-3-mini", "did you mean openrouter:x-ai/grok-3-mini?"),
        ("llama3.2:3b", "did you mean ollama:llama3.2:3b?"),
        ("opneai", "did you mean openai?"),
        ("fastt", "did you mean fast?"),
    ],
)
def test_a_mistyped_name_is_answered_with_the_one_that_was_meant(name: str, hint: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        catalog(ALL_KEYS, aliases={"fast": "groq:x"}).model(name)
    assert hint in str(caught.value.hint)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", ["zzz", "zzz:yyy", ":", " ", "qwen", "…"])
def test_a_name_like_no_other_is_answered_with_how_names_are_written(name: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        catalog(ALL_KEYS).model(name)
    assert "provider:model" in str(caught.value.hint)


def test_a_provider_without_a_usual_model_asks_which() -> None:
    with pytest.raises(UsageError, match="which model of ollama"):
        catalog().model("ollama")


def test_a_name_that_two_vendors_could_own_is_not_guessed() -> None:
    twice = {"acme": {"base_url": "http://acme/v1", "own_models": r"gpt-"}}
    with pytest.raises(NotFoundError):
        catalog(ALL_KEYS, providers=twice).model("gpt-4.1")


def test_aliases_are_followed_to_their_end() -> None:
    aliases = {"fast": "quick", "quick": "groq:llama", "gpt-4.1": "echo:echo"}
    assert str(catalog(ALL_KEYS, aliases=aliases).model("fast")) == "groq:llama"
    assert str(catalog(ALL_KEYS, aliases=aliases).model("gpt-4.1")) == "echo:echo"


@pytest.mark.parametrize("name", ["openai:gpt-5", "openai:", "ollama:llama3.2:3b"])
def test_a_full_name_is_never_an_alias(name: str) -> None:
    found = catalog(ALL_KEYS, aliases={name: "echo:echo"}).model(name)
    assert found.provider.name == name.partition(":")[0]


def test_an_alias_does_not_lead_on_from_a_full_name() -> None:
    aliases = {"fast": "groq:llama", "groq:llama": "echo:echo"}
    assert str(catalog(ALL_KEYS, aliases=aliases).model("fast")) == "groq:llama"


def test_aliases_in_a_circle_are_an_error() -> None:
    with pytest.raises(SettingsError, match="a → b → a"):
        catalog(aliases={"a": "b", "b": "a"}).model("a")


def test_a_missing_key_is_named_by_its_variable() -> None:
    with pytest.raises(CredentialsError) as caught:
        catalog().model("openai:gpt-4.1")
    assert "OPENAI_API_KEY" in str(caught.value)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_a_blank_key_is_none(blank: str) -> None:
    with pytest.raises(CredentialsError):
        catalog({"OPENAI_API_KEY": blank}).model("openai:gpt-4.1")
    assert catalog({"OPENAI_API_KEY": blank, "GROQ_API_KEY": "x"}).choose(flag=None).provider.name == "groq"


def test_each_of_several_key_variables_will_do() -> None:
    assert catalog({"GOOGLE_API_KEY": "x"}).model("gemini:gemini-3.8-flash").name == "gemini-3.8-flash"
    with pytest.raises(CredentialsError, match="GEMINI_API_KEY or GOOGLE_API_KEY"):
        catalog().model("gemini:gemini-3.8-flash")


@pytest.mark.parametrize("name", ["ollama:x", "lmstudio:x", "acme:x", "openai:x"])
def test_a_server_of_the_users_own_needs_no_key(name: str) -> None:
    moved = {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}
    acme = {"acme": {"base_url": "http://127.0.0.1:1/v1"}}
    assert str(catalog(addresses=moved, providers=acme).model(name)) == name


def test_a_vendor_without_an_address_is_a_setting_to_mend() -> None:
    with pytest.raises(SettingsError) as caught:
        catalog(providers={"acme": {"api_key_env": "ACME_KEY"}}).model("acme:x")
    assert "[providers.acme]" in str(caught.value.hint)


def test_a_provider_is_made_once() -> None:
    made = catalog(ALL_KEYS)
    assert made.model("openai:a").provider is made.model("openai:b").provider
    assert made.model("openai:a").provider is not catalog(ALL_KEYS).model("openai:a").provider


# -- names of vendors, and vendors that carry others' models


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("claude-3-5-haiku", "anthropic:claude-3-5-haiku-20241022"),
        ("anthropic:claude-3-5-haiku", "anthropic:claude-3-5-haiku-20241022"),
        ("claude-3-5-haiku-20241022", "anthropic:claude-3-5-haiku-20241022"),
    ],
)
def test_a_short_name_is_the_one_that_the_vendor_knows(name: str, model: str) -> None:
    assert str(catalog(ALL_KEYS).model(name)) == model


def test_a_short_name_may_be_one_of_the_settings() -> None:
    acme = {"acme": {"base_url": "http://acme/v1", "own_models": "acme-", "aliases": {"acme-l": "acme-large-3"}}}
    assert str(catalog(providers=acme).model("acme-l")) == "acme:acme-large-3"


@pytest.mark.parametrize(
    ("name", "variable", "model"),
    [
        ("gemini-2.5-flash", "GEMINI_API_KEY", "openrouter:google/gemini-2.5-flash"),
        ("grok-3-mini", "XAI_API_KEY", "openrouter:x-ai/grok-3-mini"),
        ("gpt-4.1", "OPENAI_API_KEY", "openrouter:openai/gpt-4.1"),
        ("claude-3-5-haiku", "ANTHROPIC_API_KEY", "openrouter:anthropic/claude-3.5-haiku"),
    ],
)
def test_a_model_whose_vendor_has_no_key_here_is_asked_through_openrouter(name: str, variable: str, model: str) -> None:
    found = catalog({"OPENROUTER_API_KEY": "x"}).model(name, reason="named with -m")
    assert str(found) == model
    assert found.reason == f"named with -m; {variable} is not set, OPENROUTER_API_KEY is"
    assert not found.explicit, "where it goes is told"


@pytest.mark.parametrize("name", ["gemini-2.5-flash", "grok-3-mini"])
def test_the_models_own_vendor_goes_first(name: str) -> None:
    found = catalog(ALL_KEYS).model(name)
    assert (found.provider.name, found.explicit) == ("gemini" if "gemini" in name else "xai", True)


def test_a_full_name_is_never_taken_elsewhere() -> None:
    with pytest.raises(CredentialsError, match="GEMINI_API_KEY"):
        catalog({"OPENROUTER_API_KEY": "x"}).model("gemini:gemini-2.5-flash")


def test_a_model_on_a_server_of_the_users_own_is_not_taken_elsewhere() -> None:
    moved = catalog({"OPENROUTER_API_KEY": "x"}, addresses={"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"})
    assert str(moved.model("gpt-4.1")) == "openai:gpt-4.1"


def test_without_any_key_the_models_own_variable_is_named() -> None:
    with pytest.raises(CredentialsError, match="XAI_API_KEY"):
        catalog().model("grok-3-mini")


# -- choice


@pytest.mark.parametrize(
    ("flag", "template", "setting", "chosen", "reason"),
    [
        ("echo:a", "echo:b", "echo:c", "echo:a", "named with -m"),
        (None, "echo:b", "echo:c", "echo:b", "named by the prompt"),
        (None, None, "echo:c", "echo:c", "named in the settings"),
    ],
)
def test_the_most_particular_wish_counts(
    flag: str | None, template: str | None, setting: str | None, chosen: str, reason: str
) -> None:
    model = catalog(ALL_KEYS).choose(flag=flag, template=template, setting=setting)
    assert (str(model), model.reason) == (chosen, reason)
    assert model.explicit == (chosen != "echo:b"), "a prompt may be anybody's: what it names is told"


@pytest.mark.parametrize(
    ("variables", "provider", "reason"),
    [
        (["OPENAI_API_KEY", "ANTHROPIC_API_KEY"], "openai", "OPENAI_API_KEY is set"),
        (["GROQ_API_KEY", "ANTHROPIC_API_KEY"], "anthropic", "ANTHROPIC_API_KEY is set"),
        (["GOOGLE_API_KEY"], "gemini", "GOOGLE_API_KEY is set"),
        (["TOGETHER_API_KEY"], "together", "TOGETHER_API_KEY is set"),
    ],
)
def test_without_a_wish_the_first_vendor_with_a_key_is_taken(variables: list[str], provider: str, reason: str) -> None:
    model = catalog(dict.fromkeys(variables, "sk-1")).choose(flag=None)
    assert (model.provider.name, model.name) == (provider, VENDORS[provider].default_model)
    assert (model.reason, model.explicit) == (reason, False)


def test_a_wish_that_cannot_be_fulfilled_is_no_licence_to_take_another_model() -> None:
    with pytest.raises(CredentialsError):
        catalog({"OPENAI_API_KEY": "x"}).choose(flag="anthropic:claude-sonnet-4-5")


def test_with_nothing_at_all_every_way_out_is_named() -> None:
    with pytest.raises(NoModelError) as caught:
        catalog().choose(flag=None)
    hint = str(caught.value.hint)
    for way in ("llmgine models pull", "OPENAI_API_KEY", "llmgine models list", "-m", "ollama:"):
        assert way in hint
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("flag", "variables", "model"),
    [
        ("gemini", [], "gemini:gemini-embedding-001"),
        ("g", [], "gemini:gemini-embedding-001"),
        ("openai:text-embedding-3-large", [], "openai:text-embedding-3-large"),
        ("text-embedding-3-large", [], "openai:text-embedding-3-large"),
        (None, ["ANTHROPIC_API_KEY", "MISTRAL_API_KEY"], "mistral:mistral-embed"),
    ],
)
def test_vectors_are_made_by_the_model_for_them(flag: str | None, variables: list[str], model: str) -> None:
    keys = ALL_KEYS if flag else dict.fromkeys(variables, "sk-1")
    chosen = catalog(keys, aliases={"g": "gemini"}).choose_for_embedding(flag=flag)
    assert (str(chosen), chosen.explicit) == (model, flag is not None)


def test_echo_is_never_chosen_silently() -> None:
    with pytest.raises(NoModelError):
        catalog().choose(flag=None, template=None, setting="")


# -- at work


async def test_a_model_found_by_name_answers_with_key_and_headers() -> None:
    with FakeVendor([Answer("hi")], key="sk-1") as vendor:
        providers = {"acme": {"base_url": vendor.url, "api_key_env": "ACME_KEY", "headers": {"X-Team": "blue"}}}
        made = catalog({"ACME_KEY": " sk-1\n"}, providers=providers)
        model = made.model("acme:m")
        assert [event async for event in model.provider.stream(request())]
        await made.aclose()
    assert vendor.requests[0].headers["x-team"] == "blue"


async def test_an_own_vendor_of_the_anthropic_protocol_is_spoken_to_in_it() -> None:
    with FakeVendor([Answer("hi")]) as vendor:
        made = catalog(providers={"acme": {"base_url": vendor.root, "protocol": "anthropic"}})
        assert [event async for event in made.model("acme:m").provider.stream(request())]
        await made.aclose()
    assert vendor.requests[0].path == "/v1/messages"


async def test_an_own_vendor_of_the_responses_protocol_is_spoken_to_in_it() -> None:
    with FakeVendor([Answer("hi")]) as vendor:
        made = catalog(providers={"acme": {"base_url": vendor.url, "protocol": "responses"}})
        assert [event async for event in made.model("acme:gpt-5.6-sol").provider.stream(request(model="gpt-5.6-sol"))]
        await made.aclose()
    assert vendor.requests[0].path == "/v1/responses"
    assert vendor.requests[0].body["include"] == ["reasoning.encrypted_content"]


@pytest.mark.parametrize("transport", ["http", "sdk"])
@pytest.mark.parametrize(
    ("protocol", "path"),
    [("chat", "/v1/chat/completions"), ("responses", "/v1/responses"), ("anthropic", "/v1/messages")],
)
async def test_every_protocol_goes_over_the_transport_of_the_settings(protocol: str, path: str, transport: str) -> None:
    with FakeVendor([Answer("hi")], models=["m"]) as vendor:
        url = vendor.root if protocol == "anthropic" else vendor.url
        made = catalog(providers={"acme": {"base_url": url, "protocol": protocol, "transport": transport}})
        assert [event async for event in made.model("acme:m").provider.stream(request())]
        assert await made.models("acme", seconds=10) == ["m"]
        await made.aclose()
    assert vendor.requests[0].path == path
    assert [("x-stainless-lang" in sent.headers) for sent in (*vendor.requests, *vendor.lookups)] == [
        transport == "sdk"
    ] * 2


@pytest.mark.parametrize("name", ["azure", "eu"])
def test_a_cloud_that_takes_keys_alone_needs_one(name: str) -> None:
    place = {"base_url": "https://eu.example", "api_version": "v1"}
    made = catalog(providers={name: {"platform": "azure", **place}})
    with pytest.raises(CredentialsError, match="AZURE_OPENAI_API_KEY or AZURE_OPENAI_AD_TOKEN is not set") as caught:
        made.model(f"{name}:mine")
    assert f"llmgine keys set {name}" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("model", "adapter"),
    [
        ("gpt-5.4-mini", ChatProvider), ("gpt-4.1", ChatProvider), ("o3", ChatProvider), ("o3-mini", ChatProvider),
        ("gpt-5-mini", ChatProvider), ("gpt-5-chat-latest", ChatProvider), ("chatgpt-4o-latest", ChatProvider),
        ("o3-pro", ResponsesProvider), ("gpt-5-pro", ResponsesProvider), ("gpt-5.1-codex-mini", ResponsesProvider),
        ("gpt-5.6-luna", ResponsesProvider), ("gpt-6-sol", ResponsesProvider), ("gpt-10", ResponsesProvider),
    ],
)  # fmt: skip
def test_models_that_are_better_served_in_responses_are_asked_in_it(model: str, adapter: type[Provider]) -> None:
    assert type(catalog(ALL_KEYS).model(f"openai:{model}").provider) is adapter


def test_a_short_name_is_asked_in_the_protocol_of_the_model_it_stands_for() -> None:
    made = catalog(ALL_KEYS, providers={"openai": {"aliases": {"pro": "gpt-5-pro"}}})
    model = made.model("openai:pro")
    assert (model.name, type(model.provider)) == ("gpt-5-pro", ResponsesProvider)
    assert made.model("openai:gpt-5-pro").provider is model.provider


def test_openai_has_one_provider_for_each_protocol() -> None:
    made = catalog(ALL_KEYS)
    chat, other, responses = (made.model(f"openai:{name}").provider for name in ("gpt-4.1", "gpt-4o", "gpt-5-pro"))
    assert chat is other
    assert chat is not responses
    assert chat.name == responses.name == "openai"


def test_every_model_that_the_sdk_knows_for_responses_alone_is_asked_in_it() -> None:
    from openai.types import ChatModel, ResponsesModel

    known, chat = (set(_names(kind)) for kind in (ResponsesModel, ChatModel))
    only = known - chat
    assert len(only) > 10
    assert {name for name in only if VENDORS["openai"].protocol_of(name) != "responses"} == set()


def _names(kind: Any) -> list[str]:
    return [name for one in get_args(kind) for name in ([one] if isinstance(one, str) else _names(one))]


@pytest.mark.parametrize(
    "moved",
    [
        {"providers": {"openai": {"protocol": "chat"}}},
        {"providers": {"openai": {"base_url": "http://box/v1"}}},
        {"addresses": {"OPENAI_BASE_URL": "http://box/v1"}},
    ],
)
def test_where_the_user_says_otherwise_the_model_does_not_choose_the_protocol(moved: Mapping[str, Any]) -> None:
    assert type(catalog(ALL_KEYS, **moved).model("openai:gpt-5-pro").provider) is ChatProvider


def test_all_of_a_vendor_can_be_asked_in_responses() -> None:
    made = catalog(ALL_KEYS, providers={"openai": {"protocol": "responses"}})
    assert type(made.model("openai:gpt-4.1").provider) is ResponsesProvider


async def test_a_refused_key_is_told_with_its_source() -> None:
    with FakeVendor([Fault(401, "no")]) as vendor:
        made = catalog({"OPENAI_API_KEY": "x"}, addresses={"OPENAI_BASE_URL": vendor.url})
        with pytest.raises(CredentialsError) as caught:
            await anext(made.model("openai:m").provider.stream(request()))
        await made.aclose()
    assert "OPENAI_API_KEY (set in the environment)" in str(caught.value.hint)


async def test_ollama_that_does_not_run_says_how_to_start_it() -> None:
    made = catalog(addresses={"OLLAMA_HOST": dead_url().removeprefix("http://").removesuffix("/v1")})
    with pytest.raises(Exception, match="ollama cannot be reached") as caught:
        await anext(made.model("ollama:llama3.2").provider.stream(request()))
    assert "ollama serve" in str(getattr(caught.value, "hint", ""))
    await made.aclose()


async def test_closing_is_harmless_at_any_time() -> None:
    made = catalog(ALL_KEYS)
    await made.aclose()
    for name in ("openai:a", "anthropic:b", "echo:c", "local:d"):
        made.model(name)
    await made.aclose()
    await made.aclose()


HEAVY = {"httpx2", "openai", "anthropic", "pydantic", "rich", "xllamacpp"}
CHOICE = """
from llmgine_cli.providers.catalog import Catalog
from llmgine_cli.providers.presets import VENDORS
class Key:
    def get_secret_value(self): return "x"
catalog = Catalog(
    vendors=VENDORS, aliases={}, key=lambda name: Key(), address=lambda name: None, connect_timeout=1, idle_timeout=1
)
for name in ("openai:gpt", "anthropic:claude", "echo:echo", "local:x"):
    catalog.model(name)
"""


@pytest.mark.parametrize("code", ["import llmgine_cli.providers.catalog", CHOICE], ids=["import", "choice"])
def test_choosing_a_model_imports_neither_http_nor_an_sdk(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sorted(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert HEAVY.isdisjoint(done.stdout.split())
