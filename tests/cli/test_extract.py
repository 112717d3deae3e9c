"""`-x` and `--xl`: a block of code out of an answer."""

import json

import pytest

from tests.support.program import PROGRAM, Program
from tests.support.terminal import Terminal

TWO = "First:\n\n```python\nprint(1)\n\n\nprint(2)\n```\n\n- then\n\n  ~~~sh\n  echo last\n  ~~~\n\nDone."


@pytest.mark.parametrize(
    ("option", "block"),
    [
        ("-x", "print(1)\n\n\nprint(2)\n"),
        ("--extract", "print(1)\n\n\nprint(2)\n"),
        ("--xl", "echo last\n"),
        ("--extract-last", "echo last\n"),
    ],
)
def test_a_block_of_code_is_all_that_is_printed(cli: Program, option: str, block: str) -> None:
    done = cli("run", "-m", "echo:echo", option, input=TWO)
    assert (done.code, done.stdout, done.stderr) == (0, block, "")


def test_without_a_block_the_whole_answer_is_printed_and_that_is_said(cli: Program) -> None:
    done = cli("run", "-m", "echo:echo", "-x", "no code\n\n```\n\n```\n")
    assert (done.code, done.stdout) == (0, "no code\n\n```\n\n```\n")
    assert "no block of code" in done.stderr


def test_a_block_that_was_cut_off_goes_to_the_end(cli: Program) -> None:
    assert cli("run", "-m", "echo:echo", "-x", "a\n\n```sh\nls\nrm").stdout == "ls\nrm\n"


def test_code_drives_no_terminal_unless_it_is_asked_for_raw(cli: Program) -> None:
    code = "```sh\necho '\x1b[31m'\n```"
    assert cli("run", "-m", "echo:echo", "-x", code).stdout == "echo '␛[31m'\n"
    assert cli("run", "-m", "echo:echo", "-x", "--raw", code).stdout == "echo '\x1b[31m'\n"


def test_json_has_the_block_beside_the_answer(cli: Program) -> None:
    told = json.loads(cli("run", "-m", "echo:echo", "--xl", "--json", input=TWO).stdout)
    assert (told["answer"], told["extracted"]) == (TWO, "echo last\n")
    told = json.loads(cli("run", "-m", "echo:echo", "-x", "--json", "none").stdout)
    assert told["extracted"] is None


def test_a_terminal_shows_the_block_as_it_is_and_never_what_came_before_it(home: object) -> None:
    with Terminal([str(PROGRAM), "run", "-m", "echo:echo", "-x", "# Title\n\n```md\n**not bold**\n```"]) as terminal:
        assert terminal.wait_end() == 0
        shown = terminal.screen()
    assert "**not bold**" in shown
    assert "Title" not in shown


@pytest.mark.parametrize(
    "options", [["-x", "--xl"], ["-x", "--schema", "name"], ["--xl", "--schema-multi", "name"], ["-x", "--in", "5m"]]
)
def test_what_makes_no_sense_with_a_block_is_refused(cli: Program, options: list[str]) -> None:
    done = cli("run", "-m", "echo:echo", *options, "hi")
    assert (done.code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
