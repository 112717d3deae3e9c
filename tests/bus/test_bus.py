"""The contract of the message bus: commands, events, closing. Sessions have a file of their own."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgine_cli.bus import Bus, Command, CommandFinished, CommandStarted, Event, HandlerFailed, Subscription
from llmgine_cli.errors import BusClosedError, BusError, DuplicateHandlerError, NoHandlerError, TooDeepError
from llmgine_cli.testing import Recorder
from tests.support.loop import until


@dataclass(frozen=True, kw_only=True)
class Ring(Command[str]):
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class LoudRing(Ring):
    pass


@dataclass(frozen=True, kw_only=True)
class Chime(Event):
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class LoudChime(Chime):
    pass


def upper(command: Ring) -> str:
    return command.text.upper()


async def upper_async(command: Ring) -> str:
    await asyncio.sleep(0)
    return command.text.upper()


def fail(message: object) -> NoReturn:
    raise ValueError("broken")


# -- commands


@pytest.mark.parametrize("handler", [upper, upper_async])
async def test_a_command_is_handled_by_its_one_handler(handler: Callable[[Ring], Any]) -> None:
    bus = Bus()
    bus.register(Ring, handler)
    command = Ring(text="a")
    outcome = await bus.execute(command)
    assert (outcome.success, outcome.result, outcome.error) == (True, "A", None)
    assert outcome.command_id == command.command_id
    assert outcome.duration_ms >= 0


async def test_a_second_handler_is_refused_and_the_first_one_stays() -> None:
    bus = Bus()
    bus.register(Ring, upper)
    with pytest.raises(DuplicateHandlerError, match="Ring already has a handler in the root"):
        bus.register(Ring, upper_async)
    assert (await bus.execute(Ring(text="a"))).result == "A"


async def test_two_buses_know_nothing_of_each_other() -> None:
    one, other = Bus(), Bus()
    one.register(Ring, upper)
    heard = Recorder(other)
    await one.execute(Ring())
    assert heard.events == []
    with pytest.raises(NoHandlerError):
        await other.execute(Ring())


async def test_a_command_nobody_handles_is_an_error() -> None:
    bus = Bus()
    bus.register(Ring, upper)
    # A handler is for exactly one class: a subclass is another request.
    with pytest.raises(NoHandlerError, match="nobody handles LoudRing"):
        await bus.execute(LoudRing())


async def test_an_unregistered_handler_is_gone_and_another_may_come() -> None:
    bus = Bus()
    bus.register(Ring, fail)
    bus.unregister(Ring)
    bus.unregister(Ring)
    with pytest.raises(NoHandlerError):
        await bus.execute(Ring())
    bus.register(Ring, upper)
    assert (await bus.execute(Ring(text="a"))).unwrap() == "A"


async def test_a_handlers_exception_is_in_the_result() -> None:
    bus = Bus()
    bus.register(Ring, fail)
    outcome = await bus.execute(Ring())
    assert (outcome.success, outcome.result) == (False, None)
    with pytest.raises(ValueError, match="broken"):
        outcome.unwrap()


async def test_started_and_finished_are_published_around_a_command() -> None:
    bus = Bus()
    heard = Recorder(bus)
    bus.register(Ring, lambda command: bus.publish(Chime()))
    command = Ring(text="a")
    await bus.execute(command)
    assert heard.names == ["CommandStarted", "Chime", "CommandFinished"]
    assert [event.parent_id for event in heard.events] == [command.command_id] * 3
    (started,), (finished,) = heard.only(CommandStarted), heard.only(CommandFinished)
    assert started.command is command
    assert (finished.command_type, finished.success, finished.cancelled, finished.error) == ("Ring", True, False, None)


async def test_finished_tells_of_a_failure() -> None:
    bus = Bus()
    heard = Recorder(bus)
    bus.register(Ring, fail)
    await bus.execute(Ring())
    (finished,) = heard.only(CommandFinished)
    assert (finished.success, finished.error, finished.error_type) == (False, "broken", "ValueError")


async def test_cancelling_execute_cancels_the_handler_and_finished_tells_of_it() -> None:
    bus = Bus()
    heard = Recorder(bus)
    reached, stopped = asyncio.Event(), asyncio.Event()

    async def wait(command: Ring) -> None:
        reached.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.set()
            raise

    bus.register(Ring, wait)
    task = asyncio.create_task(bus.execute(Ring()))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stopped.is_set()
    (finished,) = heard.only(CommandFinished)
    assert (finished.success, finished.cancelled, finished.error_type) == (False, True, "CancelledError")


async def test_a_command_cancelled_before_its_handler_ran_is_finished_all_the_same() -> None:
    bus = Bus()
    reached = asyncio.Event()
    handled: list[Ring] = []

    async def hold(event: CommandStarted) -> None:
        reached.set()
        await asyncio.Event().wait()

    bus.subscribe(CommandStarted, hold)
    bus.register(Ring, handled.append)
    heard = Recorder(bus, CommandFinished)
    task = asyncio.create_task(bus.execute(Ring()))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert handled == []
    assert [finished.cancelled for finished in heard.only(CommandFinished)] == [True]


async def test_a_handler_may_execute_other_commands_and_publish() -> None:
    bus = Bus()
    heard = Recorder(bus)

    async def outer(command: LoudRing) -> str:
        return (await bus.execute(Ring(text=command.text))).unwrap() + "!"

    bus.register(Ring, upper)
    bus.register(LoudRing, outer)
    assert (await bus.execute(LoudRing(text="a"))).unwrap() == "A!"
    assert heard.names == ["CommandStarted", "CommandStarted", "CommandFinished", "CommandFinished"]
    started_outer, started_inner = heard.only(CommandStarted)
    assert started_inner.command.parent_id == started_outer.command.command_id


# -- events


async def test_an_event_reaches_subscribers_of_its_type_and_of_its_base_classes() -> None:
    bus = Bus()
    everything, chimes, loud = Recorder(bus), Recorder(bus, Chime), Recorder(bus, LoudChime)
    await bus.publish(LoudChime())
    await bus.publish(Chime())
    assert everything.names == chimes.names == ["LoudChime", "Chime"]
    assert loud.names == ["LoudChime"]


async def test_an_event_nobody_listens_to_is_no_error() -> None:
    await Bus().publish(Chime())


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([Event, Chime, LoudChime]), st.booleans(), st.booleans()), max_size=12))
def test_delivery_is_in_the_order_of_subscription_whatever_the_types_and_kinds(
    subscribers: list[tuple[type[Event], bool, bool]],
) -> None:
    """Each subscriber: its event type, whether it is async, whether it asked to be first."""

    async def scenario() -> tuple[list[int], list[int]]:
        bus = Bus()
        order: list[int] = []

        def subscribe(index: int, kind: type[Event], is_async: bool, first: bool) -> None:
            async def later(event: Event) -> None:
                await asyncio.sleep(0)
                order.append(index)

            bus.subscribe(kind, later if is_async else lambda event: order.append(index), first=first)

        for index, (kind, is_async, first) in enumerate(subscribers):
            subscribe(index, kind, is_async, first)
        await bus.publish(Chime())
        hears = [index for index, (kind, _, _) in enumerate(subscribers) if issubclass(Chime, kind)]
        return order, sorted(hears, key=lambda index: not subscribers[index][2])

    order, expected = asyncio.run(scenario())
    assert order == expected


async def test_a_subscriber_that_publishes_is_served_depth_first() -> None:
    bus = Bus()
    order: list[str] = []

    async def nested(event: Chime) -> None:
        order.append(f"begin {event.text}")
        if event.text == "outer":
            await bus.publish(Chime(text="inner"))
        order.append(f"end {event.text}")

    bus.subscribe(Chime, nested)
    bus.subscribe(Chime, lambda event: order.append(f"second {event.text}"))
    await bus.publish(Chime(text="outer"))
    assert order == ["begin outer", "begin inner", "end inner", "second inner", "end outer", "second outer"]


async def test_parents_make_a_tree() -> None:
    bus = Bus()
    heard = Recorder(bus)

    async def answer(event: Chime) -> None:
        if type(event) is Chime:
            await bus.publish(LoudChime())

    bus.subscribe(Chime, answer)
    bus.register(Ring, lambda command: bus.publish(Chime()))
    command = Ring()
    await bus.execute(command)
    (loud,) = heard.only(LoudChime)
    (chime,) = [event for event in heard.only(Chime) if type(event) is Chime]
    assert loud.parent_id == chime.event_id
    assert chime.parent_id == command.command_id
    assert command.parent_id is None
    assert Chime().parent_id is None, "after the delivery there is no parent any more"


async def test_parents_are_kept_apart_when_commands_run_at_the_same_time() -> None:
    bus = Bus()
    heard = Recorder(bus, Chime)
    both = asyncio.Barrier(2)

    async def meet(command: Ring) -> None:
        await both.wait()
        await bus.publish(Chime(text=command.text))
        await both.wait()

    bus.register(Ring, meet)
    one, other = Ring(text="one"), Ring(text="other")
    await asyncio.gather(bus.execute(one), bus.execute(other))
    assert {chime.text: chime.parent_id for chime in heard.only(Chime)} == {
        "one": one.command_id,
        "other": other.command_id,
    }


async def test_a_failing_subscriber_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    bus = Bus()
    before = Recorder(bus, Chime)
    bus.subscribe(Chime, fail)
    after, failures = Recorder(bus, Chime), Recorder(bus, HandlerFailed)
    event = Chime()
    with caplog.at_level(logging.ERROR, "llmgine_cli.bus"):
        await bus.publish(event)
    assert before.events == after.events == [event]
    (failed,) = failures.only(HandlerFailed)
    assert (failed.handler, failed.about_type, failed.about_id) == ("fail", "Chime", event.event_id)
    assert (failed.error, failed.error_type, failed.parent_id) == ("broken", "ValueError", event.event_id)
    assert "fail failed on Chime: broken" in caplog.text


async def test_a_subscriber_that_exits_is_a_failing_subscriber() -> None:
    bus = Bus()

    def leave(_: Chime) -> None:
        raise SystemExit(3)

    bus.subscribe(Chime, leave)
    bus.subscribe(Chime, leave, mailbox=2)
    after, failures = Recorder(bus, Chime), Recorder(bus, HandlerFailed)
    await bus.publish(Chime())
    assert (await bus.aclose()).complete
    assert len(after.events) == 1
    assert [failed.error_type for failed in failures.only(HandlerFailed)] == ["SystemExit", "SystemExit"]


async def test_a_failure_while_handling_a_failure_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    bus = Bus()
    bus.subscribe(Event, fail)
    heard = Recorder(bus)
    with caplog.at_level(logging.ERROR, "llmgine_cli.bus"):
        await bus.publish(Chime())
    assert heard.names == ["HandlerFailed", "Chime"]
    assert [record.getMessage() for record in caplog.records] == [
        "fail failed on Chime: broken",
        "fail failed on HandlerFailed: broken",
    ]


async def test_a_subscriber_whose_own_work_was_cancelled_is_a_failing_subscriber(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus = Bus()

    async def wait_for_somebody_who_was_cancelled(event: Chime) -> None:
        work = asyncio.ensure_future(asyncio.Event().wait())
        work.cancel()
        await work

    bus.subscribe(Chime, wait_for_somebody_who_was_cancelled)
    heard = Recorder(bus)
    await bus.publish(Chime())
    assert heard.names == ["HandlerFailed", "Chime"]


async def test_cancelling_the_publisher_stops_the_delivery() -> None:
    bus = Bus()
    reached = asyncio.Event()

    async def hold(event: Chime) -> None:
        reached.set()
        await asyncio.Event().wait()

    bus.subscribe(Chime, hold)
    heard = Recorder(bus)
    task = asyncio.create_task(bus.publish(Chime()))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard.events == []
    await bus.aclose()  # nothing is left running


async def test_in_a_task_that_is_being_cancelled_a_subscriber_whose_own_work_was_cancelled_stops_nobody() -> None:
    bus = Bus()
    reached = asyncio.Event()

    async def wait_for_somebody_who_was_cancelled(event: Chime) -> None:
        work = asyncio.ensure_future(asyncio.Event().wait())
        work.cancel()
        await work

    async def run() -> None:
        try:
            reached.set()
            await asyncio.Event().wait()
        finally:
            await bus.publish(Chime())

    bus.subscribe(Chime, wait_for_somebody_who_was_cancelled)
    heard = Recorder(bus)
    task = asyncio.create_task(run())
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard.names == ["HandlerFailed", "Chime"]


async def test_a_subscriber_that_cancels_the_publisher_is_heeded_though_others_were_served_first() -> None:
    bus = Bus()

    def cancel(event: Chime) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    async def pause(event: Chime) -> None:
        await asyncio.sleep(0)

    bus.subscribe(Chime, cancel)
    bus.subscribe(Chime, pause)
    heard = Recorder(bus, Chime)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(bus.publish(Chime()))
    assert heard.names == ["Chime"]


async def test_a_cancelled_subscription_hears_no_more_not_even_of_the_event_being_delivered() -> None:
    bus = Bus()
    heard: list[Event] = []
    later: list[Subscription] = []
    bus.subscribe(Chime, lambda event: later[0].cancel())
    later.append(bus.subscribe(Chime, heard.append))
    await bus.publish(Chime())
    later[0].cancel()
    await bus.publish(Chime())
    assert heard == []
    assert not later[0].active


async def test_a_subscription_made_during_a_delivery_counts_from_the_next_event() -> None:
    bus = Bus()
    heard: list[str] = []

    def add(event: Chime) -> None:
        bus.subscribe(Chime, lambda event: heard.append(event.text))

    first = bus.subscribe(Chime, add)
    await bus.publish(Chime(text="1"))
    first.cancel()
    await bus.publish(Chime(text="2"))
    assert heard == ["2"]


async def test_one_function_may_subscribe_twice_and_each_place_is_its_own() -> None:
    bus = Bus()
    heard: list[Event] = []
    one = bus.subscribe(Chime, heard.append)
    bus.subscribe(Chime, heard.append)
    one.cancel()
    await bus.publish(Chime())
    assert len(heard) == 1


# -- circles


@pytest.mark.parametrize("subscribers", [1, 2])
async def test_a_subscriber_that_publishes_what_it_hears_ends_as_a_failure_that_is_told(
    subscribers: int, caplog: pytest.LogCaptureFixture
) -> None:
    """With two of them, one that only cut off the last round would go round 2 ** 64 times."""
    bus = Bus()
    failures, chimes = Recorder(bus, HandlerFailed), Recorder(bus, Chime)

    async def again(event: Chime) -> None:
        await bus.publish(Chime())

    for _ in range(subscribers):
        bus.subscribe(Chime, again)
    first = Chime()
    await bus.publish(first)
    assert [(event.error_type, event.about_id) for event in failures.only(HandlerFailed)] == [
        ("TooDeepError", first.event_id)
    ] * subscribers
    assert len(chimes.events) == 1 + 63 * subscribers
    assert (await bus.aclose()).complete


async def test_a_handler_that_executes_its_own_command_ends_as_a_failure() -> None:
    bus = Bus()
    finished = Recorder(bus, CommandFinished)
    bus.register(Ring, lambda command: bus.execute(Ring()))
    outcome = await bus.execute(Ring())
    assert isinstance(outcome.error, TooDeepError)
    assert len(finished.events) < 70
    assert (await bus.aclose()).complete


async def test_a_handler_that_goes_round_through_tasks_may_go_on_for_ever() -> None:
    bus = Bus()
    tasks: list[asyncio.Task[None]] = []

    async def tick(event: Chime) -> None:
        if len(tasks) < 200:
            tasks.append(asyncio.create_task(bus.publish(Chime())))

    bus.subscribe(Chime, tick)
    heard = Recorder(bus)
    await bus.publish(Chime())
    await until(lambda: len(heard.events) == 201)
    await asyncio.gather(*tasks)
    assert heard.only(HandlerFailed) == []


async def test_a_function_that_calls_itself_without_end_is_a_failing_subscriber() -> None:
    bus = Bus()
    failures = Recorder(bus, HandlerFailed)

    def endless(event: Chime) -> None:
        endless(event)

    bus.subscribe(Chime, endless)
    heard = Recorder(bus, Chime)
    await bus.publish(Chime())
    assert [event.error_type for event in failures.only(HandlerFailed)] == ["RecursionError"]
    assert len(heard.events) == 1


async def test_a_command_cancelled_before_it_began_was_never_executed() -> None:
    bus = Bus()
    heard = Recorder(bus)
    bus.register(Ring, upper)
    task = asyncio.create_task(bus.execute(Ring()))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard.events == []
    assert bus._traffic.idle


# -- closing


async def test_a_closed_bus_takes_nothing_more() -> None:
    bus = Bus()
    bus.register(Ring, upper)
    heard = Recorder(bus)
    await bus.aclose()
    await bus.aclose()
    with pytest.raises(BusClosedError, match="Chime was not delivered"):
        await bus.publish(Chime())
    with pytest.raises(BusClosedError, match="Ring was not executed"):
        await bus.execute(Ring())
    assert heard.events == []


async def test_closing_waits_for_all_that_runs_and_for_what_it_publishes() -> None:
    bus = Bus()
    reached, go = asyncio.Event(), asyncio.Event()

    async def work(command: Ring) -> None:
        reached.set()
        await go.wait()
        await bus.publish(Chime())

    bus.register(Ring, work)
    heard = Recorder(bus)
    running = asyncio.create_task(bus.execute(Ring()))
    await reached.wait()
    closing = asyncio.create_task(bus.aclose())
    await asyncio.sleep(0)
    assert not closing.done()
    go.set()
    await closing
    assert running.done()
    assert heard.names == ["CommandStarted", "Chime", "CommandFinished"]


async def test_closing_waits_also_for_work_that_begins_while_it_waits() -> None:
    bus = Bus()
    go, reached = asyncio.Event(), asyncio.Event()

    async def work(command: Ring) -> None:
        if command.text == "first":
            await go.wait()
        else:
            reached.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            await bus.publish(Chime())

    bus.register(Ring, work)
    heard = Recorder(bus, Chime)

    async def one_after_the_other() -> None:
        await bus.execute(Ring(text="first"))
        await bus.execute(Ring(text="second"))

    running = asyncio.create_task(one_after_the_other())
    await asyncio.sleep(0)
    closing = asyncio.create_task(bus.aclose())
    await asyncio.sleep(0)
    go.set()
    await reached.wait()
    await closing
    await running
    assert heard.names == ["Chime"]


@pytest.mark.parametrize("stubborn", [False, True])
async def test_closing_cancels_what_is_stuck_at_the_deadline_and_says_so(
    caplog: pytest.LogCaptureFixture, stubborn: bool
) -> None:
    bus = Bus()
    go = asyncio.Event()

    async def hang(command: Ring) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            if stubborn:
                await go.wait()

    bus.register(Ring, hang)
    heard = Recorder(bus)
    running = asyncio.create_task(bus.execute(Ring()), name="the stuck one")
    await asyncio.sleep(0)
    await bus.aclose(deadline=0)
    (record,) = caplog.records
    assert "cancelled: the stuck one" in record.getMessage()
    with pytest.raises(BusClosedError):
        await bus.publish(Chime())
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert heard.names == ["CommandStarted", *([] if stubborn else ["CommandFinished"])]


async def test_one_may_wait_for_ever_for_the_end() -> None:
    bus = Bus()
    go = asyncio.Event()
    bus.register(Ring, lambda command: go.wait())
    running = asyncio.create_task(bus.execute(Ring()))
    await asyncio.sleep(0)
    closing = asyncio.create_task(bus.aclose(deadline=None))
    await asyncio.sleep(0)
    assert not closing.done()
    go.set()
    await closing
    assert (await running).success


async def test_a_subscriber_of_a_type_is_told_from_one_of_everything() -> None:
    bus = Bus()
    Recorder(bus)
    assert not bus.has_subscriber(Chime)
    Recorder(bus, Chime, session_id="s")
    assert bus.has_subscriber(Chime, session_id="s")
    assert not bus.has_subscriber(Chime, session_id="t")
    place = bus.subscribe(Chime, lambda event: None)
    assert bus.has_subscriber(Chime, session_id="t")
    place.cancel()
    assert not bus.has_subscriber(Chime)


async def test_closing_from_inside_a_handler_is_refused_instead_of_waiting_for_itself() -> None:
    bus = Bus()
    bus.register(Ring, lambda command: bus.aclose())
    outcome = await bus.execute(Ring())
    assert isinstance(outcome.error, BusError)
    assert "inside a handler" in str(outcome.error)
    await bus.aclose()
