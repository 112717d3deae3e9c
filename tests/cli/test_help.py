"""Help is plain text: sections, two columns, weight on a terminal only."""

import os
import sys

import pexpect
import pytest

from tests.support.program import PROGRAM, Program


def on_terminal(*arguments: str, **variables: str) -> str:
    output: bytes = pexpect.run(str(PROGRAM), args=list(arguments), env={**os.environ, **variables}, timeout=60)
    return output.decode().replace("\r\n", "\n")


def test_the_page_of_a_command_keeps_what_all_commands_have_apart(cli: Program) -> None:
    page = cli("run", "--help").stdout
    own, _, everywhere = page.partition("\nEverywhere:\n")
    assert "--model" in own
    assert "--verbose" not in own
    assert "--verbose" in everywhere


def test_what_an_option_takes_is_said_as_in_a_manual_page(cli: Program) -> None:
    page = cli("run", "--help").stdout
    assert "-p, --param KEY VALUE" in page
    assert "<str>" not in page
    assert "list[" not in page


def test_both_spellings_show_the_same_page(cli: Program) -> None:
    assert cli("tools", "-h").stdout == cli("tools", "--help").stdout


def test_in_a_pipe_there_is_no_colour(cli: Program) -> None:
    assert "\x1b" not in cli("--help").stdout


def test_on_a_terminal_headings_are_bold_and_names_coloured() -> None:
    page = on_terminal("--help")
    assert "\x1b[1mUsage:\x1b[0m llmgine" in page
    assert "\n\x1b[1mCommands:\x1b[0m\n  \x1b[36mrun\x1b[0m" in page
    assert "  \x1b[36m-h, --help\x1b[0m" in page


def test_colour_changes_nothing_but_colour() -> None:
    page = on_terminal("run", "--help")
    for code in ("\x1b[1m", "\x1b[36m", "\x1b[0m"):
        page = page.replace(code, "")
    assert page == on_terminal("run", "--help", NO_COLOR="1")


@pytest.mark.parametrize("group", [(), ("tools",), ("engines",)])
def test_a_group_alone_shows_its_help_on_stderr_and_counts_as_wrong_usage(cli: Program, group: tuple[str, ...]) -> None:
    done = cli(*group)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr == cli(*group, "--help").stdout


def test_an_unknown_command_is_one_line_that_names_the_near_miss(cli: Program) -> None:
    done = cli("enginse", "list")
    assert done.code == 2
    assert done.stderr.count("\n") == 1
    assert "no command named 'enginse' (did you mean engines?)" in done.stderr


def test_python_dash_m_is_the_same_program(cli: Program) -> None:
    module = Program((sys.executable, "-m", "llmgine_cli"))
    assert module("--version").stdout == cli("--version").stdout
    assert module("tools", "--help").stdout.partition("\n")[2] == cli("tools", "--help").stdout.partition("\n")[2]
