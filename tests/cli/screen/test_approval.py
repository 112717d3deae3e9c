import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.terminal import Terminal

PLAY = Path(__file__).parents[2] / "support" / "play.py"
ASK = ["approve", "delete_files", '{"path": "/tmp/\\u001b[2Jx", "force": true}', "write"]


def argv(*steps: Any) -> list[str]:
    return [sys.executable, str(PLAY), json.dumps(steps)]


@pytest.mark.parametrize(
    ("key", "decision"),
    [
        ("y", "once"),
        ("Y", "once"),
        ("s", "session"),
        ("a", "always"),
        ("n", "no"),
        ("\r", "no"),
        ("\x04", "no"),
    ],
)
def test_a_key_decides(key: str, decision: str) -> None:
    with Terminal(argv(ASK)) as terminal:
        terminal.wait_for("Allow?")
        terminal.send(key)
        terminal.wait_for(f"decision: {decision}")
        assert terminal.wait_end() == 0


def test_the_question_shows_the_tool_and_all_of_its_arguments_but_no_escapes() -> None:
    with Terminal(argv(ASK)) as terminal:
        terminal.wait_for("Allow?")
        screen = terminal.screen()
        assert "delete_files (it writes files; a test)" in screen
        assert '  "force": true' in screen
        assert "\\u001b[2Jx" in screen
        assert b"\x1b[2J" not in terminal.raw


def test_long_arguments_are_shown_to_their_end() -> None:
    long = json.dumps({"text": "x" * 5000 + "END", "list": list(range(100))})
    with Terminal(argv(["approve", "write", long, "write"])) as terminal:
        terminal.wait_for("Allow?")
        assert "END" in terminal.everything()
        assert "    99\n" in terminal.everything()


def test_arguments_that_are_no_json_are_shown_as_they_are() -> None:
    with Terminal(argv(["approve", "f", '{"path": oops\x1b[2J', "exec"])) as terminal:
        terminal.wait_for("Allow?")
        assert '{"path": oops␛[2J' in terminal.screen()


@pytest.mark.parametrize("keys", ["\x1b[A", "x", " "])
def test_other_keys_decide_nothing(keys: str) -> None:
    with Terminal(argv(ASK)) as terminal:
        terminal.wait_for("Allow?")
        terminal.send(keys)
        terminal.wait_until(lambda: b"\a" in terminal.raw, "the bell")
        terminal.send("s")
        terminal.wait_for("decision: session")


def test_another_key_shows_once_and_in_place_which_keys_there_are() -> None:
    with Terminal(argv(ASK)) as terminal:
        terminal.wait_for("Allow?")
        terminal.send("x")
        terminal.wait_for("Press one of these:  [y] once  [s] this session  [a] always  [N] no:")
        assert "Allow?" not in terminal.screen()
        terminal.send("z")
        terminal.wait_until(lambda: terminal.raw.count(b"\a") == 2, "the second bell")
        assert terminal.raw.count(b"Press one of these") == 1
        terminal.send("n")
        terminal.wait_for("decision: no")


def test_what_was_typed_before_the_question_is_no_answer(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with Terminal(argv(["touch", str(tmp_path / "up")], ["gate", str(gate)], ASK)) as terminal:
        terminal.send("y")
        terminal.wait_for("y")  # the terminal's own echo: the key is waiting
        gate.touch()
        terminal.wait_for("Allow?")
        terminal.send("n")
        terminal.wait_for("decision: no")


def test_it_is_asked_on_the_terminal_when_stdin_and_stdout_are_pipes(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = f'echo y | "$@" > {out}'
    with Terminal(["/bin/sh", "-c", command, "sh", *argv(ASK)]) as terminal:
        terminal.wait_for("Allow?")
        terminal.send("s")
        assert terminal.wait_end() == 0
    assert out.read_text() == "decision: session\n"


def test_without_a_terminal_nobody_is_asked() -> None:
    done = subprocess.run(argv(ASK), input=b"y\n", capture_output=True, start_new_session=True)
    assert b"NoHandlerError" in done.stderr


def test_ctrl_c_stops_the_run() -> None:
    with Terminal(argv(ASK)) as terminal:
        terminal.wait_for("Allow?")
        terminal.send("\x03")
        terminal.wait_for("KeyboardInterrupt")
        assert terminal.wait_end() != 0


def test_the_terminal_echoes_again_afterwards(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with Terminal(argv(ASK, ["gate", str(gate)])) as terminal:
        terminal.wait_for("Allow?")
        terminal.send("n")
        terminal.wait_for("decision: no")
        terminal.send("hello")
        terminal.wait_for("hello")
        gate.touch()
        terminal.wait_end()


def test_the_spinner_makes_room_and_what_comes_meanwhile_is_told_afterwards(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    steps = [
        ["tool", "slow", "{}"],
        ["together", ASK, ["result", "slow", "meanwhile", False]],
        ["gate", str(gate)],
    ]
    with Terminal(argv(*steps)) as terminal:
        terminal.wait_for("Allow?")
        assert "meanwhile" not in terminal.screen()
        terminal.send("y")
        terminal.wait_for("meanwhile")
        screen = terminal.screen()
        assert screen.index("yes, once") < screen.index("meanwhile")
        gate.touch()


def test_questions_come_one_after_the_other() -> None:
    with Terminal(argv(["together", ["approve", "f", "{}", "net"], ["approve", "g", "{}", "net"]])) as terminal:
        terminal.wait_for("Allow?")
        assert "wants to run g" not in terminal.screen()
        terminal.send("y")
        terminal.wait_for("wants to run g")
        terminal.send("n")
        assert terminal.wait_end() == 0
        assert sorted(terminal.everything().count(f"decision: {word}") for word in ("once", "no")) == [1, 1]


def test_yes_for_the_session_answers_the_same_tool_that_waits() -> None:
    with Terminal(
        argv(["together", ["approve", "f", '{"n": 1}', "net"], ["approve", "f", '{"n": 2}', "net"]])
    ) as terminal:
        terminal.wait_for("Allow?")
        terminal.send("s")
        assert terminal.wait_end() == 0
        assert terminal.everything().count("decision: session") == 2
        assert terminal.everything().count("Allow?") == 1


def test_yes_once_does_not_answer_for_the_next_call() -> None:
    with Terminal(
        argv(["together", ["approve", "f", '{"n": 1}', "net"], ["approve", "f", '{"n": 2}', "net"]])
    ) as terminal:
        terminal.wait_for("Allow?")
        terminal.send("y")
        terminal.wait_for('"n": 2')
        terminal.send("n")
        assert terminal.wait_end() == 0
        assert terminal.everything().count("Allow?") == 2
