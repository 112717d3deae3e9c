"""One file a session, one write an event, and what becomes of both when the disk does not play along."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import jsonlines
import pytest

from llmgine_cli.bus import Bus, SessionEnded, SessionStarted
from llmgine_cli.eventlog.reader import LogReader, files
from llmgine_cli.eventlog.writer import EventLog
from llmgine_cli.llm.events import TextChunk
from tests.support.messages import Fetch, Pong

if TYPE_CHECKING:
    from llmgine_cli.errors import StorageError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "logs"


def texts(path: Path | None) -> list[str]:
    assert path is not None
    return [record.data["text"] for record in LogReader(path) if record.type == "Pong"]


def types(path: Path | None) -> list[str]:
    assert path is not None
    return [record.type for record in LogReader(path)]


async def test_a_session_has_one_file_with_every_event_in_order(folder: Path) -> None:
    bus, log = Bus(), EventLog(folder)
    log.attach(bus)

    async with bus.session() as session:
        session.register(Fetch, lambda command: command.tries)
        await session.publish(Pong(text="one"))
        await session.execute(Fetch(url="x"))

    path = log.path(session.id)
    assert types(path) == ["SessionStarted", "Pong", "CommandStarted", "CommandFinished", "SessionEnded"]
    assert [file.path for file in files(folder)] == [path]
    assert files(folder)[0].session == session.id


def test_only_the_user_can_read_it(folder: Path) -> None:
    log = EventLog(folder)
    log.write(Pong(text="x", session_id="s"))

    path = log.path("s")
    assert path is not None
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_default_folder_is_closed_to_others_if_it_was_open(home: Path) -> None:
    folder = home / "state" / "logs"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    EventLog(folder).write(Pong(text="x", session_id="s"))

    assert mode(folder) == 0o700


def test_a_folder_that_the_user_named_stays_as_it_is_and_its_files_are_closed(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    log = EventLog(folder)
    log.write(Pong(text="x", session_id="s"))

    path = log.path("s")
    assert path is not None
    assert (mode(folder), mode(path)) == (0o777, 0o600)


def test_a_default_folder_that_is_a_link_stays_as_it_is(home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o755)
    (home / "state").mkdir(parents=True)
    (home / "state" / "logs").symlink_to(elsewhere)
    EventLog(home / "state" / "logs").write(Pong(text="x", session_id="s"))

    assert mode(elsewhere) == 0o755


async def test_another_reader_of_json_lines_finds_the_same(folder: Path) -> None:
    bus, log = Bus(), EventLog(folder)
    log.attach(bus)
    async with bus.session("s") as session:
        session.register(Fetch, lambda command: command.tries)
        await session.publish(Pong(text="two\nlines, a \u2028 separator and \U0001f600"))
        await session.execute(Fetch(url="x"))

    path = log.path("s")
    assert path is not None
    with jsonlines.open(path) as reader:
        lines = list(reader.iter(type=dict))
    assert lines == [record.data for record in LogReader(path)]
    assert [line["event_type"] for line in lines] == types(path)
    assert lines[1]["text"] == "two\nlines, a \u2028 separator and \U0001f600"


async def test_an_event_is_on_disk_before_anybody_else_sees_it(folder: Path) -> None:
    bus, log = Bus(), EventLog(folder)
    seen: list[list[str]] = []
    bus.subscribe(Pong, lambda event: seen.append(texts(log.path("s"))))  # subscribed before the log
    log.attach(bus)
    async with bus.session("s") as session:
        session.subscribe(Pong, lambda event: seen.append(texts(log.path("s"))))
        await session.publish(Pong(text="now"))

    assert seen == [["now"], ["now"]]


async def test_what_an_event_causes_stands_after_it(folder: Path) -> None:
    bus, log = Bus(), EventLog(folder)
    log.attach(bus)

    async def answer(event: Pong) -> None:
        if event.text == "cause":
            await bus.publish(Pong(text="effect"))

    async with bus.session("s") as session:
        session.subscribe(Pong, answer)
        await session.publish(Pong(text="cause"))

    assert texts(log.path("s")) == ["cause", "effect"]


def test_pieces_of_an_answer_are_not_logged(folder: Path) -> None:
    log = EventLog(folder)
    log.write(TextChunk(session_id="s", call_id="c", text="tok"))

    assert log.path("s") is None
    assert not folder.exists()


async def test_what_happens_outside_any_session_has_a_file_of_its_own_that_is_made_only_then(folder: Path) -> None:
    bus, log = Bus(), EventLog(folder)
    log.attach(bus)
    async with bus.session("s"):
        pass
    assert log.path(None) is None

    await bus.publish(Pong(text="outside"))

    assert texts(log.path(None)) == ["outside"]
    assert len(files(folder)) == 2


def test_the_file_is_closed_when_the_session_ends(folder: Path) -> None:
    log = EventLog(folder)
    before = os.dup(0)  # the lowest number that is free
    os.close(before)
    for number in range(50):
        log.write(SessionStarted(session_id=f"s{number}"))
        log.write(SessionEnded(session_id=f"s{number}", duration_ms=1))

    after = os.dup(0)
    os.close(after)
    assert after == before


@pytest.mark.parametrize(
    "session_id", ["../../etc/passwd", "a b/c", "..", "", "é" * 300, "\0", "x" * 200, "\udc80", "@outside"]
)
def test_a_session_may_have_any_name_and_its_file_stays_in_the_folder(folder: Path, session_id: str) -> None:
    log = EventLog(folder)
    log.write(Pong(text="x", session_id=session_id))
    again = EventLog(folder)
    again.write(Pong(text="y", session_id=session_id))

    assert log.failed is None
    assert texts(log.path(session_id)) == ["x", "y"]
    assert [file.path for file in files(folder)] == [log.path(session_id)]


@pytest.mark.parametrize("name", ["mine", None])
def test_a_session_that_is_continued_goes_on_in_its_file(folder: Path, name: str | None) -> None:
    bus = Bus()
    session_id = bus.session(name).id
    for text in ("first", "second"):
        log = EventLog(folder)
        log.write(Pong(text=text, session_id=session_id))
        log.write(SessionEnded(session_id=session_id, duration_ms=1))
        log.close()

    assert texts(files(folder)[0].path) == ["first", "second"]
    assert len(files(folder)) == 1


def test_a_session_whose_name_ends_like_anothers_has_its_own_file(folder: Path) -> None:
    log = EventLog(folder)
    log.write(Pong(text="1", session_id="your_mine"))
    log.write(Pong(text="2", session_id="mine"))

    assert log.path("mine") != log.path("your_mine")
    assert texts(log.path("mine")) == ["2"]


def test_a_torn_last_line_is_ended_when_the_session_is_continued(folder: Path) -> None:
    first = EventLog(folder)
    for text in ("whole", "torn"):
        first.write(Pong(text=text, session_id="s"))
    first.close()
    path = first.path("s")
    assert path is not None
    content = path.read_bytes()
    for cut in range(content.index(b"\n") + 2, len(content)):
        path.write_bytes(content[:cut])
        log = EventLog(folder)
        log.write(Pong(text="next", session_id="s"))
        log.close()

        found = texts(path)
        assert found[0] == "whole"
        assert found[-1] == "next"
        assert len(found) == (3 if cut == len(content) - 1 else 2)


async def test_a_folder_that_cannot_be_made_is_told_once_and_the_work_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    told: list[StorageError] = []
    bus, log = Bus(), EventLog(tmp_path / "file" / "logs", on_failure=told.append)
    log.attach(bus)
    seen: list[str] = []

    async with bus.session() as session:
        session.subscribe(Pong, lambda event: seen.append(event.text))
        await session.publish(Pong(text="answer"))

    assert seen == ["answer"]
    assert told == [log.failed]
    assert told[0].exit_code == 6
    assert str(tmp_path / "file" / "logs") in told[0].message


def test_a_folder_removed_while_running_is_told_and_made_anew(folder: Path) -> None:
    told: list[StorageError] = []
    log = EventLog(folder, on_failure=told.append)
    log.write(Pong(text="lost", session_id="s"))
    shutil.rmtree(folder)

    later = Pong(text="kept", session_id="s")
    log.write(Pong(text="kept", session_id="s", time_ns=later.time_ns + 10**9))

    assert texts(log.path("s")) == ["kept"]
    assert told == [log.failed]
    assert "removed" in told[0].message


def test_a_disk_that_has_room_again_is_written_again(tmp_path: Path) -> None:
    blocked = tmp_path / "logs"
    blocked.write_text("in the way")
    log = EventLog(blocked)
    log.write(Pong(text="lost", session_id="s"))
    blocked.unlink()

    log.write(Pong(text="kept", session_id="s"))

    assert log.failed is not None
    assert texts(log.path("s")) == ["kept"]


def child(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    setup = (
        "import sys\n"
        "from pathlib import Path\n"
        "from llmgine_cli.eventlog.writer import EventLog\n"
        "from tests.support.messages import Pong\n"
        "folder = Path(sys.argv[1])\n"
    )
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(
        [sys.executable, "-c", setup + code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])},
    )


def test_kill_9_takes_nothing_back_that_was_published(folder: Path) -> None:
    code = (
        "log = EventLog(folder)\n"
        "for number in range(10**9):\n"
        "    log.write(Pong(text=str(number), session_id='s'))\n"
        "    print(number, flush=True)\n"
    )
    with child(code, folder) as process:
        assert process.stdout is not None
        for _ in range(500):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        printed = [b"499\n", *process.stdout]
    published = max(int(line) for line in printed if line.endswith(b"\n"))

    written = texts(files(folder)[0].path)

    assert written[: published + 1] == [str(number) for number in range(published + 1)]
    assert len(written) - (published + 1) in {0, 1}  # the last may have been written, and not printed yet


@pytest.mark.usefixtures("no_bytecode")
def test_a_full_disk_costs_the_log_and_nothing_else(folder: Path) -> None:
    code = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "told = []\n"
        "log = EventLog(folder, on_failure=told.append)\n"
        "for number in range(100):\n"
        "    log.write(Pong(text=str(number), session_id='s'))\n"
        "print(len(told), type(told[0]).__name__, told[0].__cause__.strerror, sep='|')\n"
    )
    with child(code, folder) as process:
        output, _ = process.communicate()

    assert output.decode().strip() == "1|StorageError|File too large"
    path = files(folder)[0].path
    reader = LogReader(path)
    assert [record.data["text"] for record in reader] == [str(number) for number in range(len(texts(path)))]
    assert len(texts(path)) >= 3
    assert reader.skipped == 1  # the line that did not fit whole


def test_two_processes_do_not_mix_their_lines(folder: Path) -> None:
    code = (
        "log = EventLog(folder)\n"
        "for number in range(300):\n"
        "    log.write(Pong(text=sys.argv[2] * 20_000 + str(number), session_id='s'))\n"
    )
    EventLog(folder).write(Pong(text="first", session_id="s"))
    writers = [child(code, folder, letter) for letter in "ab"]
    for process in writers:
        process.communicate()
        assert process.returncode == 0

    reader = LogReader(files(folder)[0].path)
    found = [record.data["text"].replace("aa", "").replace("bb", "") for record in reader]

    assert reader.skipped == 0
    assert sorted(found[1:]) == sorted(str(number) for number in range(300) for _ in "ab")
    assert len(files(folder)) == 1


def test_a_link_in_the_place_of_the_file_is_not_written_through(folder: Path, tmp_path: Path) -> None:
    folder.mkdir(parents=True)
    victim = tmp_path / "victim"
    victim.write_text("precious\n")
    (folder / "events_20261123T000000.000000Z_s.jsonl").symlink_to(victim)
    log = EventLog(folder)

    log.write(Pong(text="x", session_id="s"))

    assert victim.read_text() == "precious\n"
    assert log.failed is not None


def test_keys_never_reach_the_file(folder: Path) -> None:
    log = EventLog(folder, secrets=["hunter2-hunter2"])
    log.write(Pong(text="my key is hunter2-hunter2, and gsk" + "_" + "0123456789abcdef" * 3, session_id="s"))

    assert texts(log.path("s")) == ["my key is [redacted], and [redacted]"]


def test_each_line_is_one_json_object(folder: Path) -> None:
    log = EventLog(folder)
    log.write(Pong(text="line\nfeed\u2028", session_id="s"))
    path = log.path("s")
    assert path is not None

    assert [json.loads(line)["text"] for line in path.read_bytes().splitlines()] == ["line\nfeed\u2028"]


async def test_two_logs_live_in_one_process(tmp_path: Path) -> None:
    for name in ("a", "b"):
        bus, log = Bus(), EventLog(tmp_path / name)
        log.attach(bus)
        async with bus.session("same") as session:
            await session.publish(Pong(text=name))

    assert texts(files(tmp_path / "a")[0].path) == ["a"]
    assert texts(files(tmp_path / "b")[0].path) == ["b"]
