"""The schedule, when processes die and when many work on it at once."""

import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from llmgine_cli.bus.schedule import Entry, ScheduleStore
from tests.support.facts import wait_until
from tests.support.program import TIMEOUT

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the schedule of the test is."""
    return tmp_path / "schedule" / "schedule.db"


def start(path: Path, *words: str, stdout: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start the program with a schedule."""
    argv = [sys.executable, "-m", "tests.support.alarm", str(path), *words]
    return subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=stdout)


@contextmanager
def running(path: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start it, and kill it at the end."""
    with start(path, *words) as process:
        try:
            yield process
        finally:
            process.kill()


def run(path: Path, *words: str) -> None:
    """Run it to its end."""
    with start(path, *words) as process:
        assert process.wait(TIMEOUT) == 0


def rang(path: Path) -> list[tuple[str, str, str]]:
    """What has fired: text, id and process."""
    file = path.with_suffix(".rang")
    lines = file.read_text().splitlines() if file.exists() else []
    return [(text, event_id, process) for text, event_id, process in map(str.split, lines)]


def entries(path: Path) -> list[Entry]:
    """All that the schedule has."""
    store = ScheduleStore(path)
    try:
        return store.entries()
    finally:
        store.close()


def states(path: Path) -> Counter[str]:
    """How many there are in each state."""
    return Counter(entry.state for entry in entries(path))


def test_killed_right_after_keeping_nothing_kept_is_lost_and_each_fires_once(path: Path) -> None:
    with start(path, "add", "1000000", "0", stdout=subprocess.PIPE) as process:
        wait_until(lambda: path.exists() and len(entries(path)) > 20)
        process.kill()
    kept = {entry.id for entry in entries(path)}
    run(path, "drain")
    assert Counter(event_id for _, event_id, _ in rang(path)) == Counter(kept)
    assert states(path) == {"done": len(kept)}


def test_killed_while_a_handler_runs_the_event_is_delivered_once_more_with_the_same_id(path: Path) -> None:
    run(path, "add", "1", "0")
    with running(path, "hang", "1") as process:
        wait_until(lambda: rang(path))
        process.kill()
    assert states(path) == {"running": 1}
    with running(path, "work", "10"):
        wait_until(lambda: states(path) == {"done": 1})
    (entry,) = entries(path)
    assert [event_id for _, event_id, _ in rang(path)] == [entry.id] * 2
    assert entry.attempts == 2


def test_a_worker_that_waits_takes_over_from_one_that_dies(path: Path) -> None:
    with running(path, "hang", "3") as first:
        run(path, "add", "40", "0")
        wait_until(lambda: str(first.pid) in {process for _, _, process in rang(path)})
        with running(path, "work", "3") as second:
            # It has done what was left, and waits for what the first one holds.
            wait_until(lambda: states(path).get("done", 0) == 40 - states(path).get("running", 0))
            first.kill()
            wait_until(lambda: states(path) == {"done": 40})
        assert {process for _, _, process in rang(path)} == {str(first.pid), str(second.pid)}
    # Only what the dead one had begun was delivered again.
    twice = [event_id for event_id, times in Counter(event_id for _, event_id, _ in rang(path)).items() if times > 1]
    begun = [event_id for _, event_id, process in rang(path) if process == str(first.pid)]
    assert sorted(twice) == sorted(begun)


def test_an_event_that_kills_whoever_runs_it_is_parked_and_not_tried_for_ever(path: Path) -> None:
    run(path, "add", "1", "0")
    for attempt in (1, 2, 3):
        with running(path, "hang", "0.5"):
            wait_until(lambda: len(rang(path)) == attempt)  # noqa: B023 -- asked at once
    with running(path, "work", "10"):
        wait_until(lambda: states(path) == {"failed": 1})
    (entry,) = entries(path)
    assert (entry.attempts, entry.error) == (3, "the process that ran it died, 3 times")
    assert len(rang(path)) == 3


@pytest.mark.parametrize("workers", [2, 8])
def test_a_hundred_due_at_once_fire_once_each_whoever_works(path: Path, workers: int) -> None:
    processes = [start(path, "work") for _ in range(workers)]
    try:
        wait_until(lambda: len(list((path.parent / "bells").glob("*"))) == workers)
        run(path, "add", "100", "0.5")
        wait_until(lambda: states(path) == {"done": 100})
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert sorted((text for text, _, _ in rang(path)), key=int) == [str(number) for number in range(100)]
    assert {entry.attempts for entry in entries(path)} == {1}


BEGIN_TOGETHER = """
import os, sys
from pathlib import Path
from llmgine_cli.bus.schedule import ScheduleStore

ready, go = os.pipe()
children = []
for number in range(60):
    child = os.fork()
    if not child:
        os.close(go)
        os.read(ready, 1)  # until all are there
        store = ScheduleStore(Path(sys.argv[1]))
        for each in range(5):
            store.add(b"x", event_id=f"{number}-{each}", event_type="T", queue="q")
        store.close()
        os._exit(0)
    children.append(child)
os.close(go)
sys.exit(sum(os.waitpid(child, 0)[1] != 0 for child in children))
"""


def test_sixty_processes_that_begin_a_schedule_in_one_moment_all_keep_what_they_have(path: Path) -> None:
    argv = [sys.executable, "-c", BEGIN_TOGETHER, str(path)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, timeout=TIMEOUT, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(entries(path)) == 300
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
