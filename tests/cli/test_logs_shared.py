"""Commands that look through a large log with the help of other processes, and what becomes of these."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from llmgine_cli.eventlog import crew
from tests.benchmarks.biglog import write_file
from tests.support.program import PROGRAM, Program

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="a log is read by one process here"
)

TIMEOUT = 120  # seconds; a safety net
# No text ends like this, and to be sure of it takes forever: the processes are at it until they are ended.
ENDLESS = r"(\w+\s?)+\s?(\w+\s?)+#!#"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A log that is large enough to be shared out."""
    path = tmp_path_factory.mktemp("large") / "events_20261124T120000.000000Z_large.jsonl"
    write_file(path, crew.LARGE + crew.PIECE)
    yield path
    path.unlink()


def children(process: subprocess.Popen[bytes]) -> list[int]:
    """Wait until a process has two children, and return their ids."""
    while True:
        assert process.poll() is None, "it ended before it had any"
        found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
        if len(found) >= 2:
            return [int(number) for number in found]


def is_gone(number: int) -> bool:
    with suppress(OSError):
        status = Path(f"/proc/{number}/status").read_text(encoding="ascii")
        return re.search(r"^State:\s+Z", status, re.MULTILINE) is not None
    return True


def alone(*words: str, log: Path) -> bytes:
    """Run the program on a single processor, where there is nobody to share with, and return its output."""
    done = subprocess.run(
        [PROGRAM, *words, "--session", str(log)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]),
    )
    assert done.stderr == b""
    return done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("logs", "tail", "--json", "-n", "5000", "--type", "LLMCallFailed"),
        ("logs", "tail", "--json", "-n", "4000", "--type", "tool"),
        ("logs", "search", "-C", "1", "quetzalcoatlus"),
        ("logs", "search", "-E", r"\bquetzal\w+", "--json"),
        ("logs", "stats"),
        ("logs", "stats", "--json", "--by", "day"),
    ],
)
def test_several_answer_like_one(cli: Program, log: Path, words: tuple[str, ...]) -> None:
    done = cli(*words, "--session", log)
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout_bytes
    assert done.stdout_bytes == alone(*words, log=log)


@pytest.mark.parametrize("to_all", [True, False])
def test_ctrl_c_ends_all_at_once(cli: Program, log: Path, to_all: bool) -> None:
    with cli.start("logs", "search", "-E", ENDLESS, "--session", log) as process:
        helpers = children(process)
        if to_all:  # as a terminal does
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=TIMEOUT)

    assert (output, errors, process.returncode) == (b"", b"", 130)
    assert all(map(is_gone, helpers))


def test_a_reader_that_goes_ends_all_at_once(cli: Program, log: Path) -> None:
    # So much is found that the processes wait for it to be read.
    with cli.start("logs", "search", "--raw", '"v":1', "--session", log) as process:
        assert process.stdout
        assert process.stderr
        helpers = children(process)
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
        code = process.wait(TIMEOUT)

    assert (errors, code) == (b"", 141)
    assert all(map(is_gone, helpers))


def test_one_that_is_killed_leaves_nothing_out(cli: Program, log: Path) -> None:
    words = ("logs", "search", "--json", "-E", r"quetzal\w+|therefore because")  # neither is sure: all is decoded
    with cli.start(*words, "--session", log) as process:
        helpers = children(process)
        os.kill(helpers[0], signal.SIGKILL)
        output, errors = process.communicate(timeout=TIMEOUT)

    assert (errors, process.returncode) == (b"", 0)
    assert output.count(b"\n") > 1
    assert output == alone(*words, log=log)
