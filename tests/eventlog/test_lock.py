"""Whose a session is, the kernel knows: also after `kill -9`."""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from llmgine_cli.eventlog.lock import QUIET, _try, hold, is_being_written, seems_written
from llmgine_cli.eventlog.writer import EventLog
from tests.support.messages import Pong

WRITER = """
import sys, time
from pathlib import Path
from llmgine_cli.eventlog.writer import EventLog
from tests.support.messages import Pong
EventLog(Path(sys.argv[1])).write(Pong(text="x", session_id="s"))
print("there", flush=True)
time.sleep(600)
"""


def written(folder: Path) -> tuple[EventLog, Path]:
    log = EventLog(folder)
    log.write(Pong(text="x", session_id="s"))
    path = log.path("s")
    assert path is not None
    return log, path


def test_a_log_is_being_written_until_it_is_closed(tmp_path: Path) -> None:
    log, path = written(tmp_path)
    assert is_being_written(path)
    log.close()
    assert not is_being_written(path)


def test_a_file_that_is_not_there_is_not_being_written(tmp_path: Path) -> None:
    assert not is_being_written(tmp_path / "none")


def test_looking_takes_nothing_away_and_leaves_nothing_behind(tmp_path: Path) -> None:
    log, path = written(tmp_path)
    assert [is_being_written(path) for _ in range(3)] == [True] * 3
    log.close()
    assert [is_being_written(path) for _ in range(3)] == [False] * 3
    assert EventLog(tmp_path).claim("s", path)


def test_kill_9_frees_the_session(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as process:
        assert process.stdout
        assert process.stdout.readline() == b"there\n"
        (path,) = tmp_path.glob("*.jsonl")
        assert is_being_written(path)
        assert not EventLog(tmp_path).claim("s", path)
        process.send_signal(signal.SIGKILL)
    assert not is_being_written(path)
    assert EventLog(tmp_path).claim("s", path)


def test_what_is_claimed_is_gone_on_with_and_nobody_else_can_claim_it(tmp_path: Path) -> None:
    first, path = written(tmp_path)
    first.close()
    log = EventLog(tmp_path)
    assert log.claim("s", path)
    assert not EventLog(tmp_path).claim("s", path)
    log.write(Pong(text="y", session_id="s"))
    log.close()
    assert path.read_text().count("Pong") == 2
    assert list(tmp_path.glob("*.jsonl")) == [path]


def test_somebody_else_who_looks_is_no_writer(tmp_path: Path) -> None:
    log, path = written(tmp_path)
    log.close()
    with path.open("rb") as looker:
        fcntl.flock(looker, fcntl.LOCK_SH)
        assert not is_being_written(path)


@pytest.mark.parametrize(
    ("free", "quiet", "wanted"),
    [
        (True, 0.0, False),
        (False, QUIET * 9, True),
        (None, 0.0, True),
        (None, QUIET - 1, True),
        (None, -3600.0, True),
        (None, QUIET + 1, False),
    ],
)
def test_where_there_are_no_locks_what_was_written_to_lately_is_being_written(
    free: bool | None, quiet: float, wanted: bool
) -> None:
    assert seems_written(free, quiet) is wanted


@pytest.mark.skipif(not hasattr(os, "O_PATH"), reason="only Linux opens files that cannot be locked")
def test_what_cannot_be_locked_is_nobodys_and_can_be_written_all_the_same(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_PATH)  # the kernel refuses to lock it, as a file system without locks does
    try:
        assert _try(descriptor, shared=True) is None
        assert hold(descriptor)
    finally:
        os.close(descriptor)
