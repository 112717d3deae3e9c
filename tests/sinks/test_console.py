"""Events on stderr, one line each, while they happen."""

import re

from tests.support.program import Program

SINKS = {"LLMGINE_LOG__SINKS": "jsonl,console"}


def test_every_event_is_a_line_on_stderr_as_in_logs_tail(cli: Program) -> None:
    done = cli("run", "-m", "echo:echo", "hello", env=SINKS)
    tail = cli("logs", "tail", "--type", "s,c,m,l,h")

    assert (done.stdout, done.code) == ("hello\n", 0)
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}  SessionStarted\n", done.stderr)
    assert done.stderr == tail.stdout


def test_quiet_keeps_it_quiet(cli: Program) -> None:
    assert cli("run", "--quiet", "-m", "echo:echo", "hello", env=SINKS).stderr == ""


def test_nothing_in_an_event_can_drive_the_terminal_or_break_the_line(cli: Program) -> None:
    done = cli("run", "-m", "echo:echo", "a\x1b]0;title\x07b\nSessionEnded \u202e", env=SINKS)
    assert not set(done.stderr) & set("\x1b\x07\u202e")
    assert [line.split()[2] for line in done.stderr.splitlines()] == [
        *("SessionStarted", "ConversationOpened", "CommandStarted", "MessageAdded", "LLMCallStarted"),
        *("LLMCallFinished", "MessageAdded", "CommandFinished", "SessionEnded"),
    ]


def test_keys_are_not_shown(cli: Program) -> None:
    done = cli("run", "-m", "echo:echo", "my key is gsk_0123456789abcdef0123456789abcdef", env=SINKS)
    assert "gsk_" not in done.stderr
    assert "my key is [redacted]" in done.stderr


def test_a_closed_stderr_costs_nothing(cli: Program) -> None:
    import subprocess

    from tests.support.program import PROGRAM, environment

    done = subprocess.run(
        ["sh", "-c", 'exec "$0" "$@" 2>&-', PROGRAM, "run", "-m", "echo:echo", "hello"],
        capture_output=True,
        env=environment(SINKS),
        check=False,
    )
    assert (done.stdout, done.returncode) == (b"hello\n", 0)


async def test_without_a_front_end_it_writes_to_stderr_in_the_same_safe_way(capsys: object) -> None:
    import pytest

    from llmgine_cli.bootstrap import build
    from llmgine_cli.settings import LogSettings, Settings

    assert isinstance(capsys, pytest.CaptureFixture)
    async with build(Settings(log=LogSettings(sinks=["console"]))) as app, app.conversation(model="echo:echo") as talk:
        await talk.send("a\x1b[31mb")
    said = capsys.readouterr().err
    assert "\x1b" not in said
    assert "a\\x1b[31mb" in said
