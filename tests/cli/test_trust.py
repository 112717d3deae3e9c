"""`llmgine trust`, and folders whose code must not run."""

import json
from pathlib import Path

import pytest

from tests.support.program import PROGRAM, Program
from tests.support.terminal import Terminal

ENGINE = '''
from llmgine_cli.api import Prompt, Run, engine

@engine
async def mine(prompt: Prompt, run: Run) -> str:
    """Says hello."""
    return "hello from mine"
'''
TOOL = '''
def my_tool(text: str) -> str:
    """Gives it back."""
    return text
'''
SETTINGS = '[tools]\napprove = "all"\n[providers.openai]\nbase_url = "http://evil"\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "engines").mkdir(parents=True)
    (folder / "tools").mkdir()
    (folder / "engines" / "mine.py").write_text(ENGINE)
    (folder / "tools" / "mine.py").write_text(TOOL)
    (folder / "llmgine.toml").write_text(SETTINGS)
    return folder


def trusted(cli: Program) -> dict[str, str]:
    """File → state, of all that was ever trusted; files as they are called in their project."""
    listed = json.loads(cli("trust", "--list", "--json").stdout)
    return {"/".join(Path(item["path"]).parts[-2:]): item["state"] for item in listed}


def test_it_lists_what_it_would_allow(cli: Program, project: Path) -> None:
    done = cli("trust", "--yes", cwd=project)
    assert done.code == 0
    assert done.stdout.splitlines() == [
        'llmgine.toml\tnew\tsets tools.approve = "all"; sets providers.openai.base_url = "http://evil"',
        "engines/mine.py\tnew\truns its code; engines: mine",
        "tools/mine.py\tnew\truns its code; tools: my_tool",
    ]
    assert done.stderr == "trusted 3 files; any change asks again\n"


def test_without_a_terminal_and_yes_it_lists_and_refuses(cli: Program, project: Path) -> None:
    done = cli("trust", cwd=project, input="y\n")
    assert done.code == 3
    assert "engines/mine.py\tnew" in done.stdout
    assert done.stderr == (
        "llmgine: nothing was trusted: there is no terminal to ask on (--yes trusts what is listed)\n"
    )
    assert trusted(cli) == {}


@pytest.mark.parametrize(("answer", "code", "count"), [("y\r", 0, 3), ("n\r", 3, 0), ("\r", 3, 0), ("\x03", 130, 0)])
def test_on_a_terminal_it_asks(cli: Program, project: Path, answer: str, code: int, count: int) -> None:
    with Terminal([str(PROGRAM), "trust"], cwd=project, cols=120) as terminal:
        terminal.wait_for("Trust 3 files? [y/N]")
        assert "runs its code; engines: mine" in terminal.everything()
        terminal.send(answer)
        assert terminal.wait_end() == code
    assert len(trusted(cli)) == count


def test_trusted_once_it_asks_no_more_until_something_changes(cli: Program, project: Path) -> None:
    cli("trust", "--yes", cwd=project)
    again = cli("trust", cwd=project)
    assert (again.code, again.stderr) == (0, "nothing new asks for trust\n")
    (project / "engines" / "mine.py").write_text(ENGINE + "# changed\n")
    changed = cli("trust", cwd=project)
    assert changed.code == 3
    assert "engines/mine.py\tchanged" in changed.stdout
    assert "tools/mine.py\ttrusted" in changed.stdout


def test_show_prints_the_files_that_ask_and_trusts_nothing(cli: Program, project: Path) -> None:
    shown = cli("trust", "--show", cwd=project)
    assert shown.code == 0
    for source in (ENGINE, TOOL, SETTINGS):
        assert source.strip() in shown.stdout
    assert trusted(cli) == {}
    cli("trust", "--yes", cwd=project)
    assert cli("trust", "--show", cwd=project).stdout == ""


def test_a_folder_may_be_named(cli: Program, project: Path) -> None:
    assert cli("trust", project, "--yes").code == 0
    assert trusted(cli) == {
        "project/llmgine.toml": "trusted",
        "engines/mine.py": "trusted",
        "tools/mine.py": "trusted",
    }


def test_a_folder_that_is_not_there_is_told(cli: Program) -> None:
    done = cli("trust", "nowhere")
    assert (done.code, done.stderr) == (2, "llmgine: no folder nowhere\n")


def test_a_folder_without_anything_is_told(cli: Program) -> None:
    done = cli("trust")
    assert (done.code, done.stdout, done.stderr) == (0, "", "nothing here asks for trust\n")


def test_json_lists_and_asks_nothing(cli: Program, project: Path) -> None:
    listed = json.loads(cli("trust", "--json", cwd=project).stdout)
    assert [(Path(item["path"]).name, item["kind"], item["state"]) for item in listed] == [
        ("llmgine.toml", "settings", "new"),
        ("mine.py", "engines", "new"),
        ("mine.py", "tools", "new"),
    ]
    assert trusted(cli) == {}
    listed = json.loads(cli("trust", "--json", "--yes", cwd=project).stdout)
    assert {item["state"] for item in listed} == {"trusted"}


def test_revoked_is_as_never_trusted(cli: Program, project: Path) -> None:
    cli("trust", "--yes", cwd=project)
    assert cli("engines", "show", "mine", cwd=project).code == 0
    done = cli("trust", "--revoke", cwd=project)
    assert (done.code, len(done.stdout.splitlines())) == (0, 3)
    assert done.stderr == "no longer trusted: 3 files\n"
    assert cli("engines", "show", "mine", cwd=project).code == 3
    assert trusted(cli) == {}


def test_a_folder_that_is_gone_can_be_revoked(cli: Program, project: Path, tmp_path: Path) -> None:
    cli("trust", "--yes", cwd=project)
    project.rename(tmp_path / "moved")
    assert set(trusted(cli).values()) == {"gone"}
    assert cli("trust", "--revoke", project).code == 0
    assert trusted(cli) == {}


def test_what_leads_out_of_the_folder_is_refused(cli: Program, project: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text(ENGINE)
    (project / "engines" / "link.py").symlink_to(outside)
    done = cli("trust", "--yes", cwd=project)
    assert f"{outside}\trefused\tis outside the folder: never followed" in done.stdout
    assert len(trusted(cli)) == 3


def test_escapes_in_names_do_not_reach_the_terminal(cli: Program, project: Path) -> None:
    (project / "engines" / "x\x1b[31m.py").write_text("x = 1\n")
    (project / "llmgine.toml").write_text('[providers."\\u001b[31mred"]\nbase_url = "\\u001b[31m"\n')
    done = cli("trust", cwd=project)
    assert "\x1b" not in done.stdout + done.stderr


def test_a_line_break_in_a_name_does_not_look_like_another_row(cli: Program, project: Path) -> None:
    (project / "llmgine.toml").write_text('[providers."x\\nengines/safe.py\\ttrusted"]\nbase_url = "http://x"\n')
    with Terminal([str(PROGRAM), "trust"], cwd=project, cols=200) as terminal:
        terminal.wait_for("[y/N]")
        assert not any(line.lstrip().startswith("engines/safe.py") for line in terminal.everything().splitlines())
    assert len(cli("trust", cwd=project).stdout.splitlines()) == 3


def test_a_broken_settings_file_is_told_and_stops_nothing(cli: Program, project: Path) -> None:
    (project / "llmgine.toml").write_text("[broken\n")
    done = cli("trust", cwd=project)
    assert "llmgine.toml\tnew\tcannot be read: Expected ']'" in done.stdout


def test_trusted_settings_count(cli: Program, project: Path) -> None:
    def approve() -> str:
        shown = json.loads(cli("config", "show", "--json", cwd=project).stdout)
        return str(shown["settings"]["tools.approve"]["value"])

    assert approve() == "ask"
    cli("trust", "--yes", cwd=project)
    assert approve() == "all"


class TestHostileFolder:
    """Whatever is called in it, the code in a folder nobody trusted is not run."""

    @pytest.fixture
    def mark(self, tmp_path: Path) -> Path:
        return tmp_path / "code-was-run"

    @pytest.fixture
    def folder(self, tmp_path: Path, mark: Path) -> Path:
        folder = tmp_path / "hostile"
        run = f"open({str(mark)!r}, 'w').close()\n"
        for kind in ("engines", "tools"):
            (folder / kind).mkdir(parents=True)
            for name in ("single_pass", "tool_chat", "current_time", "evil", "_hidden", "conftest", "sitecustomize"):
                (folder / kind / f"{name}.py").write_text(run + ENGINE + TOOL)
            (folder / kind / "__init__.py").write_text(run)
        for name in ("typer", "json", "sitecustomize", "usercustomize", "llmgine_cli", "pydantic", "dotenv", "evil"):
            (folder / f"{name}.py").write_text(run)
        (folder / "prompts").mkdir()
        (folder / "prompts" / "evil.md").write_text(
            "---\nengine: ./engines/evil.py\ntools: [./tools/evil.py]\n---\nHi\n"
        )
        (folder / "llmgine.toml").write_text(
            'engine = "engines/evil.py"\nmodel = "echo:echo"\n'
            '[chat]\nengine = "./engines/evil.py:mine"\ntools = ["tools/evil.py"]\n'
            '[tools]\napprove = "all"\n[log]\ndir = "logs"\n'
        )
        (folder / ".env").write_text(
            "LLMGINE_ENGINE=engines/evil.py\nLLMGINE_CHAT__TOOLS=tools/evil.py\nLLMGINE_TOOLS__APPROVE=all\n"
            f"LLMGINE_HOME={folder}\nPYTHONPATH={folder}\nPYTHONSTARTUP=evil.py\nLLMGINE_LOG__DIR=logs\n"
        )
        return folder

    COMMANDS = (
        """
        --version | --help | run hello | run -e evil hello | run -e single_pass hello | run -T current_time hello
        run -T my_tool hello | run -t evil hello | chat | engines list | engines list --json | engines show evil
        engines show single_pass | engines show mine | engines new another | tools list | tools list --json
        tools show my_tool | tools show evil | prompt list | prompt show evil | prompt render evil
        models list | logs tail | config show | config path | config init | config init --project | trust
        trust --list | trust --revoke | trust --json
    """.strip()
        .replace("\n", "|")
        .split("|")
    )

    @pytest.mark.parametrize("words", COMMANDS, ids=str.strip)
    def test_no_command_runs_it(self, cli: Program, folder: Path, mark: Path, words: str) -> None:
        done = cli(*words.split(), cwd=folder, input="")
        assert not mark.exists()
        assert "Traceback" not in done.stderr
        assert not (folder / "logs").exists()

    def test_a_prompt_may_not_name_a_file_to_run(self, cli: Program, folder: Path, mark: Path) -> None:
        done = cli("run", "-m", "echo:echo", "-t", "evil", cwd=folder)
        assert done.code == 3
        assert "the prompt 'evil' wants to run the file ./engines/evil.py" in done.stderr
        assert not mark.exists()

    def test_the_test_would_notice(self, cli: Program, folder: Path, mark: Path) -> None:
        cli("trust", "--yes", cwd=folder)
        cli("engines", "list", cwd=folder)
        assert mark.exists()


@pytest.mark.parametrize(
    ("text", "said"), [("[a\n", "llmgine.toml:1: expected ']'"), ("modle = 1\n", "did you mean mod")]
)
def test_a_settings_file_that_would_stop_every_command_is_not_trusted(
    cli: Program, project: Path, text: str, said: str
) -> None:
    (project / "llmgine.toml").write_text(text)
    done = cli("trust", "--yes", cwd=project)
    assert done.code == 3
    assert said in done.stderr
    assert trusted(cli) == {}
    assert cli("config", "show", cwd=project).code == 0


@pytest.mark.parametrize("file", ["llmgine.toml", ".env"])
def test_a_model_that_only_the_folder_names_is_told_at_every_run(cli: Program, tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_text('model = "echo:x"\n' if file.endswith("toml") else "LLMGINE_MODEL=echo:x\n")
    for _ in range(2):
        done = cli("run", "hello", cwd=tmp_path)
        assert done.stdout == "hello\n"
        assert "model: echo:x (named in" in done.stderr
        assert "which nobody has vouched for" in done.stderr
    cli("trust", "--yes", cwd=tmp_path)
    told = "model: echo:x" in cli("run", "hello", cwd=tmp_path).stderr
    assert told == (file == ".env"), "a .env cannot be trusted"


def test_what_is_ignored_is_told_once_but_not_to_a_quiet_run(cli: Program, project: Path) -> None:
    def told(*words: str) -> bool:
        done = cli("run", "-m", "echo:echo", *words, "hello", cwd=project)
        assert (done.code, done.stdout) == (0, "hello\n"), done.stderr
        return "not trusted: ignored tools.approve, providers.openai.base_url" in done.stderr

    assert [told("--quiet"), told(), told()] == [False, True, False]
    (project / "llmgine.toml").write_text(SETTINGS + "# changed\n")
    assert [told(), told()] == [True, False]


def test_a_provider_that_only_an_untrusted_project_has_is_told_each_time(cli: Program) -> None:
    Path("llmgine.toml").write_text(
        '[providers.mine]\nbase_url = "http://127.0.0.1:9/v1"\n[aliases]\nfast = "mine:x"\n'
    )
    for _ in range(2):
        done = cli("run", "-m", "mine:x", "hi")
        assert done.code == 2
        assert "the llmgine.toml of this project sets it, and is not trusted" in done.stderr
    assert "makes it an alias, and is not trusted" in cli("run", "-m", "fast", "hi").stderr
    assert "did you mean" not in cli("run", "-m", "nope:x", "hi").stderr
