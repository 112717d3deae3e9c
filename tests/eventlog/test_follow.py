"""Following logs live: what is written after, in which file soever, comes at once and once."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from threading import Thread

import pytest

from llmgine_cli.eventlog.codec import encode
from llmgine_cli.eventlog.follow import Follower
from llmgine_cli.eventlog.writer import EventLog
from tests.support.messages import Pong

CODE = """
import sys
from pathlib import Path
from llmgine_cli.eventlog.writer import EventLog
from tests.support.messages import Pong
log = EventLog(Path(sys.argv[1]))
for line in sys.stdin:
    session, text = line.split()
    log.write(Pong(text=text, session_id=session))
    print("written", flush=True)
"""


class Writer:
    """Another process that writes events when told."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CODE, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def write(self, session: str, text: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(session, text, file=self.process.stdin, flush=True)
        assert self.process.stdout.readline() == "written\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "logs"


@pytest.fixture
def writer(folder: Path) -> Iterator[Writer]:
    made = Writer(folder)
    yield made
    made.process.communicate()


def texts(follower: Follower, count: int) -> list[str]:
    return [record.data["text"] for record in islice(follower, count)]


def test_events_of_all_sessions_come_as_they_are_written(folder: Path, writer: Writer) -> None:
    writer.write("a", "old")
    follower = Follower(folder)
    for session, text in (("a", "one"), ("b", "two"), ("a", "three")):
        writer.write(session, text)

    assert sorted(texts(follower, 3)) == ["one", "three", "two"]

    writer.write("c", "four")
    assert texts(follower, 1) == ["four"]


def test_each_event_wakes_the_follower(folder: Path, writer: Writer) -> None:
    writer.write("a", "old")
    events = iter(Follower(folder))
    for session, text in (("a", "one"), ("b", "two"), ("a", "three"), ("c", "four")):
        waiting = Thread(target=writer.write, args=(session, text))
        waiting.start()
        assert next(events).data["text"] == text
        waiting.join()


def test_a_folder_that_does_not_exist_yet_is_waited_for(folder: Path, writer: Writer) -> None:
    follower = Follower(folder)
    Thread(target=writer.write, args=("a", "first")).start()

    assert texts(follower, 1) == ["first"]


def test_only_one_session_can_be_followed(folder: Path, writer: Writer) -> None:
    log = EventLog(folder)
    log.write(Pong(text="old", session_id="a"))
    follower = Follower(folder, only=log.path("a"))
    writer.write("b", "other")
    writer.write("a", "new")

    assert texts(follower, 1) == ["new"]


def test_a_line_that_is_not_whole_yet_is_waited_for(folder: Path) -> None:
    log = EventLog(folder)
    log.write(Pong(text="old", session_id="a"))
    path = log.path("a")
    assert path is not None
    events = iter(Follower(folder))
    line = encode(Pong(text="split", session_id="a"))
    log.write(Pong(text="before", session_id="a"))
    with path.open("ab", buffering=0) as file:
        file.write(line[:40])
        assert next(events).data["text"] == "before"
        Thread(target=lambda: file.write(line[40:])).start()
        assert next(events).data["text"] == "split"


def test_bad_lines_are_skipped_and_counted(folder: Path) -> None:
    log = EventLog(folder)
    log.write(Pong(text="old", session_id="a"))
    path = log.path("a")
    assert path is not None
    follower = Follower(folder)
    with path.open("ab") as file:
        file.write(b"garbage\n\0\0\0\n")
    log.write(Pong(text="new", session_id="a"))

    assert texts(follower, 1) == ["new"]
    events = iter(follower)
    log.write(Pong(text="newer", session_id="a"))
    assert next(events).data["text"] == "newer"
    assert follower.skipped == 1


def test_a_folder_that_was_removed_and_made_anew_is_followed_on(folder: Path) -> None:
    EventLog(folder).write(Pong(text="old", session_id="a"))
    events = iter(Follower(folder))
    EventLog(folder).write(Pong(text="one", session_id="a"))
    assert next(events).data["text"] == "one"

    shutil.rmtree(folder)
    EventLog(folder).write(Pong(text="two", session_id="a"))

    assert next(events).data["text"] == "two"


def test_following_ends_when_nobody_reads_the_output(folder: Path) -> None:
    import os

    folder.mkdir()
    reading, writing = os.pipe()
    Thread(target=os.close, args=(reading,)).start()

    assert list(Follower(folder, output=writing)) == []
    os.close(writing)
