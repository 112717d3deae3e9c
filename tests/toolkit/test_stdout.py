"""What a tool prints goes to stderr, also when tools run side by side; everybody else's stdout is untouched."""

import asyncio
import subprocess
import sys
import threading

import pytest

from llmgine_cli.toolkit.stdout import away_from_stdout


def test_inside_goes_to_stderr_and_afterwards_stdout_is_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    real = sys.stdout
    with away_from_stdout():
        print("inside")
        sys.stdout.write("too\n")
    assert sys.stdout is real
    print("after")
    assert capsys.readouterr() == ("after\n", "inside\ntoo\n")


def test_lines_are_passed_on_whole_and_the_last_one_gets_its_end() -> None:
    told: list[str] = []
    with away_from_stdout(told.append):
        print("a", end="")
        assert told == []
        print("b\nc\nd", end="", flush=True)
        sys.stdout.buffer.write("ö\r\n".encode() + b"\xff")
        sys.stdout.write("\udcff")
    assert told == ["ab\nc\n", "dö\n", "\ufffd\\udcff\n"]


def test_a_child_process_is_given_stderr() -> None:
    with away_from_stdout():
        assert not sys.stdout.isatty()
        subprocess.run([sys.executable, "-c", "pass"], stdout=sys.stdout, check=True)


def test_without_a_front_end_nothing_printed_can_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with away_from_stdout():
        print("\x1b[2Jred\tü\r\u202e\x9b")
    assert capsys.readouterr() == ("", "\\x1b[2Jred\tü\\r\\u202e\\x9b\n")


async def test_tasks_side_by_side_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    entered = asyncio.Event()
    printed = asyncio.Event()

    async def tool() -> None:
        with away_from_stdout():
            entered.set()
            await printed.wait()
            print("tool")

    async def answer() -> None:
        await entered.wait()
        print("answer")
        printed.set()

    await asyncio.gather(tool(), answer())
    assert capsys.readouterr() == ("answer\n", "tool\n")


def test_other_threads_keep_their_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with away_from_stdout():
        other = threading.Thread(target=print, args=("other",))
        other.start()
        other.join()
    assert capsys.readouterr() == ("other\n", "")


def test_those_that_leave_in_another_order_leave_nothing_behind() -> None:
    real = sys.stdout
    first, second = away_from_stdout(), away_from_stdout()
    first.__enter__()
    second.__enter__()
    second.__exit__(None, None, None)
    assert sys.stdout is not real
    first.__exit__(None, None, None)
    assert sys.stdout is real
