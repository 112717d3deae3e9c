"""What a log tells of a conversation."""

import json
from pathlib import Path

import pytest

from llmgine_cli.bus import HandlerFailed, SessionStarted
from llmgine_cli.eventlog.conversation import rebuild
from llmgine_cli.eventlog.views.story import Mark, Said, Story, ToolUse, Trouble, plain_text
from llmgine_cli.eventlog.views.teller import tell
from llmgine_cli.llm.events import HistoryRewound, LLMAttemptFailed, LLMCallFailed, LLMCallInterrupted, SystemChanged
from llmgine_cli.llm.messages import File, Image, Message, Reasoning, Text, assistant, system, user
from llmgine_cli.toolkit.messages import ToolPrinted
from tests.support.session import MODEL, NOON, Session, call, result_message

SUM = call("calculate", "1", {"expression": "2+2"})


def lines(story: Story) -> list[str]:
    """Each item in a few words."""
    found: list[str] = []
    for item in story.items:
        match item:
            case Said():
                notes = ("~" if item.undone else "") + ("*" if item.aside else "")
                found.append(f"{notes}{item.message.role}: {item.message.text}")
                found += [f"  {use.call.name} = {use.result.content if use.result else None}" for use in item.tools]
            case ToolUse():
                found.append(f"{item.call.name} = {item.result.content if item.result else None}")
            case Trouble():
                found.append(f"{item.kind}: {item.text}")
            case Mark():
                found.append(f"-- {item.text}")
    return found


def talk(session: Session, question: str, answer: str, at: float) -> None:
    """A turn that went well."""
    turn = session.prompt(question, at)
    asked = session.ask(turn, at)
    session.answered(turn, asked, answer, at + 100, 100, first=40)
    session.finish(turn, at + 100, 100)


def test_a_session_has_its_facts(tmp_path: Path) -> None:
    session = Session(tmp_path)
    talk(session, "hi", "hello", 0)
    talk(session, "and?", "nothing", 500)
    session.end(1000)

    story = tell(session.path)

    assert story.session_id == "morning"
    assert story.started_ns == NOON
    assert story.duration_ms == 1000
    assert (story.engine, story.models, story.state) == ("Prompt", [MODEL], "finished")
    assert (story.turns, story.calls, story.usage.input_tokens, story.usage.output_tokens) == (2, 2, 18, 10)
    assert lines(story) == ["user: hi", "assistant: hello", "user: and?", "assistant: nothing"]


def test_an_answer_knows_how_it_came(tmp_path: Path) -> None:
    session = Session(tmp_path)
    talk(session, "hi", "hello", 0)

    question, answer = tell(session.path).said

    assert question.facts is None
    assert answer.facts is not None
    assert (answer.facts.duration_ms, answer.facts.first_token_ms, answer.facts.finish_reason) == (100, 40, "stop")


def test_what_tools_did_stands_with_the_calls(tmp_path: Path) -> None:
    session = Session(tmp_path)
    turn = session.prompt("2+2?", 0)
    asked = session.ask(turn, 0)
    session.answered(turn, asked, Message("assistant", (Text("One moment."), SUM)), 10, 10, reason="tool_calls")
    tool = session.tool(turn, SUM, 20)
    session.write(ToolPrinted, 21, tool, call=SUM, text="working\n")
    session.tool_done(tool, SUM, "4", 30, 10, ran=9)
    session.say(result_message(SUM, "4"), 30, turn)

    story = tell(session.path)

    assert lines(story)[:3] == ["user: 2+2?", "assistant: One moment.", "  calculate = 4"]
    use = list(story.said)[1].tools[0]
    assert (use.duration_ms, use.denied, use.printed) == (9, False, "working\n")


def test_ids_that_come_again_in_each_turn_belong_to_the_latest_call(tmp_path: Path) -> None:
    session = Session(tmp_path)
    for at, content in ((0, "4"), (100, "5")):
        turn = session.prompt("?", at)
        session.answered(turn, session.ask(turn, at), Message("assistant", (SUM,)), at + 10, 10, reason="tool_calls")
        session.tool_done(session.tool(turn, SUM, at + 20), SUM, content, at + 30, 10)
        session.finish(turn, at + 40, 40)

    assert [line for line in lines(tell(session.path)) if "=" in line] == ["  calculate = 4", "  calculate = 5"]


def test_a_refused_call_did_not_run(tmp_path: Path) -> None:
    session = Session(tmp_path)
    turn = session.prompt("?", 0)
    session.answered(turn, session.ask(turn, 0), Message("assistant", (SUM,)), 10, 10, reason="tool_calls")
    session.tool_done(session.tool(turn, SUM, 20, runs=False), SUM, "no", 30, 0, is_error=True, denied=True)

    use = list(tell(session.path).said)[1].tools[0]

    assert (use.denied, use.duration_ms) == (True, None)


def test_a_call_that_nobody_ran_has_the_result_that_the_model_was_told(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.say(Message("assistant", (SUM,)), 10)
    session.say(result_message(SUM, "not run: the limit of rounds was reached"), 20)

    assert "  calculate = not run: the limit of rounds was reached" in lines(tell(session.path))


def test_a_tool_that_an_engine_calls_by_itself_stands_alone(tmp_path: Path) -> None:
    session = Session(tmp_path)
    turn = session.prompt("?", 0)
    session.tool_done(session.tool(turn, SUM, 10), SUM, "4", 20, 10)

    assert lines(tell(session.path))[:2] == ["user: ?", "calculate = 4"]


def test_a_model_that_was_asked_again_or_replaced_is_told_and_is_no_trouble(tmp_path: Path) -> None:
    session = Session(tmp_path)
    turn = session.prompt("hi", 0)
    asked = session.ask(turn, 0)
    attempt = {
        "call_id": asked, "model": MODEL, "attempts": 2, "error": "busy", "error_type": "E", "duration_ms": 1,
        "wait_s": 0,
    }  # fmt: skip
    session.write(LLMAttemptFailed, 10, turn, attempt=1, next_model=MODEL, **attempt)
    session.write(LLMAttemptFailed, 20, turn, attempt=2, next_model="other:m", **attempt)
    session.answered(turn, asked, "hello", 30, 30)
    session.finish(turn, 30, 30)
    session.end(40)

    story = tell(session.path)
    told = lines(story)
    assert [line for line in told if line.startswith("-- ")] == [
        f"-- {MODEL} did not answer (busy); it was asked again",
        f"-- {MODEL} did not answer (busy); other:m was asked instead",
    ]
    assert told[-1] == "assistant: hello"
    assert (story.state, story.calls) == ("finished", 1)


def test_a_failed_turn_that_was_taken_back_is_undone(tmp_path: Path) -> None:
    session = Session(tmp_path)
    talk(session, "hi", "hello", 0)
    turn = session.prompt("again", 200)
    asked = session.ask(turn, 200)
    failed = {"model": MODEL, "error": "no", "error_type": "ProviderError", "partial": assistant("hal")}
    session.write(LLMCallFailed, 210, turn, call_id=asked, duration_ms=10, **failed)
    session.finish(turn, 210, 10, error="no")
    session.write(HistoryRewound, 211, kept=2)
    session.end(220)

    story = tell(session.path)

    assert lines(story) == [
        "user: hi",
        "assistant: hello",
        "~user: again",
        "failed: ProviderError: no",
        "-- the last message was taken back",
    ]
    assert story.state == "failed"
    trouble = story.items[3]
    assert isinstance(trouble, Trouble)
    assert trouble.partial == assistant("hal")


def test_a_turn_that_failed_without_its_model_says_why(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.finish(session.prompt("hi", 0), 10, 10, error="the model still asked for tools")

    assert lines(tell(session.path))[1:] == ["failed: LlmgineError: the model still asked for tools"]


def test_what_had_come_of_an_interrupted_answer_is_told_once(tmp_path: Path) -> None:
    session = Session(tmp_path)
    turn = session.prompt("hi", 0)
    asked = session.ask(turn, 0)
    partial = Message("assistant", (Reasoning(text="hm"), Text("hel")))
    session.write(LLMCallInterrupted, 10, turn, call_id=asked, model=MODEL, partial=partial, duration_ms=10)
    session.say(assistant("hel"), 10, turn)

    story = tell(session.path)

    assert lines(story)[:3] == ["user: hi", "assistant: hel", "interrupted: the answer was interrupted"]
    trouble = story.items[2]
    assert isinstance(trouble, Trouble)
    assert trouble.partial is None


def test_a_conversation_that_began_anew_is_undone_whole(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.say(system("Be kind."), 0)
    talk(session, "hi", "hello", 0)
    session.write(HistoryRewound, 200, kept=0)
    talk(session, "bye", "farewell", 300)

    assert lines(tell(session.path)) == [
        "~system: Be kind.",
        "~user: hi",
        "~assistant: hello",
        "-- the conversation began anew",
        "user: bye",
        "assistant: farewell",
    ]


def test_another_system_message_undoes_the_first(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.say(system("Be kind."), 0)
    talk(session, "hi", "hello", 0)
    session.write(SystemChanged, 200, message=system("Be brief."))

    assert lines(tell(session.path)) == ["~system: Be kind.", "user: hi", "assistant: hello", "system: Be brief."]


def test_what_a_rewind_keeps_is_what_the_conversation_keeps(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.say(user("2+2?"), 0)
    session.say(Message("assistant", (Text("let me see"), SUM)), 10)
    # The result was lost; whoever took the session up again counts from what stands in for it.
    session.write(SessionStarted, 100)
    session.say(user("well?"), 110)
    session.say(assistant("four"), 120)
    session.write(HistoryRewound, 130, kept=3)

    story = tell(session.path)

    assert [line for line in lines(story) if line.startswith("~")] == ["~user: well?", "~assistant: four"]
    kept = [said.message for said in story.said if not said.undone]
    assert kept == [message for message in rebuild(session.path) if message.role != "tool"]


def test_what_an_engine_asked_aside_is_told_as_such(tmp_path: Path) -> None:
    session = Session(tmp_path)
    turn = session.prompt("hi", 0)
    asked = session.ask(turn, 0, history=0, messages=(user("is this English?"),))
    session.answered(turn, asked, "yes", 10, 10, kept=False)
    session.answered(turn, session.ask(turn, 20), "hello", 30, 10)

    assert lines(tell(session.path))[:4] == [
        "user: hi",
        "*user: is this English?",
        "*assistant: yes",
        "assistant: hello",
    ]


def test_a_prompt_that_the_engine_kept_to_itself_is_told(tmp_path: Path) -> None:
    from llmgine_cli.engine import Prompt

    session = Session(tmp_path)
    turn = session.begin(Prompt(text="translate this", session_id="morning", parent_id=None), 0)
    asked = session.ask(turn, 0, history=0, messages=(system("You translate."),))
    session.answered(turn, asked, "done", 10, 10, kept=False)
    session.finish(turn, 20, 20)

    assert lines(tell(session.path)) == ["*user: translate this", "*system: You translate.", "*assistant: done"]


def test_an_answer_that_came_before_the_program_was_killed_is_told(tmp_path: Path) -> None:
    session = Session(tmp_path)
    turn = session.prompt("hi", 0)
    session.answered(turn, session.ask(turn, 0), "hello", 10, 10, kept=False)

    story = tell(session.path)

    assert lines(story)[1] == "assistant: hello"
    assert lines(story)[2].startswith("interrupted: the log ends here")
    assert story.state == "running"  # as long as its writer has the file


def test_a_session_that_was_taken_up_again_is_one_story(tmp_path: Path) -> None:
    session = Session(tmp_path)
    talk(session, "hi", "hello", 0)
    session.end(200, took=200)
    session.write(SessionStarted, 10_000_000)
    talk(session, "again", "here", 10_000_000)
    session.end(10_000_300, took=300)

    story = tell(session.path)

    assert lines(story)[2] == "-- taken up again"
    assert story.duration_ms == 500


def test_a_killed_session_was_open_until_the_last_that_was_heard(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.prompt("hi", 250)

    assert tell(session.path).duration_ms == 250


def line(kind: str, **fields: object) -> bytes:
    """An event of a type that is not loaded here, or of another version."""
    common = {"v": 1, "event_type": kind, "timestamp": "2026-11-24T12:00:01Z", "session_id": "morning"}
    return json.dumps({**common, **fields}).encode() + b"\n"


def test_the_log_says_who_takes_part_and_what_the_session_is_called(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.raw(line("ConversationOpened", engine="tool_chat", model=MODEL, tools=[]))
    session.raw(line("SessionNamed", name="sums"))
    session.raw(line("SessionForked", from_session="evening", at_event="1"))
    talk(session, "hi", "hello", 0)

    story = tell(session.path)

    assert (story.engine, story.name) == ("tool_chat", "sums")
    assert lines(story)[0] == "-- goes on from session evening"


def test_what_had_come_of_an_answer_before_the_program_was_killed_is_told(tmp_path: Path) -> None:
    session = Session(tmp_path)
    turn = session.prompt("hi", 0)
    asked = session.ask(turn, 0)
    session.raw(line("ReplyGrew", call_id=asked, text="hel") + line("ReplyGrew", call_id=asked, text="lo wor"))
    session.write(SessionStarted, 2000)
    session.say(user("go on"), 2000)
    session.write(HistoryRewound, 3000, kept=2)  # what the user said and what had come stay

    story = tell(session.path)

    assert [item.partial.text for item in story.items if isinstance(item, Trouble) and item.partial] == ["hello wor"]
    assert [text for text in lines(story) if "user" in text] == ["user: hi", "~user: go on"]


def test_what_had_come_of_an_answer_that_ended_is_told_once(tmp_path: Path) -> None:
    session = Session(tmp_path)
    turn = session.prompt("hi", 0)
    asked = session.ask(turn, 0)
    session.raw(line("ReplyGrew", call_id=asked, text="hel"))
    session.answered(turn, asked, "hello", 10, 10)
    session.finish(turn, 10, 10)

    assert lines(tell(session.path)) == ["user: hi", "assistant: hello"]


def test_what_is_put_back_at_once_was_not_taken_back(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.say(Message("assistant", (Text("wait"), SUM)), 0)
    session.say(user("well?"), 10)
    session.write(HistoryRewound, 20, kept=1)  # so that the result of the call can come before the question
    session.say(result_message(SUM, "stopped by the user"), 20)
    session.say(user("well?"), 20)

    assert lines(tell(session.path)) == ["assistant: wait", "  calculate = stopped by the user", "user: well?"]


def test_the_same_question_asked_again_is_another_one(tmp_path: Path) -> None:
    session = Session(tmp_path)
    talk(session, "hi", "hello", 0)
    session.write(HistoryRewound, 200, kept=0)
    talk(session, "hi", "good day", 300)

    assert lines(tell(session.path)) == [
        "~user: hi",
        "~assistant: hello",
        "-- the conversation began anew",
        "user: hi",
        "assistant: good day",
    ]


def test_a_failing_handler_is_told(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.write(
        HandlerFailed, 0, handler="listen", about_type="Pong", about_id="1", error="no", error_type="ValueError"
    )

    assert lines(tell(session.path)) == ["failed: listen failed on Pong: ValueError: no"]


@pytest.mark.parametrize(
    "line",
    [
        b"\0\0\0\n",
        b'{"v":1,"event_type":"MessageA\n',
        b'{"v":1,"event_type":"MessageAdded","timestamp":"2026-11-24T12:00:00Z","message":{"role":"nobody"}}\n',
        b'{"v":1,"event_type":"LLMCallFinished","timestamp":"2026-11-24T12:00:00Z","reply":7}\n',
        b'{"v":1,"event_type":"CommandStarted","timestamp":"2026-11-24T12:00:00Z","command":null}\n',
    ],
)
def test_lines_that_say_nonsense_are_counted_and_the_rest_is_told(tmp_path: Path, line: bytes) -> None:
    session = Session(tmp_path)
    session.raw(line)
    talk(session, "hi", "hello", 0)

    story = tell(session.path)

    assert lines(story) == ["user: hi", "assistant: hello"]
    assert story.skipped == (0 if not line.strip(b"\0\n") else 1)


def test_a_log_that_was_cut_at_any_line_has_a_story(tmp_path: Path) -> None:
    session = Session(tmp_path)
    talk(session, "hi", "hello", 0)
    turn = session.prompt("2+2?", 200)
    session.answered(turn, session.ask(turn, 200), Message("assistant", (SUM,)), 210, 10, reason="tool_calls")
    session.tool_done(session.tool(turn, SUM, 220), SUM, "4", 230, 10)
    session.write(HistoryRewound, 240, kept=1)
    whole = session.path.read_bytes().splitlines(keepends=True)

    for number in range(len(whole)):
        session.path.write_bytes(b"".join(whole[:number]))
        assert not tell(session.path).skipped
        session.path.write_bytes(b"".join(whole[number:]))
        assert not tell(session.path).skipped


def test_parts_that_are_no_text_are_named() -> None:
    picture = Image(media_type="image/png", data=b"x")
    paper = File(name="a.pdf", media_type="application/pdf", data=b"x")

    assert plain_text(Message("user", (Text("look"), picture, paper))) == "look\n[image: image/png]\n\n[file: a.pdf]"
