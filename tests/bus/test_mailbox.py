"""Mailboxes: a subscriber with a task of its own."""

import asyncio
import contextvars
import gc
import logging
import sys
from dataclasses import dataclass

import pytest

from llmgine_cli.bus import Bus, Event, EventsDropped, HandlerFailed, Overflow, Undelivered
from llmgine_cli.bus.mailbox import Mailbox
from llmgine_cli.errors import BusError
from llmgine_cli.testing import Recorder
from tests.support.loop import until


@dataclass(frozen=True, kw_only=True)
class Tick(Event):
    number: int = 0


@dataclass(frozen=True, kw_only=True)
class Chime(Event):
    pass


class Gate:
    """A handler that lets nothing through until it is opened."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.reached = asyncio.Event()
        self.seen: list[int] = []

    async def __call__(self, tick: Tick) -> None:
        self.reached.set()
        await self.open.wait()
        self.seen.append(tick.number)


async def test_the_publisher_is_not_slowed_and_the_order_is_kept() -> None:
    bus, gate = Bus(), Gate()
    bus.subscribe(Tick, gate, mailbox=10)
    for number in range(10):
        await bus.publish(Tick(number=number))
    assert gate.seen == []
    gate.open.set()
    assert (await bus.aclose()).complete
    assert gate.seen == list(range(10))


@pytest.mark.parametrize(("size", "overflow"), [(0, "wait"), (-1, "wait"), (5, "drop_newest")])
async def test_a_mailbox_that_makes_no_sense_is_refused(size: int, overflow: Overflow) -> None:
    with pytest.raises(BusError, match="no mailbox of"):
        Bus().subscribe(Tick, print, mailbox=size, overflow=overflow)


async def test_an_idle_mailbox_has_no_task() -> None:
    bus = Bus()
    heard: list[int] = []
    before = asyncio.all_tasks()
    bus.subscribe(Tick, lambda tick: heard.append(tick.number), mailbox=1)
    assert asyncio.all_tasks() == before
    for number in range(3):
        await bus.publish(Tick(number=number))
    await bus.aclose()
    assert heard == [0, 1, 2]
    assert asyncio.all_tasks() == before


def test_a_mailbox_made_outside_any_loop_serves_one_loop_after_the_other() -> None:
    bus = Bus()
    heard: list[int] = []
    bus.subscribe(Tick, lambda tick: heard.append(tick.number), mailbox=1)

    async def run(number: int) -> None:
        await bus.publish(Tick(number=number))
        await until(lambda: len(heard) == number)

    asyncio.run(run(1))
    asyncio.run(run(2))
    assert heard == [1, 2]


async def test_a_publisher_waits_while_the_mailbox_is_full_and_goes_on_in_turn() -> None:
    bus, gate = Bus(), Gate()
    bus.subscribe(Tick, gate, mailbox=1)
    await bus.publish(Tick(number=0))
    await gate.reached.wait()
    await bus.publish(Tick(number=1))
    waiting = [asyncio.create_task(bus.publish(Tick(number=number))) for number in (2, 3, 4)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    gate.open.set()
    await asyncio.gather(*waiting)
    await bus.aclose()
    assert gate.seen == [0, 1, 2, 3, 4]


async def test_a_publisher_cancelled_while_it_waits_takes_its_event_along_and_nothing_else() -> None:
    bus, gate = Bus(), Gate()
    box = bus.subscribe(Tick, gate, mailbox=1).mailbox
    assert box
    await bus.publish(Tick(number=0))
    await gate.reached.wait()
    await bus.publish(Tick(number=1))
    waiting = [asyncio.create_task(bus.publish(Tick(number=number))) for number in (2, 3, 4)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[1]
    assert len(box._senders) == 2
    gate.open.set()
    await asyncio.gather(waiting[0], waiting[2])
    await bus.aclose()
    assert gate.seen == [0, 1, 2, 4]


async def test_a_publisher_cancelled_in_the_moment_in_which_a_place_becomes_free_does_no_harm() -> None:
    bus, gate = Bus(), Gate()
    bus.subscribe(Tick, gate, mailbox=1)
    await bus.publish(Tick(number=0))
    await gate.reached.wait()
    await bus.publish(Tick(number=1))
    waiting = [asyncio.create_task(bus.publish(Tick(number=number))) for number in (2, 3)]
    await asyncio.sleep(0)
    gate.open.set()
    waiting[0].cancel()  # the mailbox runs before the publisher hears of it
    assert [type(outcome) for outcome in await asyncio.gather(*waiting, return_exceptions=True)] == [
        asyncio.CancelledError,
        type(None),
    ]
    await bus.aclose()
    assert gate.seen == [0, 1, 3]


async def test_a_publisher_cancelled_after_its_event_was_let_in_leaves_it_there() -> None:
    bus, gate = Bus(), Gate()
    box = bus.subscribe(Tick, gate, mailbox=1).mailbox
    assert box
    await bus.publish(Tick(number=0))
    await gate.reached.wait()
    await bus.publish(Tick(number=1))
    late = asyncio.create_task(bus.publish(Tick(number=2)))
    await asyncio.sleep(0)

    gate.open.set()
    await until(lambda: not box._senders)
    late.cancel()
    with pytest.raises(asyncio.CancelledError):
        await late
    await bus.aclose()
    assert gate.seen == [0, 1, 2]


@pytest.mark.parametrize("size", [1, 3])
async def test_the_oldest_is_dropped_counted_and_told_but_not_each_time(
    size: int, caplog: pytest.LogCaptureFixture
) -> None:
    bus, gate = Bus(), Gate()
    told = Recorder(bus, EventsDropped)
    subscription = bus.subscribe(Tick, gate, mailbox=size, overflow="drop_oldest")
    await bus.publish(Tick(number=0))
    await gate.reached.wait()
    for number in range(1, 101):
        await bus.publish(Tick(number=number))
    assert subscription.dropped == 100 - size
    assert [event.dropped for event in told.only(EventsDropped)] == [1]
    gate.open.set()
    await bus.aclose()
    assert gate.seen == [0, *range(101 - size, 101)]
    assert [event.dropped for event in told.only(EventsDropped)] == [1, 99 - size]
    assert told.only(EventsDropped)[-1].total == 100 - size
    assert f"{100 - size} in all" in caplog.text


async def test_reports_of_drops_in_the_mailboxes_that_hear_them_make_no_storm() -> None:
    bus, gate = Bus(), asyncio.Event()
    failures = Recorder(bus, HandlerFailed)

    async def slow(event: Event) -> None:
        await gate.wait()

    subscriptions = [bus.subscribe(Event, slow, mailbox=1, overflow="drop_oldest") for _ in range(80)]
    for number in range(100):
        await bus.publish(Tick(number=number))
    gate.set()
    await bus.aclose()
    assert all(98 <= subscription.dropped < 98 + 3 * 80 for subscription in subscriptions)
    assert failures.events == []


async def test_drops_that_happen_while_the_bus_is_closed_are_told_to_the_last() -> None:
    bus, gate, go = Bus(), Gate(), asyncio.Event()
    told = Recorder(bus, EventsDropped)

    async def spread(chime: Chime) -> None:
        await go.wait()
        for number in range(6):
            await bus.publish(Tick(number=number))
        gate.open.set()

    bus.subscribe(Chime, spread, mailbox=1)
    subscription = bus.subscribe(Tick, gate, mailbox=1, overflow="drop_oldest")
    await bus.publish(Chime())
    closing = asyncio.create_task(bus.aclose())
    await asyncio.sleep(0)
    go.set()
    assert (await closing).complete
    assert subscription.dropped == sum(event.dropped for event in told.only(EventsDropped)) > 1


async def test_the_message_being_handled_is_the_parent_also_in_a_mailbox() -> None:
    bus = Bus()
    heard = Recorder(bus, Tick)

    async def echo(tick: Tick) -> None:
        if tick.number < 2:
            await bus.publish(Tick(number=tick.number + 1))

    async with bus.session("s"):
        bus.subscribe(Tick, echo, mailbox=5)
        await bus.publish(Tick(session_id="other"))
    await bus.aclose()
    first, second, third = heard.only(Tick)
    assert [second.parent_id, third.parent_id] == [first.event_id, second.event_id]
    assert [event.session_id for event in heard.events] == ["other"] * 3
    assert Tick().parent_id is None


async def test_a_handler_sees_the_context_variables_of_where_it_subscribed() -> None:
    user = contextvars.ContextVar("user", default="nobody")
    seen: list[str] = []
    bus = Bus()
    user.set("subscriber")
    bus.subscribe(Tick, lambda tick: seen.append(user.get()), mailbox=1)
    user.set("publisher")
    await bus.publish(Tick())
    await bus.aclose()
    assert seen == ["subscriber"]


async def test_a_handler_that_raises_is_told_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    bus = Bus()
    told, heard = Recorder(bus, HandlerFailed), []

    async def fail_once(tick: Tick) -> None:
        if tick.number == 0:
            raise ValueError("broken")
        if tick.number == 1:  # something it waits for is cancelled, not it
            work = asyncio.ensure_future(asyncio.Event().wait())
            work.cancel()
            await work
        heard.append(tick.number)

    bus.subscribe(Tick, fail_once, mailbox=5)
    ticks = [Tick(number=number) for number in range(3)]
    for tick in ticks:
        await bus.publish(tick)
    await bus.aclose()
    assert heard == [2]
    assert [(event.about_id, event.error_type, event.parent_id) for event in told.only(HandlerFailed)] == [
        (ticks[0].event_id, "ValueError", ticks[0].event_id),
        (ticks[1].event_id, "CancelledError", ticks[1].event_id),
    ]


async def test_a_mailbox_that_hears_its_own_failures_fails_only_once_for_each() -> None:
    bus = Bus()
    calls: list[str] = []

    def fail(event: Event) -> None:
        calls.append(type(event).__name__)
        raise ValueError("broken")

    bus.subscribe(Event, fail, mailbox=5)
    await bus.publish(Tick())
    await bus.aclose()
    assert calls == ["Tick", "HandlerFailed"]


# -- those who would wait for themselves


async def test_a_handler_that_publishes_into_its_own_full_mailbox_does_not_wait_for_itself() -> None:
    bus = Bus()
    seen: list[int] = []

    async def spread(tick: Tick) -> None:
        seen.append(tick.number)
        if tick.number == 0:
            for number in range(1, 20):
                await bus.publish(Tick(number=number))

    bus.subscribe(Tick, spread, mailbox=2)
    await bus.publish(Tick())
    assert (await bus.aclose(deadline=30)).complete
    assert seen == list(range(20))


async def test_two_mailboxes_that_fill_each_other_do_not_wait_in_a_circle() -> None:
    bus = Bus()
    seen = {"a": 0, "b": 0}

    @dataclass(frozen=True, kw_only=True)
    class ForA(Tick):
        pass

    @dataclass(frozen=True, kw_only=True)
    class ForB(Tick):
        pass

    async def a(tick: ForA) -> None:
        seen["a"] += 1
        for _ in range(3 if tick.number else 0):
            await bus.publish(ForB(number=tick.number - 1))

    async def b(tick: ForB) -> None:
        seen["b"] += 1
        for _ in range(3 if tick.number else 0):
            await bus.publish(ForA(number=tick.number - 1))

    bus.subscribe(ForA, a, mailbox=1)
    bus.subscribe(ForB, b, mailbox=1)
    await bus.publish(ForA(number=5))
    assert (await bus.aclose(deadline=30)).complete
    assert seen == {"a": 1 + 9 + 81, "b": 3 + 27 + 243}


async def test_a_handler_that_multiplies_its_own_events_is_told_and_does_not_fill_the_memory() -> None:
    bus = Bus()
    told = Recorder(bus, HandlerFailed)

    async def double(tick: Tick) -> None:
        await bus.publish(Tick())
        await bus.publish(Tick())

    subscription = bus.subscribe(Tick, double, mailbox=10)
    await bus.publish(Tick())
    await until(lambda: bool(told.events))
    subscription.cancel()
    await bus.aclose()
    assert told.only(HandlerFailed)[0].error_type == "MailboxFullError"


async def test_an_endless_conversation_of_a_mailbox_with_itself_leaves_the_loop_to_others() -> None:
    bus = Bus()

    async def again(tick: Tick) -> None:
        await bus.publish(Tick(number=tick.number + 1))

    bus.subscribe(Tick, again, mailbox=1)
    await bus.publish(Tick())
    report = await bus.aclose(deadline=0.05)
    assert len(report.stuck) == 1
    assert [left.handler for left in report.undelivered] == [report.stuck[0]] * len(report.undelivered)


# -- the end


async def test_cancelling_the_subscription_ends_its_task_and_lets_publishers_go() -> None:
    bus, gate = Bus(), Gate()
    before = asyncio.all_tasks()
    subscription = bus.subscribe(Tick, gate, mailbox=1)
    await bus.publish(Tick(number=0))
    await gate.reached.wait()
    await bus.publish(Tick(number=1))
    waiting = asyncio.create_task(bus.publish(Tick(number=2)))
    await asyncio.sleep(0)
    subscription.cancel()
    subscription.cancel()
    await waiting
    await until(lambda: asyncio.all_tasks() == before)
    await bus.publish(Tick(number=3))
    assert gate.seen == []
    assert (await bus.aclose()).complete


async def test_a_handler_may_cancel_its_own_subscription_and_comes_to_its_end() -> None:
    bus = Bus()
    seen: list[int] = []

    async def once(tick: Tick) -> None:
        subscription.cancel()
        await asyncio.sleep(0)
        seen.append(tick.number)

    subscription = bus.subscribe(Tick, once, mailbox=5)
    await bus.publish(Tick(number=1))
    await bus.publish(Tick(number=2))
    await bus.aclose()
    assert seen == [1]


async def test_the_end_of_a_session_waits_for_its_mailboxes() -> None:
    bus = Bus()
    seen: list[str] = []

    async def slow(event: Event) -> None:
        await asyncio.sleep(0)
        seen.append(type(event).__name__)

    async with bus.session("s") as session:
        session.subscribe(Event, slow, mailbox=5)
        await bus.publish(Tick())
    assert seen == ["Tick", "SessionEnded"]


async def test_what_a_session_cannot_hand_over_in_time_is_left_and_told(caplog: pytest.LogCaptureFixture) -> None:
    kept: list[Undelivered] = []
    bus, gate = Bus(leftovers=kept.extend), Gate()
    before = asyncio.all_tasks()
    first, second = Tick(number=1), Tick(number=2)
    with caplog.at_level(logging.ERROR, "llmgine_cli.bus"):
        async with bus.session("s", drain=0) as session:
            session.subscribe(Tick, gate, mailbox=5)
            await session.publish(first)
            await session.publish(second)
            await gate.reached.wait()
    assert [(left.event.event_id, left.begun, left.session_id) for left in kept] == [
        (first.event_id, True, "s"),
        (second.event_id, False, "s"),
    ]
    assert "still at work when session s ended" in caplog.text
    await until(lambda: asyncio.all_tasks() == before)


async def test_cancelling_the_end_of_a_session_loses_nothing() -> None:
    kept: list[Undelivered] = []
    bus, gate = Bus(leftovers=kept.extend), Gate()

    async def talk() -> None:
        async with bus.session("s") as session:
            session.subscribe(Tick, gate, mailbox=5)
            await bus.publish(Tick())

    task = asyncio.create_task(talk())
    await gate.reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [left.handler for left in kept] == [kept[0].handler]
    assert list(bus._tables) == [None]


async def test_a_session_opened_and_ended_by_its_own_mailbox_does_not_wait_for_itself() -> None:
    bus = Bus()
    done = asyncio.Event()
    session = bus.session("s", drain=1_000)

    async def end(tick: Tick) -> None:
        await session.__aexit__(None, None, None)
        done.set()

    await session.__aenter__()
    session.subscribe(Tick, end, mailbox=5)
    task = asyncio.create_task(bus.publish(Tick()))
    await done.wait()
    await task


async def test_thousands_of_mailboxes_leave_nothing_behind() -> None:
    bus = Bus()
    seen: list[int] = []

    async def one() -> None:
        async with bus.session() as session:
            session.subscribe(Tick, lambda tick: seen.append(tick.number), mailbox=2)
            await bus.publish(Tick(number=1))

    await one()
    gc.collect()
    before = sum(isinstance(thing, Mailbox) for thing in gc.get_objects())
    for _ in range(300):
        await one()
    gc.collect()
    assert sum(isinstance(thing, Mailbox) for thing in gc.get_objects()) == before
    assert len(seen) == 301
    assert not bus._traffic.serving


async def flood(events: int, size: int) -> tuple[int, int]:
    """Push events through a mailbox; return how many arrived in order, and the most that ever waited."""
    bus = Bus()
    arrived = 0
    longest = 0

    def count(tick: Tick) -> None:
        nonlocal arrived, longest
        assert tick.number == arrived
        arrived += 1
        longest = max(longest, len(box._queue))

    subscription = bus.subscribe(Tick, count, mailbox=size)
    assert subscription.mailbox
    box = subscription.mailbox
    for number in range(events):
        await bus.publish(Tick(number=number))
    assert (await bus.aclose(deadline=None)).complete
    return arrived, longest


async def test_a_million_events_go_through_a_small_mailbox_in_order_and_in_little_memory() -> None:
    arrived, longest = await flood(1_000_000, 100)
    assert arrived == 1_000_000
    assert longest <= 100


@pytest.mark.skipif(sys.version_info < (3, 12), reason="tasks that begin at once came with Python 3.12")
async def test_in_a_loop_whose_tasks_begin_at_once_nothing_is_lost_and_the_publisher_is_not_slowed() -> None:
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
    bus, seen = Bus(), list[int]()
    bus.subscribe(Tick, lambda tick: seen.append(tick.number), mailbox=2)
    for number in range(2):
        await bus.publish(Tick(number=number))
    assert seen == []
    for number in range(2, 10):
        await bus.publish(Tick(number=number))
    assert (await bus.aclose(deadline=5)).complete
    assert seen == list(range(10))


async def test_a_task_that_the_handler_began_and_did_not_wait_for_waits_for_its_turn_as_anybody() -> None:
    bus, seen, tasks = Bus(), list[int](), list[asyncio.Task[None]]()

    async def publish_many() -> None:
        for number in range(1, 5_000):
            await bus.publish(Tick(number=number))

    async def handle(tick: Tick) -> None:
        seen.append(tick.number)
        if tick.number == 0:
            tasks.append(asyncio.create_task(publish_many()))

    failures = Recorder(bus, HandlerFailed)
    subscription = bus.subscribe(Tick, handle, mailbox=10)
    await bus.publish(Tick(number=0))
    await until(lambda: bool(tasks))
    await tasks[0]
    assert (await bus.aclose()).complete
    assert seen == list(range(5_000))
    assert (failures.events, subscription.dropped) == ([], 0)


async def test_a_handler_that_waits_for_its_own_task_does_not_wait_for_itself() -> None:
    bus, seen = Bus(), list[int]()

    async def handle(tick: Tick) -> None:
        seen.append(tick.number)
        if tick.number == 0:
            await asyncio.gather(*(asyncio.create_task(bus.publish(Tick(number=each))) for each in range(1, 50)))

    bus.subscribe(Tick, handle, mailbox=3)
    await bus.publish(Tick(number=0))
    assert (await bus.aclose()).complete
    assert seen == list(range(50))
