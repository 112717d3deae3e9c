"""`llmgine logs replay`: a session again, as it was on the screen."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from llmgine_cli.bus import SessionStarted
from llmgine_cli.llm.events import HistoryRewound, LLMCallFailed, LLMCallInterrupted, ReplyGrew, StatusChanged
from llmgine_cli.llm.messages import Message, Text, assistant, user
from llmgine_cli.toolkit.messages import ToolPrinted
from tests.support.program import PROGRAM, Program
from tests.support.server import Answer, FakeVendor, ToolCalls
from tests.support.session import MODEL, Session, call
from tests.support.terminal import Terminal

SUM = call("calculate", "1", {"expression": "2+2"})
AT_ONCE = ("--speed", "max")


@pytest.fixture
def folder(home: Path) -> Path:
    return home / "state" / "logs"


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    """All there is below a folder, with when it was written."""
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def test_it_shows_what_the_run_itself_showed_and_writes_nothing(cli: Program, home: Path) -> None:
    script = [
        ToolCalls(("calculate", {"expression": "2+2"}), ("calculate", {"expression": "1/0"}), text="Let me see."),
        Answer("# Sums\n\nIt is **four**.\n\n```python\n2 + 2\n```\n\ndone"),
    ]
    with FakeVendor(script) as vendor:
        env = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": vendor.url}
        words = ("run", "-m", "openai:gpt-4.1-mini", "-T", "calculate", "--approve", "all", "2+2?")
        ran = cli(*words, env=env)
    assert ran.code == 0
    before = files(home)

    done = cli("logs", "replay", *AT_ONCE)

    assert done.stdout == ran.stdout
    assert done.stderr == "> 2+2?\n\n" + ran.stderr
    assert done.code == 0
    assert files(home) == before


def test_on_a_terminal_it_looks_as_it_looked(cli: Program, folder: Path) -> None:
    session = Session(folder)
    turn = session.prompt("2+2?", 0)
    session.write(StatusChanged, 5, turn, status="counting")
    session.answered(turn, session.ask(turn, 10), "It is **four**.", 110, 100, first=50)
    session.finish(turn, 110, 110)

    with Terminal([str(PROGRAM), "logs", "replay", *AT_ONCE]) as terminal:
        assert terminal.wait_end() == 0

    assert terminal.everything() == "> 2+2?\n\nIt is four."


def test_it_says_what_went_wrong_once(cli: Program, folder: Path) -> None:
    session = Session(folder)
    turn = session.prompt("hi", 0)
    asked = session.ask(turn, 0)
    failed = {"model": MODEL, "error": "no luck", "error_type": "ProviderError", "partial": assistant("hal")}
    session.write(LLMCallFailed, 10, turn, call_id=asked, duration_ms=10, **failed)
    session.finish(turn, 10, 10, error="no luck")
    session.write(HistoryRewound, 10, kept=0)
    turn = session.prompt("again", 20)
    asked = session.ask(turn, 20)
    partial = Message("assistant", (Text("hel"),))
    session.write(LLMCallInterrupted, 30, turn, call_id=asked, model=MODEL, partial=partial, duration_ms=10)
    session.finish(session.prompt("more", 40), 50, 10, error="too many rounds")

    done = cli("logs", "replay", *AT_ONCE)

    assert done.stdout == "hal\nhel\n"
    assert done.stderr == (
        "> hi\n\nllmgine: no luck\nthe conversation begins anew\n\n> again\n\nstopped\n"
        "\n> more\n\nllmgine: too many rounds\n"
    )
    assert done.code == 0


def test_what_a_tool_printed_and_said_cannot_drive_the_terminal(cli: Program, folder: Path) -> None:
    evil = "\x1b]0;title\x07\x9b31m\u202e"
    session = Session(folder)
    session.say(user(evil), 0)
    tool = session.tool(None, SUM, 10)
    session.write(ToolPrinted, 11, tool, call=SUM, text=f"{evil}\n")
    session.tool_done(tool, SUM, evil, 20, 10)
    session.answered(None, session.ask(None, 20), evil, 30, 10)

    done = cli("logs", "replay", *AT_ONCE)

    assert done.stderr.count("title") == 3
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(done.stdout + done.stderr)


def test_no_tool_runs_and_nobody_is_asked(cli: Program, folder: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    write = call("write_file", "1", {"path": str(victim), "content": "x"})
    session = Session(folder)
    turn = session.prompt("write it", 0)
    session.answered(turn, session.ask(turn, 0), Message("assistant", (write,)), 10, 10, reason="tool_calls")
    tool = session.tool(turn, write, 20, runs=False)
    session.approved(tool, session.asked(tool, write, 20), write, 30, 10)
    session.tool_done(tool, write, "written", 40, 20)

    with Terminal([str(PROGRAM), "logs", "replay", *AT_ONCE]) as terminal:
        assert terminal.wait_end() == 0

    assert "✓ write_file" in terminal.everything()
    assert "Allow?" not in terminal.everything()
    assert not victim.exists()


def test_a_long_pause_can_be_cut_short_by_ctrl_c(folder: Path) -> None:
    session = Session(folder)
    session.prompt("hi", 0)
    session.prompt("an hour later", 3_600_000)

    with Terminal([str(PROGRAM), "logs", "replay", "--max-pause", "3600"]) as terminal:
        terminal.wait_for("> hi")
        terminal.send("\x03")
        assert terminal.wait_end() == 130

    assert "later" not in terminal.everything()


def test_long_pauses_are_capped_and_all_is_faster_when_it_is_to_be(cli: Program, folder: Path) -> None:
    session = Session(folder)
    for number in range(5):
        session.prompt(f"question {number}", number * 3_600_000)

    # Hours, if either did not work: the test would run into its time limit.
    for words in (("--max-pause", "0.01"), ("--speed", "1000000"), ("--speed", "0"), AT_ONCE):
        done = cli("logs", "replay", *words)
        assert done.code == 0
        assert done.stderr.endswith("> question 4\n\n")


def test_pauses_are_real(folder: Path) -> None:
    session = Session(folder)
    session.prompt("one", 0)
    session.prompt("two", 3_600_000)
    run = subprocess.Popen(
        [PROGRAM, "logs", "replay", "--max-pause", "3600"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert run.stderr is not None
    with run:
        assert run.stderr.readline() == b"> one\n"
        run.send_signal(signal.SIGINT)
        assert b"two" not in run.stderr.read()
    assert run.returncode == 130


@pytest.mark.parametrize("speed", ["-1", "nan", "inf", "fast"])
def test_a_speed_that_is_none_is_told(cli: Program, speed: str) -> None:
    done = cli("logs", "replay", "--speed", speed)

    assert done.stderr == f"llmgine: --speed {speed} is no speed (2 is twice as fast, 0.5 half as fast, max at once)\n"
    assert done.code == 2


def test_a_reader_that_goes_away_ends_it_quietly(folder: Path) -> None:
    session = Session(folder)
    session.answered(None, session.ask(None, 0), "word " * 50_000, 1000, 1000)
    read, write = os.pipe()
    os.close(read)

    done = subprocess.run([PROGRAM, "logs", "replay", *AT_ONCE], stdout=write, stderr=subprocess.PIPE)
    os.close(write)

    assert (done.returncode, done.stderr) == (141, b"")


def test_quiet_leaves_the_answers_alone(cli: Program, folder: Path) -> None:
    session = Session(folder)
    turn = session.prompt("hi", 0)
    session.answered(turn, session.ask(turn, 0), "hello", 10, 10)

    done = cli("logs", "replay", "--quiet", *AT_ONCE)

    assert (done.stdout, done.stderr) == ("hello\n", "")


def test_the_half_answer_of_a_program_that_was_killed_is_shown_too(cli: Program, folder: Path) -> None:
    session = Session(folder)
    asked = session.ask(session.prompt("tell me", 0), 10)
    session.write(ReplyGrew, 500, call_id=asked, text="Once upon ")
    session.write(ReplyGrew, 900, call_id=asked, text="a time")
    session.write(SessionStarted, 5000)  # taken up again
    turn = session.prompt("go on", 5100)
    asked = session.ask(turn, 5100)
    session.write(ReplyGrew, 5200, call_id=asked, text="there ")
    session.answered(turn, asked, "there was a cat.", 5500, 400)
    session.finish(turn, 5500, 400)

    done = cli("logs", "replay", *AT_ONCE)

    assert (done.stdout, done.code) == ("Once upon a time\nthere was a cat.\n", 0)
