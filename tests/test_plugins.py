"""Finding engines and tools: search order, trust, broken files, and what is not run."""

import os
import sys
import textwrap
from pathlib import Path
from typing import Any, Literal

import pytest

from llmgine_cli import places
from llmgine_cli.errors import NotFoundError, ToolError, UntrustedError, UsageError
from llmgine_cli.plugins import Found, Plugins, names_a_file
from llmgine_cli.plugins.outline import outline
from llmgine_cli.trust import TrustStore

ENGINE = '''
from llmgine_cli.api import Prompt, Run, engine

@engine
async def {name}(prompt: Prompt, run: Run) -> str:
    """{doc}"""
    return "{doc}"
'''


def engine_source(name: str, doc: str = "Does it.") -> str:
    return ENGINE.format(name=name, doc=doc)


def tool_source(name: str, doc: str = "Does it.") -> str:
    return f'def {name}(text: str) -> str:\n    """{doc}"""\n    return text\n'


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


@pytest.fixture
def project() -> Path:
    folder = Path("project").absolute()
    folder.mkdir()
    return folder


@pytest.fixture
def user(home: Path) -> Path:
    return home / "config"


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """A file that appears if hostile code is run."""
    return tmp_path / "code-was-run"


def hostile(mark: Path) -> str:
    return f"open({str(mark)!r}, 'w').close()\n"


def plugins(project: Path | None = None) -> Plugins:
    return Plugins(project=project, trust=TrustStore())


def trust(*files: Path) -> None:
    TrustStore().trust(files)


class TestWhatShips:
    def test_the_bundled_engines_are_there(self) -> None:
        found = plugins().engines()
        assert {name: found[name].origin for name in ("single_pass", "tool_chat")} == {
            "single_pass": "bundled",
            "tool_chat": "bundled",
        }
        assert found["single_pass"].summary == "One prompt, one reply, no tools."
        assert found["single_pass"].path == places.bundled_root() / "engines" / "single_pass.py"

    def test_nothing_that_ships_is_broken_and_all_of_it_is_seen_without_running_it(self) -> None:
        every: list[Found[Any]] = [*plugins().all_engines(), *plugins().all_tools()]
        assert [found for found in every if found.problem] == []
        for found in every:
            assert found.path is not None
            kind: Literal["engines", "tools"] = "engines" if found.path.parent.name == "engines" else "tools"
            assert found.name in outline(found.path, found.path.read_bytes(), kind).names

    def test_an_engine_has_its_options(self) -> None:
        assert plugins().engine("tool_chat").options == {"max_rounds": (int, 10)}


class TestOrder:
    def test_the_project_goes_before_the_user_before_what_ships(self, project: Path, user: Path) -> None:
        mine = write(project / "engines" / "a.py", engine_source("single_pass", "The project's."))
        write(user / "engines" / "a.py", engine_source("single_pass", "The user's."))
        trust(mine)
        every = [found for found in plugins(project).all_engines() if found.name == "single_pass"]
        assert [(found.origin, found.shadowed_by) for found in every] == [
            ("project", None),
            ("user", "project"),
            ("bundled", "project"),
        ]
        assert plugins(project).engines()["single_pass"].origin == "project"
        assert plugins(project).engine("single_pass").doc == "The project's."
        assert plugins().engine("single_pass").doc == "The user's."

    def test_installed_packages_go_between_the_user_and_what_ships(
        self, user: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site = tmp_path / "site"
        write(site / "their_package.py", engine_source("single_pass", "Theirs.") + "\nbroken = 1\n")
        write(site / "their_module.py", engine_source("of_module"))
        write(site / "their_broken.py", "import nothing_of_that_name\n")
        write(site / "theirs-1.0.dist-info" / "METADATA", "Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
        write(
            site / "theirs-1.0.dist-info" / "entry_points.txt",
            """\
            [llmgine.engines]
            single_pass = their_package:single_pass
            anything = their_module
            sad = their_broken:sad
            """,
        )
        monkeypatch.syspath_prepend(site)
        found = plugins().engines()
        assert (found["single_pass"].origin, found["single_pass"].summary) == ("entry point", "Theirs.")
        assert found["of_module"].origin == "entry point"
        assert found["sad"].value is None
        assert "nothing_of_that_name" in (found["sad"].problem or "")
        assert plugins().engine("single_pass").doc == "Theirs."
        assert plugins().engine("of_module").name == "of_module"
        with pytest.raises(UsageError, match="nothing_of_that_name"):
            plugins().engine("sad")
        write(user / "engines" / "a.py", engine_source("single_pass", "The user's."))
        assert plugins().engine("single_pass").doc == "The user's."

    def test_the_folders_are_told_in_search_order(self, project: Path, user: Path) -> None:
        (project / "prompts").mkdir()
        (user / "prompts").mkdir(parents=True)
        assert plugins(project).folders("prompts") == [
            ("project", project / "prompts"),
            ("user", user / "prompts"),
            ("bundled", places.bundled_root() / "prompts"),
        ]
        assert [origin for origin, _ in plugins(project).folders("engines")] == ["bundled"]

    def test_the_users_own_folder_needs_no_trust_even_as_the_working_folder(self, user: Path) -> None:
        write(user / "engines" / "a.py", engine_source("mine"))
        assert plugins(user).engines()["mine"].origin == "user"

    def test_of_two_files_in_one_folder_the_first_wins(self, user: Path) -> None:
        write(user / "engines" / "a.py", engine_source("same", "First."))
        write(user / "engines" / "b.py", engine_source("same", "Second."))
        assert plugins().engine("same").doc == "First."


class TestTrust:
    def test_an_untrusted_file_is_named_and_not_run(self, project: Path, mark: Path) -> None:
        write(project / "engines" / "evil.py", hostile(mark) + engine_source("evil", "Looks nice."))
        write(project / "tools" / "evil.py", hostile(mark) + tool_source("evil_tool", "Looks nice."))
        there = plugins(project)
        engine, tool = there.engines()["evil"], there.tools()["evil_tool"]
        for found in (engine, tool):
            assert (found.value, found.trusted, found.origin) == (None, False, "project")
            assert (found.summary, found.problem) == ("Looks nice.", "not trusted")
        with pytest.raises(UntrustedError, match="not trusted") as caught:
            there.engine("evil")
        assert f"llmgine trust {project}" in (caught.value.hint or "")
        with pytest.raises(UntrustedError):
            there.tool("evil_tool")
        assert not mark.exists()

    def test_an_untrusted_file_hides_nothing_and_it_is_told_that_it_was_passed_over(
        self, project: Path, mark: Path
    ) -> None:
        evil = write(project / "engines" / "evil.py", hostile(mark) + engine_source("single_pass", "Evil."))
        told: list[str] = []
        there = Plugins(project=project, trust=TrustStore(), tell=told.append)
        assert there.engines()["single_pass"].origin == "bundled"
        assert there.engine("tool_chat").name == "tool_chat"
        assert told == []
        assert there.engine("single_pass").doc == "One prompt, one reply, no tools."
        assert told == [f"{evil} is not trusted: the bundled 'single_pass' is used instead"]
        assert not mark.exists()

    def test_that_it_was_passed_over_is_told_once(self, project: Path, mark: Path) -> None:
        write(project / "engines" / "evil.py", hostile(mark) + engine_source("single_pass", "Evil."))
        told: list[str] = []
        there = Plugins(project=project, trust=TrustStore(), tell=told.append)
        for _ in range(3):
            there.engine("single_pass")
        assert len(told) == 1

    @pytest.mark.parametrize("kind", ["engines", "tools"])
    def test_a_copy_of_what_ships_is_passed_over_without_a_word_and_asks_for_no_trust(
        self, project: Path, kind: Literal["engines", "tools"]
    ) -> None:
        for name in places.SHIPPED[kind]:
            (project / kind).mkdir(exist_ok=True)
            (project / kind / name).write_bytes((places.bundled_root() / kind / name).read_bytes())
        told: list[str] = []
        there = Plugins(project=project, trust=TrustStore(), tell=told.append)
        found = there.all_engines() if kind == "engines" else there.all_tools()
        assert {(each.origin, each.shadowed_by) for each in found} == {("bundled", None)}
        assert there.engine("single_pass")
        assert there.tool("calculate")
        assert told == []
        assert TrustStore().status(project) == []

    def test_a_copy_that_differs_in_one_byte_or_has_another_name_is_a_strangers(self, project: Path) -> None:
        shipped = (places.bundled_root() / "engines" / "single_pass.py").read_text(encoding="utf-8")
        changed = write(project / "engines" / "single_pass.py", shipped + "\n")
        renamed = write(project / "engines" / "other.py", shipped)
        told: list[str] = []
        there = Plugins(project=project, trust=TrustStore(), tell=told.append)
        assert {each.path for each in there.all_engines() if not each.trusted} == {changed, renamed}
        there.engine("single_pass")
        assert len(told) == 1
        assert [status.path for status in TrustStore().status(project)] == [renamed, changed]

    def test_a_file_that_changed_since_it_was_trusted_is_not_replaced_by_another_of_the_name(
        self, project: Path, mark: Path
    ) -> None:
        mine = write(project / "engines" / "mine.py", engine_source("single_pass", "Mine."))
        trust(mine)
        write(mine, hostile(mark) + engine_source("single_pass", "Changed."))
        there = plugins(project)
        with pytest.raises(UntrustedError, match="changed since it was trusted"):
            there.engine("single_pass")
        assert there.engines()["single_pass"].problem == "changed since it was trusted"
        bundled = next(each for each in there.all_engines() if each.origin == "bundled" and each.name == "single_pass")
        assert bundled.shadowed_by == "project"
        assert not mark.exists()

    def test_the_way_to_trust_a_folder_with_a_space_can_be_pasted_into_a_shell(self, tmp_path: Path) -> None:
        folder = tmp_path / "my project"
        write(folder / "tools" / "mine.py", tool_source("mine"))
        with pytest.raises(UntrustedError) as caught:
            plugins(folder).tool("mine")
        assert f"llmgine trust '{folder}'" in (caught.value.hint or "")

    def test_nothing_is_run_when_something_else_is_asked_for(self, project: Path, mark: Path) -> None:
        write(project / "engines" / "evil.py", hostile(mark))
        write(project / "tools" / "evil.py", hostile(mark))
        there = plugins(project)
        there.all_engines()
        there.all_tools()
        there.engine("single_pass")
        with pytest.raises(NotFoundError):
            there.engine("nothing")
        with pytest.raises(NotFoundError):
            there.tool("nothing")
        assert not mark.exists()

    def test_a_file_that_changed_is_not_run_again(self, project: Path, mark: Path) -> None:
        file = write(project / "engines" / "mine.py", engine_source("mine"))
        trust(file)
        assert plugins(project).engine("mine").name == "mine"
        write(file, engine_source("mine") + hostile(mark))
        assert plugins(project).engines()["mine"].problem == "changed since it was trusted"
        with pytest.raises(UntrustedError):
            plugins(project).engine("mine")
        assert not mark.exists()

    def test_a_link_out_of_the_project_is_not_followed(self, project: Path, tmp_path: Path, mark: Path) -> None:
        outside = write(tmp_path / "outside.py", hostile(mark) + engine_source("outside"))
        (project / "engines").mkdir()
        (project / "engines" / "link.py").symlink_to(outside)
        trust(outside)
        found = plugins(project).engines()["link"]
        assert (found.value, found.trusted) == (None, False)
        assert "outside" not in plugins(project).engines()
        assert not mark.exists()

    def test_a_helper_beside_the_files_is_neither_listed_nor_importable(self, project: Path, mark: Path) -> None:
        write(project / "engines" / "_helper.py", hostile(mark))
        write(project / "engines" / "json.py", hostile(mark))
        file = write(project / "engines" / "mine.py", "import json\n" + engine_source("mine"))
        trust(file)
        before = list(sys.path)
        assert plugins(project).engine("mine").name == "mine"
        assert sys.path == before
        assert "_helper" not in plugins(project).engines()
        assert not mark.exists()


class TestPaths:
    def test_a_path_is_the_users_own_word(self, project: Path) -> None:
        write(project / "engines" / "mine.py", engine_source("mine", "Untrusted, but named."))
        assert plugins(project).engine(str(project / "engines" / "mine.py")).doc == "Untrusted, but named."

    @pytest.mark.parametrize("name", ["./one.py", "one.py", "one.py:one", "{here}/one.py"])
    def test_it_may_be_relative_and_name_the_engine(self, name: str) -> None:
        write(Path("one.py"), engine_source("one"))
        assert plugins().engine(name.format(here=Path.cwd())).name == "one"

    def test_a_file_with_several_engines_asks_which(self) -> None:
        write(Path("two.py"), engine_source("one") + engine_source("two"))
        with pytest.raises(UsageError, match="several engines") as caught:
            plugins().engine("./two.py")
        assert "one, two" in (caught.value.hint or "")
        assert plugins().engine("./two.py:two").name == "two"
        with pytest.raises(UsageError, match="no engine 'three'"):
            plugins().engine("./two.py:three")

    def test_a_file_without_an_engine_is_told(self) -> None:
        write(Path("none.py"), "x = 1\n")
        with pytest.raises(UsageError, match="has no engine"):
            plugins().engine("./none.py")

    @pytest.mark.parametrize("name", ["./missing.py", "missing.py", "/no/such/file", "./missing.py:x"])
    def test_a_file_that_is_not_there_is_told(self, name: str) -> None:
        with pytest.raises(UsageError, match=r"cannot read .*missing|cannot read /no/such/file"):
            plugins().engine(name)

    def test_all_tools_of_a_file(self) -> None:
        write(Path("mine.py"), tool_source("one") + tool_source("two") + tool_source("_not_this"))
        assert [tool.name for tool in plugins().tool("./mine.py")] == ["one", "two"]
        assert [tool.name for tool in plugins().tool("./mine.py:two")] == ["two"]
        with pytest.raises(ToolError, match="no tool 'three'"):
            plugins().tool("./mine.py:three")

    def test_a_broken_file_of_tools_is_told(self) -> None:
        write(Path("mine.py"), "def broken(:\n")
        with pytest.raises(ToolError, match=r"mine\.py, line 1"):
            plugins().tool("./mine.py")

    @pytest.mark.parametrize("name", ["./a.py", "a.py", "a.py:b", "a/b", "..\\a", "~/a.py", "/a"])
    def test_these_names_are_files(self, name: str) -> None:
        assert names_a_file(name)

    @pytest.mark.parametrize("name", ["a", "a:b", "a.b", "a-b_c", "py"])
    def test_these_are_names(self, name: str) -> None:
        assert not names_a_file(name)


class TestBroken:
    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("x = (\n", "broken.py, line 1: '(' was never closed"),
            ("\n\nimport nothing_here\n", "broken.py, line 3: ModuleNotFoundError: No module named 'nothing_here'"),
            ("def f():\n    1 / 0\nf()\n", "broken.py, line 2: ZeroDivisionError: division by zero"),
            ("raise SystemExit(3)\n", "broken.py, line 1: SystemExit: 3"),
            ("raise Exception('two\\nlines')\n", "broken.py, line 1: Exception: two lines"),
            ("x = '\0'\n", "broken.py"),
            (
                "from llmgine_cli.api import engine\n\n@engine\nasync def f(prompt, run): ...\n",
                "broken.py, line 3: TypeError: the first parameter",
            ),
        ],
    )
    def test_it_is_listed_with_file_and_line_and_the_rest_works(self, user: Path, text: str, problem: str) -> None:
        write(user / "engines" / "broken.py", text)
        write(user / "engines" / "good.py", engine_source("good"))
        listed = plugins().all_engines()
        [broken] = [found for found in listed if found.value is None]
        assert (broken.problem or "").startswith(problem)
        assert "\n" not in (broken.problem or "")
        assert broken.trusted
        assert plugins().engine("good").name == "good"

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ('def f(x):\n    """One."""\n', "broken.py: tool 'f': parameter 'x' has no type"),
            (
                "from llmgine_cli.api import tool\n\n@tool(name='a b')\ndef f(): ...\n",
                "broken.py, line 3: tool 'a b': a name is",
            ),
        ],
    )
    def test_a_tool_that_cannot_be_offered_says_why(self, user: Path, text: str, problem: str) -> None:
        write(user / "tools" / "broken.py", text)
        [broken] = [found for found in plugins().all_tools() if found.value is None]
        assert (broken.problem or "").startswith(problem)

    def test_using_it_tells_the_problem(self, user: Path) -> None:
        write(user / "engines" / "sad.py", "1 / 0\n" + engine_source("mine"))
        with pytest.raises(UsageError, match=r"sad\.py, line 1: ZeroDivisionError"):
            plugins().engine("mine")

    def test_it_hides_what_comes_after_it(self, user: Path) -> None:
        write(user / "engines" / "mine.py", "1 / 0\n" + engine_source("single_pass"))
        with pytest.raises(UsageError, match="ZeroDivisionError"):
            plugins().engine("single_pass")

    def test_a_file_that_is_no_text_is_broken_and_no_more(self, user: Path) -> None:
        (user / "engines").mkdir(parents=True)
        (user / "engines" / "bad.py").write_bytes(b"\xff\xfe\x00")
        assert plugins().engines()["bad"].problem
        assert plugins().engine("single_pass")

    def test_it_leaves_nothing_in_the_modules(self, user: Path) -> None:
        write(user / "engines" / "sad_one.py", "1 / 0\n")
        plugins().engines()
        assert [name for name in sys.modules if "sad_one" in name] == []

    def test_what_it_prints_is_no_answer(self, user: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(user / "engines" / "loud.py", "print('hello')\n" + engine_source("loud"))
        plugins().engine("loud")
        said = capsys.readouterr()
        assert (said.out, said.err) == ("", "hello\n")

    def test_a_file_that_may_not_be_read_is_listed(self, user: Path) -> None:
        file = write(user / "engines" / "closed.py", engine_source("closed"))
        file.chmod(0)
        if os.access(file, os.R_OK):
            pytest.skip("this user may read everything")
        assert "Permission denied" in (plugins().engines()["closed"].problem or "")


class TestLoading:
    def test_dataclasses_and_forward_references_resolve(self, user: Path) -> None:
        write(
            user / "engines" / "later.py",
            """
            from __future__ import annotations
            from dataclasses import dataclass
            from llmgine_cli.api import Prompt, Run, engine

            @dataclass(frozen=True, kw_only=True)
            class Later(Prompt):
                inner: Inner | None = None

            @dataclass(frozen=True)
            class Inner:
                x: int = 1

            @engine
            async def later(prompt: Later, run: Run) -> str:
                return ""
            """,
        )
        [(name, (kind, _))] = plugins().engine("later").options.items()
        assert name == "inner"
        assert "Inner" in str(kind)

    def test_files_of_the_same_name_in_different_folders_do_not_meet(self, project: Path, user: Path) -> None:
        mine = write(project / "engines" / "same.py", engine_source("one"))
        write(user / "engines" / "same.py", engine_source("two"))
        trust(mine)
        assert {"one", "two"} <= plugins(project).engines().keys()

    def test_a_file_is_run_once_per_content(self, user: Path, tmp_path: Path) -> None:
        count = tmp_path / "count"
        file = write(
            user / "engines" / "c.py", f"with open({str(count)!r}, 'a') as f: f.write('x')\n" + engine_source("counted")
        )
        there = plugins()
        there.engine("counted")
        there.engines()
        plugins().engine("counted")
        assert count.read_text() == "x"
        file.write_text(file.read_text() + "# changed\n")
        plugins().engine("counted")
        assert count.read_text() == "xx"

    def test_asking_for_one_runs_only_what_may_hold_it(self, user: Path, mark: Path) -> None:
        write(user / "tools" / "a_other.py", hostile(mark).replace("open", "x = open", 1) + tool_source("other"))
        write(
            user / "tools" / "b_plain.py", "import re\nX: int = 3\n_WORD = re.compile('x')\n" + tool_source("other_too")
        )
        write(user / "tools" / "c_mine.py", tool_source("mine"))
        modules = set(sys.modules)
        [tool] = plugins().tool("mine")
        assert tool.name == "mine"
        run = [name for name in set(sys.modules) - modules if name.startswith("_llmgine_plugin")]
        # The first makes something by a call, which could be a tool of any name; the second cannot.
        assert sorted(name.split("_", 4)[-1] for name in run) == ["a_other", "c_mine"]

    def test_what_only_running_can_tell_is_found_too(self, user: Path) -> None:
        write(
            user / "engines" / "dynamic.py",
            """
            from llmgine_cli.api import Engine, Prompt
            made = [Engine(name=f"made_{n}", command=Prompt, handle=print, uses_tools=False, doc="") for n in "ab"]
            made_a, made_b = made
            """,
        )
        assert plugins().engine("made_b").name == "made_b"


class TestNearMisses:
    def test_an_unknown_engine_names_the_near_miss(self) -> None:
        with pytest.raises(NotFoundError, match="no engine named 'tool_caht'") as caught:
            plugins().engine("tool_caht")
        assert caught.value.hint == "did you mean tool_chat?"

    def test_an_unknown_tool_names_the_near_miss(self, user: Path) -> None:
        write(user / "tools" / "a.py", tool_source("reverse_text"))
        with pytest.raises(NotFoundError) as caught:
            plugins().tool("reverse_txt")
        assert "did you mean reverse_text" in (caught.value.hint or "")


class TestOutline:
    @pytest.mark.parametrize(
        ("source", "names"),
        [
            ('@engine\nasync def a(p, r):\n    """One.\n\n    More."""\n', {"a": "One."}),
            ('@api.engine(uses_tools=True)\nasync def a(p, r): ...\n', {"a": ""}),
            ('@engine(name="b")\nasync def a(p, r): ...\n', {"b": ""}),
            ('async def a(p, r):\n    """No engine."""\n', {}),
        ],
    )  # fmt: skip
    def test_engines(self, source: str, names: dict[str, str]) -> None:
        assert outline(Path("x.py"), source.encode(), "engines").names == names

    @pytest.mark.parametrize(
        ("source", "names"),
        [
            ('def a():\n    """One."""\n', {"a": "One."}),
            ('async def a():\n    """One."""\n', {"a": "One."}),
            ("def a(): ...\n", {}),
            ('def _a():\n    """One."""\n', {}),
            ('@tool(effect="net", name="b")\ndef a(): ...\n', {"b": ""}),
        ],
    )
    def test_tools(self, source: str, names: dict[str, str]) -> None:
        assert outline(Path("x.py"), source.encode(), "tools").names == names

    @pytest.mark.parametrize(
        "source",
        ["a = tool(f)\n", "from x import *\n", "if True:\n    def a(): ...\n", "for x in y: pass\n", "a: X = f()\n"],
    )
    def test_what_cannot_be_told_is_said_to_be_uncertain(self, source: str) -> None:
        seen = outline(Path("x.py"), source.encode(), "tools")
        assert not seen.certain
        assert seen.may_hold("anything")

    def test_a_deeply_nested_file_is_a_problem_and_no_crash(self) -> None:
        assert outline(Path("x.py"), b"(" * 100_000, "tools").problem


@pytest.mark.parametrize("annotation", ["Missing", "'list[Missing]'"])
def test_an_annotation_that_names_nothing_is_a_fault_of_the_file_with_its_line(user: Path, annotation: str) -> None:
    write(
        user / "engines" / "odd.py",
        f"""\
        from __future__ import annotations

        from dataclasses import dataclass

        from llmgine_cli.api import Prompt, Run, engine

        @dataclass(frozen=True, kw_only=True)
        class Odd(Prompt):
            Missing_not: int = 1
            value: {annotation} = None

        @engine
        async def odd(prompt: Odd, run: Run) -> str:
            return ""
        """,
    )
    with pytest.raises(UsageError, match=r"odd.py, line 10: NameError: name 'Missing' is not defined"):
        plugins().engine("odd")
    assert plugins().engines()["odd"].problem == "odd.py, line 10: NameError: name 'Missing' is not defined"
