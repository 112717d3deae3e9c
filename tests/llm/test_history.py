import asyncio

import pytest

from llmgine_cli.bus import Bus, Event
from llmgine_cli.llm.events import HistoryRewound, MessageAdded, SystemChanged
from llmgine_cli.llm.history import History
from llmgine_cli.llm.messages import Message, ToolCall, ToolResult, assistant, system, user
from llmgine_cli.testing import Recorder


async def test_what_is_added_is_told_in_order() -> None:
    bus = Bus()
    heard = Recorder(bus)
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
    heard = Recorder(bus)
    history = History(bus, [user("a")])
    assert history.messages == (user("a"),)
    assert heard.events == []


async def test_clearing_is_told() -> None:
    bus = Bus()
    heard = Recorder(bus)
    history = History(bus, [user("a")])
    await history.clear()
    assert history.messages == ()
    assert len(heard.only(HistoryRewound)) == 1


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([], [system("new")], ["MessageAdded"]),
        ([system("new"), user("a")], [system("new"), user("a")], []),
        ([system("old"), user("a")], [system("new"), user("a")], ["SystemChanged"]),
        ([user("a")], [system("new"), user("a")], ["SystemChanged"]),
    ],
)
async def test_a_conversation_has_one_system_message_and_that_is_the_first(
    before: list[Message], after: list[Message], told: list[str]
) -> None:
    bus = Bus()
    heard = Recorder(bus)
    history = History(bus, before)
    await history.change_system(system("new"))
    assert history.messages == tuple(after)
    assert heard.names == told
    assert [event.message for event in heard.only(SystemChanged)] == [system("new")] * told.count("SystemChanged")


async def test_rewinding_keeps_the_beginning_and_is_told() -> None:
    bus = Bus()
    heard = Recorder(bus)
    history = History(bus, [user("a"), user("b"), user("c")])
    await history.rewind(1)
    assert history.messages == (user("a"),)
    assert [event.kept for event in heard.only(HistoryRewound)] == [1]


async def test_rewinding_to_where_it_stands_is_nothing_to_tell() -> None:
    bus = Bus()
    heard = Recorder(bus)
    await History(bus, [user("a")]).rewind(1)
    assert heard.events == []


async def test_open_calls_are_answered_once() -> None:
    calls = (ToolCall(id="1", name="a"), ToolCall(id="2", name="b"))
    done = Message("tool", (ToolResult(call_id="1", name="a", content="x"),))
    history = History(Bus(), [Message("assistant", calls), done])
    await history.answer_open_calls("stopped")
    await history.answer_open_calls("stopped")
    lost = ToolResult(call_id="2", name="b", content="stopped", is_error=True)
    assert history.messages[2:] == (Message("tool", (lost,)),)


async def test_a_call_that_was_left_open_before_somebody_spoke_is_answered_where_it_stands() -> None:
    bus = Bus()
    asked = Message("assistant", (ToolCall(id="1", name="a"),))
    history = History(bus, [user("go"), asked, user("well?")])
    heard = Recorder(bus)
    await history.answer_open_calls("stopped")
    lost = Message("tool", (ToolResult(call_id="1", name="a", content="stopped", is_error=True),))
    assert history.messages == (user("go"), asked, lost, user("well?"))
    assert heard.names == ["HistoryRewound", "MessageAdded", "MessageAdded"]


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
