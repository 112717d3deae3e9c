"""What befalls a log on disk, each made to happen: killed writers, cut files, full disks, other writers, odd clocks."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgine_cli.bus import Bus, SessionEnded, SessionStarted
from llmgine_cli.eventlog.conversation import rebuild
from llmgine_cli.eventlog.reader import LogReader, files
from llmgine_cli.eventlog.writer import MOST_OPEN, EventLog
from llmgine_cli.llm.events import MessageAdded
from llmgine_cli.llm.messages import assistant, user
from tests.support.facts import logged, wait_until
from tests.support.messages import Pong
from tests.support.program import Program
from tests.support.server import Answer, FakeVendor

if TYPE_CHECKING:
    from llmgine_cli.errors import StorageError

ROOT = Path(__file__).parents[2]
SETUP = (
    "import asyncio, os, resource, sys, time\n"
    "from pathlib import Path\n"
    "from llmgine_cli.bus import Bus\n"
    "from llmgine_cli.eventlog.writer import EventLog\n"
    "from tests.support.messages import Pong\n"
    "folder = Path(sys.argv[1])\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "logs"


def child(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    """Start a Python process that writes to a log."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-c", SETUP + code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
    )


def texts(path: Path) -> list[str]:
    return [record.data["text"] for record in LogReader(path) if record.type == "Pong"]


def only_file(folder: Path) -> Path:
    (file,) = files(folder)
    return file.path


# -- kill -9


def _longer(path: Path, size: int) -> bool:
    return path.stat().st_size > size


def test_a_line_that_was_being_written_at_kill_9_is_the_only_one_hurt_and_the_next_start_repairs_it(
    folder: Path,
) -> None:
    code = (
        "log = EventLog(folder)\n"
        "text = sys.argv[2] * 8_000_000\n"
        "while True:\n"
        "    log.write(Pong(text=text, session_id='s'))\n"
        "    print(flush=True)\n"
    )
    published = 0
    for letter in "abcd":
        with child(code, folder, letter) as process:
            assert process.stdout is not None
            process.stdout.readline()
            size = only_file(folder).stat().st_size
            wait_until(partial(_longer, only_file(folder), size))  # in the middle of the next
            process.kill()
            published += 1 + len(process.stdout.read())
    log = EventLog(folder)
    log.write(Pong(text="next", session_id="s"))
    log.close()

    found = texts(only_file(folder))
    assert found[-1] == "next"
    assert {len(set(text)) for text in found[:-1]} == {1}, "lines were mixed"
    assert {len(text) for text in found[:-1]} == {8_000_000}
    assert published <= len(found) - 1 <= published + 4


def test_an_event_is_on_disk_when_its_handler_is_killed(folder: Path) -> None:
    code = (
        "def handler(event):\n"
        "    print('handling', flush=True)\n"
        "    time.sleep(1000)\n"
        "async def main():\n"
        "    bus, log = Bus(), EventLog(folder)\n"
        "    bus.subscribe(Pong, handler)\n"
        "    log.attach(bus)\n"
        "    async with bus.session('s') as session:\n"
        "        await session.publish(Pong(text='the cause'))\n"
        "asyncio.run(main())\n"
    )
    with child(code, folder) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"handling\n"
        process.kill()

    assert [record.type for record in LogReader(only_file(folder))] == ["SessionStarted", "Pong"]


def test_kill_9_in_the_middle_of_an_answer_leaves_the_question_and_a_log_that_goes_on(cli: Program, home: Path) -> None:
    with FakeVendor([Answer("the beginning", then="silence"), Answer("again")]) as vendor:
        environment = {"OPENAI_BASE_URL": vendor.url, "OPENAI_API_KEY": "k"}
        with cli.start("run", "-m", "openai:gpt-5-mini", "the question", env=environment) as process:
            assert process.stdout is not None
            assert process.stdout.read(13) == b"the beginning"
            process.send_signal(signal.SIGKILL)
        types = [event["event_type"] for event in logged(home)]
        assert types[-1] == "LLMCallStarted"
        done = cli("chat", "--continue", "-m", "openai:gpt-5-mini", input="and now?\n", env=environment)

    assert (done.stdout, done.code) == ("again\n", 0), done.stderr
    said = [message["content"] for message in vendor.requests[1].body["messages"]]
    assert (said[0], said[-1]) == ("the question", "and now?")
    assert len(list((home / "state" / "logs").glob("events_*"))) == 1


# -- cut files, garbage


def conversation(folder: Path) -> Path:
    log = EventLog(folder)
    log.write(SessionStarted(session_id="s"))
    log.write(MessageAdded(session_id="s", message=user("the question")))
    log.write(MessageAdded(session_id="s", message=assistant("an answer that is long: " + "é\n" * 20)))
    log.write(Pong(session_id="s", text="last"))
    log.close()
    path = log.path("s")
    assert path is not None
    return path


def test_a_log_cut_at_any_byte_of_its_last_two_lines_can_be_read_rebuilt_and_gone_on_with(folder: Path) -> None:
    path = conversation(folder)
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    for cut in range(len(content) - len(lines[-1]) - len(lines[-2]), len(content) + 1):
        path.write_bytes(content[:cut])
        whole = content[:cut].count(b"\n")
        # The last line may be whole but for its newline.
        readable = whole + (content[cut : cut + 1] == b"\n")

        reader = LogReader(path)
        assert len(list(reader)) == readable
        assert len(list(LogReader(path).backwards())) == readable
        assert rebuild(path)[0] == user("the question")
        log = EventLog(folder)
        log.write(Pong(session_id="s", text="next"))
        log.close()
        after = [record.type for record in LogReader(path)]
        assert after[readable:] == ["Pong"]
        assert texts(path)[-1] == "next"
        assert rebuild(path)[0] == user("the question")


@given(
    garbage=st.one_of(st.binary(max_size=200), st.sampled_from([b"\0" * 4096, b"\n\n\n", b'{"v":1', b"\xff\xfe{}\n"])),
    where=st.integers(0, 4),
)
def test_garbage_between_lines_costs_at_most_the_line_it_touches(
    tmp_path_factory: pytest.TempPathFactory, garbage: bytes, where: int
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    path = conversation(folder)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:where], garbage, *lines[where:]]))
    log = EventLog(folder)
    log.write(Pong(session_id="s", text="next"))
    log.close()

    found = [record.line + b"\n" for record in LogReader(path)]
    assert found[:where] == lines[:where]
    assert found[len(found) - len(lines[where + 1 :]) - 1 : -1] == lines[where + 1 :]
    assert texts(path)[-1] == "next"
    backwards = [record.line + b"\n" for record in LogReader(path).backwards()]
    assert backwards[::-1] == found


# -- full disks


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KB."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", place], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def fill(log: EventLog, *, until: int = 10_000) -> int:
    """Write until it fails; return how many events were written."""
    for number in range(until):
        log.write(Pong(session_id="s", text=f"{number} {'x' * 500}"))
        if log.failed:
            return number
    raise AssertionError("it never failed")


def test_when_a_full_disk_has_room_again_the_log_goes_on_and_tells_of_the_hole(tiny_disk: Path) -> None:
    ballast = tiny_disk / "ballast"
    ballast.write_bytes(b"x" * 30_000)
    told: list[StorageError] = []
    log = EventLog(tiny_disk / "logs", on_failure=told.append)
    written = fill(log)
    for _ in range(4):
        log.write(Pong(session_id="s", text="lost too " + "x" * 5000))
    ballast.unlink()
    log.write(Pong(session_id="s", text="after"))
    log.write(Pong(session_id="s", text="and on"))
    log.close()

    records = list(LogReader(only_file(tiny_disk / "logs")))
    assert [record.type for record in records] == ["Pong"] * written + ["EventsLost", "Pong", "Pong"]
    assert records[written].data["count"] == 5
    assert "No space left on device" in records[written].data["reason"]
    assert [record.data["text"] for record in records[written + 1 :]] == ["after", "and on"]
    assert len(told) == 1


def test_a_line_that_a_full_disk_cut_is_left_behind_and_the_next_begins_anew(tiny_disk: Path) -> None:
    log = EventLog(tiny_disk)
    log.write(Pong(session_id="s", text="whole"))
    log.write(Pong(session_id="s", text="cut " + "x" * 100_000))
    path = only_file(tiny_disk)
    assert not path.read_bytes().endswith(b"\n"), "nothing was cut"
    with path.open("rb+") as file:
        file.truncate(2000)  # room again, and the torn line still there
    log.write(Pong(session_id="s", text="next"))
    log.close()

    reader = LogReader(path)
    assert [record.type for record in reader] == ["Pong", "EventsLost", "Pong"]
    assert reader.skipped == 1
    assert texts(path) == ["whole", "next"]


def test_on_a_full_disk_the_answer_is_printed_with_one_warning_and_exit_code_6(cli: Program, tiny_disk: Path) -> None:
    (tiny_disk / "ballast").write_bytes(b"x" * 61_000)
    with FakeVendor([Answer("the whole answer " * 1000)]) as vendor:
        done = cli(
            *("run", "-m", "openai:gpt-5-mini", "hi"),
            env={
                "OPENAI_BASE_URL": vendor.url,
                "OPENAI_API_KEY": "k",
                "LLMGINE_LOG__DIR": str(tiny_disk / "logs"),
            },
        )
    assert done.stdout.strip() == ("the whole answer " * 1000).strip()
    assert done.code == 6
    assert done.stderr.count("warning") == 1, done.stderr
    assert "No space left on device" in done.stderr


@pytest.mark.usefixtures("no_bytecode")
def test_under_a_limit_on_the_size_of_files_the_answer_is_printed_with_one_warning_and_exit_code_6(
    cli: Program, home: Path
) -> None:
    answer = "the whole answer " * 1000
    with FakeVendor([Answer(answer)]) as vendor:
        limited = Program(("sh", "-c", 'ulimit -f 4; exec "$0" "$@"', *cli.command))
        done = limited(
            "run", "-m", "openai:gpt-5-mini", "hi", env={"OPENAI_BASE_URL": vendor.url, "OPENAI_API_KEY": "k"}
        )
    assert done.stdout.strip() == answer.strip()
    assert done.code == 6
    assert done.stderr.count("warning") == 1, done.stderr
    assert "File too large" in done.stderr


async def test_a_log_folder_that_is_removed_while_it_is_written_comes_back_with_what_follows(folder: Path) -> None:
    told: list[StorageError] = []
    bus, log = Bus(), EventLog(folder, on_failure=told.append)
    log.attach(bus)
    async with bus.session("s") as session:
        await session.publish(Pong(text="before"))
        shutil.rmtree(folder)
        for step in (10**9, -(10**15), 10**15):  # whatever the clock says meanwhile
            await session.publish(Pong(text=f"after {step}", time_ns=time.time_ns() + step))
            shutil.rmtree(folder, ignore_errors=True)
        await session.publish(Pong(text="last", time_ns=time.time_ns()))

    assert texts(only_file(folder)) == ["last"]
    assert len(told) == 1


# -- others, clocks, size


def test_four_processes_with_lines_of_200_kb_lose_and_tear_none(folder: Path) -> None:
    code = (
        "log = EventLog(folder)\n"
        "for number in range(25):\n"
        "    log.write(Pong(text=sys.argv[2] * 200_000 + str(number), session_id='s'))\n"
        "assert log.failed is None\n"
    )
    EventLog(folder).write(Pong(text="first", session_id="s"))
    writers = [child(code, folder, letter) for letter in "abcd"]
    for process in writers:
        process.communicate()
        assert process.returncode == 0

    reader = LogReader(only_file(folder))
    found = [record.data["text"] for record in reader][1:]
    assert reader.skipped == 0
    for letter in "abcd":
        assert [text[200_000:] for text in found if text[0] == letter] == [str(number) for number in range(25)]
        assert {text[:200_000] for text in found if text[0] == letter} == {letter * 200_000}


def test_whatever_the_clock_says_the_order_in_the_file_is_that_of_writing(folder: Path) -> None:
    log = EventLog(folder)
    now = time.time_ns()
    moments = [now, now + 10**18, now - 10**18, 0, -(10**18), 10**22, now + 1]
    for number, moment in enumerate(moments):
        log.write(Pong(session_id="s", text=str(number), time_ns=moment))
    log.close()

    records = list(LogReader(only_file(folder)))
    assert [record.data["text"] for record in records] == [str(number) for number in range(len(moments))]
    assert [record.time_ns for record in records] == moments


def test_ten_thousand_sessions_leave_no_descriptor_and_no_memory_behind(folder: Path) -> None:
    log = EventLog(folder)

    def run(numbers: range) -> None:
        for number in numbers:
            name = f"s{number}"
            log.write(SessionStarted(session_id=name))
            path = log.path(name)
            log.write(SessionEnded(session_id=name, duration_ms=1))
            assert path is not None
            path.unlink()  # a folder that grows is searched ever longer: not what is tested here

    run(range(2000))
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    blocks = sys.getallocatedblocks()
    run(range(2000, 10_000))

    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
    assert sys.getallocatedblocks() - blocks < 2000  # one for each session would be 8,000


def test_more_sessions_than_descriptors_can_be_open_at_once(folder: Path) -> None:
    code = (
        "resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400))\n"
        "log = EventLog(folder)\n"
        "for text in ('one', 'two'):\n"
        "    for number in range(1000):\n"
        "        log.write(Pong(text=text, session_id=f'{number:027x}'))\n"
        "print(log.failed)\n"
    )
    with child(code, folder) as process:
        output, _ = process.communicate()
    assert output == b"None\n"
    assert len(files(folder)) == 1000 > MOST_OPEN
    assert {tuple(texts(file.path)) for file in files(folder)} == {("one", "two")}


def test_a_line_of_50_mb_is_written_whole_and_read_again(folder: Path) -> None:
    log = EventLog(folder)
    log.write(Pong(session_id="s", text="before"))
    log.write(Pong(session_id="s", text="x" * 50_000_000))
    log.write(Pong(session_id="s", text="after"))
    log.close()

    assert [len(text) for text in texts(only_file(folder))] == [6, 50_000_000, 5]
    assert [len(record.data["text"]) for record in LogReader(only_file(folder)).backwards()] == [5, 50_000_000, 6]
