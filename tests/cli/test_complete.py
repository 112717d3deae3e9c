"""What the shell offers, asked as the shells ask."""

import shutil
import subprocess
from pathlib import Path

import pytest

from llmgine_cli.eventlog.writer import EventLog
from llmgine_cli.llm.events import MessageAdded, SessionNamed
from llmgine_cli.llm.messages import user
from tests.support.program import Completed, Program

HOSTILE = "\\$(touch owned) `touch owned` \"; touch owned' \x1b[2J what?"


def bash(cli: Program, line: str) -> list[str]:
    """What bash is offered for this line, up to the cursor at its end."""
    env = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" ")), "_LLMGINE_COMPLETE": "complete_bash"}
    done = cli(env=env)
    assert (done.stderr, done.code) == ("", 0)
    return done.stdout.split()


def zsh(cli: Program, line: str) -> Completed:
    return cli(env={"_TYPER_COMPLETE_ARGS": line, "_LLMGINE_COMPLETE": "complete_zsh"})


def fish(cli: Program, line: str) -> list[str]:
    env = {
        "_TYPER_COMPLETE_ARGS": line,
        "_LLMGINE_COMPLETE": "complete_fish",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    return cli(env=env).stdout.splitlines()


@pytest.fixture
def sessions(home: Path) -> list[str]:
    """Three sessions, the first of them with a name; their ids."""
    log = EventLog(home / "state" / "logs")
    ids = [f"18ead0941bde8{number}00000f204c3" for number in range(170, 173)]
    for number, session_id in enumerate(ids):
        log.write(MessageAdded(session_id=session_id, message=user(f"question {number}")))
    log.write(SessionNamed(session_id=ids[0], name="work"))
    log.write(MessageAdded(message=user("outside any session")))
    log.close()
    return ids


@pytest.mark.parametrize("command", ["run", "chat", "logs tail", "logs path"])
def test_sessions_are_offered_names_first_then_the_latest_ids(cli: Program, sessions: list[str], command: str) -> None:
    assert bash(cli, f"llmgine {command} --session ") == ["work", *sessions[:0:-1]]


def test_only_what_begins_so_is_offered(cli: Program, sessions: list[str]) -> None:
    assert bash(cli, "llmgine run --session w") == ["work"]
    assert bash(cli, f"llmgine run --cid {sessions[1][:16]}") == [sessions[1]]
    assert bash(cli, "llmgine run --session zz") == []


def test_for_vectors_models_that_make_them_are_offered(cli: Program) -> None:
    assert bash(cli, "llmgine embed -m openai") == ["openai:text-embedding-3-small"]
    assert bash(cli, "llmgine embed -m anthropic") == []
    assert bash(cli, "llmgine run -m anthropic") != []


def test_the_first_question_is_the_description(cli: Program, sessions: list[str]) -> None:
    assert fish(cli, "llmgine run --session ") == [
        "work\tquestion 0", f"{sessions[2]}\tquestion 2", f"{sessions[1]}\tquestion 1"
    ]  # fmt: skip


def test_what_was_asked_cannot_make_the_shell_do_anything(cli: Program, home: Path) -> None:
    log = EventLog(home / "state" / "logs")
    log.write(MessageAdded(session_id="18ead0941bde801700000f204c3", message=user(HOSTILE)))
    done = zsh(cli, "llmgine run --session ")
    assert "18ead0941bde801700000f204c3" in done.stdout
    assert "what?" in done.stdout
    assert not set("$`\\;\x1b") & set(done.stdout)
    # As zsh does with it: evaluated once by our completion function, and the list in it once more by `_arguments`.
    script = '_arguments() { eval "ws=( ${1#*: :} )"; }\n' + f"eval {done.stdout}"
    subprocess.run(["bash", "-c", script], capture_output=True, check=False)
    assert not Path("owned").exists()


def test_not_more_than_twenty_sessions_are_offered(cli: Program, home: Path) -> None:
    folder = home / "state" / "logs"
    folder.mkdir(parents=True)
    for number in range(500):
        (folder / f"events_20261123T000000.{number:06}Z_18ead0941bde8{number:03}00000f204c3.jsonl").touch()
    offered = bash(cli, "llmgine run --session ")
    assert len(offered) == 20
    assert offered[0] == "18ead0941bde849900000f204c3"


@pytest.mark.parametrize(
    ("option", "offered"),
    [("-e s", "single_pass"), ("-T calc", "calculate"), ("-t transl", "translate"), ("-m anthr", "anthropic:")],
)
def test_engines_tools_templates_and_models_are_offered(cli: Program, option: str, offered: str) -> None:
    assert any(line.startswith(offered) for line in bash(cli, f"llmgine run {option}"))


def test_types_of_events_are_those_of_the_latest_session_in_any_case(cli: Program, home: Path) -> None:
    log = EventLog(home / "state" / "logs")
    log.write(SessionNamed(session_id="later", name="work"))
    log.write(MessageAdded(session_id="later", message=user("hi")))
    log.close()
    assert bash(cli, "llmgine logs tail --type ") == ["MessageAdded", "SessionNamed"]
    assert bash(cli, "llmgine logs tail --type message") == ["messageAdded"]
    assert "hi" in cli("logs", "tail", "--type", "messageAdded").stdout


def test_prompts_that_wait_are_offered_by_number_with_what_they_ask(cli: Program, home: Path) -> None:
    assert bash(cli, "llmgine schedule cancel ") == []
    assert not (home / "state").exists(), "asking makes no schedule"
    for text in ("feed the cat", "feed the dog"):
        cli("run", "-m", "echo:echo", "--in", "1h", text)
    cli("schedule", "cancel", "1")
    assert fish(cli, "llmgine schedule cancel ") == ["2\tfeed the dog"]


def test_a_path_is_left_to_the_shell(cli: Program) -> None:
    assert bash(cli, "llmgine run -e ./") == []


def test_a_file_that_prints_or_fails_spoils_nothing(cli: Program, home: Path) -> None:
    own = home / "config" / "engines"
    own.mkdir(parents=True)
    (own / "noisy.py").write_text("print('noise')\nraise ValueError('no')\n")
    assert bash(cli, "llmgine run -e ") == ["single_pass", "tool_chat"]


@pytest.mark.parametrize("fault", ["settings", "folder", "garbage", "index"])
def test_whatever_is_wrong_there_is_never_a_traceback(
    cli: Program, home: Path, sessions: list[str], fault: str
) -> None:
    folder = home / "state" / "logs"
    if fault == "settings":
        (home / "config").mkdir()
        (home / "config" / "config.toml").write_text("this is [no toml")
    elif fault == "folder":
        shutil.rmtree(folder)
        folder.write_text("a file")
    elif fault == "garbage":
        for path in folder.glob("*.jsonl"):
            path.write_bytes(b"\0\xff{\n" * 50)
    else:
        shutil.rmtree(folder / "names")
        (folder / "names").write_text("a file")
    expected = {"settings": [], "folder": [], "garbage": ["work", *sessions[:0:-1]], "index": sessions[::-1]}
    assert bash(cli, "llmgine run --session ") == expected[fault]
