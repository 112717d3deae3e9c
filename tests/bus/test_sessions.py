"""Sessions on the bus: what is registered in one is gone after it."""

import asyncio
import gc
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import pytest

from llmgine_cli.bus import Bus, Command, CommandStarted, Event, SessionEnded, SessionStarted, timing
from llmgine_cli.errors import BusError, DuplicateHandlerError, NoHandlerError
from llmgine_cli.testing import Recorder


@dataclass(frozen=True, kw_only=True)
class Ask(Command[str]):
    pass


@dataclass(frozen=True, kw_only=True)
class Note(Event):
    text: str = ""


async def test_a_session_tells_its_beginning_and_end() -> None:
    bus = Bus()
    heard = Recorder(bus)
    async with bus.session("s") as session:
        assert session.id == "s"
        assert heard.names == ["SessionStarted"]
    assert heard.names == ["SessionStarted", "SessionEnded"]
    assert {event.session_id for event in heard.events} == {"s"}
    assert heard.only(SessionEnded)[0].error is None


async def test_a_session_without_a_name_has_one_of_its_own() -> None:
    bus = Bus()
    async with bus.session() as one, bus.session() as other:
        assert one.id != other.id


async def test_what_is_made_in_a_session_belongs_to_it() -> None:
    bus = Bus()
    heard = Recorder(bus, Note)
    async with bus.session("s"):
        await bus.publish(Note())
    await bus.publish(Note())
    assert [event.session_id for event in heard.events] == ["s", None]


async def test_what_was_made_outside_is_taken_in_by_the_session_it_is_given_to() -> None:
    bus = Bus()
    heard = Recorder(bus)
    note, ask = Note(), Ask()
    async with bus.session("s") as session:
        session.register(Ask, lambda command: command.session_id or "")
        await session.publish(note)
        assert (await session.execute(ask)).unwrap() == "s"
    assert {event.session_id for event in heard.events} == {"s"}
    assert heard.only(Note)[0].event_id == note.event_id


async def test_a_sessions_handler_comes_before_that_of_the_root_and_both_may_exist() -> None:
    bus = Bus()
    bus.register(Ask, lambda command: "root")
    async with bus.session("s") as session:
        assert (await bus.execute(Ask())).result == "root"
        session.register(Ask, lambda command: "session")
        with pytest.raises(DuplicateHandlerError, match="Ask already has a handler in session 's'"):
            session.register(Ask, lambda command: "another")
        assert (await bus.execute(Ask())).result == "session"
    assert (await bus.execute(Ask())).result == "root"


async def test_a_sessions_subscribers_come_before_those_of_the_root_but_for_the_first() -> None:
    bus = Bus()
    order: list[str] = []
    bus.subscribe(Note, lambda event: order.append("root"))
    async with bus.session("s") as session:
        session.subscribe(Note, lambda event: order.append("session"))
        bus.subscribe(Note, lambda event: order.append("log"), first=True)
        await bus.publish(Note())
    assert order == ["log", "session", "root"]


async def test_a_subscriber_of_the_root_that_comes_later_hears_sessions_that_are_open() -> None:
    bus = Bus()
    async with bus.session("s"):
        early = Recorder(bus, Note)
        await bus.publish(Note(text="before"))
        late = Recorder(bus, Note)
        await bus.publish(Note(text="after"))
    assert [event.text for event in early.only(Note)] == ["before", "after"]
    assert [event.text for event in late.only(Note)] == ["after"]


async def test_a_session_hears_only_its_own_events() -> None:
    bus = Bus()
    async with bus.session("one") as one:
        heard_one = Recorder(bus, Note, session_id=one.id)
        async with bus.session("two") as two:
            heard_two = Recorder(bus, Note, session_id=two.id)
            await bus.publish(Note(text="two"))
        await bus.publish(Note(text="one"))
    await bus.publish(Note(text="none"))
    assert [event.text for event in heard_one.only(Note)] == ["one"]
    assert [event.text for event in heard_two.only(Note)] == ["two"]


async def test_all_that_was_registered_is_gone_after_the_session() -> None:
    bus = Bus()
    async with bus.session("s") as session:
        session.register(Ask, lambda command: "x")
        subscription = session.subscribe(Note, lambda event: None)
        heard = Recorder(bus, Note, session_id="s")
        await bus.publish(Note())
    await bus.publish(Note(session_id="s"))
    assert len(heard.events) == 1
    assert not subscription.active
    subscription.cancel()
    with pytest.raises(NoHandlerError):
        await bus.execute(Ask(session_id="s"))


async def test_the_session_hears_of_its_own_end() -> None:
    bus = Bus()
    async with bus.session() as session:
        heard = Recorder(bus, SessionEnded, session_id=session.id)
    assert heard.names == ["SessionEnded"]


async def test_an_exception_ends_the_session_and_is_told_and_raised() -> None:
    bus = Bus()
    heard = Recorder(bus)

    async def talk() -> None:
        async with bus.session("s") as session:
            session.register(Ask, lambda command: "x")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await talk()
    assert heard.only(SessionEnded)[0].error == "broken"
    with pytest.raises(NoHandlerError):
        await bus.execute(Ask(session_id="s"))
    assert Note().session_id is None


async def test_a_cancellation_ends_the_session_and_is_told_and_raised() -> None:
    bus = Bus()
    heard = Recorder(bus)
    reached = asyncio.Event()

    async def talk() -> None:
        async with bus.session("s") as session:
            session.register(Ask, lambda command: "x")
            reached.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(talk())
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard.only(SessionEnded)[0].error == "CancelledError"
    async with bus.session("s"):
        with pytest.raises(NoHandlerError):
            await bus.execute(Ask())


async def test_a_session_that_was_cancelled_while_it_opened_is_not_open() -> None:
    bus = Bus()
    reached = asyncio.Event()

    async def hold(event: SessionStarted) -> None:
        reached.set()
        await asyncio.Event().wait()

    subscription = bus.subscribe(SessionStarted, hold)

    async def talk() -> None:
        async with bus.session("s"):
            pass

    task = asyncio.create_task(talk())
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    subscription.cancel()
    async with bus.session("s"):
        pass


async def test_a_failing_subscriber_of_the_end_keeps_nothing_alive() -> None:
    bus = Bus()

    def fail(event: SessionEnded) -> None:
        raise ValueError("broken")

    async with bus.session("s") as session:
        session.subscribe(SessionEnded, fail)
    async with bus.session("s"):
        pass


async def test_one_session_cannot_be_open_twice() -> None:
    bus = Bus()
    async with bus.session("s"):
        with pytest.raises(BusError, match="session 's' is already open"):
            async with bus.session("s"):
                pass
        assert Note().session_id == "s"


async def test_somebody_may_subscribe_to_a_session_before_it_opens() -> None:
    bus = Bus()
    heard = Recorder(bus, session_id="s")
    async with bus.session("s"):
        pass
    async with bus.session("s"):
        pass
    assert heard.names == ["SessionStarted", "SessionEnded"], "it is gone with the first one"


async def test_a_session_that_is_over_takes_nothing_more_until_it_is_opened_again() -> None:
    bus = Bus()
    session = bus.session("s")
    session.subscribe(Note, lambda event: None)
    async with session:
        pass
    with pytest.raises(BusError, match="session 's' is over"):
        session.subscribe(Note, lambda event: None)
    with pytest.raises(BusError, match="session 's' is over"):
        session.register(Ask, lambda command: "x")
    assert list(bus._tables) == [None]
    async with session:
        session.register(Ask, lambda command: "x")
        assert (await bus.execute(Ask())).result == "x"


async def test_the_inner_session_counts_and_then_the_outer_one_again() -> None:
    bus = Bus()
    async with bus.session("outer"):
        async with bus.session("inner"):
            assert Note().session_id == "inner"
        assert Note().session_id == "outer"
    assert Note().session_id is None


async def test_a_session_opened_by_a_handler_is_its_child() -> None:
    bus = Bus()
    heard = Recorder(bus)

    async def open_one(command: Ask) -> str:
        async with bus.session("inner"):
            await bus.publish(Note())
        return Note().session_id or "none"

    bus.register(Ask, open_one)
    ask = Ask()
    assert (await bus.execute(ask)).result == "none"
    (note,) = heard.only(Note)
    assert (note.session_id, note.parent_id) == ("inner", ask.command_id)


async def test_sessions_that_run_at_the_same_time_are_kept_apart() -> None:
    bus = Bus()
    everyone = asyncio.Barrier(5)
    heard = Recorder(bus, CommandStarted)

    async def talk(name: str) -> str | None:
        async with bus.session(name) as session:
            session.register(Ask, lambda command: f"{name} heard {command.session_id}")
            await everyone.wait()
            outcome = await bus.execute(Ask())
            await everyone.wait()
            return outcome.result

    names = [f"s{number}" for number in range(5)]
    answers = await asyncio.gather(*(talk(name) for name in names))
    assert answers == [f"{name} heard {name}" for name in names]
    assert sorted(event.session_id or "" for event in heard.events) == names


async def test_a_session_within_a_session_says_so_and_inherits_nothing() -> None:
    bus = Bus()
    started = Recorder(bus, SessionStarted)
    async with bus.session("outer") as outer:
        heard_outer = Recorder(bus, Note, session_id="outer")
        outer.register(Ask, lambda command: "outer")
        async with bus.session("inner"):
            await bus.publish(Note(text="inner"))
            with pytest.raises(NoHandlerError):
                await bus.execute(Ask())
            assert (await outer.execute(Ask(session_id="outer"))).result == "outer"
        await bus.publish(Note(text="outer"))
    assert [(event.session_id, event.parent_session) for event in started.only(SessionStarted)] == [
        ("outer", None),
        ("inner", "outer"),
    ]
    assert [event.text for event in heard_outer.only(Note)] == ["outer"]


async def test_an_inner_session_may_outlive_the_one_it_was_opened_in() -> None:
    bus = Bus()
    go, opened = asyncio.Event(), asyncio.Event()

    async def live() -> str | None:
        async with bus.session("inner") as inner:
            inner.register(Ask, lambda command: "alive")
            opened.set()
            await go.wait()
            return (await bus.execute(Ask())).result

    async with bus.session("outer"):
        task = asyncio.create_task(live())
        await opened.wait()
    go.set()
    assert await task == "alive"
    assert list(bus._tables) == [None]


async def test_a_session_in_a_generator_that_another_task_closes_ends_all_the_same() -> None:
    bus = Bus()
    heard = Recorder(bus, SessionEnded)

    async def conversation() -> AsyncGenerator[str, None]:
        async with bus.session("s"):
            yield "hello"

    talk = conversation()
    await anext(talk)
    await asyncio.create_task(talk.aclose())
    assert heard.names == ["SessionEnded"]
    assert list(bus._tables) == [None]


async def test_a_session_cancelled_before_it_began_was_never_there() -> None:
    bus = Bus()
    heard = Recorder(bus)

    async def talk() -> None:
        async with bus.session("s"):
            await bus.publish(Note())

    task = asyncio.create_task(talk())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard.events == []
    assert list(bus._tables) == [None]


async def one_session(bus: Bus) -> None:
    async with bus.session() as session:
        session.register(Ask, lambda command: "x")
        session.use(timing())
        session.subscribe(Note, lambda event: None)
        session.subscribe(Note, lambda event: None, mailbox=4)
        await bus.publish(Note())
        await bus.execute(Ask())


async def test_thousands_of_sessions_one_after_the_other_and_at_once_leave_nothing_behind() -> None:
    bus = Bus()
    bus.subscribe(Note, lambda event: None)
    tasks = asyncio.all_tasks()
    await one_session(bus)
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(500):
        await one_session(bus)
    await asyncio.gather(*(one_session(bus) for _ in range(500)))
    await bus.publish(Note(session_id="never opened"))
    for _ in range(3):  # the loop throws its cancelled timers away
        await asyncio.sleep(0)
    gc.collect()
    assert len(gc.get_objects()) - before < 500, "not even one object for two sessions"
    assert list(bus._tables) == [None]
    assert bus._traffic.idle
    assert asyncio.all_tasks() == tasks
