"""`llmgine engines`."""

import json
from pathlib import Path

import pytest

from tests.support.program import Program
from tests.support.server import Answer, FakeVendor


@pytest.fixture
def revise(home: Path) -> Path:
    file = home / "config" / "engines" / "revise.py"
    file.parent.mkdir(parents=True)
    file.write_text(
        '''
from dataclasses import dataclass
from typing import Literal

from llmgine_cli.api import Prompt, Reply, Run, engine


@dataclass(frozen=True, kw_only=True)
class Base(Prompt):
    """Common.

    Attributes:
        drafts: How many drafts.
    """

    drafts: int = 1


@dataclass(frozen=True, kw_only=True)
class Revise(Base):
    """Options.

    Attributes:
        eye: What to look for,
            over two lines.
    """

    eye: Literal["clarity", "brevity"]


@engine(uses_tools=True)
async def revise(prompt: Revise, run: Run) -> Reply:
    """Write, criticise, write again.

    And more about it.
    """
    await run.say(prompt)
    return await run.ask()
'''
    )
    return file


class TestList:
    def test_one_row_each_with_origin_and_summary(self, cli: Program, revise: Path) -> None:
        done = cli("engines", "list")
        assert (done.code, done.stderr) == (0, "")
        rows = done.stdout.splitlines()
        assert rows[0] == "revise\tuser\tWrite, criticise, write again."
        assert "single_pass\tbundled\tOne prompt, one reply, no tools." in rows

    def test_json(self, cli: Program, revise: Path) -> None:
        listed = {item["name"]: item for item in json.loads(cli("engines", "list", "--json").stdout)}
        assert listed["revise"] == {
            "name": "revise",
            "origin": "user",
            "path": str(revise),
            "summary": "Write, criticise, write again.",
            "uses_tools": True,
            "trusted": True,
            "problem": None,
            "shadowed_by": None,
        }

    def test_what_cannot_be_used_says_why(self, cli: Program, revise: Path) -> None:
        (revise.parent / "broken.py").write_text("1 / 0\n")
        (revise.parent / "single_pass.py").write_text(revise.read_text().replace("def revise", "def single_pass"))
        Path("engines").mkdir()
        Path("engines/other.py").write_text(revise.read_text().replace("def revise", "def other"))
        rows = cli("engines", "list").stdout.splitlines()
        assert "other\tproject\tWrite, criticise, write again. [not trusted]" in rows
        assert "broken\tuser\t[broken.py, line 1: ZeroDivisionError: division by zero]" in rows
        assert "single_pass\tbundled\tOne prompt, one reply, no tools. [hidden by the user one]" in rows


class TestShow:
    def test_what_it_does_its_options_and_where_it_is(self, cli: Program, revise: Path) -> None:
        done = cli("engines", "show", "revise")
        assert done.stdout == (
            "revise\nWrite, criticise, write again.\n\nAnd more about it.\n\n"
            f"calls tools: yes\nfrom: user ({revise})\noptions:\n"
            "  -o drafts INT  How many drafts. (default 1)\n"
            "  -o eye clarity|brevity  What to look for, over two lines. (must be given)\n"
        )

    def test_types_and_defaults_are_shown_as_people_write_them(self, cli: Program, home: Path) -> None:
        file = home / "config" / "engines" / "rich.py"
        file.parent.mkdir(parents=True)
        file.write_text(
            """
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from llmgine_cli.api import Prompt, Run, engine


class Eye(Enum):
    SHARP = "sharp"
    SOFT = "soft"


@dataclass(frozen=True, kw_only=True)
class Rich(Prompt):
    folder: Path = Path("a/b")
    folders: tuple[Path, ...] | None = (Path("c"),)
    eye: Eye = Eye.SOFT
    weights: dict[str, list[int]] | None = None


@engine
async def rich(prompt: Rich, run: Run) -> str:
    return f"{prompt.folders} {prompt.eye}"
"""
        )
        assert cli("engines", "show", "rich").stdout.partition("options:\n")[2] == (
            "  -o folder PATH  (default 'a/b')\n"
            '  -o folders tuple[Path, ...]|none  (default ["c"])\n'
            "  -o eye sharp|soft  (default 'soft')\n"
            "  -o weights dict[str, list[int]]|none  (default None)\n"
        )
        options = json.loads(cli("engines", "show", "rich", "--json").stdout)["options"]
        assert [option["default"] for option in options] == ["a/b", ["c"], "soft", None]
        done = cli("run", "-m", "echo:echo", "-e", "rich", "-o", "folders", '["x"]', "-o", "eye", "sharp", "Hi")
        assert done.stdout == "(PosixPath('x'),) Eye.SHARP\n"

    def test_json(self, cli: Program, revise: Path) -> None:
        shown = json.loads(cli("engines", "show", "revise", "--json").stdout)
        assert shown["options"] == [
            {"name": "drafts", "type": "int", "required": False, "default": 1, "doc": "How many drafts."},
            {
                "name": "eye",
                "type": "clarity|brevity",
                "required": True,
                "default": None,
                "doc": "What to look for, over two lines.",
            },
        ]
        assert (shown["origin"], shown["path"], shown["uses_tools"]) == ("user", str(revise), True)

    def test_one_that_ships(self, cli: Program) -> None:
        done = cli("engines", "show", "tool_chat")
        assert "  -o max_rounds INT  How often the model is asked" in done.stdout
        assert "from: bundled (" in done.stdout

    def test_one_without_options(self, cli: Program) -> None:
        assert cli("engines", "show", "single_pass").stdout.endswith("options: none\n")

    def test_a_file(self, cli: Program, revise: Path, tmp_path: Path) -> None:
        file = revise.rename(tmp_path / "elsewhere.py")
        done = cli("engines", "show", f"{file}:revise")
        assert f"from: argument ({file})" in done.stdout

    def test_an_unknown_one_names_the_near_miss(self, cli: Program) -> None:
        done = cli("engines", "show", "tool_caht")
        assert (done.code, done.stderr) == (2, "llmgine: no engine named 'tool_caht' (did you mean tool_chat?)\n")


class TestNew:
    def test_it_works_from_the_first_moment(self, cli: Program) -> None:
        made = cli("engines", "new", "my_engine")
        file = Path("engines/my_engine.py").absolute()
        assert (made.code, made.stdout) == (0, f"{file}\n")
        assert made.stderr == 'next: llmgine trust, then llmgine run -e my_engine "Hello"\n'
        assert cli("run", "-m", "echo:echo", "-e", "my_engine", "Hello").code == 3
        assert cli("trust", "--yes").code == 0
        done = cli("run", "-m", "echo:echo", "-e", "my_engine", "-o", "drafts", "2", "Hello")
        assert (done.code, done.stdout) == (0, "Write it again: shorter, and more to the point.\n"), done.stderr

    def test_for_the_user_it_needs_no_trust(self, cli: Program, home: Path) -> None:
        made = cli("engines", "new", "my_engine", "--user")
        assert made.stdout == f"{home}/config/engines/my_engine.py\n"
        assert made.stderr == 'next: llmgine run -e my_engine "Hello"\n'
        assert cli("run", "-m", "echo:echo", "-e", "my_engine", "Hello").code == 0

    def test_its_options_are_shown(self, cli: Program) -> None:
        cli("engines", "new", "my_engine", "--user")
        assert "  -o drafts INT  How often the answer is drafted" in cli("engines", "show", "my_engine").stdout

    def test_it_does_not_overwrite(self, cli: Program) -> None:
        cli("engines", "new", "my_engine")
        Path("engines/my_engine.py").write_text("mine = 1\n")
        done = cli("engines", "new", "my_engine")
        assert done.code == 2
        assert "is there already" in done.stderr
        assert Path("engines/my_engine.py").read_text() == "mine = 1\n"

    def test_in_a_project_it_goes_beside_the_settings_file(self, cli: Program) -> None:
        Path("llmgine.toml").touch()
        Path("below").mkdir()
        cli("engines", "new", "my_engine", cwd=Path("below"))
        assert Path("engines/my_engine.py").is_file()

    def test_it_says_what_it_hides(self, cli: Program) -> None:
        done = cli("engines", "new", "single_pass")
        assert "it hides the bundled engine of the same name" in done.stderr

    @pytest.mark.parametrize(
        ("name", "hint"),
        [
            ("My-Engine", "for example my_engine"),
            ("2fast", "for example fast"),
            ("class", "small letters, digits and _"),
            ("", "small letters, digits and _"),
            ("../evil", "for example evil"),
            ("a/b", "for example a_b"),
            ("_private", "for example private"),
            ("naïve", "for example na_ve"),
        ],
    )
    def test_a_name_that_is_none_is_refused(self, cli: Program, name: str, hint: str) -> None:
        done = cli("engines", "new", name)
        assert done.code == 2
        assert hint in done.stderr
        assert not Path("engines").exists()

    @pytest.mark.parametrize("name", ["a", "prompt", "run", "engine", "user", "reply", "dataclass", "x_1__y"])
    def test_any_other_name_works(self, cli: Program, name: str) -> None:
        cli("engines", "new", name, "--user")
        assert f"{name}\nDraft an answer" in cli("engines", "show", name).stdout


def test_the_setting_of_an_engine_that_calls_no_tools_is_for_prompts_without_tools(cli: Program) -> None:
    setting = {"LLMGINE_ENGINE": "single_pass"}
    done = cli(
        "run", "-m", "echo:tools", "-T", "calculate", "--approve", "all", 'calculate {"expression": "6*7"}', env=setting
    )
    assert (done.stdout, done.code) == ("42\n", 0)
    named = cli("run", "-m", "echo:tools", "-e", "single_pass", "-T", "calculate", "hi")
    assert (named.code, "calls no tools" in named.stderr) == (2, True)


def test_the_table_of_an_engine_takes_the_models_options_too(cli: Program, home: Path) -> None:
    (home / "config").mkdir(exist_ok=True)
    table = "temperature = 0.2\nmax_tokens = 50\n"
    (home / "config" / "config.toml").write_text(
        f"[engines.single_pass]\n{table}[engines.tool_chat]\nmax_rounds = 3\n{table}"
    )
    with FakeVendor(always=Answer("hi")) as vendor:
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": vendor.url}
        assert cli("run", "-m", "openai:gpt-4o", "a", env=env).code == 0
        assert cli("run", "-m", "openai:gpt-4o", "-o", "temperature", "0", "b", env=env).code == 0
        assert cli("chat", "-m", "openai:gpt-4o", input="c\n", env=env).code == 0
        assert [request.body["temperature"] for request in vendor.requests] == [0.2, 0, 0.2]
        (home / "config" / "config.toml").write_text("[engines.single_pass]\ntemprature = 0.2\n")
        wrong = cli("run", "-m", "openai:gpt-4o", "a", env=env)
        assert (wrong.code, "did you mean temperature" in wrong.stderr) == (2, True)
        assert "[engines.single_pass] in the settings: no option named 'temprature'" in wrong.stderr


async def test_from_python_the_table_of_an_engine_counts_as_well() -> None:
    from llmgine_cli.bootstrap import build
    from llmgine_cli.settings import made_of

    settings = made_of({"engines": {"single_pass": {"temperature": 0.5}}, "log": {"enabled": False}})
    async with build(settings) as app, app.conversation(model="echo:echo") as talk:
        assert talk.options.temperature == 0.5
        assert (await talk.send("hello")).unwrap().text == "hello"
