"""What an engine asks is asked on the terminal."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.terminal import Terminal

PLAY = Path(__file__).parents[2] / "support" / "play.py"
CONFIRM = {"kind": "confirm", "question": "Go \x1b[2Jon?"}
SELECT = {"kind": "select", "question": "Which colour?", "choices": ["red", "blue \x1b[2J", "10"], "default": "red"}
TEXT = {"kind": "text", "question": "Your name?"}


def argv(*steps: Any) -> list[str]:
    return [sys.executable, str(PLAY), json.dumps(steps)]


def asked(**fields: Any) -> list[str]:
    return argv(["ask", fields])


@pytest.mark.parametrize(
    ("default", "prompt", "key", "answer"),
    [
        (None, "[y/n]", "y", "yes"),
        (None, "[y/n]", "N", "no"),
        ("yes", "[Y/n]", "\r", "yes"),
        ("no", "[y/N]", "\r", "no"),
        ("no", "[y/N]", "y", "yes"),
    ],
)
def test_one_key_confirms(default: str | None, prompt: str, key: str, answer: str) -> None:
    with Terminal(asked(**CONFIRM, default=default)) as terminal:
        terminal.wait_for(f"Go ␛[2Jon? {prompt}")
        terminal.send(key)
        terminal.wait_for(f"answer: {answer}")
        assert terminal.wait_end() == 0


def test_a_key_that_says_neither_rings_and_enter_without_a_default_does_too() -> None:
    with Terminal(asked(**CONFIRM)) as terminal:
        terminal.wait_for("[y/n]")
        for bells, key in enumerate("x\r", 1):
            terminal.send(key)
            terminal.wait_until(lambda bells=bells: terminal.raw.count(b"\a") == bells, "the bell")  # type: ignore[misc]
        terminal.send("y")
        terminal.wait_for("answer: yes")


@pytest.mark.parametrize(
    ("line", "answer"), [("3\r", "10"), ("red\r", "red"), ("\r", "red"), ("10\r", "10"), ("re\x7f\x7f1\r", "red")]
)
def test_a_choice_is_made_by_its_number_or_its_words(line: str, answer: str) -> None:
    with Terminal(asked(**SELECT)) as terminal:
        terminal.wait_for("1 to 3, Enter for 1:")
        assert "  2  blue ␛[2J" in terminal.screen()
        terminal.send(line)
        terminal.wait_for(f"answer: {answer}")
        assert b"\x1b[2J" not in terminal.raw


def test_what_is_no_choice_is_asked_again() -> None:
    with Terminal(asked(**SELECT)) as terminal:
        terminal.wait_for("Enter for 1:")
        terminal.send("4\r")
        terminal.wait_until(lambda: terminal.everything().count("Enter for 1:") == 2, "the second prompt")
        terminal.send("1\r")
        terminal.wait_for("answer: red")


@pytest.mark.parametrize(
    ("default", "line", "answer"), [(None, "Zoë\r", "Zoë"), (None, "\r", ""), ("Max", "\r", "Max"), ("Max", "x\r", "x")]
)
def test_a_text_is_a_line(default: str | None, line: str, answer: str) -> None:
    with Terminal(asked(**TEXT, default=default)) as terminal:
        terminal.wait_for("Your name?" + (f" [{default}]" if default else ""))
        terminal.send(line)
        assert terminal.wait_end() == 0
        assert terminal.screen().endswith(f"answer: {answer}".rstrip())


@pytest.mark.parametrize("question", [{**CONFIRM, "default": "yes"}, SELECT, TEXT], ids=["confirm", "select", "text"])
def test_ctrl_d_is_no_answer(question: dict[str, Any]) -> None:
    unattended = {"confirm": "no", "select": "10", "text": "nobody"}[question["kind"]]
    with Terminal(asked(**question, unattended=unattended)) as terminal:
        terminal.wait_for(question["question"][:3])
        terminal.wait_until(lambda: terminal.raw.endswith(b" "), "the prompt")
        terminal.send("\x04")
        terminal.wait_for(f"answer: {unattended}")
        assert terminal.wait_end() == 0


@pytest.mark.parametrize("question", [CONFIRM, SELECT, TEXT], ids=["confirm", "select", "text"])
def test_ctrl_c_stops_the_run(question: dict[str, Any]) -> None:
    with Terminal(asked(**question)) as terminal:
        terminal.wait_until(lambda: terminal.raw.endswith(b" "), "the prompt")
        terminal.send("\x03")
        terminal.wait_for("KeyboardInterrupt")
        assert terminal.wait_end() != 0


def test_it_is_asked_on_the_terminal_when_stdin_and_stdout_are_pipes(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Terminal(["/bin/sh", "-c", f'echo nobody | "$@" > {out}', "sh", *asked(**TEXT)]) as terminal:
        terminal.wait_for("Your name?")
        terminal.send("Ann\r")
        assert terminal.wait_end() == 0
    assert out.read_text() == "answer: Ann\n"


def test_without_a_terminal_the_declared_answer_counts() -> None:
    command = asked(**TEXT, unattended="nobody")
    done = subprocess.run(command, input=b"Ann\n", capture_output=True, start_new_session=True)
    assert done.stdout == b"answer: nobody\n"


def test_a_time_limit_ends_the_question_and_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    question = {**TEXT, "unattended": "nobody", "timeout": 0.2}
    with Terminal(argv(["ask", question], ["gate", str(gate)])) as terminal:
        terminal.wait_for("answer: nobody")
        terminal.send("hello")
        terminal.wait_for("hello")
        gate.touch()
        assert terminal.wait_end() == 0


def test_a_question_and_an_approval_come_one_after_the_other() -> None:
    with Terminal(argv(["together", ["ask", TEXT], ["approve", "f", "{}", "net"]])) as terminal:
        terminal.wait_for("Your name?")
        assert "wants to run" not in terminal.screen()
        terminal.send("Ann\r")
        terminal.wait_for("Allow?")
        terminal.send("n")
        assert terminal.wait_end() == 0
        assert "answer: Ann" in terminal.everything()
