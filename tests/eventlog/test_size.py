"""What is asked of a log costs the memory of what is asked, not of the log."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmgine_cli.eventlog.codec import encode
from llmgine_cli.eventlog.writer import EventLog
from llmgine_cli.llm.events import LLMCallFinished, MessageAdded
from llmgine_cli.llm.messages import assistant, user
from llmgine_cli.llm.stream import Reply, Usage
from tests.support.messages import Pong

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells the memory of a process since it began"
)

MEGABYTE = 1 << 20
NAME = "events_20261124T120000.000000Z_big.jsonl"
CODE = """
import re, sys
from pathlib import Path
from llmgine_cli.cli import app
code = app._run(["logs", *sys.argv[1:]])
sys.stdout.flush()
sys.stderr.write(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
sys.exit(code)
"""


def peak(*arguments: str | Path, lines: int) -> int:
    """Run a command of `logs`, see that it prints so many lines, and return the most memory it had, in bytes."""
    done = subprocess.run([sys.executable, "-c", CODE, *map(str, arguments)], capture_output=True, check=True)
    assert len(done.stdout.splitlines()) == lines, done.stdout[-1000:]
    return int(done.stderr.split()[-1]) * 1024


def write(folder: Path, name: str, block: bytes, times: int) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    with path.open("wb") as file:
        for _ in range(times):
            file.write(block)
    return path


@pytest.fixture(scope="module")
def block() -> bytes:
    """A megabyte of events."""

    def events() -> Iterator[bytes]:
        size = 0
        while size < MEGABYTE:
            reply = Reply(message=assistant("word " * 400), finish_reason="stop", usage=Usage(input_tokens=9))
            calls = (
                MessageAdded(session_id="big", message=user("question " * 50)),
                LLMCallFinished(session_id="big", call_id="c", model="local:x", reply=reply, duration_ms=5),
                MessageAdded(session_id="big", message=reply.message),
                Pong(session_id="big", text="rare"),
            )
            for line in map(encode, calls):
                size += len(line)
                yield line

    return b"".join(events())


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (("tail", "-n", "1000000", "--json", "--type", "pong"), 1),
        (("stats", "--by", "model"), None),
        (("list",), None),
        (("search", "--json", "question", "-n", "5"), None),
        (("search", "no such text"), 0),
    ],
)
def test_the_memory_of_a_query_does_not_grow_with_the_log(
    tmp_path: Path, block: bytes, words: tuple[str, ...], lines: int | None
) -> None:
    pongs = block.count(b'"Pong"')
    small, big = (write(tmp_path / str(times), NAME, block, times).parent for times in (1, 30))

    little = peak(*words, "--dir", small, lines=pongs if lines == 1 else 1 if lines is None else 0)
    much = peak(*words, "--dir", big, lines=30 * pongs if lines == 1 else 1 if lines is None else 0)

    assert much - little < 12 * MEGABYTE


def test_long_lines_are_in_memory_one_at_a_time(tmp_path: Path) -> None:
    line = encode(Pong(session_id="big", text="x" * (10 * MEGABYTE)))
    one, many = (write(tmp_path / str(times), NAME, line, times).parent for times in (1, 12))

    little = peak("tail", "--json", "--dir", one, lines=1)
    much = peak("tail", "--json", "--dir", many, lines=12)

    assert much - little < 50 * MEGABYTE  # of 120


def test_a_hole_of_zeros_is_not_held(tmp_path: Path, block: bytes) -> None:
    path = write(tmp_path / "logs", NAME, block, 1)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size + 600 * MEGABYTE)

    assert peak("tail", "-n", "1", "--json", "--dir", path.parent, lines=1) < 500 * MEGABYTE


def test_of_many_sessions_only_those_are_read_that_are_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    log = EventLog(folder)
    for number in range(300):
        log.write(Pong(session_id=f"s{number:03}", text="x"))
    log.close()
    for path in sorted(folder.iterdir())[:-20]:
        path.unlink()
        path.symlink_to("/proc/self/mem")  # would be told of if it were read

    done = subprocess.run(
        [sys.executable, "-c", CODE, "list", "-n", "20", "--dir", str(folder)],
        capture_output=True,
        check=True,
    )

    assert len(done.stdout.splitlines()) == 20
    assert b"cannot read" not in done.stderr
