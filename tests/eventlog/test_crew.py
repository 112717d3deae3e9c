"""Work that is spread over processes comes back whole and in order, whatever becomes of them."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from llmgine_cli.eventlog import crew as crews
from llmgine_cli.eventlog.crew import spread

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked"),
    # Where tests run side by side, a thread waits in each process for the next test; it has no part in this.
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),
]

MEGABYTE = 1 << 20
ENDLESS = """
import os, sys
from llmgine_cli.eventlog.crew import spread

def work(item):
    sys.stdout.write(f"{os.getpid()}\\n")
    sys.stdout.flush()
    while item == 2:
        pass
    return b"x" * (1 << 20)

for told in spread(work, range(1_000_000), 3):
    sys.stdin.readline()
"""


def children() -> set[str]:
    """The children of this process, ended ones that nobody has asked about included."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


@pytest.fixture(autouse=True)
def nobody_is_left() -> Iterator[None]:
    """What other tests of this process have started is none of ours."""
    before = children()
    yield
    assert children() <= before


@pytest.mark.parametrize("size", [1, 2, 3, 50])
@pytest.mark.parametrize("count", [0, 1, 2, 20])
def test_what_comes_of_the_items_comes_in_their_order(size: int, count: int) -> None:
    here = os.getpid()

    def work(item: int) -> bytes:
        return b"%d %d" % (item, os.getpid() == here)

    assert list(spread(work, range(count), size)) == [b"%d 0" % item for item in range(count)]


@pytest.mark.parametrize("length", [0, 65_536, 3 * MEGABYTE])
def test_what_comes_of_an_item_may_be_of_any_length(length: int) -> None:
    assert [len(told) for told in spread(lambda _: b"x" * length, range(4), 2)] == [length] * 4


def killed(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def raising(_: int) -> None:
    raise RuntimeError("in the other process")


def leaving(_: int) -> None:
    raise SystemExit(0)


@pytest.mark.parametrize("end", [killed, raising, leaving])
@pytest.mark.parametrize("last", [0, 1, 5])
def test_what_a_process_that_ends_does_not_deliver_is_done_here(end: Callable[[int], None], last: int) -> None:
    here = os.getpid()

    def work(item: int) -> bytes:
        if os.getpid() != here and item >= last:
            end(item)
        return b"%d" % item

    assert list(spread(work, range(12), 2)) == [b"%d" % item for item in range(12)]


class Longer(bytes):
    """Says that it is longer than it is."""

    def __len__(self) -> int:
        return 1000


def test_half_a_message_is_none() -> None:
    here = os.getpid()

    def work(item: int) -> bytes:
        return Longer(b"half") if os.getpid() != here and item == 2 else b"%d" % item  # the last one of its process

    assert list(spread(work, range(4), 2)) == [b"0", b"1", b"2", b"3"]


def test_what_fails_here_as_well_is_an_error() -> None:
    def work(item: int) -> bytes:
        if item == 3:
            raise ValueError("no such thing")
        return b""

    team = spread(work, range(8), 2)
    assert len(list(islice(team, 3))) == 3
    with pytest.raises(ValueError, match="no such thing"):
        next(team)


def test_where_no_process_can_be_begun_all_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def fork() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", fork)
    assert list(spread(lambda item: b"%d" % item, range(5), 2)) == [b"0", b"1", b"2", b"3", b"4"]


def test_who_stops_asking_ends_them(tmp_path: Path) -> None:
    begun = tmp_path / "begun"

    def work(item: int) -> bytes:
        with begun.open("a") as file:
            file.write(f"{item}\n")
        return b"x" * MEGABYTE

    team = spread(work, range(1000), 2)
    for _ in range(3):
        next(team)
    team.close()  # type: ignore[attr-defined]
    # Three are delivered, and each process has at most one more under way: a pipe holds less than one.
    assert len(begun.read_text().split()) <= 3 + 2


async def test_signals_of_the_others_do_not_reach_an_event_loop_that_runs_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crews, "_LOOK", 0.01)
    here = os.getpid()
    heard: list[bool] = []

    def work(_: int) -> bytes:
        signal.pause()  # until the first look whether the process above is still there
        return b"%d" % (os.getpid() == here)

    asyncio.get_running_loop().add_signal_handler(signal.SIGALRM, heard.append, True)
    assert list(spread(work, range(2), 2)) == [b"0", b"0"]
    for _ in range(3):
        await asyncio.sleep(0)
    assert heard == []
    assert asyncio.get_running_loop().remove_signal_handler(signal.SIGALRM)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who a process's children are")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_when_the_program_is_killed_none_stays_behind(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as program:
        assert program.stdout
        pids: set[bytes] = set()
        while len(pids) < 3:
            pids.add(program.stdout.readline())
        program.send_signal(number)
        program.stdout.read()  # ends when the last of them has
        assert program.wait() != 0


def test_a_crew_is_as_large_as_there_are_processors_and_never_beside_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(4), raising=False)
    assert crews.crew().size == 4
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(400), raising=False)
    assert crews.crew().size == crews.MOST
    monkeypatch.setattr(threading, "active_count", lambda: 2)
    assert crews.crew() == crews.ALONE
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert crews.crew() == crews.ALONE
