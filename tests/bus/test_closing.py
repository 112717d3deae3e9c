"""Closing a bus: what was published is finished, or reported and kept."""

import asyncio
import json
import logging
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from llmgine_cli.bootstrap import build
from llmgine_cli.bus import Bus, Command, Event, Undelivered
from llmgine_cli.errors import BusError
from llmgine_cli.eventlog.codec import decode
from llmgine_cli.eventlog.queries.orphans import orphans
from llmgine_cli.eventlog.undelivered import UndeliveredFile
from llmgine_cli.llm.events import MessageAdded
from llmgine_cli.llm.messages import Image, Message
from llmgine_cli.settings import made_of
from tests.support.messages import Pong
from tests.support.pictures import png


@dataclass(frozen=True, kw_only=True)
class Wait(Command[None]):
    pass


async def hang(message: object) -> None:
    await asyncio.Event().wait()


async def test_all_that_mailboxes_hold_is_handed_over_before_the_end() -> None:
    bus = Bus()
    heard: list[str] = []

    async def chain(pong: Pong) -> None:
        await asyncio.sleep(0)
        heard.append(pong.text)
        if len(pong.text) < 5:
            await bus.publish(Pong(text=pong.text + "."))

    bus.subscribe(Pong, chain, mailbox=1)
    await bus.publish(Pong(text=""))
    report = await bus.aclose()
    assert report.complete
    assert heard == ["", ".", "..", "...", "....", "....."]
    assert bus.closed


async def test_what_is_left_at_the_deadline_is_reported_and_kept(caplog: pytest.LogCaptureFixture) -> None:
    kept: list[Undelivered] = []
    bus = Bus(leftovers=kept.extend)
    bus.register(Wait, hang)
    bus.subscribe(Pong, hang, mailbox=2)
    running = asyncio.create_task(bus.execute(Wait()), name="the command")
    pongs = [Pong(text=str(number)) for number in range(4)]
    for pong in pongs[:1]:
        await bus.publish(pong)
    await asyncio.sleep(0)
    for pong in pongs[1:3]:
        await bus.publish(pong)
    waiting = asyncio.create_task(bus.publish(pongs[3]), name="a publisher")
    await asyncio.sleep(0)
    with caplog.at_level(logging.ERROR):
        report = await bus.aclose(deadline=0)
    assert set(report.stuck) == {"the command", "a publisher", "hang"}
    assert [(left.event, left.begun) for left in report.undelivered] == [
        (pongs[0], True),
        *((pong, False) for pong in pongs[1:]),
    ]
    assert kept == list(report.undelivered)
    assert "hang; events it leaves: 4" in caplog.text
    for task in (running, waiting):
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_closing_again_and_at_the_same_time_gives_the_same_report() -> None:
    bus = Bus()
    bus.subscribe(Pong, hang, mailbox=2)
    await bus.publish(Pong(text="a"))
    reports = await asyncio.gather(*(bus.aclose(deadline=0.01) for _ in range(3)))
    again = await bus.aclose()
    assert all(report is again for report in reports)
    assert len(again.undelivered) == 1


async def test_one_of_many_who_close_may_be_cancelled_without_harm_to_the_others() -> None:
    bus, go = Bus(), asyncio.Event()
    bus.subscribe(Pong, lambda pong: go.wait(), mailbox=2)
    await bus.publish(Pong(text="a"))
    first = asyncio.create_task(bus.aclose())
    second = asyncio.create_task(bus.aclose())
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    go.set()
    assert (await first).complete


async def test_a_closing_that_is_cancelled_stops_at_once_and_loses_nothing() -> None:
    kept: list[Undelivered] = []
    bus = Bus(leftovers=kept.extend)
    bus.subscribe(Pong, hang, mailbox=2)
    await bus.publish(Pong(text="a"))
    closing = asyncio.create_task(bus.aclose(deadline=None))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert [left.handler for left in kept] == ["hang"]
    assert not (await bus.aclose()).complete


async def test_closing_from_a_mailbox_is_refused() -> None:
    bus = Bus()
    refused: list[str] = []

    async def close(pong: Pong) -> None:
        try:
            await bus.aclose()
        except BusError as error:
            refused.append(str(error))

    bus.subscribe(Pong, close, mailbox=1)
    await bus.publish(Pong(text="a"))
    assert (await bus.aclose()).complete
    assert refused == ["aclose() was called from inside a handler"]


async def test_a_place_for_leftovers_that_fails_is_told_and_the_report_has_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(left: object) -> None:
        raise OSError("disk full")

    bus = Bus(leftovers=full)
    bus.subscribe(Pong, hang, mailbox=1)
    pong = Pong(text="a")
    await bus.publish(pong)
    report = await bus.aclose(deadline=0)
    assert [left.event for left in report.undelivered] == [pong]
    assert "could not be kept" in caplog.text
    assert pong.event_id in caplog.text


def test_a_loop_that_ends_without_closing_the_bus_says_what_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    async def forget() -> None:
        bus = Bus()
        bus.subscribe(Pong, hang, mailbox=5)
        for _ in range(3):
            await bus.publish(Pong(text="a"))
        await asyncio.sleep(0)

    asyncio.run(forget())
    assert "the mailbox of hang was stopped at work; 2 events wait in it" in caplog.text


ABANDONED = """
import asyncio, json, os
from llmgine_cli.bus import Bus
from tests.bus.test_closing import Wait, hang
from tests.support.messages import Pong

kept = []
bus = Bus(leftovers=kept.extend)
bus.register(Wait, hang)
bus.subscribe(Pong, hang, mailbox=1)
loop = asyncio.new_event_loop()
left = [loop.create_task(bus.execute(Wait()), name="waiter")]
texts = ("in hand", "waits", "is let in", "outside")
left += [loop.create_task(bus.publish(Pong(text=text)), name=text) for text in texts]
for _ in range(3):
    loop.run_until_complete(asyncio.sleep(0))
loop.close()
report = asyncio.run(bus.aclose(deadline=0))
assert report.undelivered == tuple(kept)
print(json.dumps([bus.closed, "waiter" in report.stuck, [each.event.text for each in kept]]), flush=True)
os._exit(0)  # the tasks that nobody can end any more
"""


def test_what_an_event_loop_that_was_closed_at_work_left_is_reported_and_kept() -> None:
    done = subprocess.run([sys.executable, "-c", ABANDONED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [True, True, ["in hand", "waits", "is let in", "outside"]]


async def test_a_session_may_outlive_the_bus(caplog: pytest.LogCaptureFixture) -> None:
    bus = Bus()
    async with bus.session("s"):
        await bus.aclose()
    assert "session s ended after the bus was closed" in caplog.text


async def test_the_file_keeps_what_is_left_so_that_it_can_be_read_back(tmp_path: Path) -> None:
    file = UndeliveredFile(tmp_path / "logs", secrets=["sk-known-secret"])
    bus = Bus(leftovers=file)
    bus.subscribe(Pong, hang, mailbox=3)
    pongs = [Pong(text="one", session_id="s"), Pong(text="my key is sk-known-secret")]
    for pong in pongs:
        await bus.publish(pong)
    await bus.aclose(deadline=0)
    assert file.path is not None
    one, two = (decode(line) for line in file.path.read_bytes().splitlines())
    assert isinstance(one, Undelivered)
    assert isinstance(two, Undelivered)
    assert (one.handler, one.event, one.session_id) == ("hang", pongs[0], "s")
    assert isinstance(two.event, Pong)
    assert two.event.text == "my key is [redacted]"
    assert file.path.stat().st_mode & 0o777 == 0o600


async def test_a_large_picture_in_what_is_left_stands_beside_the_log_like_any_other(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    picture = Image(media_type="image/png", data=png(100_000))
    file = UndeliveredFile(logs)
    bus = Bus(leftovers=file)
    bus.subscribe(MessageAdded, hang, mailbox=1)
    await bus.publish(MessageAdded(message=Message("user", (picture,))))
    await bus.aclose(deadline=0)
    assert file.path
    assert file.path.stat().st_size < 2000
    (kept,) = (logs / "attachments").iterdir()
    assert kept.read_bytes() == picture.data
    os.utime(kept, (0, 0))
    assert orphans(logs) == []


async def test_an_application_keeps_what_is_left_beside_its_log_and_nothing_without_one(home: Path) -> None:
    for enabled in (True, False):
        settings = made_of({"log": {"enabled": enabled}})
        app = build(settings)
        app.bus.subscribe(Event, hang, mailbox=3)
        await app.bus.publish(Pong(text=str(enabled)))
        await app.bus.aclose(deadline=0)
        await app.aclose()
    (file,) = home.rglob("events_*_@undelivered-*.jsonl")  # noqa: ASYNC240 -- nothing else is to run meanwhile
    assert file.parent == settings.log_dir
    assert [b'"text":"True"' in line for line in file.read_bytes().splitlines()] == [True]
