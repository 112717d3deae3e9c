"""Whose a session is, the kernel knows: also after `kill -9`."""

import fcntl
import signal
import subprocess
import sys
from pathlib import Path

from llmgine_cli.eventlog.lock import is_being_written
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
