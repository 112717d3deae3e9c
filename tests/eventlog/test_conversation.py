"""A conversation rebuilt from its log is one that any vendor accepts."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgine_cli.bus import Bus, Event, SessionStarted
from llmgine_cli.errors import UsageError
from llmgine_cli.eventlog.conversation import LOST, Earlier, rebuild, recall, replay
from llmgine_cli.eventlog.writer import EventLog
from llmgine_cli.llm.events import (
    ConversationOpened,
    HistoryRewound,
    LLMCallFailed,
    LLMCallFinished,
    LLMCallInterrupted,
    LLMCallStarted,
    MessageAdded,
    ReplyGrew,
    SystemChanged,
)
from llmgine_cli.llm.history import History
from llmgine_cli.llm.messages import Image, Message, Reasoning, Text, ToolCall, ToolResult, assistant, system, user
from llmgine_cli.llm.stream import Reply

CALLS = (ToolCall(id="1", name="a"), ToolCall(id="2", name="b", arguments='{"x": 1}'))


def result(call_id: str, name: str = "a", content: str = "done", *, is_error: bool = False) -> Message:
    return Message("tool", (ToolResult(call_id=call_id, name=name, content=content, is_error=is_error),))


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog(tmp_path)


def conversation(log: EventLog) -> tuple[Message, ...]:
    path = log.path("s")
    assert path is not None
    return rebuild(path)


def add(log: EventLog, *messages: Message) -> None:
    for message in messages:
        log.write(MessageAdded(session_id="s", message=message))


async def test_the_history_comes_back_part_by_part(log: EventLog) -> None:
    bus = Bus()
    log.attach(bus)
    said = (
        system("be brief"),
        Message("user", (Text("what is this?"), Image(media_type="image/png", data=b"\x89PNG"))),
        Message("assistant", (Reasoning(text="hm", signature="s"), Text("let me see"), *CALLS)),
        result("1"),
        result("2", "b"),
        assistant("a cat"),
    )
    async with bus.session("s"):
        await History(bus).add(*said)

    assert conversation(log) == said


def test_a_changed_system_message_is_the_first(log: EventLog) -> None:
    add(log, user("a"))
    for text in ("old", "new"):
        log.write(SystemChanged(session_id="s", message=system(text)))
    assert conversation(log) == (system("new"), user("a"))


def test_what_was_cleared_is_gone(log: EventLog) -> None:
    add(log, system("old"), user("old"))
    log.write(HistoryRewound(session_id="s", kept=0))
    add(log, user("new"))

    assert conversation(log) == (user("new"),)


def test_what_was_rewound_is_gone_and_the_rest_is_kept(log: EventLog) -> None:
    add(log, user("one"), assistant("two"), user("failed"))
    log.write(HistoryRewound(session_id="s", kept=2))
    add(log, user("three"))

    assert conversation(log) == (user("one"), assistant("two"), user("three"))


def test_only_what_was_added_to_the_conversation_is_part_of_it(log: EventLog) -> None:
    add(log, user("hi"))
    log.write(LLMCallInterrupted(session_id="s", call_id="c", model="m", partial=assistant("gree"), duration_ms=1))

    assert conversation(log) == (user("hi"),)


@pytest.mark.parametrize("after", [(), (user("are you there?"),)], ids=["at the end", "in the middle"])
def test_a_call_without_a_result_gets_one_that_says_so(log: EventLog, after: tuple[Message, ...]) -> None:
    add(log, user("hi"), Message("assistant", CALLS), result("2", "b"), *after)

    lost = result("1", "a", LOST, is_error=True)
    assert conversation(log) == (user("hi"), Message("assistant", CALLS), result("2", "b"), lost, *after)


def test_a_result_without_its_call_is_left_out(log: EventLog) -> None:
    add(log, user("hi"), result("9"), assistant("hello"), result("1"))

    assert conversation(log) == (user("hi"), assistant("hello"))


def test_a_second_result_of_one_call_is_left_out(log: EventLog) -> None:
    add(log, Message("assistant", CALLS[:1]), result("1"), result("1", content="again"))

    assert conversation(log) == (Message("assistant", CALLS[:1]), result("1"))


def test_results_that_stand_in_one_message_are_told_apart(log: EventLog) -> None:
    both = Message("tool", (*result("1").parts, *result("7").parts))
    add(log, Message("assistant", CALLS[:1]), both)

    assert conversation(log) == (Message("assistant", CALLS[:1]), result("1"))


def test_bad_lines_and_other_events_do_not_matter(log: EventLog) -> None:
    add(log, user("one"))
    path = log.path("s")
    assert path is not None
    with path.open("ab") as file:
        file.write(b'\0\0\0\n{"v":1,"event_type":"Nobody","timestamp":"2026-11-23T00:00:00Z"}\n{"torn\n')
    add(log, user("two"))

    assert conversation(log) == (user("one"), user("two"))


def test_a_turn_that_failed_after_a_killed_tool_was_resumed_does_not_come_back(log: EventLog) -> None:
    log.write(SessionStarted(session_id="s"))
    add(log, user("one"), Message("assistant", CALLS[:1]))  # killed while the tool ran
    log.write(SessionStarted(session_id="s"))
    resumed = conversation(log)
    add(log, user("failed"))
    log.write(HistoryRewound(session_id="s", kept=len(resumed)))
    log.write(SessionStarted(session_id="s"))

    lost = result("1", "a", LOST, is_error=True)
    assert conversation(log) == resumed == (user("one"), Message("assistant", CALLS[:1]), lost)


def test_a_rewind_after_a_resume_does_not_count_results_that_were_left_out(log: EventLog) -> None:
    add(log, user("one"), result("9"), assistant("two"))
    log.write(SessionStarted(session_id="s"))
    add(log, user("failed"))
    log.write(HistoryRewound(session_id="s", kept=2))

    assert conversation(log) == (user("one"), assistant("two"))


# -- an answer that was coming when the program was killed


def started(log: EventLog, *, history: int = 1) -> str:
    event = LLMCallStarted(session_id="s", model="openai:gpt", history=history, tools=("a",))
    log.write(event)
    return event.event_id


def grew(log: EventLog, call_id: str, *texts: str) -> None:
    for text in texts:
        log.write(ReplyGrew(session_id="s", call_id=call_id, text=text))


def recalled(log: EventLog) -> Earlier:
    path = log.path("s")
    assert path is not None
    return recall(path)


def test_an_answer_whose_end_never_came_is_there_as_far_as_it_came(log: EventLog) -> None:
    add(log, user("hi"))
    grew(log, started(log), "Half ", "an ")
    assert conversation(log) == (user("hi"), assistant("Half an "))
    assert recalled(log).interrupted


def test_an_answer_that_was_whole_but_not_yet_added_is_whole(log: EventLog) -> None:
    add(log, user("hi"))
    call_id = started(log)
    grew(log, call_id, "Half ")
    reply = Reply(message=Message("assistant", (Text("Half an answer."), *CALLS[:1])), finish_reason="stop")
    log.write(LLMCallFinished(session_id="s", call_id=call_id, model="openai:gpt", reply=reply, duration_ms=1))
    lost = result("1", "a", LOST, is_error=True)
    assert conversation(log) == (user("hi"), reply.message, lost)
    assert not recalled(log).interrupted


def test_an_answer_that_was_added_is_there_once(log: EventLog) -> None:
    add(log, user("hi"))
    grew(log, started(log), "Half ")
    add(log, assistant("Half an answer."))
    assert conversation(log) == (user("hi"), assistant("Half an answer."))


def test_what_came_of_an_answer_that_failed_or_was_asked_aside_or_was_rewound_is_no_part_of_it(log: EventLog) -> None:
    add(log, user("hi"))
    call_id = started(log)
    grew(log, call_id, "Half ")
    failed = LLMCallFailed(
        session_id="s", call_id=call_id, model="m", error="e", error_type="E", partial=assistant("Half "), duration_ms=1
    )
    log.write(failed)
    assert conversation(log) == (user("hi"),)
    grew(log, started(log, history=0), "aside ")
    assert conversation(log) == (user("hi"),)
    grew(log, started(log), "Half ")
    log.write(HistoryRewound(session_id="s", kept=0))
    assert conversation(log) == ()
    assert not recalled(log).interrupted


def test_an_answer_that_was_killed_keeps_its_place_when_the_session_goes_on(log: EventLog) -> None:
    add(log, user("hi"))
    grew(log, started(log), "Half ")
    log.write(SessionStarted(session_id="s"))
    add(log, user("go on"), assistant("an answer"))
    assert conversation(log) == (user("hi"), assistant("Half "), user("go on"), assistant("an answer"))


def test_the_log_tells_who_took_part_and_how_it_ended(log: EventLog) -> None:
    log.write(ConversationOpened(session_id="s", engine="loud", model="echo:echo", tools=("a", "b")))
    add(log, user("hi"))
    seen = recalled(log)
    assert (seen.session_id, seen.engine, seen.model, seen.tools) == ("s", "loud", "echo:echo", ("a", "b"))
    assert (seen.interrupted, seen.skipped) == (False, 0)
    started(log)
    seen = recalled(log)
    assert (seen.model, seen.tools, seen.interrupted) == ("openai:gpt", ("a",), True)


def test_a_log_of_garbage_has_no_conversation(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(b"\0\0\nnothing\n")
    with pytest.raises(UsageError, match="no conversation"):
        recall(tmp_path / "x.jsonl")


SAID = st.sampled_from(
    [user("u"), assistant("a"), system("s"), Message("assistant", CALLS), Message("assistant", CALLS[:1])]
    + [result(call_id) for call_id in ("1", "2", "9")]
)
STEPS = st.lists(st.one_of(SAID, st.just("killed"), st.integers(0, 12)), max_size=40)


class Memory:
    """The events of a session, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def bus(self) -> Bus:
        bus = Bus()
        bus.subscribe(Event, self.events.append)
        return bus


@given(STEPS)
async def test_whatever_happened_before_the_log_tells_what_the_conversation_was(
    steps: list[Message | str | int],
) -> None:
    memory = Memory()
    bus = memory.bus()
    history = History(bus)
    await bus.publish(SessionStarted(session_id="s"))
    for step in [*steps, "killed"]:
        match step:
            case Message():
                await history.add(step)
            case int():
                await history.rewind(step)
            case _:
                # What the live history was, made fit for a vendor, is what the next process begins with.
                lived = replay(MessageAdded(message=message) for message in history.messages)
                history = History(bus, replay(memory.events))
                await bus.publish(SessionStarted(session_id="s"))
                assert history.messages == lived
