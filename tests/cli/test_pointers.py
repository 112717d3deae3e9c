"""What people type by heart, from other tools or in haste, is never a dead end."""

import pytest

from llmgine_cli.cli.pointers import COMMANDS, OPTIONS
from tests.support.program import Program


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        (["hi"], "to ask a model: llmgine run hi"),
        (["what is", "this?"], "to ask a model: llmgine run 'what is' 'this?'"),
        (["-m", "echo:echo", "say hi"], "say which command: llmgine run -m echo:echo 'say hi'"),
        (["--quiet", "-m", "echo:echo", "hi"], "say which command: llmgine run --quiet -m echo:echo hi"),
        (["chta"], "did you mean chat?"),
        (["templates"], "llmgine prompt list"),
        (["prompt", "hi"], "to ask a model: llmgine run hi"),
        (["logs", "-n", "3"], "say which command: llmgine logs tail -n 3"),
        (["tools", "lst"], "did you mean list?"),
        (["tools", "xyzzy"], "there are list, show"),
        (["run", "--modle", "x", "hi"], "did you mean --model?"),
        (["schemas"], "--schema 'name str"),
        (["similar", "notes", "-c", "cats"], "stores none"),
        (["embed", "--json", "x"], "each line that it prints is JSON"),
        (["run", "--xyzzy", "hi"], "llmgine run --help lists them"),
        (["chat", "--schema", "name"], "llmgine run has it"),
        (["chat", "-x"], "llmgine run has it"),
    ],
)
def test_an_unknown_command_or_option_leads_on(cli: Program, typed: list[str], hint: str) -> None:
    done = cli(*typed)
    assert (done.code, done.stdout) == (2, "")
    assert hint in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_long_text_is_not_repeated(cli: Program) -> None:
    assert cli("tell me " * 20).stderr.endswith('(to ask a model: llmgine run "…")\n')


def test_what_is_there_is_not_said_to_be_elsewhere(cli: Program) -> None:
    listed = cli("--help").stdout.partition("\nCommands:\n")[2].split()
    assert not set(COMMANDS) & set(listed)
    options = cli("run", "--help").stdout.replace(",", " ").split()
    assert not set(OPTIONS) & set(options)
