"""The edges of a process: its signals, its streams, full disks, closed pipes, and code that is not ours."""

import json
import os
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pexpect
import pytest

from tests.support.facts import logged, wait_until
from tests.support.program import PROGRAM, TIMEOUT, Program
from tests.support.server import Answer, FakeVendor, ToolCalls

ECHO = ("run", "-m", "echo:echo")
MODEL = ("run", "-m", "openai:gpt-4.1")
EVIL = "\x1b]0;owned\x07\x7f\x9b31m\u202e\U000e0041"
# Of each kind of command one that writes to stdout.
WRITING = ["--version", "--help", "run --help", "tools list", "tools list --json", "logs path", "config show"]


def env(vendor: FakeVendor) -> dict[str, str]:
    return {"OPENAI_API_KEY": "sk-test-0123456789abcdef0123", "OPENAI_BASE_URL": vendor.url}


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which `llmgine` is the program."""
    program = f"llmgine() {{ '{PROGRAM}' \"$@\"; }}; "
    return subprocess.run(["bash", "-c", program + line], capture_output=True, text=True, timeout=TIMEOUT, check=False)


def engine_file(folder: Path, body: str) -> Path:
    file = folder / "mine.py"
    file.write_text(
        "from llmgine_cli.api import Prompt, Run, engine\n"
        "@engine\n"
        "async def mine(prompt: Prompt, run: Run) -> object:\n"
        "    '''A user's engine.'''\n" + "".join(f"    {line}\n" for line in body.splitlines()),
        encoding="utf-8",
    )
    return file


# -- JSON


def test_json_drives_no_terminal_and_says_the_same(cli: Program) -> None:
    done = cli(*ECHO, "--json", EVIL)
    assert json.loads(done.stdout)["answer"] == EVIL
    assert done.stdout.rstrip("\n").isprintable()


def test_numbers_that_json_does_not_have_become_null(cli: Program, tmp_path: Path) -> None:
    file = engine_file(tmp_path, "return {'a': float('nan'), 'b': [float('inf'), 1.5]}")
    done = cli(*ECHO, "-e", file, "hi")
    assert done.stdout == '{"a": null, "b": [null, 1.5]}\n'


# -- signals


@pytest.mark.parametrize("command", ["run", "chat"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_mid_answer_keeps_what_had_come(
    cli: Program, home: Path, command: str, number: signal.Signals
) -> None:
    answer = Answer("the first words and then silence", chunks=4, then="silence")
    with FakeVendor([answer]) as vendor:
        arguments = (command, "-m", "openai:gpt-4.1", *(["hello"] if command == "run" else []))
        with cli.start(*arguments, env=env(vendor), stdin=subprocess.PIPE) as process:
            assert process.stdin
            assert process.stdout
            assert process.stderr
            process.stdin.write(b"hello\n" if command == "chat" else b"")
            process.stdin.close()
            assert process.stdout.read(len(answer.text)).decode() == answer.text
            process.send_signal(number)
            errors = process.stderr.read()
    assert process.returncode == 128 + number
    assert b"Traceback" not in errors
    [interrupted] = logged(home, "LLMCallInterrupted")
    assert interrupted["partial"]["parts"][0]["text"] == answer.text
    assert logged(home)[-1]["event_type"] == "SessionEnded"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_typed_chat_ends_by_a_signal_and_leaves_the_terminal_as_it_was(number: signal.Signals) -> None:
    with pexpect.spawn(str(PROGRAM), ["chat", "-m", "echo:echo"], timeout=60) as terminal:
        before = termios.tcgetattr(terminal.child_fd)
        terminal.expect("Ctrl-D leaves")
        wait_until(lambda: termios.tcgetattr(terminal.child_fd) != before)
        terminal.kill(number)
        terminal.expect(pexpect.EOF)
        terminal.wait()
        assert b"Traceback" not in terminal.before
        assert terminal.exitstatus == 128 + number


def test_a_terminal_that_is_closed_in_mid_answer_keeps_what_had_come(home: Path) -> None:
    answer = Answer("the first words and then silence", chunks=4, then="silence")
    with FakeVendor([answer]) as vendor:
        variables = {**os.environ, **env(vendor)}
        terminal = pexpect.spawn(str(PROGRAM), [*MODEL, "hello"], timeout=60, env=variables)
        terminal.expect("then silence")
        os.close(terminal.child_fd)
        [interrupted] = wait_until(lambda: logged(home, "LLMCallInterrupted"))
        wait_until(lambda: logged(home)[-1]["event_type"] == "SessionEnded")
    assert interrupted["partial"]["parts"][0]["text"] == answer.text


def test_a_ctrl_c_that_comes_many_times_at_once_is_one(cli: Program, home: Path) -> None:
    answer = Answer("the first words and then silence", chunks=4, then="silence")
    with FakeVendor([answer]) as vendor, cli.start(*MODEL, "hello", env=env(vendor)) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.read(len(answer.text))
        for _ in range(20):
            process.send_signal(signal.SIGINT)
        errors = process.stderr.read()
    assert (process.returncode, b"Traceback" in errors) == (130, False)
    assert [event["partial"]["parts"][0]["text"] for event in logged(home, "LLMCallInterrupted")] == [answer.text]
    assert logged(home)[-1]["event_type"] == "SessionEnded"


def test_work_that_will_not_stop_is_ended_by_a_late_second_ctrl_c(cli: Program, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    file = engine_file(
        tmp_path, f"import pathlib, time\npathlib.Path({str(ready)!r}).touch()\nwhile True: time.sleep(0.01)"
    )
    with cli.start(*ECHO, "-e", file, "hi") as process:
        wait_until(ready.exists)

        def gone() -> bool:
            process.send_signal(signal.SIGINT)
            return process.poll() is not None

        wait_until(gone)
    assert process.returncode == 130


def test_a_hangup_that_nohup_ignores_is_ignored(cli: Program) -> None:
    answer = Answer("the first words", chunks=3, then="silence")
    with FakeVendor([answer]) as vendor:
        nohup = Program(("nohup", *cli.command))
        with nohup.start(*MODEL, "hello", env=env(vendor)) as process:
            assert process.stdout
            process.stdout.read(len(answer.text))
            process.send_signal(signal.SIGHUP)
            process.send_signal(signal.SIGTERM)
            process.wait(TIMEOUT)
    assert process.returncode == 128 + signal.SIGTERM


def test_ctrl_c_while_it_imports_is_quiet() -> None:
    code = (
        "import os, signal, sys\n"
        "from llmgine_cli.__main__ import main\n"
        "class Presser:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'llmgine_cli.cli.app': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Presser())\n"
        "sys.argv = ['llmgine', 'tools', 'list']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=TIMEOUT, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


# -- streams


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no /dev/full")
@pytest.mark.parametrize("command", [*WRITING, "run -m echo:echo hi", "run -m echo:echo --json hi"])
def test_a_full_disk_is_one_line_and_exit_code_6(command: str) -> None:
    done = shell(f"llmgine {command} >/dev/full")
    assert done.returncode == 6
    assert done.stderr.count("\n") == 1
    assert "No space left on device" in done.stderr
    assert "bug" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no /dev/full")
def test_a_note_that_cannot_be_written_does_not_cost_the_answer() -> None:
    done = shell("llmgine run -u -m echo:echo hi 2>/dev/full")
    assert (done.returncode, done.stdout) == (0, "hi\n")


@pytest.mark.parametrize("command", [*WRITING, "run -m echo:echo --json hi"])
def test_a_reader_that_has_gone_is_no_error(command: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [PROGRAM, *command.split()], stdout=writing, stderr=subprocess.PIPE, timeout=TIMEOUT, check=False
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("command", ["--version", "--help", "tools list", "run -m echo:echo hi"])
@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
def test_closed_stdin_and_stderr_do_no_harm(command: str, closed: str) -> None:
    done = shell(f"llmgine {command} {closed}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.parametrize("command", ["--version", "--help", "tools list", "run -m echo:echo hi"])
@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_what_is_written_to_a_closed_stdout_is_an_error(command: str, closed: str) -> None:
    done = shell(f"llmgine {command} {closed}")
    assert (done.returncode, done.stdout) == (6, "")
    assert ("could not be written: Bad file descriptor" in done.stderr) == ("2>&-" not in closed)


# -- flags


def test_common_flags_count_before_the_command_as_behind_it(cli: Program) -> None:
    with FakeVendor([Answer("hi"), Answer("hi")]) as vendor:
        assert cli("--quiet", "run", "hello", env=env(vendor)).stderr == ""
        assert cli("run", "hello", env=env(vendor)).stderr != ""
    assert "\x1b[" in cli("--color", "always", "run", "-u", "-m", "echo:echo", "hi").stderr
    assert "\x1b[" not in cli("run", "-u", "-m", "echo:echo", "hi").stderr


def test_common_flags_count_between_a_group_and_its_command(cli: Program) -> None:
    assert "\x1b[" in cli("tools", "--color", "always", "approved").stderr
    done = cli("tools", "--quiet", "approved")
    assert (done.stdout, done.stderr, done.code) == ("", "", 0)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--verbose", "tools", "show", "nope"],
        ["tools", "--verbose", "show", "nope"],
        ["tools", "show", "--verbose", "nope"],
    ],
)
def test_verbose_shows_tracebacks_wherever_it_stands(cli: Program, arguments: list[str]) -> None:
    assert "Traceback" in cli(*arguments).stderr


def test_a_word_that_reads_as_a_flag_is_none(cli: Program) -> None:
    done = cli("run", "-m", "nope:nope", "--", "--verbose")
    assert done.code == 2
    assert "Traceback" not in done.stderr


def test_the_path_of_the_logs_is_there_for_programs(cli: Program) -> None:
    assert json.loads(cli("logs", "path", "--json").stdout) == {"path": cli("logs", "path").stdout.strip()}


# -- code that is not ours


def test_an_engine_that_raises_is_named_with_its_place_and_not_called_our_bug(cli: Program, tmp_path: Path) -> None:
    file = engine_file(tmp_path, "import json\njson.loads('{')")
    done = cli(*ECHO, "-e", file, "hi", cwd=tmp_path)
    assert (done.code, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("llmgine: engine mine failed: JSONDecodeError: ")
    assert "(mine.py line 6)" in done.stderr
    assert "bug" not in done.stderr
    assert "--verbose" in done.stderr
    assert "Traceback" in cli(*ECHO, "--verbose", "-e", file, "hi").stderr


def test_records_of_the_library_are_shown_only_when_asked_for_and_drive_no_terminal(
    cli: Program, tmp_path: Path
) -> None:
    file = engine_file(
        tmp_path, "import logging\nlogging.getLogger('llmgine_cli.x').warning('a %s\\nb', '\\x1b[2J')\nreturn 'ok'"
    )
    assert cli(*ECHO, "-e", file, "hi").stderr == ""
    assert "llmgine_cli.x: a ␛[2J b" in cli(*ECHO, "--verbose", "-e", file, "hi").stderr.splitlines()


# -- answers without words


def test_an_empty_answer_is_said(cli: Program) -> None:
    with FakeVendor([Answer("")]) as vendor:
        done = cli(*MODEL, "hello", env=env(vendor))
    assert (done.code, done.stdout.strip()) == (0, "")
    assert "the model gave an empty answer" in done.stderr


def test_calls_of_tools_that_nobody_granted_are_a_failure_that_says_how_to_grant_them(cli: Program) -> None:
    with FakeVendor([ToolCalls(("calculate", {"expression": "1+1"}))]) as vendor:
        done = cli(*MODEL, "add", env=env(vendor))
    assert done.code == 1
    assert "the model asked for tools (calculate), and none were granted (-T NAME grants one)" in done.stderr
