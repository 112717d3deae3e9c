import json
from pathlib import Path

import pytest

from tests.support.program import PROGRAM, Program
from tests.support.server import Answer, FakeVendor
from tests.support.terminal import Terminal

KEY = "sk-test-0123456789"


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own keyring is none of a test's business."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")


def test_a_key_that_is_piped_in_is_sent_with_the_next_request(cli: Program, home: Path) -> None:
    done = cli("keys", "set", "openai", input=f"{KEY}\n")
    assert (done.code, done.stdout) == (0, "")
    file = home / "config" / "keys.json"
    assert done.stderr == (
        f"the key for OPENAI_API_KEY is stored in {file}, which only you can read (no keyring here)\n"
    )
    with FakeVendor([Answer("hello")]) as vendor:
        answered = cli("run", "-m", "openai:gpt-4.1", "hi", env={"OPENAI_BASE_URL": vendor.url})
    assert answered.stdout == "hello\n"
    assert vendor.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_the_first_provider_with_a_stored_key_is_chosen(cli: Program) -> None:
    cli("keys", "set", "anthropic", "--value", KEY)
    with FakeVendor([Answer("hello")]) as vendor:
        answered = cli("run", "hi", env={"ANTHROPIC_BASE_URL": vendor.root})
    assert answered.stdout == "hello\n"
    assert "model: anthropic:" in answered.stderr
    assert vendor.requests[0].headers["x-api-key"] == KEY


def test_a_variable_goes_before_a_stored_key(cli: Program) -> None:
    done = cli("keys", "set", "OPENAI_API_KEY", input=KEY, env={"OPENAI_API_KEY": "other"})
    assert "warning: OPENAI_API_KEY is set in the environment too, and that goes first" in done.stderr
    with FakeVendor([Answer("hello")]) as vendor:
        cli("run", "-m", "openai:x", "hi", env={"OPENAI_BASE_URL": vendor.url, "OPENAI_API_KEY": "other"})
    assert vendor.requests[0].headers["authorization"] == "Bearer other"


def test_a_key_typed_on_a_terminal_is_not_shown(home: Path) -> None:
    with Terminal([str(PROGRAM), "keys", "set", "mistral"], cols=200) as terminal:
        terminal.wait_for("key for MISTRAL_API_KEY:")
        terminal.send(f"{KEY}\r")
        assert terminal.wait_end() == 0
        assert KEY not in terminal.everything()
    assert json.loads((home / "config" / "keys.json").read_text()) == {"MISTRAL_API_KEY": {"key": KEY}}


def test_ctrl_c_at_the_question_leaves_everything_as_it_was(home: Path) -> None:
    with Terminal([str(PROGRAM), "keys", "set", "mistral"]) as terminal:
        terminal.wait_for("key for MISTRAL_API_KEY:")
        terminal.send("\x03")
        assert terminal.wait_end() == 130
    assert not (home / "config" / "keys.json").exists()


def test_keys_are_listed_with_where_they_are_set_and_never_shown(cli: Program, home: Path) -> None:
    Path(".env").write_text("GROQ_API_KEY=gsk-0123456789\n")
    cli("keys", "set", "openai", input=KEY)
    done = cli("keys", "list", env={"XAI_API_KEY": "xai-0123456789"})
    assert done.stdout.splitlines() == [
        "OPENAI_API_KEY\topenai\tkeys.json",
        "XAI_API_KEY\txai\tenvironment",
        "GROQ_API_KEY\tgroq\t.env",
    ]
    assert done.stderr == f"keys.json is {home / 'config' / 'keys.json'}\n"
    listed = json.loads(cli("keys", "list", "--json").stdout)
    assert listed[0] == {"variable": "OPENAI_API_KEY", "providers": ["openai"], "source": "keys.json"}
    for words in (["keys", "list"], ["models", "list", "--all", "--json"], ["config", "show"]):
        assert KEY not in cli(*words).stdout


def test_no_keys_are_told_with_what_to_do(cli: Program) -> None:
    done = cli("keys", "list")
    assert (done.code, done.stdout) == (0, "")
    assert "llmgine keys set NAME" in done.stderr


def test_a_removed_key_is_gone(cli: Program) -> None:
    cli("keys", "set", "openai", input=KEY)
    done = cli("keys", "remove", "openai")
    assert (done.code, done.stderr) == (0, "the key for OPENAI_API_KEY is forgotten\n")
    assert cli("keys", "list").stdout == ""
    again = cli("keys", "remove", "openai")
    assert (again.code, again.stderr) == (
        2,
        "llmgine: no key is stored for OPENAI_API_KEY (llmgine keys list shows those that are)\n",
    )


def test_a_key_of_a_provider_in_the_settings_can_be_stored(cli: Program, home: Path) -> None:
    with FakeVendor([Answer("hello")]) as vendor:
        config = home / "config" / "config.toml"
        config.parent.mkdir(exist_ok=True)
        config.write_text(f'[providers.mine]\nbase_url = "{vendor.url}"\napi_key_env = "MINE_API_KEY"\n')
        assert cli("keys", "set", "mine", input=KEY).code == 0
        assert cli("run", "-m", "mine:x", "hi").stdout == "hello\n"
    assert vendor.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("words", "typed", "said"),
    [
        (["opnai"], KEY, "did you mean openai?"),
        (["ollama"], KEY, "ollama needs no key"),
        (["openai"], "", "no key for OPENAI_API_KEY was given"),
        (["openai"], "two words", "that is no key"),
        (["openai"], "clé", "that is no key"),
    ],
)
def test_what_is_no_key_or_no_provider_is_refused(
    cli: Program, home: Path, words: list[str], typed: str, said: str
) -> None:
    done = cli("keys", "set", *words, input=typed)
    assert (done.code, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (home / "config" / "keys.json").exists()


def test_a_damaged_file_of_keys_is_told_in_one_line(cli: Program, home: Path) -> None:
    file = home / "config" / "keys.json"
    file.parent.mkdir()
    file.write_text("{")
    done = cli("run", "-m", "openai:x", "hi")
    assert done.code == 3
    assert done.stderr.startswith(f"llmgine: {file} is damaged")
    assert cli("run", "-m", "echo:echo", "hi").stdout == "hi\n"


def test_a_stored_key_never_gets_into_the_log(cli: Program, home: Path) -> None:
    cli("keys", "set", "openai", input="plain-word-as-a-key")
    cli("run", "-m", "echo:echo", "my key is plain-word-as-a-key")
    logs = "".join(file.read_text() for file in (home / "state" / "logs").glob("*.jsonl"))
    assert "my key is [redacted]" in logs
    assert "plain-word-as-a-key" not in logs


def test_a_key_in_the_systems_keyring_is_used(cli: Program, tmp_path: Path) -> None:
    env = {"PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring", "XDG_DATA_HOME": str(tmp_path / "share")}
    done = cli("keys", "set", "openai", input=KEY, env=env)
    assert done.stderr == "the key for OPENAI_API_KEY is stored in the system's keyring\n"
    with FakeVendor([Answer("hello")]) as vendor:
        answered = cli("run", "-m", "openai:x", "hi", env={**env, "OPENAI_BASE_URL": vendor.url})
    assert answered.stdout == "hello\n"
    assert vendor.requests[0].headers["authorization"] == f"Bearer {KEY}"
