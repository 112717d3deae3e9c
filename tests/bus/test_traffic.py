"""The account of who is at work in a bus: exact at every moment, whoever takes turns, and empty when nobody is."""

import asyncio
import gc
import sys
import weakref
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgine_cli.bus import Bus, Command, Event, HandlerFailed
from llmgine_cli.testing import Recorder
from tests.support.loop import until


@dataclass(frozen=True, kw_only=True)
class Nest(Event):
    """An event whose subscriber publishes another one inside it, so many levels deep, with pauses."""

    levels: int
    pauses: int


@dataclass(frozen=True, kw_only=True)
class Ask(Command[None]):
    levels: int
    pauses: int


@dataclass(frozen=True, kw_only=True)
class Said(Event):
    pass


scripts = st.lists(
    st.lists(st.builds(Nest, levels=st.integers(0, 3), pauses=st.integers(0, 2)), max_size=4), min_size=1, max_size=5
)


class Crowd:
    """Publishers on one bus, and the handlers that note whose message is being handled."""

    def __init__(self) -> None:
        self.bus = Bus()
        self.inside: Counter[asyncio.Task[Any] | None] = Counter()
        self.failures = Recorder(self.bus, HandlerFailed)
        self.bus.register(Ask, self.handle)
        self.bus.subscribe(Nest, self.handle)

    def look(self) -> None:
        """Compare the account with what the handlers noted."""
        at_work = [task for task, depth in self.inside.items() if depth]
        assert set(self.bus._traffic.tasks()) == set(at_work)
        assert len(self.bus._traffic.tasks()) == len(at_work)
        assert self.bus._traffic.idle == (not at_work)

    async def handle(self, message: Nest | Ask) -> None:
        """Pause, and go one level further in."""
        task = asyncio.current_task()
        self.inside[task] += 1
        try:
            for _ in range(message.pauses):
                self.look()
                await asyncio.sleep(0)
            self.look()
            if message.levels and isinstance(message, Nest):
                (await self.bus.execute(Ask(levels=message.levels - 1, pauses=message.pauses))).unwrap()
            elif message.levels:
                await self.bus.publish(Nest(levels=message.levels - 1, pauses=message.pauses))
            self.look()
        finally:
            self.inside[task] -= 1

    async def publish(self, nests: list[Nest]) -> None:
        """Publish one after the other."""
        for nest in nests:
            await self.bus.publish(nest)
            self.look()
            await asyncio.sleep(0)
            self.look()


@settings(max_examples=100, deadline=None)
@given(scripts, st.lists(st.integers(0, 4), max_size=6))
def test_it_names_those_and_only_those_who_are_in_the_bus_whatever_the_interleaving(
    script: list[list[Nest]], cancelled: list[int]
) -> None:
    """One of the publishers may be cancelled at each turn of the loop."""

    async def scenario() -> None:
        crowd = Crowd()
        tasks = [asyncio.create_task(crowd.publish(nests)) for nests in script]
        for index in cancelled:
            await asyncio.sleep(0)
            crowd.look()
            if index < len(tasks):
                tasks[index].cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} <= {type(None), asyncio.CancelledError}
        assert crowd.failures.events == []
        assert crowd.bus._traffic.idle
        assert (await crowd.bus.aclose()).complete

    asyncio.run(scenario())


async def test_closing_cancels_the_task_that_is_stuck_though_others_published_since() -> None:
    bus = Bus()
    reached = asyncio.Event()

    async def hang(command: Ask) -> None:
        reached.set()
        await asyncio.Event().wait()

    bus.register(Ask, hang)
    heard = Recorder(bus, Said)
    stuck = asyncio.create_task(bus.execute(Ask(levels=0, pauses=0)), name="stuck")
    await reached.wait()
    before = asyncio.create_task(bus.publish(Said()), name="done")
    await before
    await bus.publish(Said())
    report = await bus.aclose(deadline=0)
    assert report.stuck == ("stuck",)
    with pytest.raises(asyncio.CancelledError):
        await stuck
    assert len(heard.events) == 2
    assert bus._traffic.idle


async def test_tasks_that_published_and_ended_are_forgotten_but_for_the_latest() -> None:
    bus = Bus()
    bus.subscribe(Said, lambda event: asyncio.sleep(0))
    tasks = weakref.WeakSet(asyncio.create_task(bus.publish(Said())) for _ in range(50))
    await until(lambda: all(task.done() for task in set(tasks)))
    await asyncio.sleep(0)
    gc.collect()
    assert len(tasks) <= 1


def test_a_bus_goes_on_in_the_next_event_loop() -> None:
    bus = Bus()
    heard = Recorder(bus, Said)
    bus.subscribe(Said, lambda event: asyncio.sleep(0))
    for _ in range(3):
        asyncio.run(bus.publish(Said()))
    assert asyncio.run(bus.aclose()).complete
    assert len(heard.events) == 3


@pytest.mark.skipif(sys.version_info < (3, 12), reason="tasks that begin at once came with Python 3.12")
async def test_a_task_that_begins_at_once_inside_a_handler_is_told_from_the_handlers_own() -> None:
    bus = Bus()
    go = asyncio.Event()
    begun: list[asyncio.Task[None]] = []

    async def wait(event: Said) -> None:
        await go.wait()

    async def begin(command: Ask) -> None:
        loop = asyncio.get_running_loop()
        begun.extend(asyncio.Task(bus.publish(Said()), loop=loop, eager_start=True) for _ in range(100))  # type: ignore[call-arg]

    bus.register(Ask, begin)
    bus.subscribe(Said, wait)
    (await bus.execute(Ask(levels=0, pauses=0))).unwrap()
    assert set(bus._traffic.tasks()) == set(begun)
    closing = asyncio.create_task(bus.aclose())
    await asyncio.sleep(0)
    assert not closing.done()
    go.set()
    await until(closing.done)
    assert closing.result().complete
    assert all(task.exception() is None for task in begun)
