"""The engine in docs/engines.md works as it stands on the page."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.facts import logged
from tests.support.program import PROGRAM, Program
from tests.support.terminal import Terminal

PAGE = Path(__file__).parents[1] / "docs" / "engines.md"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def engine_file(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    (project / "engines").mkdir(parents=True)
    file = project / "engines" / "revise.py"
    file.write_text(_blocks("python")[0], encoding="utf-8")
    return file


def test_the_example_runs_by_name_once_it_is_trusted(cli: Program, engine_file: Path) -> None:
    project = engine_file.parents[1]
    refused = cli("run", "-m", "echo:echo", "-e", "revise", "a haiku", cwd=project)
    assert refused.code == 3
    assert "llmgine trust" in refused.stderr

    assert cli("trust", "--yes", cwd=project).code == 0
    done = cli(
        "run", "-m", "echo:echo", "-e", "revise", "-o", "drafts", "2", "-o", "eye", "brevity", "a haiku", cwd=project
    )
    assert done.code == 0, done.stderr
    # The echo provider answers with the last user message, which is the request for the next draft.
    assert done.stdout.startswith("Write it again.")
    assert "brevity" in done.stdout


def test_the_example_logs_its_own_event(cli: Program, engine_file: Path) -> None:
    cli("run", "-m", "echo:echo", "-e", str(engine_file), "a haiku")
    logged = cli("logs", "tail", "--type", "DraftCriticised", "--json")
    events = [json.loads(line) for line in logged.stdout.splitlines()]
    assert [event["draft"] for event in events] == ["a haiku"]


def test_the_example_refuses_an_option_of_the_wrong_kind(cli: Program, engine_file: Path) -> None:
    done = cli("run", "-m", "echo:echo", "-e", str(engine_file), "-o", "eye", "beauty", "a haiku")
    assert done.code == 2
    assert "eye" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("answers", "expected"), [(["2\r"], "French"), (["3\r", "y"], "Klingon"), (["3\r", "n"], "English")]
)
def test_the_example_that_asks_is_answered_on_the_terminal(
    home: Path, tmp_path: Path, answers: list[str], expected: str
) -> None:
    file = tmp_path / "polyglot.py"
    file.write_text(_blocks("python")[1], encoding="utf-8")
    argv = [str(PROGRAM), "run", "-m", "echo:echo", "-e", str(file), "hello"]
    with Terminal(argv) as terminal:
        for prompt, answer in zip(("Enter for 1:", "[y/N]"), answers, strict=False):
            terminal.wait_for(prompt)
            terminal.send(answer)
        assert terminal.wait_end() == 0
        assert terminal.screen().endswith("hello")
    said = [event["message"]["parts"][0]["text"] for event in logged(home) if "message" in event]
    assert f"Answer in {expected}." in said


def test_the_example_that_asks_takes_the_declared_answer_without_a_terminal(
    cli: Program, home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "polyglot.py"
    file.write_text(_blocks("python")[1], encoding="utf-8")
    done = cli("run", "-m", "echo:echo", "-e", file, "hello")
    assert (done.stdout, done.code) == ("hello\n", 0)
    assert [(event["answer"], event["by"]) for event in logged(home, "UserAnswered")] == [("English", "default")]


def test_a_question_without_a_declared_answer_and_without_a_terminal_ends_with_exit_code_4(
    cli: Program, tmp_path: Path
) -> None:
    file = tmp_path / "polyglot.py"
    file.write_text(_blocks("python")[1].replace(', unattended="English"', ""), encoding="utf-8")
    done = cli("run", "-m", "echo:echo", "-e", file, "hello")
    assert (done.stdout, done.code) == ("", 4)
    assert "nobody answered: In which language?" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_python_example_runs() -> None:
    done = subprocess.run([sys.executable, "-c", _blocks("python")[2]], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "Say hello"
