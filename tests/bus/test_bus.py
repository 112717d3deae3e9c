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
from llmgine_cli.errors import BusClosedError, BusError, DuplicateHandlerError, NoHandlerError
from tests.support.bus import Heard


@dataclass(frozen=True, kw_only=True)
class Ping(Command[str]):
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class LoudPing(Ping):
    pass


@dataclass(frozen=True, kw_only=True)
class Pong(Event):
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class LoudPong(Pong):
    pass


def upper(command: Ping) -> str:
    return command.text.upper()


async def upper_async(command: Ping) -> str:
    await asyncio.sleep(0)
    return command.text.upper()


def fail(message: object) -> NoReturn:
    raise ValueError("broken")


# -- commands


@pytest.mark.parametrize("handler", [upper, upper_async])
async def test_a_command_is_handled_by_its_one_handler(handler: Callable[[Ping], Any]) -> None:
    bus = Bus()
    bus.register(Ping, handler)
    command = Ping(text="a")
    outcome = await bus.execute(command)
    assert (outcome.success, outcome.result, outcome.error) == (True, "A", None)
    assert outcome.command_id == command.command_id
    assert outcome.duration_ms >= 0


async def test_a_second_handler_is_refused_and_the_first_one_stays() -> None:
    bus = Bus()
    bus.register(Ping, upper)
    with pytest.raises(DuplicateHandlerError, match="Ping already has a handler in the root"):
        bus.register(Ping, upper_async)
    assert (await bus.execute(Ping(text="a"))).result == "A"


async def test_two_buses_know_nothing_of_each_other() -> None:
    one, other = Bus(), Bus()
    one.register(Ping, upper)
    heard = Heard(other)
    await one.execute(Ping())
    assert heard.events == []
    with pytest.raises(NoHandlerError):
        await other.execute(Ping())


async def test_a_command_nobody_handles_is_an_error() -> None:
    bus = Bus()
    bus.register(Ping, upper)
    # A handler is for exactly one class: a subclass is another request.
    with pytest.raises(NoHandlerError, match="nobody handles LoudPing"):
        await bus.execute(LoudPing())


async def test_an_unregistered_handler_is_gone_and_another_may_come() -> None:
    bus = Bus()
    bus.register(Ping, fail)
    bus.unregister(Ping)
    bus.unregister(Ping)
    with pytest.raises(NoHandlerError):
        await bus.execute(Ping())
    bus.register(Ping, upper)
    assert (await bus.execute(Ping(text="a"))).unwrap() == "A"


async def test_a_handlers_exception_is_in_the_result() -> None:
    bus = Bus()
    bus.register(Ping, fail)
    outcome = await bus.execute(Ping())
    assert (outcome.success, outcome.result) == (False, None)
    with pytest.raises(ValueError, match="broken"):
        outcome.unwrap()


async def test_started_and_finished_are_published_around_a_command() -> None:
    bus = Bus()
    heard = Heard(bus)
    bus.register(Ping, lambda command: bus.publish(Pong()))
    command = Ping(text="a")
    await bus.execute(command)
    assert heard.names == ["CommandStarted", "Pong", "CommandFinished"]
    assert [event.parent_id for event in heard.events] == [command.command_id] * 3
    (started,), (finished,) = heard.only(CommandStarted), heard.only(CommandFinished)
    assert started.command is command
    assert (finished.command_type, finished.success, finished.cancelled, finished.error) == ("Ping", True, False, None)


async def test_finished_tells_of_a_failure() -> None:
    bus = Bus()
    heard = Heard(bus)
    bus.register(Ping, fail)
    await bus.execute(Ping())
    (finished,) = heard.only(CommandFinished)
    assert (finished.success, finished.error, finished.error_type) == (False, "broken", "ValueError")


async def test_cancelling_execute_cancels_the_handler_and_finished_tells_of_it() -> None:
    bus = Bus()
    heard = Heard(bus)
    reached, stopped = asyncio.Event(), asyncio.Event()

    async def wait(command: Ping) -> None:
        reached.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.set()
            raise

    bus.register(Ping, wait)
    task = asyncio.create_task(bus.execute(Ping()))
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
    handled: list[Ping] = []

    async def hold(event: CommandStarted) -> None:
        reached.set()
        await asyncio.Event().wait()

    bus.subscribe(CommandStarted, hold)
    bus.register(Ping, handled.append)
    heard = Heard(bus, CommandFinished)
    task = asyncio.create_task(bus.execute(Ping()))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert handled == []
    assert [finished.cancelled for finished in heard.only(CommandFinished)] == [True]


async def test_a_handler_may_execute_other_commands_and_publish() -> None:
    bus = Bus()
    heard = Heard(bus)

    async def outer(command: LoudPing) -> str:
        return (await bus.execute(Ping(text=command.text))).unwrap() + "!"

    bus.register(Ping, upper)
    bus.register(LoudPing, outer)
    assert (await bus.execute(LoudPing(text="a"))).unwrap() == "A!"
    assert heard.names == ["CommandStarted", "CommandStarted", "CommandFinished", "CommandFinished"]
    started_outer, started_inner = heard.only(CommandStarted)
    assert started_inner.command.parent_id == started_outer.command.command_id


# -- events


async def test_an_event_reaches_subscribers_of_its_type_and_of_its_base_classes() -> None:
    bus = Bus()
    everything, pongs, loud = Heard(bus), Heard(bus, Pong), Heard(bus, LoudPong)
    await bus.publish(LoudPong())
    await bus.publish(Pong())
    assert everything.names == pongs.names == ["LoudPong", "Pong"]
    assert loud.names == ["LoudPong"]


async def test_an_event_nobody_listens_to_is_no_error() -> None:
    await Bus().publish(Pong())


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([Event, Pong, LoudPong]), st.booleans(), st.booleans()), max_size=12))
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
        await bus.publish(Pong())
        hears = [index for index, (kind, _, _) in enumerate(subscribers) if issubclass(Pong, kind)]
        return order, sorted(hears, key=lambda index: not subscribers[index][2])

    order, expected = asyncio.run(scenario())
    assert order == expected


async def test_a_subscriber_that_publishes_is_served_depth_first() -> None:
    bus = Bus()
    order: list[str] = []

    async def nested(event: Pong) -> None:
        order.append(f"begin {event.text}")
        if event.text == "outer":
            await bus.publish(Pong(text="inner"))
        order.append(f"end {event.text}")

    bus.subscribe(Pong, nested)
    bus.subscribe(Pong, lambda event: order.append(f"second {event.text}"))
    await bus.publish(Pong(text="outer"))
    assert order == ["begin outer", "begin inner", "end inner", "second inner", "end outer", "second outer"]


async def test_parents_make_a_tree() -> None:
    bus = Bus()
    heard = Heard(bus)

    async def answer(event: Pong) -> None:
        if type(event) is Pong:
            await bus.publish(LoudPong())

    bus.subscribe(Pong, answer)
    bus.register(Ping, lambda command: bus.publish(Pong()))
    command = Ping()
    await bus.execute(command)
    (loud,) = heard.only(LoudPong)
    (pong,) = [event for event in heard.only(Pong) if type(event) is Pong]
    assert loud.parent_id == pong.event_id
    assert pong.parent_id == command.command_id
    assert command.parent_id is None
    assert Pong().parent_id is None, "after the delivery there is no parent any more"


async def test_parents_are_kept_apart_when_commands_run_at_the_same_time() -> None:
    bus = Bus()
    heard = Heard(bus, Pong)
    both = asyncio.Barrier(2)

    async def meet(command: Ping) -> None:
        await both.wait()
        await bus.publish(Pong(text=command.text))
        await both.wait()

    bus.register(Ping, meet)
    one, other = Ping(text="one"), Ping(text="other")
    await asyncio.gather(bus.execute(one), bus.execute(other))
    assert {pong.text: pong.parent_id for pong in heard.only(Pong)} == {
        "one": one.command_id,
        "other": other.command_id,
    }


async def test_a_failing_subscriber_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    bus = Bus()
    before = Heard(bus, Pong)
    bus.subscribe(Pong, fail)
    after, failures = Heard(bus, Pong), Heard(bus, HandlerFailed)
    event = Pong()
    with caplog.at_level(logging.ERROR, "llmgine_cli.bus"):
        await bus.publish(event)
    assert before.events == after.events == [event]
    (failed,) = failures.only(HandlerFailed)
    assert (failed.handler, failed.about_type, failed.about_id) == ("fail", "Pong", event.event_id)
    assert (failed.error, failed.error_type, failed.parent_id) == ("broken", "ValueError", event.event_id)
    assert "fail failed on Pong: broken" in caplog.text


async def test_a_failure_while_handling_a_failure_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    bus = Bus()
    bus.subscribe(Event, fail)
    heard = Heard(bus)
    with caplog.at_level(logging.ERROR, "llmgine_cli.bus"):
        await bus.publish(Pong())
    assert heard.names == ["HandlerFailed", "Pong"]
    assert [record.getMessage() for record in caplog.records] == [
        "fail failed on Pong: broken",
        "fail failed on HandlerFailed: broken",
    ]


async def test_a_subscriber_whose_own_work_was_cancelled_is_a_failing_subscriber(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus = Bus()

    async def wait_for_somebody_who_was_cancelled(event: Pong) -> None:
        work = asyncio.ensure_future(asyncio.Event().wait())
        work.cancel()
        await work

    bus.subscribe(Pong, wait_for_somebody_who_was_cancelled)
    heard = Heard(bus)
    await bus.publish(Pong())
    assert heard.names == ["HandlerFailed", "Pong"]


async def test_cancelling_the_publisher_stops_the_delivery() -> None:
    bus = Bus()
    reached = asyncio.Event()

    async def hold(event: Pong) -> None:
        reached.set()
        await asyncio.Event().wait()

    bus.subscribe(Pong, hold)
    heard = Heard(bus)
    task = asyncio.create_task(bus.publish(Pong()))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard.events == []
    await bus.aclose()  # nothing is left running


async def test_a_cancelled_subscription_hears_no_more_not_even_of_the_event_being_delivered() -> None:
    bus = Bus()
    heard: list[Event] = []
    later: list[Subscription] = []
    bus.subscribe(Pong, lambda event: later[0].cancel())
    later.append(bus.subscribe(Pong, heard.append))
    await bus.publish(Pong())
    later[0].cancel()
    await bus.publish(Pong())
    assert heard == []
    assert not later[0].active


async def test_a_subscription_made_during_a_delivery_counts_from_the_next_event() -> None:
    bus = Bus()
    heard: list[str] = []

    def add(event: Pong) -> None:
        bus.subscribe(Pong, lambda event: heard.append(event.text))

    first = bus.subscribe(Pong, add)
    await bus.publish(Pong(text="1"))
    first.cancel()
    await bus.publish(Pong(text="2"))
    assert heard == ["2"]


async def test_one_function_may_subscribe_twice_and_each_place_is_its_own() -> None:
    bus = Bus()
    heard: list[Event] = []
    one = bus.subscribe(Pong, heard.append)
    bus.subscribe(Pong, heard.append)
    one.cancel()
    await bus.publish(Pong())
    assert len(heard) == 1


# -- closing


async def test_a_closed_bus_takes_nothing_more() -> None:
    bus = Bus()
    bus.register(Ping, upper)
    heard = Heard(bus)
    await bus.aclose()
    await bus.aclose()
    with pytest.raises(BusClosedError, match="Pong was not delivered"):
        await bus.publish(Pong())
    with pytest.raises(BusClosedError, match="Ping was not executed"):
        await bus.execute(Ping())
    assert heard.events == []


async def test_closing_waits_for_all_that_runs_and_for_what_it_publishes() -> None:
    bus = Bus()
    reached, go = asyncio.Event(), asyncio.Event()

    async def work(command: Ping) -> None:
        reached.set()
        await go.wait()
        await bus.publish(Pong())

    bus.register(Ping, work)
    heard = Heard(bus)
    running = asyncio.create_task(bus.execute(Ping()))
    await reached.wait()
    closing = asyncio.create_task(bus.aclose())
    await asyncio.sleep(0)
    assert not closing.done()
    go.set()
    await closing
    assert running.done()
    assert heard.names == ["CommandStarted", "Pong", "CommandFinished"]


async def test_closing_waits_also_for_work_that_begins_while_it_waits() -> None:
    bus = Bus()
    go, reached = asyncio.Event(), asyncio.Event()

    async def work(command: Ping) -> None:
        if command.text == "first":
            await go.wait()
        else:
            reached.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            await bus.publish(Pong())

    bus.register(Ping, work)
    heard = Heard(bus, Pong)

    async def one_after_the_other() -> None:
        await bus.execute(Ping(text="first"))
        await bus.execute(Ping(text="second"))

    running = asyncio.create_task(one_after_the_other())
    await asyncio.sleep(0)
    closing = asyncio.create_task(bus.aclose())
    await asyncio.sleep(0)
    go.set()
    await reached.wait()
    await closing
    await running
    assert heard.names == ["Pong"]


async def test_closing_from_inside_a_handler_is_refused_instead_of_waiting_for_itself() -> None:
    bus = Bus()
    bus.register(Ping, lambda command: bus.aclose())
    outcome = await bus.execute(Ping())
    assert isinstance(outcome.error, BusError)
    assert "inside a handler" in str(outcome.error)
    await bus.aclose()
