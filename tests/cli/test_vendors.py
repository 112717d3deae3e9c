"""Models by name, and vendors as the settings have them: through the real program, to a server on the loopback."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import Completed, Program
from tests.support.server import Answer, FakeVendor, Fault, Recorded, ToolCalls

OWN = {"OPENAI_API_KEY": "sk-openai-0123456789", "ANTHROPIC_API_KEY": "sk-ant-0123456789"}
ROUTER = {"OPENROUTER_API_KEY": "sk-or-0123456789abcdef"}


class Setup:
    """All vendors at one fake address, by the variables and settings that a user would take."""

    def __init__(self, cli: Program, vendor: FakeVendor, home: Path) -> None:
        self._cli = cli
        self._vendor = vendor
        self._file = home / "config" / "config.toml"
        self._file.parent.mkdir(exist_ok=True)
        self.settings("")

    def settings(self, more: str) -> None:
        """Write the user's settings: the addresses, and what is given."""
        self._file.write_text(f'[providers.openrouter]\nbase_url = "{self._vendor.url}"\n{more}', encoding="utf-8")

    def run(self, *words: str, keys: dict[str, str] | None = None) -> tuple[Completed, Recorded | None]:
        """Run one prompt; return what came of it, and the request."""
        addresses = {"OPENAI_BASE_URL": self._vendor.url, "ANTHROPIC_BASE_URL": self._vendor.root}
        done = self._cli("run", *words, "hi", env={**addresses, **(OWN if keys is None else keys)})
        return done, self._vendor.requests[-1] if self._vendor.requests else None

    def body(self, *words: str, keys: dict[str, str] | None = None) -> dict[str, Any]:
        """The body of the request of one prompt that succeeds."""
        done, request = self.run(*words, keys=keys)
        assert (done.code, done.stdout, request is None) == (0, "ok\n", False), done.stderr
        assert request is not None
        body: dict[str, Any] = request.body
        return body


@pytest.fixture
def setup(cli: Program, home: Path) -> Any:
    with FakeVendor(always=Answer("ok")) as vendor:
        yield Setup(cli, vendor, home)


# -- the models of the framework before this one, by their names


@pytest.mark.parametrize("prefix", ["", "openai:"])
@pytest.mark.parametrize("model", ["gpt-4.1", "gpt-4.1-mini", "gpt-4o-mini"])
def test_the_gpts(setup: Setup, prefix: str, model: str) -> None:
    done, request = setup.run("-m", f"{prefix}{model}", "-o", "temperature", "0", "-o", "max_tokens", "50")
    assert (done.stdout, done.stderr) == ("ok\n", "")
    assert request is not None
    assert (request.path, request.headers["authorization"]) == (
        "/v1/chat/completions",
        "Bearer sk-openai-0123456789",
    )
    assert request.body == {
        "model": model,
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0,
        "max_completion_tokens": 50,
    }


@pytest.mark.parametrize("name", ["o3-mini", "openai:o3-mini"])
def test_o3_mini_is_sent_no_temperature_which_is_told_once(setup: Setup, name: str) -> None:
    done, request = setup.run("-m", name, "-o", "temperature", "0", "-o", "reasoning_effort", "high")
    assert request is not None
    assert request.path == "/v1/chat/completions"
    assert request.body["model"] == "o3-mini"
    assert "temperature" not in request.body
    assert request.body["reasoning_effort"] == "high"
    assert done.stderr == "openai:o3-mini takes no temperature; it is left out\n"


@pytest.mark.parametrize("name", ["claude-3-5-haiku", "anthropic:claude-3-5-haiku"])
def test_claude_3_5_haiku_is_asked_for_by_its_date(setup: Setup, name: str) -> None:
    done, request = setup.run("-m", name, "-o", "temperature", "0")
    assert (done.stdout, done.stderr) == ("ok\n", "")
    assert request is not None
    assert request.path == "/v1/messages"
    assert (request.headers["x-api-key"], request.headers["anthropic-version"]) == ("sk-ant-0123456789", "2023-06-01")
    assert request.body == {
        "model": "claude-3-5-haiku-20241022",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "stream": True,
        "temperature": 0,
        "max_tokens": 8192,
    }


@pytest.mark.parametrize(
    ("name", "model", "variable"),
    [
        ("gemini-2.5-flash", "google/gemini-2.5-flash", "GEMINI_API_KEY"),
        ("grok-3-mini", "x-ai/grok-3-mini", "XAI_API_KEY"),
    ],
)
def test_through_openrouter(setup: Setup, name: str, model: str, variable: str) -> None:
    by_name, first = setup.run("-m", name, "-o", "temperature", "0", keys=ROUTER)
    in_full, second = setup.run("-m", f"openrouter:{model}", "-o", "temperature", "0", keys=ROUTER)
    assert by_name.stderr == (
        f"model: openrouter:{model} (named with -m; {variable} is not set, OPENROUTER_API_KEY is)\n"
    )
    assert (by_name.stdout, in_full.stdout, in_full.stderr) == ("ok\n", "ok\n", "")
    assert first is not None
    assert second is not None
    for request in (first, second):
        assert request.path == "/v1/chat/completions"
        assert request.headers["authorization"] == "Bearer sk-or-0123456789abcdef"
        assert (request.body["model"], request.body["temperature"]) == (model, 0)


@pytest.mark.parametrize(
    ("name", "table", "keys"),
    [
        ("gemini-2.5-flash", "gemini", {"GEMINI_API_KEY": "sk-gemini-0123456789"}),
        ("grok-3-mini", "xai", {"XAI_API_KEY": "sk-xai-0123456789ab"}),
    ],
)
def test_with_a_key_of_their_own_vendor_they_go_there(
    cli: Program, home: Path, name: str, table: str, keys: dict[str, str]
) -> None:
    with FakeVendor(always=Answer("ok")) as own:
        (home / "config").mkdir()
        (home / "config" / "config.toml").write_text(f'[providers.{table}]\nbase_url = "{own.url}"\n')
        done = cli("run", "-m", name, "hi", env={**ROUTER, **keys})
    assert (done.stdout, done.stderr) == ("ok\n", "")
    assert own.requests[0].body["model"] == name
    assert own.requests[0].headers["authorization"] == f"Bearer {next(iter(keys.values()))}"


# -- options of the command line, all the way


def test_every_option_reaches_chat_completions(setup: Setup) -> None:
    options = {
        "temperature": "0", "max_tokens": "9", "top_p": "0.5", "stop": '["END", "STOP"]', "seed": "0",
        "reasoning_effort": "none", "tool_choice": "calculate", "parallel_tool_calls": "false", "extra": '{"n": 1}',
    }  # fmt: skip
    words = [word for name, value in options.items() for word in ("-o", name, value)]
    body = setup.body("-m", "gpt-5.4-mini", "-T", "calculate", *words)
    assert {name: body[name] for name in body.keys() - {"model", "messages", "tools", "stream", "stream_options"}} == {
        "temperature": 0, "max_completion_tokens": 9, "top_p": 0.5, "stop": ["END", "STOP"], "seed": 0,
        "reasoning_effort": "none", "tool_choice": {"type": "function", "function": {"name": "calculate"}},
        "parallel_tool_calls": False, "n": 1,
    }  # fmt: skip


def test_every_option_reaches_anthropic(setup: Setup) -> None:
    options = {"reasoning_budget": "2000", "max_tokens": "3000", "stop": "END", "parallel_tool_calls": "false"}
    words = [word for name, value in options.items() for word in ("-o", name, value)]
    body = setup.body("-m", "claude-opus-4-6", "-T", "calculate", "-s", "Be brief.", "-o", "cache", "true", *words)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 2000}
    assert (body["max_tokens"], body["stop_sequences"]) == (3000, ["END"])
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    for block in (body["tools"][-1], body["system"][-1], body["messages"][-1]["content"][-1]):
        assert block["cache_control"] == {"type": "ephemeral"}


def test_a_tool_that_must_be_called_is_asked_for_once(cli: Program) -> None:
    """Else the model could never answer, and the run would end at the limit of rounds."""
    calls = ToolCalls(("calculate", {"expression": "6*7"}))
    with FakeVendor([calls, Answer("42")]) as vendor:
        done = cli(
            "run", "-m", "gpt-4.1", "-T", "calculate", "-o", "tool_choice", "required", "6*7?",
            env={**OWN, "OPENAI_BASE_URL": vendor.url, "LLMGINE_TOOLS__APPROVE": "all"},
        )  # fmt: skip
    assert done.stdout == "42\n", done.stderr
    assert [request.body.get("tool_choice") for request in vendor.requests] == ["required", None]


def test_what_is_left_out_is_told_once_in_a_conversation_and_not_under_quiet(cli: Program) -> None:
    with FakeVendor(always=Answer("ok")) as vendor:
        words = ("chat", "-m", "o3-mini", "-o", "temperature", "0")
        env = {**OWN, "OPENAI_BASE_URL": vendor.url}
        told = cli(*words, input="a\nb\nc\n", env=env)
        quiet = cli(*words, "--quiet", input="a\n", env=env)
    assert told.stderr.count("takes no temperature") == 1
    assert "takes no temperature" not in quiet.stderr


# -- routing


def test_openrouter_is_told_who_may_serve_the_model(setup: Setup) -> None:
    setup.settings(
        "[providers.openrouter.routing]\n"
        'order = ["azure", "openai"]\nallow_fallbacks = false\ndata_collection = "deny"\nsort = "price"\n'
    )
    body = setup.body("-m", "openrouter:openai/gpt-4.1", keys=ROUTER)
    known = {"order": ["azure", "openai"], "allow_fallbacks": False, "data_collection": "deny", "sort": "price"}
    assert body["provider"] == known
    mine = json.dumps({"allow_fallbacks": True, "only": ["azure"]})
    body = setup.body("-m", "openrouter:openai/gpt-4.1", "-o", "routing", mine, keys=ROUTER)
    assert body["provider"] == {**known, "allow_fallbacks": True, "only": ["azure"]}


def test_a_misspelt_route_is_an_error(setup: Setup) -> None:
    done, request = setup.run("-m", "openrouter:x", "-o", "routing", '{"ordr": ["azure"]}', keys=ROUTER)
    assert (done.code, request) == (2, None)
    assert "ordr" in done.stderr


# -- a vendor of the user's own, in the settings alone

ACME = """
[providers.acme]
base_url = "{url}"
api_key_env = "ACME_KEY"
own_models = "acme-"
default_model = "acme-large"
aliases = {{ acme-s = "acme-small-2026-10" }}
names = {{ max_tokens = "limit", seed = false, reasoning_effort = "mind.effort" }}
stream_usage = false
headers = {{ X-Team = "blue" }}

[[providers.acme.quirks]]
models = "acme-small"
drops = ["temperature"]
efforts = {{ minimal = "tiny" }}
most = {{ stop = 1 }}
system_role = "user"
"""


@pytest.mark.parametrize("place", ["config.toml", "llmgine.toml"])
def test_a_vendor_with_its_quirks_is_a_table(cli: Program, home: Path, place: str) -> None:
    with FakeVendor(always=Answer("ok"), key="sk-acme-0123456789") as vendor:
        file = Path(place) if place == "llmgine.toml" else home / "config" / place
        file.parent.mkdir(exist_ok=True)
        file.write_text(ACME.format(url=vendor.url))
        if place == "llmgine.toml":
            assert cli("trust", "--yes", ".").code == 0
        options = {"temperature": "0", "max_tokens": "9", "seed": "1", "reasoning_effort": "minimal"}
        words = [word for name, value in options.items() for word in ("-o", name, value)]
        words += ["-o", "stop", '["a", "b"]']
        env = {"ACME_KEY": "sk-acme-0123456789"}
        small = cli("run", "-m", "acme-s", "-s", "Be brief.", *words, "hi", env=env)
        large = cli("run", "-m", "acme", "-o", "temperature", "0", "hi", env=env)
    assert (small.stdout, large.stdout) == ("ok\n", "ok\n"), small.stderr + large.stderr
    assert vendor.requests[0].headers["x-team"] == "blue"
    assert vendor.requests[0].body == {
        "model": "acme-small-2026-10",
        "messages": [{"role": "user", "content": "Be brief.\n\nhi"}],
        "stream": True,
        "limit": 9,
        "mind": {"effort": "tiny"},
        "stop": ["a"],
    }
    assert vendor.requests[1].body == {
        "model": "acme-large",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "temperature": 0,
    }
    for told in ("takes no temperature", "takes no seed", "takes 1 stop texts at most", "tiny is sent"):
        assert told in small.stderr
    assert large.stderr == ""


def test_a_project_nobody_trusts_says_nothing_of_vendors(cli: Program, home: Path) -> None:
    with FakeVendor(always=Answer("ok")) as vendor:
        Path("llmgine.toml").write_text(
            f'[providers.openai]\nbase_url = "{vendor.url}"\nnames = {{ seed = "x" }}\naliases = {{ a = "b" }}\n'
            '[providers.openrouter.routing]\nonly = ["evil"]\n'
        )
        done = cli("run", "-m", "echo", "hi")
    assert done.stdout == "hi\n"
    for key in ("providers.openai.names.seed", "providers.openai.aliases.a", "providers.openrouter.routing.only"):
        assert key in done.stderr
    assert vendor.requests == []


def test_a_key_in_a_header_of_ones_own_is_told_nowhere(cli: Program, home: Path) -> None:
    Path("llmgine.toml").write_text(
        """
        [providers.acme]
        base_url = "http://unused/v1"
        headers = { X-Api-Token = "Bearer topsecret-0815", X-Team = "blue-and-green" }
        """
    )
    assert cli("trust", "--yes", ".").code == 0
    told = Fault(400, "no entry for topsecret-0815 of blue-and-green")
    with FakeVendor([told]) as vendor:
        done = cli(
            "run", "-m", "acme:x", "is it topsecret-0815?", env={"LLMGINE_PROVIDERS__ACME__BASE_URL": vendor.url}
        )
        assert vendor.requests[0].headers["x-api-token"] == "Bearer topsecret-0815"
    assert done.code == 1
    assert "no entry for *** of blue-and-green" in done.stderr
    [log] = (home / "state" / "logs").glob("*.jsonl")
    assert "topsecret" not in log.read_text()
    assert "blue-and-green" in log.read_text()


def test_a_provider_of_ones_own_whose_key_is_not_set_is_not_asked(cli: Program, home: Path) -> None:
    (home / "config").mkdir(exist_ok=True)
    with FakeVendor([Answer("hi")]) as vendor:
        table = f'[providers.acme]\nbase_url = "{vendor.url}"\napi_key_env = "ACME_API_KEY"\n'
        (home / "config" / "config.toml").write_text(table)
        done = cli("run", "-m", "acme:x", "hello")
        assert (done.code, vendor.requests) == (3, [])
        assert "acme needs a key: ACME_API_KEY is not set" in done.stderr
        assert cli("run", "-m", "acme:x", "hello", env={"ACME_API_KEY": "k"}).stdout == "hi\n"
