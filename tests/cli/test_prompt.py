"""`llmgine prompt list | show | render`."""

import json
from pathlib import Path

import pytest

from tests.support.program import Program

GREETING = """---
description: Greet somebody.
input:
  schema:
    name: string, whom to greet
  default:
    name: you
---
# system:
Be kind.

# user:
Greet {name}: {input}
"""


@pytest.fixture
def greeting() -> Path:
    file = Path.cwd() / "prompts" / "greet.md"
    file.parent.mkdir()
    file.write_text(GREETING)
    return file


# -- list


def test_list_shows_name_origin_and_description_a_line_each(cli: Program, greeting: Path) -> None:
    done = cli("prompt", "list")
    assert (done.code, done.stderr) == (0, "")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert ["greet", "project", "Greet somebody."] in rows
    assert ["pirate", "bundled", "Answer as a pirate would."] in rows
    assert rows == sorted(rows)


def test_list_as_json_says_where_each_prompt_is(cli: Program, greeting: Path) -> None:
    rows = {row["name"]: row for row in json.loads(cli("prompt", "list", "--json").stdout)}
    assert rows["greet"] == {
        "name": "greet",
        "origin": "project",
        "path": str(greeting.resolve()),
        "description": "Greet somebody.",
        "model": None,
        "engine": None,
        "tools": [],
        "problem": None,
    }


def test_list_shows_a_broken_prompt_with_its_problem(cli: Program, greeting: Path) -> None:
    greeting.write_bytes(b"caf\xe9")
    done = cli("prompt", "list")
    assert done.code == 0
    assert f"greet\tproject\tbroken: {greeting.resolve()}: not UTF-8 text: byte 3 is 0xe9\n" in done.stdout


def test_a_description_cannot_drive_the_terminal(cli: Program, greeting: Path) -> None:
    greeting.write_text('---\ndescription: "\\e]0;owned\\a [bold]x[/bold]"\n---\nHi')
    for color in ("never", "always"):
        done = cli("prompt", "list", "--color", color)
        assert "\x1b]0" not in done.stdout
        assert "[bold]x[/bold]" in done.stdout


# -- show


def test_show_prints_the_file_as_it_is_and_says_on_stderr_where_it_is(cli: Program, greeting: Path) -> None:
    done = cli("prompt", "show", "greet")
    assert done.stdout == GREETING
    assert done.stderr == f"project: {greeting.resolve()}\n"
    assert cli("prompt", "show", "greet", "--quiet").stderr == ""


def test_show_as_json_has_all_that_the_file_says(cli: Program, greeting: Path) -> None:
    shown = json.loads(cli("prompt", "show", "greet", "--json").stdout)
    assert shown["source"] == GREETING
    assert shown["inputs"] == [
        {"name": "name", "type": "string", "description": "whom to greet", "enum": [], "default": "you"},
        {"name": "input"},
    ]


# -- render


def test_render_prints_what_the_model_will_be_given(cli: Program, greeting: Path) -> None:
    done = cli("prompt", "render", "greet", "-p", "name", "Ann", "hello", "there")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout == "# system:\nBe kind.\n\n# user:\nGreet Ann: hello there\n"


def test_render_takes_the_input_from_stdin_before_the_arguments(cli: Program, greeting: Path) -> None:
    done = cli("prompt", "render", "greet", "and more", input="piped\n")
    assert done.stdout.endswith("Greet you: piped\n\nand more\n")


def test_render_of_a_single_message_is_its_bare_text(cli: Program) -> None:
    Path("one.md").write_text('Say {"a": {b}} to {name}\n')
    done = cli("prompt", "render", "./one.md", "-p", "name", "{b}")
    assert done.stdout == 'Say {"a": {b}} to {b}\n'


def test_render_as_json_is_a_list_of_messages(cli: Program, greeting: Path) -> None:
    done = cli("prompt", "render", "greet", "--json", "hi")
    assert json.loads(done.stdout) == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Greet you: hi"},
    ]


def test_render_says_on_stderr_which_placeholders_are_left(cli: Program, greeting: Path) -> None:
    done = cli("prompt", "render", "greet")
    assert done.code == 0
    assert done.stdout.endswith("Greet you: {input}\n")
    assert done.stderr == ("left as it stands, for want of a value: {input} (type or pipe in the text for {input})\n")


def test_render_strict_fails_and_lists_all_that_are_missing(cli: Program) -> None:
    Path("many.md").write_text("{a} {b} {c}")
    done = cli("prompt", "render", "many.md", "-p", "b=x", "--strict")
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr == "llmgine: prompt 'many': no value for a, c (give it with -p a VALUE -p c VALUE)\n"


def test_a_value_may_hold_an_equals_sign_and_the_last_one_wins(cli: Program) -> None:
    Path("one.md").write_text("{a}")
    assert cli("prompt", "render", "one.md", "-p", "a", "x=y").stdout == "x=y\n"
    assert cli("prompt", "render", "one.md", "-p", "a", "1", "-p", "a", "2").stdout == "2\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("render", "gret"), "no prompt named 'gret' (did you mean greet?)"),
        (("show", "gret"), "no prompt named 'gret' (did you mean greet?)"),
        (("render", "greet", "-p", "nmae", "x"), "has no placeholder 'nmae' (did you mean name?)"),
        (("render", "../../etc/passwd"), "no prompt file named '../../etc/passwd'"),
        (("render", "a/../../x"), "'a/../../x' is no name of a prompt"),
        (("render", "greet", "-p", "name"), "-p name needs a value"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(
    cli: Program, greeting: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = cli("prompt", *arguments)
    assert (done.code, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"---\na: [1\n---\nHi", "greet.md:2: the front matter is no valid YAML"),
        (b"---\nmodle: x\n---\nHi", "unknown key modle (did you mean model?)"),
        (b"---\nmodel: x\nHi", "greet.md:1: the front matter is never closed"),
        (b"Hi \xff", "not UTF-8 text: byte 3 is 0xff"),
    ],
)
def test_a_broken_file_is_one_line_with_file_and_place(
    cli: Program, greeting: Path, content: bytes, message: str
) -> None:
    greeting.write_bytes(content)
    done = cli("prompt", "render", "greet")
    assert (done.code, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_input_that_is_not_text_is_refused(cli: Program, greeting: Path) -> None:
    done = cli("prompt", "render", "greet", input=b"\x89PNG\r\n\x1a\n")
    assert done.code == 2
    assert "stdin is not text" in done.stderr


def test_escapes_in_a_prompt_cannot_drive_the_terminal(cli: Program) -> None:
    Path("bad.md").write_text("\x1b[2J{a}")
    for command in (("show", "bad.md"), ("render", "bad.md", "-p", "a", "\x1b]0;x\x07")):
        assert "\x1b" not in cli("prompt", *command).stdout


def test_what_ships_renders(cli: Program) -> None:
    diff = "diff --git a/x b/x\n+{name}\n"
    done = cli("prompt", "render", "commit-message", "-p", "style", "conventional commits", "--strict", input=diff)
    assert (done.code, done.stderr) == (0, "")
    assert "conventional commits" in done.stdout
    assert done.stdout.endswith("<diff>\ndiff --git a/x b/x\n+{name}\n</diff>\n")


def test_a_projects_prompt_in_place_of_one_that_ships_is_told(cli: Program) -> None:
    Path("prompts").mkdir()
    Path("prompts/summarize.md").write_text("Mine: {input}")
    Path("prompts/other.md").write_text("Other: {input}")
    done = cli("run", "-m", "echo:echo", "-t", "summarize", "hi")
    assert (done.stdout, done.stderr) == (
        "Mine: hi\n", "the prompt summarize is this project's, not the bundled one\n",
    )  # fmt: skip
    assert cli("run", "-m", "echo:echo", "-t", "other", "hi").stderr == ""
