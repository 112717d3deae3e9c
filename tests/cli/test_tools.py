"""`llmgine tools`: what a model can be given, from whom, and trying it by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import PROGRAM, Program
from tests.support.terminal import Terminal

SHIPPED = {"calculate", "current_time", "get_weather", "list_directory", "read_file", "search_text"}
MINE = '''"""Mine."""

from typing import Annotated

from llmgine_cli.api import Setting, tool


@tool(effect="net", timeout=5)
def greet(name: str, times: int = 1, *, mood: Annotated[str, Setting("How it sounds.")] = "friendly") -> list[str]:
    """Greet somebody.

    Args:
        name: Whom.
    """
    print("this must not be on stdout")
    return [f"{mood}: hello {name}"] * times


def plain() -> None:
    """Do nothing."""
'''


@pytest.fixture
def mine(home: Path) -> Path:
    """A file of tools in the user's own folder."""
    path = home / "config" / "tools" / "mine.py"
    path.parent.mkdir(parents=True)
    path.write_text(MINE)
    return path


@pytest.fixture
def project() -> Path:
    """A project's file of tools that nobody has trusted."""
    path = Path.cwd() / "tools" / "theirs.py"
    path.parent.mkdir()
    path.write_text('print("ran")\n\ndef steal(what: str) -> str:\n    """Steal it."""\n    return what\n')
    return path


def listed(cli: Program, *arguments: str) -> dict[str, Any]:
    done = cli("tools", "list", "--json", *arguments)
    assert done.code == 0, done.stderr
    return {each["name"]: each for each in json.loads(done.stdout)}


def test_those_that_ship_are_listed_one_a_line(cli: Program) -> None:
    done = cli("tools", "list")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert {row[0] for row in rows} == SHIPPED
    assert ["get_weather", "net", "location, days=3, units='metric'", "bundled"] in [row[:4] for row in rows]
    assert (done.code, done.stderr) == (0, "")


def test_json_has_the_schemas_exactly_as_a_model_gets_them(cli: Program, mine: Path) -> None:
    assert listed(cli)["greet"] == {
        "name": "greet",
        "description": "Greet somebody.",
        "parameters": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "description": "Whom."},
                "times": {"type": "integer", "default": 1},
            },
            "required": ["name"],
            "additionalProperties": False,
        },
        "llmgine": {
            "effect": "net",
            "timeout": 5,
            "settings": ["mood"],
            "origin": "user",
            "path": str(mine),
            "problem": None,
            "trusted": True,
            "shadowed_by": None,
        },
    }


def test_what_ships_is_described_in_full(cli: Program) -> None:
    for name, each in listed(cli).items():
        assert each["description"], name
        for parameter, schema in each["parameters"]["properties"].items():
            assert schema.get("description"), f"{name}.{parameter}"
            assert "title" not in schema


def test_patterns_and_files_choose_what_is_listed(cli: Program, mine: Path) -> None:
    assert set(listed(cli, "-T", "read_*", "-T", "calculate")) == {"read_file", "calculate"}
    assert set(listed(cli, "-T", str(mine))) == {"greet", "plain"}
    done = cli("tools", "list", "-T", "calc")
    assert (done.code, done.stdout) == (2, "")
    assert "no tool named 'calc' (did you mean calculate?)" in done.stderr


def test_what_nobody_trusted_is_named_and_never_run(cli: Program, project: Path) -> None:
    done = cli("tools", "list")
    row = next(line for line in done.stdout.splitlines() if line.startswith("steal"))
    assert row == "steal\t\t\tproject\tSteal it. [not trusted]"
    assert "llmgine trust" in done.stderr
    assert "ran" not in done.stdout + done.stderr
    each = listed(cli)["steal"]
    assert (each["parameters"], each["llmgine"]["trusted"]) == (None, False)
    for command in ("show", "call"):
        done = cli("tools", command, "steal")
        assert done.code == 3
        assert "llmgine trust" in done.stderr


def test_a_broken_file_is_named_with_its_fault(cli: Program, mine: Path) -> None:
    mine.write_text("def broken(x):\n    'Break.'\n")
    done = cli("tools", "list")
    assert done.code == 0
    row = next(line for line in done.stdout.splitlines() if line.startswith("broken"))
    assert "parameter 'x' has no type; annotate it, as in x: str" in row
    assert listed(cli)["broken"]["llmgine"]["problem"]
    done = cli("tools", "show", "broken")
    assert done.code == 4
    assert "parameter 'x' has no type" in done.stderr


def test_a_tool_that_cannot_be_described_is_named_and_the_others_are_listed(cli: Program, mine: Path) -> None:
    mine.write_text("from collections.abc import Callable\n\ndef odd(f: Callable[[int], int]):\n    'Odd.'\n")
    each = listed(cli)["odd"]
    assert each["parameters"] is None
    assert "parameter 'f' is of a type JSON cannot carry" in each["llmgine"]["problem"]
    assert cli("tools", "show", "odd").code == 4


def test_one_that_hides_another_is_told(cli: Program, mine: Path) -> None:
    mine.write_text("def calculate(x: int) -> int:\n    'Mine.'\n    return x\n")
    rows = [line.split("\t") for line in cli("tools", "list").stdout.splitlines()]
    assert [row[3:] for row in rows if row[0] == "calculate"] == [
        ["user", "Mine."],
        [
            "bundled",
            "Work out an arithmetic expression exactly, instead of guessing the result. [hidden by the user one]",
        ],
    ]


def test_names_and_descriptions_cannot_drive_the_terminal(cli: Program, mine: Path) -> None:
    mine.write_text(
        "def evil(x: str = '\\x1b[2J') -> str:\n    '\\x1b]0;owned\\x07 [bold]not markup[/foo]'\n    return x\n"
    )
    for command in (("list",), ("list", "--json"), ("show", "evil")):
        done = cli("tools", *command)
        assert done.code == 0, done.stderr
        assert "\x1b" not in done.stdout
    assert "[bold]not markup[/foo]" in cli("tools", "list").stdout


def test_on_a_terminal_it_is_a_table() -> None:
    with Terminal([str(PROGRAM), "tools", "list"], cols=120) as terminal:
        assert terminal.wait_end() == 0
        lines = terminal.everything().splitlines()
    assert lines[0].split("  ")[0] == "tool"
    assert any(line.startswith("get_weather") for line in lines)


def test_show_tells_everything_of_a_tool(cli: Program, mine: Path) -> None:
    done = cli("tools", "show", "greet")
    page, _, schema = done.stdout.partition("schema:\n")
    assert page == (
        "greet\n"
        "Greet somebody.\n"
        "\n"
        "effect: net: talks to other machines\n"
        "time limit: 5 s\n"
        f"from: user ({mine})\n"
        "parameters:\n"
        "  name (string; must be given)\n"
        "      Whom.\n"
        "  times (integer; default 1)\n"
        "settings, under [tools.options.greet]:\n"
        "  mood (default 'friendly')\n"
        "      How it sounds.\n"
    )
    assert json.loads(schema) == listed(cli)["greet"]["parameters"]
    assert json.loads(cli("tools", "show", "greet", "--json").stdout) == listed(cli)["greet"]


def test_show_takes_a_path(cli: Program, mine: Path) -> None:
    assert cli("tools", "show", f"{mine}:plain").stdout.startswith("plain\nDo nothing.\n")
    done = cli("tools", "show", str(mine))
    assert done.code == 2
    assert "has several tools" in done.stderr


def test_show_of_an_unknown_tool_names_the_near_miss(cli: Program) -> None:
    done = cli("tools", "show", "calculat")
    assert (done.code, done.stdout) == (2, "")
    assert "no tool named 'calculat' (did you mean calculate?)" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ['{"name": "Ann", "times": 2}'],
        ["-p", "name", "Ann", "-p", "times", "2"],
        ["-p", "name=Ann", "-p", "times=2"],
        ["-"],
    ],
)
def test_call_runs_a_tool_by_hand(cli: Program, mine: Path, arguments: list[str]) -> None:
    done = cli("tools", "call", "greet", *arguments, input='{"name": "Ann", "times": 2}')
    assert done.stdout == '["friendly: hello Ann","friendly: hello Ann"]\n'
    assert done.stderr == "this must not be on stdout\n"
    assert done.code == 0


def test_call_uses_the_settings(cli: Program, home: Path, mine: Path) -> None:
    (home / "config" / "config.toml").write_text('[tools.options.greet]\nmood = "grumpy"\n')
    assert cli("tools", "call", "greet", "-p", "name", "Ann").stdout == '["grumpy: hello Ann"]\n'
    (home / "config" / "config.toml").write_text('[tools.options.greet]\nmod = "grumpy"\n')
    done = cli("tools", "call", "greet", "-p", "name", "Ann")
    assert done.code == 3
    assert "tool 'greet' has no setting 'mod' (did you mean mood?)" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["calculate", "{"], 2, "the arguments of calculate are not valid: invalid JSON"),
        (["calculate"], 2, "the arguments of calculate are not valid: expression: missing (llmgine tools show"),
        (["calculate", "-p", "expression", "1/0"], 4, "division by zero"),
        (["calculate", "{}", "-p", "expression", "1"], 2, "the arguments are given twice"),
        (["calculat"], 2, "did you mean calculate?"),
    ],
)
def test_a_call_that_fails_says_why_and_exits_so(cli: Program, arguments: list[str], code: int, said: str) -> None:
    done = cli("tools", "call", *arguments)
    assert (done.code, done.stdout) == (code, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_was_approved_for_good_is_listed_and_taken_back(cli: Program, mine: Path) -> None:
    here = Path.cwd()

    def run(answer: str | None) -> int:
        call = ("run", "-m", "echo:tools", "-T", "greet", 'greet {"name": "Ann"}')
        with Terminal([str(PROGRAM), *call], cols=120) as terminal:
            if answer:
                terminal.wait_for("[a] always")
                terminal.send(answer)
            return terminal.wait_end()

    assert run("a") == 0
    assert cli("tools", "approved").stdout == f"greet\t{here}\n"
    assert cli("tools", "approved", "--json").stdout == json.dumps([{"tool": "greet", "project": str(here)}]) + "\n"
    assert run(None) == 0
    done = cli("tools", "approved", "--revoke", "greet")
    assert (done.stdout, done.stderr) == ("", "no tool is approved for good\n")
    assert run("n") == 4
    done = cli("tools", "approved", "--revoke", "greet")
    assert (done.code, "no approved tool named 'greet' (nothing is approved" in done.stderr) == (2, True)


def test_lists_and_objects_are_given_as_json(cli: Program, mine: Path) -> None:
    mine.write_text(
        "def count(items: list[int], label: str) -> str:\n    'Count.'\n    return f'{label} {sum(items)}'\n"
    )
    assert cli("tools", "call", "count", "-p", "items", "[1, 2]", "-p", "label", "[x").stdout == "[x 3\n"


def test_words_of_variables_become_what_a_setting_of_a_tool_wants(cli: Program) -> None:
    Path("mine.py").write_text(
        "from typing import Annotated\n"
        "from llmgine_cli.api import Setting, tool\n"
        "@tool(effect='read')\n"
        "def mine(pin: Annotated[str, Setting()], roots: Annotated[list[str], Setting()]) -> str:\n"
        "    'Tell.'\n"
        "    return f'{pin!r} {roots}'\n"
    )
    words = {"LLMGINE_TOOLS__OPTIONS__MINE__PIN": "1234", "LLMGINE_TOOLS__OPTIONS__MINE__ROOTS": '["/a", "/b"]'}
    assert cli("tools", "call", "./mine.py:mine", "{}", env=words).stdout == "'1234' ['/a', '/b']\n"
