import asyncio

import pytest

from llmgine_cli.bus import Bus, Event
from llmgine_cli.llm.events import HistoryCleared, MessageAdded
from llmgine_cli.llm.history import History
from llmgine_cli.llm.messages import assistant, user
from tests.support.bus import Heard


async def test_what_is_added_is_told_in_order() -> None:
    bus = Bus()
    heard = Heard(bus)
    history = History(bus)
    await history.add(user("a"), assistant("b"))
    assert history.messages == (user("a"), assistant("b"))
    assert [event.message for event in heard.only(MessageAdded)] == [user("a"), assistant("b")]


async def test_a_message_is_told_before_it_counts() -> None:
    bus = Bus()
    history = History(bus)
    counts: list[int] = []
    bus.subscribe(MessageAdded, lambda event: counts.append(len(history.messages)))
    await history.add(user("a"), user("b"))
    assert counts == [0, 1]


async def test_what_was_said_before_is_not_told_again() -> None:
    bus = Bus()
    heard = Heard(bus)
    history = History(bus, [user("a")])
    assert history.messages == (user("a"),)
    assert heard.events == []


async def test_clearing_is_told() -> None:
    bus = Bus()
    heard = Heard(bus)
    history = History(bus, [user("a")])
    await history.clear()
    assert history.messages == ()
    assert len(heard.only(HistoryCleared)) == 1


async def test_the_messages_are_a_picture_of_the_moment() -> None:
    history = History(Bus())
    before = history.messages
    await history.add(user("a"))
    assert before == ()


async def test_a_message_that_could_not_be_told_does_not_count() -> None:
    bus = Bus()
    history = History(bus)

    async def hold(event: Event) -> None:
        await asyncio.Event().wait()

    bus.subscribe(MessageAdded, hold)
    task = asyncio.create_task(history.add(user("a")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert history.messages == ()
