import json
from pathlib import Path

import pytest

from tests.support.program import Program


def test_settings_that_cannot_be_written_are_told_with_a_way_out(cli: Program, home: Path) -> None:
    home.mkdir(exist_ok=True)
    (home / "config").write_text("in the place of the folder")
    for words in (["aliases", "set", "a", "echo:echo"], ["models", "default", "echo:echo"]):
        done = cli(*words)
        assert (done.code, done.stderr.count("\n")) == (6, 1)
        assert "LLMGINE_CONFIG names another file" in done.stderr


def test_an_alias_is_made_used_listed_and_forgotten(cli: Program, home: Path) -> None:
    file = home / "config" / "config.toml"
    done = cli("aliases", "set", "mirror", "echo:echo")
    assert (done.code, done.stdout, done.stderr) == (0, "", f"mirror is echo:echo, set in {file}\n")
    assert cli("run", "-m", "mirror", "hi").stdout == "hi\n"
    assert cli("aliases", "list").stdout == "mirror\techo:echo\n"
    assert json.loads(cli("aliases", "list", "--json").stdout) == {"mirror": "echo:echo"}
    assert cli("aliases", "remove", "mirror").stderr == "mirror is forgotten\n"
    assert cli("aliases", "list").stderr == "there are none: llmgine aliases set NAME MODEL makes one\n"


def test_an_alias_of_an_alias_is_followed(cli: Program) -> None:
    cli("aliases", "set", "one", "echo:echo")
    cli("aliases", "set", "two", "one")
    assert cli("run", "-m", "two", "hi").stdout == "hi\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["openai", "echo:echo"], "'openai' already means a provider"),
        (["openai:gpt", "echo:echo"], "already means a provider"),
        (["two words", "echo:echo"], "a name is one word"),
        (["new", "new"], "would stand for itself"),
        (["new", "opnai:x"], "did you mean openai:x?"),
    ],
)
def test_an_alias_that_cannot_be_is_refused(cli: Program, home: Path, words: list[str], said: str) -> None:
    done = cli("aliases", "set", *words)
    assert (done.code, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (home / "config" / "config.toml").exists()


def test_an_alias_that_is_set_elsewhere_is_not_forgotten(cli: Program) -> None:
    done = cli("aliases", "remove", "mine", env={"LLMGINE_ALIASES": '{"mine": "echo:echo"}'})
    assert done.code == 2
    assert "mine is not set in your own settings" in done.stderr


def test_an_unknown_alias_is_told_with_the_near_miss(cli: Program) -> None:
    cli("aliases", "set", "mirror", "echo:echo")
    done = cli("aliases", "remove", "miror")
    assert (done.code, done.stderr) == (2, "llmgine: no alias named 'miror' (did you mean mirror?)\n")
