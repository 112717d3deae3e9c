"""The file of a schedule: whose it is, what becomes of it when the disk does not play along, and how it is woken."""

import asyncio
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llmgine_cli.bus.schedule import Clock, ScheduleStore
from llmgine_cli.bus.schedule.store import KEPT
from llmgine_cli.bus.schedule.wake import Bell, ring
from llmgine_cli.errors import BusError, StorageError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the schedule of the test is."""
    return tmp_path / "state" / "schedule" / "schedule.db"


@pytest.fixture
def store(path: Path) -> Iterator[ScheduleStore]:
    """A schedule that is not there yet."""
    made = ScheduleStore(path)
    yield made
    made.close()


def fill(store: ScheduleStore, count: int, *, size: int = 10) -> None:
    """Keep some entries."""
    for number in range(count):
        store.add(b"x" * size, event_id=f"event-{number}", event_type="Rang", queue="events", after=0)


def test_only_the_user_can_read_it(path: Path, store: ScheduleStore) -> None:
    before = os.umask(0)
    try:
        fill(store, 1)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(("schedule.db", "schedule.db-wal", "schedule.db-shm"), 0o600)


def test_it_is_left_as_one_file_and_nothing_else(path: Path, store: ScheduleStore) -> None:
    fill(store, 3)
    store.close()
    assert [file.name for file in path.parent.iterdir()] == ["schedule.db"]
    assert len(store.entries()) == 3


def test_what_is_kept_is_numbered_from_one_and_found_by_its_number_or_its_id(store: ScheduleStore) -> None:
    fill(store, 2)
    assert [entry.number for entry in store.entries()] == [1, 2]
    first, second = store.find("1"), store.find("event-1")
    assert first
    assert second
    assert (first.id, second.number) == ("event-0", 2)
    assert [store.find(name) for name in ("3", "event-2", "", "-1", "9" * 40, "١")] == [None] * 6  # noqa: RUF001


def test_a_number_is_not_given_twice(store: ScheduleStore) -> None:
    fill(store, 1)
    store.cancel(1)
    with pytest.raises(BusError):
        fill(store, 1)
    number = store.add(b"", event_id="another", event_type="Rang", queue="events")
    assert number > 1


def test_what_was_done_long_ago_is_forgotten_and_what_failed_or_waits_is_not(path: Path) -> None:
    now = [1000.0]
    store = ScheduleStore(path, clock=Clock(wall=lambda: now[0], steady=lambda: now[0], boot="b"))
    fill(store, 4)
    for error in (None, "no"):
        entry = store.lease("events", "me", seconds=9, most=3)
        assert entry
        store.finish(entry.number, "me", error=error)
    store.cancel(3)
    now[0] += KEPT + 1
    store.forget_old()
    assert [(entry.number, entry.state) for entry in store.entries()] == [(2, "failed"), (4, "waiting")]
    store.close()


def test_ten_thousand_entries_are_a_matter_of_few_pages_for_each_question(path: Path, store: ScheduleStore) -> None:
    fill(store, 1)
    with sqlite3.connect(path) as connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
            " INSERT INTO entries (id, queue, type, event, created, due)"
            " SELECT 'e' || i, 'events', 'Rang', zeroblob(500), 0, i FROM n"
        )
    connection.close()
    assert len(store.entries()) == 10_000
    taken = [store.lease("events", "me", seconds=30, most=3) for _ in range(100)]
    numbers = [entry.number for entry in taken if entry]
    assert len(set(numbers)) == 100
    assert store.wait("events") is not None


class TestSpoilt:
    """The file is not what it was: one clear error, and nothing is destroyed."""

    def spoil(self, path: Path, store: ScheduleStore, how: Callable[[bytes], bytes]) -> bytes:
        """Change the bytes of a schedule with fifty entries; return what it is now."""
        fill(store, 50, size=2000)
        store.close()
        path.write_bytes(how(path.read_bytes()))
        return path.read_bytes()

    @pytest.mark.parametrize(
        "how",
        [
            pytest.param(lambda whole: b"", id="cut to nothing"),
            pytest.param(lambda whole: whole[:50], id="cut in its head"),
            pytest.param(lambda whole: whole[: len(whole) // 2], id="cut in the middle"),
            pytest.param(lambda whole: b"\0" * len(whole), id="zeroes"),
            pytest.param(lambda whole: b"garbage! " * 1000, id="garbage"),
            pytest.param(lambda whole: whole[:100] + b"\xff" * (len(whole) - 100), id="garbage behind the head"),
        ],
    )
    def test_a_schedule_that_was_cut_or_overwritten(
        self, path: Path, store: ScheduleStore, how: Callable[[bytes], bytes]
    ) -> None:
        left = self.spoil(path, store, how)
        for question in (
            store.entries,
            lambda: store.wait("events"),
            lambda: store.lease("events", "me", seconds=1, most=3),
            lambda: store.add(b"", event_id="new", event_type="Rang", queue="events"),
            lambda: store.cancel(1),
        ):
            with pytest.raises(StorageError) as told:
                question()
            assert str(path) in told.value.message
            assert "\n" not in told.value.message
            assert told.value.hint
            assert f"mv {path.parent} " in told.value.hint
        store.close()
        assert path.read_bytes() == left

    def test_what_stands_in_the_log_beside_a_spoilt_file_is_not_touched_either(
        self, path: Path, store: ScheduleStore, tmp_path: Path
    ) -> None:
        fill(store, 50)
        left = {file.name: file.read_bytes() for file in path.parent.iterdir()}  # as after a kill -9
        store.close()
        for name, content in left.items():
            path.with_name(name).write_bytes(content)
        path.write_bytes(b"garbage! " * 1000)
        with pytest.raises(StorageError):
            store.entries()
        assert path.with_name("schedule.db-wal").read_bytes() == left["schedule.db-wal"]
        path.write_bytes(left["schedule.db"])
        assert len(store.entries()) == 50

    def test_the_way_out_that_is_named_works(self, path: Path, store: ScheduleStore) -> None:
        self.spoil(path, store, lambda whole: whole[:5000])
        with pytest.raises(StorageError) as told:
            store.entries()
        assert told.value.hint
        subprocess.run(["/bin/sh", "-c", "mv " + told.value.hint.partition(": mv ")[2]], check=True)
        assert store.entries() == []

    def test_a_file_that_is_somebody_elses_database(self, path: Path, store: ScheduleStore) -> None:
        path.parent.mkdir(parents=True)
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE theirs (x)")
        connection.close()
        with pytest.raises(StorageError, match="no schedule of llmgine"):
            store.entries()

    def test_a_schedule_of_a_newer_version(self, path: Path, store: ScheduleStore) -> None:
        fill(store, 1)
        store.close()
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
        with pytest.raises(StorageError, match="newer llmgine"):
            store.entries()

    def test_what_sqlite_left_of_another_file_does_not_get_into_a_new_one(
        self, path: Path, store: ScheduleStore, tmp_path: Path
    ) -> None:
        fill(store, 5)
        shutil.copy(path.with_name("schedule.db-wal"), tmp_path / "left")
        store.close()
        path.unlink()
        shutil.copy(tmp_path / "left", path.with_name("schedule.db-wal"))
        with pytest.raises(StorageError, match="is missing"):
            store.entries()
        assert path.with_name("schedule.db-wal").read_bytes() == (tmp_path / "left").read_bytes()

    def test_a_schedule_that_is_moved_away_while_it_is_open_is_begun_anew(
        self, path: Path, store: ScheduleStore, tmp_path: Path
    ) -> None:
        fill(store, 3)
        path.parent.rename(tmp_path / "aside")
        fill(store, 1)
        assert len(store.entries()) == 1
        assert path.exists()
        aside = ScheduleStore(tmp_path / "aside" / path.name)
        assert len(aside.entries()) == 3
        aside.close()

    def test_a_folder_in_its_place(self, path: Path, store: ScheduleStore) -> None:
        path.mkdir(parents=True)
        with pytest.raises(StorageError):
            store.entries()


@pytest.mark.usefixtures("no_bytecode")
def test_a_full_disk_is_told_and_what_was_kept_stays(path: Path, store: ScheduleStore) -> None:
    fill(store, 3)
    store.close()
    code = (
        "import resource, sys; from pathlib import Path; from llmgine_cli.bus.schedule import ScheduleStore\n"
        "from llmgine_cli.errors import StorageError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "store = ScheduleStore(Path(sys.argv[1]))\n"
        "try:\n"
        "    for number in range(1000):\n"
        "        store.add(b'x' * 5000, event_id=f'more-{number}', event_type='Rang', queue='events')\n"
        "        print(number, flush=True)\n"
        "except StorageError as error: print(error, error.hint)\n"
    )
    argv = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    *kept, told = done.stdout.splitlines()
    assert kept
    assert told.startswith(f"the schedule in {path} cannot be used:")
    assert len(store.entries()) == 3 + len(kept)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX")
@pytest.mark.parametrize("there", [True, False])
def test_a_folder_that_cannot_be_written_is_told(there: bool) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        path = folder / "schedule" / "schedule.db"
        if there:
            store = ScheduleStore(path)
            fill(store, 1)
            store.close()
            path.chmod(0o444)
            path.parent.chmod(0o555)
        folder.chmod(0o555)
        # Root may write everywhere: be somebody else.
        child = os.fork()
        if child == 0:
            try:
                if os.getuid() == 0:
                    os.setuid(65534)
                ScheduleStore(path).add(b"", event_id="1", event_type="Rang", queue="events")
            except StorageError as error:
                os._exit(66 if str(folder) in error.message and error.hint else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 66
    finally:
        for each in (folder, folder / "schedule"):
            if each.exists():
                each.chmod(0o755)
        shutil.rmtree(folder)


class TestBells:
    """Those who wait are woken by those who change something."""

    async def test_every_bell_in_the_folder_rings(self, tmp_path: Path) -> None:
        loop = asyncio.get_running_loop()
        rung = [asyncio.Event(), asyncio.Event()]
        bells = [Bell(tmp_path / "bells", loop, event.set) for event in rung]
        assert all(bell.works for bell in bells)
        for _ in range(3):
            ring(tmp_path / "bells")
            async with asyncio.timeout(60):
                await asyncio.gather(*(event.wait() for event in rung))
            for event in rung:
                event.clear()
        for bell in bells:
            bell.close()
            bell.close()
        assert list((tmp_path / "bells").iterdir()) == []

    def test_a_bell_whose_process_has_died_is_taken_away_and_nothing_else_is(self, tmp_path: Path) -> None:
        dead, other = tmp_path / "dead", tmp_path / "a file"
        os.mkfifo(dead)
        other.write_text("mine")
        ring(tmp_path)
        assert list(tmp_path.glob("[ad]*")) == [other]
        assert other.read_text() == "mine"

    async def test_a_bell_that_is_rung_more_often_than_it_is_heard_still_wakes(self, tmp_path: Path) -> None:
        woken = asyncio.Event()
        bell = Bell(tmp_path / "bells", asyncio.get_running_loop(), woken.set)
        for _ in range(70_000):  # more bytes than a pipe holds
            ring(tmp_path / "bells")
        async with asyncio.timeout(60):
            await woken.wait()
        bell.close()

    async def test_without_a_folder_there_is_no_bell_and_no_error(self, tmp_path: Path) -> None:
        (tmp_path / "bells").write_text("no folder")
        bell = Bell(tmp_path / "bells", asyncio.get_running_loop(), lambda: None)
        assert not bell.works
        ring(tmp_path / "bells")
        ring(tmp_path / "nowhere")
        bell.close()
