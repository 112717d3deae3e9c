import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgine_cli.errors import TruncatedError
from llmgine_cli.llm.messages import Message, Reasoning, Text, ToolCall
from llmgine_cli.llm.stream import (
    Finished,
    ReasoningDelta,
    Reply,
    ReplyBuilder,
    StreamEvent,
    TextDelta,
    ToolCallArguments,
    ToolCallComplete,
    ToolCallOpened,
    Usage,
    UsageReported,
    fold,
)
from llmgine_cli.testing import ScriptedProvider, asks_for, says

CALL = ToolCall(id="c1", name="get_weather", arguments='{"city": "Lima"}')
END = Finished(reason="stop")


def reply_of(*events: StreamEvent) -> Reply:
    builder = ReplyBuilder()
    for event in events:
        builder.add(event)
    return builder.reply()


def test_pieces_of_text_become_one_part() -> None:
    reply = reply_of(TextDelta("a"), TextDelta(""), TextDelta("b"), END)
    assert reply.message == Message("assistant", (Text("ab"),))
    assert (reply.text, reply.finish_reason, reply.usage) == ("ab", "stop", Usage())


def test_an_answer_with_an_empty_piece_has_no_empty_part() -> None:
    reply = reply_of(TextDelta(""), ToolCallComplete(index=0, call=CALL), Finished(reason="tool_calls"))
    assert reply.message.parts == (CALL,)


def test_parts_stand_in_the_order_in_which_they_came() -> None:
    reply = reply_of(
        ReasoningDelta("let me "),
        ReasoningDelta("think"),
        ReasoningDelta(signature="sig"),
        TextDelta("I look."),
        ToolCallComplete(index=0, call=CALL),
        TextDelta("Done."),
        END,
    )
    assert reply.message.parts == (
        Reasoning(text="let me think", signature="sig"),
        Text("I look."),
        CALL,
        Text("Done."),
    )
    assert (reply.reasoning, reply.tool_calls) == ("let me think", (CALL,))


def test_each_signature_closes_its_own_thoughts() -> None:
    reply = reply_of(ReasoningDelta("a"), ReasoningDelta(signature="1"), ReasoningDelta("b", signature="2"), END)
    assert reply.message.parts == (Reasoning(text="a", signature="1"), Reasoning(text="b", signature="2"))


def test_redacted_thoughts_are_kept_as_they_are() -> None:
    reply = reply_of(ReasoningDelta("a"), ReasoningDelta(redacted="xyz"), TextDelta("b"), END)
    assert reply.message.parts == (Reasoning(text="a"), Reasoning(redacted="xyz"), Text("b"))


def test_only_a_complete_call_counts() -> None:
    builder = ReplyBuilder()
    builder.add(ToolCallOpened(index=0, id="c1", name="get_weather"))
    builder.add(ToolCallArguments(index=0, fragment='{"ci'))
    assert not builder.message.parts
    builder.add(ToolCallComplete(index=0, call=CALL))
    assert builder.message.parts == (CALL,)


def test_a_later_report_of_usage_replaces_an_earlier_one() -> None:
    first, last = Usage(input_tokens=1), Usage(input_tokens=5, output_tokens=2)
    assert reply_of(UsageReported(first), UsageReported(last), END).usage == last


def test_a_stream_without_its_finish_marker_is_truncated_and_what_came_is_there() -> None:
    builder = ReplyBuilder()
    builder.add(TextDelta("half an ans"))
    assert not builder.finished
    with pytest.raises(TruncatedError) as raised:
        builder.reply()
    assert raised.value.retryable
    assert builder.message.text == "half an ans"


def test_the_finish_marker_says_who_answered_and_why_it_ended() -> None:
    reply = reply_of(Finished(reason="length", model="m-2026", response_id="r1"))
    assert (reply.finish_reason, reply.model, reply.response_id) == ("length", "m-2026", "r1")


async def test_fold_reads_a_stream_to_its_end() -> None:
    from llmgine_cli.llm.messages import Request

    provider = ScriptedProvider(says("a", "b"), asks_for(CALL), [TextDelta("half")])
    request = Request(model="m", messages=())
    assert (await fold(provider.stream(request))).text == "ab"
    assert (await fold(provider.stream(request))).tool_calls == (CALL,)
    with pytest.raises(TruncatedError):
        await fold(provider.stream(request))


_EVENTS = st.lists(
    st.one_of(
        st.builds(TextDelta, st.sampled_from(["", "a", "bc"])),
        st.builds(ReasoningDelta, st.sampled_from(["", "hm"]), st.sampled_from([None, "sig"])),
        st.builds(ReasoningDelta, redacted=st.just("xyz")),
        st.just(ToolCallOpened(index=0, id="c1", name="t")),
        st.just(ToolCallComplete(index=0, call=CALL)),
        st.builds(UsageReported, st.builds(Usage, input_tokens=st.integers(0, 9))),
    )
)


@settings(deadline=None)
@given(_EVENTS)
def test_looking_at_what_has_come_so_far_changes_nothing(events: list[StreamEvent]) -> None:
    unwatched, watched = ReplyBuilder(), ReplyBuilder()
    for event in events:
        unwatched.add(event)
        watched.add(event)
        assert watched.message == watched.message
    assert watched.message == unwatched.message


@settings(deadline=None)
@given(_EVENTS)
def test_no_text_is_lost_and_no_part_is_empty(events: list[StreamEvent]) -> None:
    reply = reply_of(*events, END)
    assert reply.text == "".join(event.text for event in events if isinstance(event, TextDelta))
    assert reply.reasoning == "".join(event.text for event in events if isinstance(event, ReasoningDelta))
    assert all(part.text for part in reply.message.parts if isinstance(part, Text))
    assert msgspec.json.decode(msgspec.json.encode(reply), type=Reply) == reply


def test_usage_adds_up_and_unknown_is_not_zero() -> None:
    known = Usage(input_tokens=1, output_tokens=0)
    assert known + Usage(input_tokens=2, cached_tokens=3) == Usage(input_tokens=3, output_tokens=0, cached_tokens=3)
    assert Usage() + Usage() == Usage()
