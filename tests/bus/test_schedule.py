"""Events that are kept and published when they are due."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from llmgine_cli.bus import Bus, Event, HandlerFailed, UnknownEvent
from llmgine_cli.bus.schedule import Clock, Entry, ScheduledEventFailed, Scheduler, ScheduleStore, Terms, scheduler_for
from llmgine_cli.errors import BusClosedError, BusError, UsageError
from llmgine_cli.eventlog.codec import decode, encode
from llmgine_cli.testing import Recorder
from tests.support.facts import wait_until
from tests.support.messages import Everything, Pong

PATIENT = 60.0  # seconds; a safety net, not an expectation


@dataclass(frozen=True, kw_only=True)
class Rang(Event):
    """What the tests schedule."""

    text: str = ""


class Hands:
    """A clock whose hands are moved by the test."""

    def __init__(self) -> None:
        self.wall = 1_000_000.0
        self.steady = 500.0
        self.clock = Clock(wall=lambda: self.wall, steady=lambda: self.steady, boot="this one")

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.wall += seconds
        self.steady += seconds


class Desk:
    """A bus with a schedule, and what was heard on it."""

    def __init__(self, path: Path, *, clock: Clock | None = None, terms: Terms | None = None) -> None:
        self.bus = Bus()
        self.scheduler = scheduler_for(
            self.bus, path, encode=encode, decode=decode, clock=clock, terms=terms or Terms(look_again=0.01, delay=0.0)
        )
        self.heard = Recorder(self.bus)

    @property
    def texts(self) -> list[str]:
        """What rang."""
        return [event.text for event in self.heard.only(Rang)]

    async def until(self, fact: Callable[[], object]) -> None:
        """Wait for a fact."""
        async with asyncio.timeout(PATIENT):
            while not fact():  # noqa: ASYNC110 -- a fact of another thread's or process's making
                await asyncio.sleep(0.002)

    async def entry(self, event_id: str) -> Entry:
        """What the store says of an event."""
        found = await asyncio.to_thread(self.scheduler.store.find, event_id)
        assert found
        return found


@contextlib.asynccontextmanager
async def desk(path: Path, *, clock: Clock | None = None, terms: Terms | None = None) -> AsyncIterator[Desk]:
    """Open a desk and close it."""
    made = Desk(path, clock=clock, terms=terms)
    try:
        yield made
    finally:
        made.scheduler.stop()
        await made.bus.aclose()
        await made.scheduler.aclose()


def spoil(path: Path) -> Path:
    """Put garbage in the place of a file; return where the file is."""
    aside = path.rename(path.with_name("aside"))
    path.write_bytes(b"garbage! " * 1000)
    return aside


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the schedule of the test is."""
    return tmp_path / "schedule" / "schedule.db"


async def test_an_event_is_published_when_it_is_due_with_its_id_and_in_its_type(path: Path) -> None:
    async with desk(path) as here:
        event = Everything(text="ä", names={"a"}, path=Path("x"))
        assert await here.bus.schedule(event, after=0.01) == event.event_id
        await here.until(lambda: here.heard.only(Everything))
        assert here.heard.only(Everything) == [event]
        await here.until(lambda: not here.scheduler.store.entries(states=("running",)))
        assert (await here.entry(event.event_id)).state == "done"


async def test_what_came_due_while_nothing_ran_fires_at_the_next_start_the_oldest_first(path: Path) -> None:
    now = datetime.now(UTC)
    store = Desk(path).scheduler
    for minutes in (1, 3, 2):
        store.keep(Rang(text=str(minutes)), at=now - timedelta(minutes=minutes))
    store.store.close()
    async with desk(path, terms=Terms(together=1)) as here:
        here.scheduler.start()
        await here.until(lambda: len(here.texts) == 3)
        assert here.texts == ["3", "2", "1"]


async def test_an_event_fires_once_however_often_one_starts(path: Path) -> None:
    async with desk(path) as here:
        here.scheduler.keep(Rang(text="once"), after=0)
        await here.scheduler.run_due()
        assert here.texts == ["once"]
    for _ in range(2):
        async with desk(path) as here:
            await here.scheduler.run_due()
            assert here.texts == []


async def test_an_earlier_one_that_is_added_later_fires_first(path: Path) -> None:
    async with desk(path, terms=Terms(look_again=PATIENT)) as here, desk(path) as elsewhere:
        await here.bus.schedule(Rang(text="late"), after=PATIENT * 2)
        elsewhere.scheduler.keep(Rang(text="early"), after=0)
        await here.until(lambda: here.texts)
        assert here.texts == ["early"]


async def test_a_cancelled_event_never_fires(path: Path) -> None:
    hands = Hands()
    async with desk(path, clock=hands.clock) as here:
        event_id = await here.bus.schedule(Rang(), after=10)
        assert await here.scheduler.cancel(event_id)
        assert not await here.scheduler.cancel(event_id)
        assert not await here.scheduler.cancel("no such id")
        assert await here.scheduler.entries() == []
        hands.run(20)
        await here.scheduler.run_due()
        assert here.texts == []


async def test_what_is_scheduled_in_a_handler_is_no_child_of_whatever_started_the_schedule(path: Path) -> None:
    async with desk(path) as here:

        async def on_pong(_: Pong) -> None:
            await here.bus.schedule(Rang(session_id=None, parent_id=None), after=0)

        def on_rang(_: Rang) -> None:
            heard.append(Pong(text="made in the handler"))

        heard: list[Event] = []
        here.bus.subscribe(Pong, on_pong)
        here.bus.subscribe(Rang, on_rang)
        await here.bus.publish(Pong(text="go"))
        await here.until(lambda: heard)
        assert heard[0].parent_id == here.heard.only(Rang)[0].event_id


@pytest.mark.parametrize(
    "when",
    [
        {},
        {"at": datetime.now(UTC), "after": 1.0},
        {"at": datetime(2026, 1, 1)},  # noqa: DTZ001 -- the mistake under test
        {"after": -1.0},
        {"after": float("nan")},
        {"after": 1e12},
    ],
)
async def test_what_is_no_moment_is_refused(path: Path, when: dict[str, object]) -> None:
    async with desk(path) as here:
        with pytest.raises(UsageError):
            await here.bus.schedule(Rang(), **when)  # type: ignore[arg-type]


async def test_an_event_is_scheduled_once(path: Path) -> None:
    async with desk(path) as here:
        event = Rang()
        await here.bus.schedule(event, after=PATIENT)
        with pytest.raises(BusError, match="in the schedule already"):
            await here.bus.schedule(event, after=PATIENT)


async def test_a_bus_without_a_schedule_and_a_closed_one_say_so(path: Path) -> None:
    with pytest.raises(BusError, match="has no schedule"):
        await Bus().schedule(Rang(), after=1)
    async with desk(path) as here:
        await here.bus.aclose()
        with pytest.raises(BusClosedError):
            await here.bus.schedule(Rang(), after=1)


class TestClocks:
    """The wall clock is set; nothing fires early, nothing is forgotten."""

    async def test_a_time_is_by_the_wall_clock(self, path: Path) -> None:
        hands = Hands()
        async with desk(path, clock=hands.clock) as here:
            await here.bus.schedule(Rang(), at=datetime.fromtimestamp(hands.wall + 3600, UTC))
            hands.steady += 7200  # time passed, but the clock was set back
            await here.scheduler.run_due()
            assert here.texts == []
            hands.wall += 3600
            await here.until(lambda: here.texts)

    async def test_a_clock_that_is_set_back_between_the_waking_and_the_firing_makes_nothing_early(
        self, path: Path
    ) -> None:
        hands = Hands()
        async with desk(path, clock=hands.clock) as here:
            here.scheduler.keep(Rang(), at=datetime.fromtimestamp(hands.wall + 10, UTC))
            hands.run(11)
            assert here.scheduler.store.wait("events") == -1  # it would be woken now
            hands.wall -= 5
            await here.scheduler.run_due()
            assert here.texts == []

    async def test_a_clock_that_is_set_forward_is_noticed_while_one_sleeps(self, path: Path) -> None:
        hands = Hands()
        async with desk(path, clock=hands.clock) as here:
            await here.bus.schedule(Rang(), at=datetime.fromtimestamp(hands.wall + 86400, UTC))
            hands.wall += 86400
            await here.until(lambda: here.texts)

    @pytest.mark.parametrize("set_by", [7200.0, -7200.0])
    async def test_seconds_are_counted_whatever_the_clock_is_set_to(self, path: Path, set_by: float) -> None:
        hands = Hands()
        async with desk(path, clock=hands.clock) as here:
            here.scheduler.keep(Rang(), after=3600)
            hands.wall += set_by
            hands.run(3599)
            await here.scheduler.run_due()
            assert here.texts == []
            (entry,) = await here.scheduler.entries()
            assert entry.due == hands.wall + 1  # what is listed is when it will be
            hands.run(1)
            await here.scheduler.run_due()
            assert len(here.texts) == 1

    async def test_after_a_restart_of_the_machine_seconds_are_counted_by_the_wall_clock(self, path: Path) -> None:
        hands = Hands()
        async with desk(path, clock=hands.clock) as here:
            here.scheduler.keep(Rang(), after=3600)
        restarted = Clock(wall=lambda: hands.wall, steady=lambda: 1.0, boot="the next one")
        async with desk(path, clock=restarted) as here:
            hands.wall += 3599
            await here.scheduler.run_due()
            assert here.texts == []
            hands.wall += 1
            await here.scheduler.run_due()
            assert len(here.texts) == 1

    async def test_a_clock_set_forward_does_not_end_a_lease(self, path: Path) -> None:
        hands = Hands()
        async with desk(path, clock=hands.clock) as here, desk(path, clock=hands.clock) as elsewhere:
            here.scheduler.keep(Rang(), after=0)
            assert here.scheduler.store.lease("events", "me", seconds=30, most=3)
            hands.wall += 86400
            await elsewhere.scheduler.run_due()
            assert elsewhere.texts == []
            hands.run(31)
            await elsewhere.scheduler.run_due()
            assert len(elsewhere.texts) == 1


class TestFailures:
    """Handlers that raise, hang and block; types that nobody knows; what cannot be read."""

    async def test_a_failed_delivery_is_tried_again_with_the_same_id_and_then_parked_and_told(self, path: Path) -> None:
        async with desk(path) as here:

            def fail(_: Rang) -> None:
                raise ValueError("no bell")

            here.bus.subscribe(Rang, fail)
            event = Rang()
            await here.bus.schedule(event, after=0)
            await here.until(lambda: here.heard.only(ScheduledEventFailed))
            assert [rang.event_id for rang in here.heard.only(Rang)] == [event.event_id] * 3
            (told,) = here.heard.only(ScheduledEventFailed)
            assert (told.about_id, told.about_type, told.attempts) == (event.event_id, "Rang", 3)
            assert "no bell" in told.error
            entry = await here.entry(event.event_id)
            assert (entry.state, entry.attempts) == ("failed", 3)
            assert entry.error
            assert "no bell" in entry.error
            await here.scheduler.run_due()
            assert len(here.texts) == 3

    async def test_a_failure_that_passes_is_forgotten(self, path: Path) -> None:
        async with desk(path) as here:

            def fail_once(_: Rang) -> None:
                if len(here.heard.only(HandlerFailed)) == 0:
                    raise ValueError("not yet")

            here.bus.subscribe(Rang, fail_once)
            event_id = await here.bus.schedule(Rang(), after=0)
            await here.until(lambda: len(here.texts) == 2)
            await here.until(lambda: not here.scheduler.store.entries(states=("running", "waiting")))
            entry = await here.entry(event_id)
            assert (entry.state, entry.attempts, entry.error) == ("done", 2, None)

    async def test_attempts_are_further_and_further_apart(self, path: Path) -> None:
        hands = Hands()
        async with desk(path, clock=hands.clock, terms=Terms(attempts=4, delay=10)) as here:

            def fail(_: Rang) -> None:
                raise ValueError

            here.bus.subscribe(Rang, fail)
            here.scheduler.keep(Rang(), after=0)
            waits: list[float | None] = []
            for _ in range(4):
                await here.scheduler.run_due()
                waits.append(here.scheduler.store.wait("events"))
                hands.run(waits[-1] or 0)
            assert waits == [10, 20, 40, None]

    async def test_a_failure_of_one_event_is_not_that_of_another(self, path: Path) -> None:
        async with desk(path) as here:

            async def nested(event: Rang) -> None:
                await here.bus.publish(Pong(text=event.text))

            def fail(_: Pong) -> None:
                raise ValueError

            here.bus.subscribe(Rang, nested)
            here.bus.subscribe(Pong, fail)
            event_id = await here.bus.schedule(Rang(), after=0)
            await here.until(lambda: here.heard.only(HandlerFailed))
            await here.until(lambda: not here.scheduler.store.entries(states=("running",)))
            assert (await here.entry(event_id)).state == "done"

    async def test_an_event_whose_type_is_not_known_here_waits_for_a_process_that_knows_it(
        self, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        strange = encode(Rang(text="hi")).replace(b'"Rang"', b'"NotHere"')
        async with desk(path, terms=Terms(look_again=PATIENT)) as here:
            here.scheduler.store.add(strange, event_id="1", event_type="NotHere", queue="events", after=0)
            here.scheduler.start()
            await here.bus.schedule(Rang(text="known"), after=0)
            await here.until(lambda: here.texts == ["known"] and "NotHere" in caplog.text)
            await here.until(lambda: here.scheduler.store.entries(states=("done",)))
            await here.until(lambda: not here.scheduler.store.entries(states=("running",)))
            entry = await here.entry("1")
            assert (entry.state, entry.attempts, entry.event) == ("waiting", 0, strange)
        assert caplog.text.count("nobody here knows") == 1

    async def test_whoever_listens_to_unknown_events_gets_it_with_all_its_data(self, path: Path) -> None:
        strange = encode(Rang(text="hi", event_id="1")).replace(b'"Rang"', b'"NotHere"')
        async with desk(path) as here:
            unknown: list[UnknownEvent] = []
            here.bus.subscribe(UnknownEvent, unknown.append)
            here.scheduler.store.add(strange, event_id="1", event_type="NotHere", queue="events", after=0)
            await here.scheduler.run_due()
            assert [(event.type_name, event.event_id, event.data) for event in unknown] == [
                ("NotHere", "1", {"text": "hi"})
            ]
            assert (await here.entry("1")).state == "done"

    async def test_what_cannot_be_read_is_parked_at_once_and_kept(self, path: Path) -> None:
        async with desk(path) as here:
            here.scheduler.store.add(b"\0garbage", event_id="1", event_type="Rang", queue="events", after=0)
            await here.scheduler.run_due()
            entry = await here.entry("1")
            assert (entry.state, entry.attempts, entry.event) == ("failed", 1, b"\0garbage")
            assert len(here.heard.only(ScheduledEventFailed)) == 1

    async def test_a_lease_is_renewed_while_a_handler_runs_even_one_that_blocks_the_loop(self, path: Path) -> None:
        hands = Hands()
        async with desk(path, clock=hands.clock, terms=Terms(lease=0.3)) as here:
            elsewhere = ScheduleStore(path, clock=hands.clock)

            def block(_: Rang) -> None:
                for _round in range(5):  # three lives of the lease, and not one moment for the event loop
                    hands.run(0.2)
                    assert elsewhere.lease("events", "another", seconds=1, most=9) is None
                    wait_until(lambda: (elsewhere.wait("events") or 0) > 0.25)

            here.bus.subscribe(Rang, block)
            here.scheduler.keep(Rang(), after=0)
            await here.scheduler.run_due()
            assert [(entry.state, entry.attempts) for entry in elsewhere.entries()] == [("done", 1)]
            elsewhere.close()

    async def test_what_was_delivered_and_could_not_be_written_down_is_delivered_again_when_its_lease_is_over(
        self, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        hands = Hands()
        aside: list[Path] = []
        async with desk(path, clock=hands.clock) as here:

            def break_it(_: Rang) -> None:
                if not aside:
                    aside.append(spoil(path))

            here.bus.subscribe(Rang, break_it)
            event_id = await here.bus.schedule(Rang(), after=0)
            await here.until(lambda: "stands still" in caplog.text)
            aside[0].replace(path)
            hands.run(31)
            await here.until(lambda: len(here.texts) == 2)
            await here.until(lambda: here.scheduler.store.entries(states=("done",)))
            assert (await here.entry(event_id)).attempts == 2

    async def test_a_worker_that_lost_its_lease_changes_nothing(
        self, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        hands = Hands()
        async with desk(path, clock=hands.clock) as here:
            elsewhere = ScheduleStore(path, clock=hands.clock)

            def stall(_: Rang) -> None:
                hands.run(3600)  # as a machine that was suspended does
                assert elsewhere.lease("events", "another", seconds=30, most=3)

            here.bus.subscribe(Rang, stall)
            here.scheduler.keep(Rang(), after=0)
            await here.scheduler.run_due()
            (entry,) = elsewhere.entries()
            elsewhere.close()
        assert (entry.state, entry.attempts) == ("running", 2)
        assert "lease of Rang" in caplog.text

    async def test_a_delivery_that_is_stopped_is_put_back_and_counts_for_nothing(self, path: Path) -> None:
        async with desk(path) as here:
            begun = asyncio.Event()

            async def hang(_: Rang) -> None:
                begun.set()
                await asyncio.Event().wait()

            here.bus.subscribe(Rang, hang)
            event_id = await here.bus.schedule(Rang(), after=0)
            await begun.wait()
            here.scheduler.stop()
            await here.bus.aclose(deadline=0.01)
            await here.scheduler.aclose()
            entry = await here.entry(event_id)
            assert (entry.state, entry.attempts) == ("waiting", 0)
        async with desk(path) as here:
            await here.scheduler.run_due()
            assert here.heard.only(Rang)[0].event_id == event_id

    async def test_a_store_that_cannot_be_read_for_a_while_is_told_once_and_the_schedule_goes_on(
        self, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with desk(path) as here:
            here.scheduler.keep(Rang(text="kept"), after=0)
            here.scheduler.store.close()
            aside = spoil(path)
            looks: set[int] = set()

            def looked() -> int:
                looks.add(path.with_name("bells").stat().st_mtime_ns)  # each look hangs up a bell and takes it away
                return len(looks)

            here.scheduler.start()
            await here.until(lambda: "stands still" in caplog.text and looked() > 5)
            aside.replace(path)
            await here.until(lambda: here.texts == ["kept"])
        assert caplog.text.count("stands still") == 1

    async def test_one_that_hangs_does_not_keep_the_others(self, path: Path) -> None:
        async with desk(path) as here:
            free = asyncio.Event()

            async def hang(event: Rang) -> None:
                if event.text == "slow":
                    await free.wait()

            here.bus.subscribe(Rang, hang)
            done = Recorder(here.bus, Rang)
            await here.bus.schedule(Rang(text="slow"), after=0)
            for text in "abc":
                await here.bus.schedule(Rang(text=text), after=0)
            await here.until(lambda: len(done.events) == 3)
            free.set()
            await here.until(lambda: len(done.events) == 4)


async def test_a_hundred_due_on_two_schedulers_fire_once_each(path: Path) -> None:
    async with desk(path) as one, desk(path) as two:
        for number in range(100):
            one.scheduler.keep(Rang(text=str(number)), after=0)
        await asyncio.gather(one.scheduler.run_due(), two.scheduler.run_due())
        assert sorted(one.texts + two.texts, key=int) == [str(number) for number in range(100)]


async def test_a_scheduler_of_another_queue_is_not_concerned(path: Path) -> None:
    async with desk(path) as here:
        delivered: list[Event] = []

        async def deliver(event: Event, entry: Entry) -> None:
            delivered.append(event)

        other = Scheduler(here.scheduler.store, deliver, encode=encode, decode=decode, queue="other")
        other.keep(Rang(text="theirs"), after=0)
        here.scheduler.keep(Rang(text="ours"), after=0)
        await here.scheduler.run_due()
        assert here.texts == ["ours"]
        await other.run_due()
        assert [event.text for event in delivered if isinstance(event, Rang)] == ["theirs"]
