"""OpenAI Responses: what is sent, and what comes back."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from llmgine_cli.errors import (
    BadResponseError,
    ContextWindowError,
    LlmgineError,
    ModelNotFoundError,
    NoCreditError,
    ProviderError,
    RateLimitedError,
    TruncatedError,
    UsageError,
)
from llmgine_cli.llm.messages import (
    File,
    Image,
    Message,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    assistant,
    system,
    user,
)
from llmgine_cli.llm.stream import (
    Reply,
    TextDelta,
    ToolCallArguments,
    ToolCallComplete,
    ToolCallOpened,
    Usage,
    fold,
)
from llmgine_cli.providers.llama import LlamaServer
from llmgine_cli.providers.presets import VENDORS
from llmgine_cli.providers.responses import ResponsesProvider
from llmgine_cli.providers.responses_kept import Kept, written
from llmgine_cli.providers.transport import Endpoint
from tests.support import local_model
from tests.support.adapters import WEATHER, ask, events, provider, request
from tests.support.server import Answer, Events, FakeVendor, Fault, ToolCalls, sse

THINKER = "gpt-5.6-sol"


async def sent(*messages: Message, **more: Any) -> dict[str, Any]:
    """The body that goes out."""
    with FakeVendor([Answer("ok")]) as vendor:
        await ask("responses", vendor, request(*messages, **more))
    body: dict[str, Any] = vendor.requests[0].body
    return body


def event(kind: str, **fields: Any) -> bytes:
    return sse({"type": f"response.{kind}", **fields})


def ended(*output: dict[str, Any], status: str = "completed", **fields: Any) -> bytes:
    return event(status, response={"id": "resp", "model": "m", "status": status, "output": output, **fields})


def added(index: int | None, kind: str, **item: Any) -> bytes:
    place = {} if index is None else {"output_index": index}
    return event("output_item.added", item={"type": kind, **item}, **place)


def done(index: int | None, kind: str, **item: Any) -> bytes:
    place = {} if index is None else {"output_index": index}
    return event("output_item.done", item={"type": kind, **item}, **place)


def text(delta: str, **place: Any) -> bytes:
    return event("output_text.delta", delta=delta, **place)


def message(*parts: str, **item: Any) -> dict[str, Any]:
    return {"type": "message", "content": [{"type": "output_text", "text": part} for part in parts], **item}


async def answered(*events: bytes, end: bytes | None = None) -> Reply:
    """The reply to a stream of events that is completed in the end."""
    with FakeVendor([Events([*events, ended() if end is None else end])]) as vendor:
        return await ask("responses", vendor)


async def whole(**response: Any) -> Reply:
    """The reply to a response that is not streamed."""
    with FakeVendor([Fault(200, body=json.dumps(response))]) as vendor:
        return await ask("responses", vendor, request(stream=False))


def shown(reply: Reply) -> tuple[str, str, list[tuple[str, str, str]]]:
    return reply.reasoning, reply.text, [(call.id, call.name, call.arguments) for call in reply.tool_calls]


# -- what is sent


async def test_only_what_is_needed_is_sent_and_nothing_is_stored() -> None:
    assert await sent(user("hi"), stream=False) == {
        "model": "test-model",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        "store": False,
    }


async def test_the_system_messages_at_the_beginning_are_the_instructions() -> None:
    body = await sent(system("be brief"), system("be kind"), user("hi"), system("now be loud"))
    assert body["instructions"] == "be brief\n\nbe kind"
    assert [item["role"] for item in body["input"]] == ["user", "system"]


async def test_images_and_documents_go_as_parts() -> None:
    parts = (
        Text("look"),
        Image(media_type="image/png", data=b"\x89PNG"),
        Image(media_type="image/png", url="https://x.test/a.png"),
        File(name="a.pdf", media_type="application/pdf", data=b"%PDF"),
        File(name="a.csv", media_type="text/csv", data=b"a,b"),
    )
    (item,) = (await sent(Message("user", parts)))["input"]
    assert item["content"] == [
        {"type": "input_text", "text": "look"},
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw==", "detail": "auto"},
        {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "auto"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
        {"type": "input_text", "text": '<file name="a.csv">\na,b\n</file>'},
    ]


async def test_a_document_for_a_vendor_that_takes_none_is_an_error_with_a_way_out() -> None:
    asked = request(Message("user", (File(name="a.zip", media_type="application/zip", data=b"PK"),)))
    with FakeVendor() as vendor, pytest.raises(UsageError, match=r"a\.zip"):
        await ask("responses", vendor, asked, preset=replace(VENDORS["openai"], takes_files=False))


async def test_tools_calls_and_results_go_in_their_places() -> None:
    call = ToolCall(id="call_1", name="get_weather", arguments='{"city": "Paris"}')
    failed = ToolCall(id="call_2", name="get_weather", arguments='{"city": ')
    body = await sent(
        user("weather?"),
        Message("assistant", (Text("Let me look."), call, failed)),
        Message(
            "tool",
            (
                ToolResult(call_id="call_1", name="get_weather", content="rain"),
                ToolResult(call_id="call_2", name="get_weather", content="no such city", is_error=True),
            ),
        ),
        assistant("It rains."),
        user("thanks"),
        tools=[WEATHER],
    )
    said = {"type": "message", "role": "assistant", "status": "completed"}
    assert body["input"][1:-1] == [
        {**said, "content": [{"type": "output_text", "text": "Let me look.", "annotations": []}]},
        {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": '{"city": "Paris"}'},
        {
            "type": "function_call",
            "call_id": "call_2",
            "name": "get_weather",
            "arguments": '{"invalid_arguments":"{\\"city\\": "}',
        },
        {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
        {"type": "function_call_output", "call_id": "call_2", "output": "Error: no such city"},
        {**said, "content": [{"type": "output_text", "text": "It rains.", "annotations": []}]},
    ]
    assert body["tools"] == [
        {
            "type": "function",
            "name": "get_weather",
            "description": "The weather now.",
            "parameters": WEATHER.parameters,
            "strict": False,
        }
    ]


async def test_an_answer_cut_off_before_its_first_word_is_left_out() -> None:
    assert len((await sent(user("a"), assistant(""), user("b")))["input"]) == 2


async def test_every_field_we_send_is_one_that_the_sdk_knows() -> None:
    from openai.types.responses.response_create_params import ResponseCreateParamsStreaming

    body = await sent(
        system("be brief"), user("hi"), tools=[WEATHER], temperature=0.5, top_p=0.5, max_tokens=9, tool_choice="auto",
        parallel_tool_calls=False, reasoning_effort="low",
    )  # fmt: skip
    assert len(body) > 10
    assert body.keys() <= ResponseCreateParamsStreaming.__annotations__.keys()


# -- thoughts that go back


async def turn(*answers: Answer, model: str = THINKER, **more: Any) -> tuple[list[Reply], list[dict[str, Any]]]:
    """Replies to one question after the other, each sent with all that came before; and the requests."""
    talk, replies = [user("?")], list[Reply]()
    with FakeVendor(answers) as vendor:
        for _ in answers:
            reply = await ask("responses", vendor, request(*talk, model=model, tools=[WEATHER], **more))
            replies.append(reply)
            talk.append(reply.message)
            talk += [
                Message("tool", (ToolResult(call_id=call.id, name=call.name, content="rain"),))
                for call in reply.tool_calls
            ]
            talk += [user("and?")] * (not reply.tool_calls)
    return replies, [sent.body for sent in vendor.requests]


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("thoughts", ["It may rain.", ""])
async def test_encrypted_thoughts_go_back_before_the_call_they_led_to(stream: bool, thoughts: str) -> None:
    call = ("get_weather", {"city": "Paris"})
    answers = [ToolCalls(call, reasoning=thoughts or "x"), Answer("Rain.")]
    replies, bodies = await turn(*answers, stream=stream)
    assert bodies[0]["include"] == ["reasoning.encrypted_content"]
    assert replies[0].reasoning == (thoughts or "x")
    assert bodies[1]["input"][1:] == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": thoughts or "x"}],
            "encrypted_content": "gAAA-1",
        },
        {"type": "function_call", "call_id": "call_1_0", "name": "get_weather", "arguments": '{"city": "Paris"}'},
        {"type": "function_call_output", "call_id": "call_1_0", "output": "rain"},
    ]


async def test_thoughts_without_a_summary_go_back_as_well() -> None:
    reply = await answered(
        added(0, "reasoning", id="rs_1", summary=[], encrypted_content="gA"),
        done(0, "reasoning", id="rs_1", summary=[], encrypted_content="gAAA"),
        added(1, "message", id="msg_1", content=[]),
        text("42", output_index=1),
    )
    assert [type(part) for part in reply.message.parts] == [Reasoning, Text]
    body = await sent(user("?"), reply.message, user("and?"))
    assert body["input"][1] == {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}


async def test_thoughts_are_not_encrypted_by_models_that_have_none() -> None:
    replies, bodies = await turn(Answer("a", reasoning="hm"), Answer("b"), model="gpt-4.1")
    assert "include" not in bodies[0]
    assert replies[0].reasoning == "hm"
    assert [item["type"] for item in bodies[1]["input"]] == ["message"] * 3


@pytest.mark.parametrize(
    "thought",
    [
        Reasoning(text="in plain text"),
        Reasoning(text="signed by Anthropic", signature="c2ln"),
        Reasoning(redacted="ZW5j"),
        Reasoning(signature='{"google": {"thought_signature": "x"}}'),
        Reasoning(signature=written(Kept("xai", "thought", "gAAA", "rs_1"))),
        Reasoning(signature='["openai","something newer",{}]'),
        Reasoning(signature="[no JSON"),
    ],
)
async def test_thoughts_of_another_vendor_stay_here(thought: Reasoning) -> None:
    body = await sent(user("a"), Message("assistant", (thought, Text("b"))), user("c"))
    assert [item["type"] for item in body["input"]] == ["message"] * 3


async def test_thoughts_that_led_to_nothing_yet_stay_here() -> None:
    kept = Reasoning(text="hm", signature=written(Kept("openai", "thought", "gAAA", "rs_1")))
    body = await sent(user("a"), Message("assistant", (kept,)), user("c"))
    assert [item["type"] for item in body["input"]] == ["message"] * 2


@pytest.mark.parametrize("protocol", ["chat", "anthropic"])
async def test_a_conversation_with_thoughts_can_go_on_in_another_protocol(protocol: Any) -> None:
    kept = Reasoning(text="hm", signature=written(Kept("openai", "thought", "gAAA", "rs_1")))
    talk = [user("a"), Message("assistant", (kept, ToolCall(id="1", name="f"))), user("c")]
    with FakeVendor([Answer("ok")]) as vendor:
        await ask(protocol, vendor, request(*talk), preset=replace(VENDORS[_vendor(protocol)], call_signatures=True))
    assert "gAAA" not in json.dumps(vendor.requests[0].body)


def _vendor(protocol: str) -> str:
    return "openai" if protocol == "chat" else "anthropic"


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_the_phase_of_a_message_goes_back_with_it(stream: bool) -> None:
    items = [message("On my way.", id="msg_1", phase="commentary"), message("Done.", id="msg_2", phase="final_answer")]
    if stream:
        pieces = [
            piece
            for index, item in enumerate(items)
            for piece in (
                added(index, **{**item, "kind": item["type"], "content": []}),
                done(index, kind="message", **item),
            )
        ]
        reply = await answered(*pieces)
    else:
        reply = await whole(status="completed", output=items)
    assert reply.text == "On my way.\n\nDone."
    body = await sent(user("?"), reply.message, user("and?"))
    assert [item.get("phase") for item in body["input"]] == [None, "commentary", "final_answer", None]


# -- what comes back


async def test_arguments_of_parallel_calls_may_come_in_turns() -> None:
    def call(number: int, arguments: str = "") -> dict[str, Any]:
        return {"id": f"fc_{number}", "call_id": f"call_{number}", "name": "f", "arguments": arguments}

    def piece(number: int, delta: str) -> bytes:
        return event("function_call_arguments.delta", output_index=number, item_id=f"fc_{number}", delta=delta)

    script = [
        added(0, "function_call", **call(0)), added(1, "function_call", **call(1)),
        piece(0, '{"a"'), piece(1, '{"b": '), piece(0, ": 1}"), piece(1, "2}"),
        done(1, "function_call", **call(1, '{"b": 2}')), done(0, "function_call", **call(0, '{"a": 1}')),
        ended(),
    ]  # fmt: skip
    with FakeVendor([Events(script)]) as vendor:
        seen = await events("responses", vendor)
    complete = {event.index: event.call.arguments for event in seen if isinstance(event, ToolCallComplete)}
    assert complete == {0: '{"a": 1}', 1: '{"b": 2}'}
    for number, whole in complete.items():
        pieces = [e.fragment for e in seen if isinstance(e, ToolCallArguments) and e.index == number]
        assert len(pieces) == 2
        assert "".join(pieces) == whole


FC = {"call_id": "call_1", "name": "f"}


@pytest.mark.parametrize(
    "script",
    [
        # llama.cpp: no places; a call is known by its id alone, and all items end at the end
        [
            added(None, "reasoning", id="rs_1", content=[], encrypted_content=""),
            event("reasoning_text.delta", item_id="rs_1", delta="hm"),
            added(None, "message", id="msg_1", content=[]),
            text("Wait.", item_id="msg_1"),
            added(None, "function_call", **FC, arguments=""),
            event("function_call_arguments.delta", item_id="call_1", delta="{}"),
            done(None, "reasoning", id="rs_1", content=[{"text": "hm"}], encrypted_content=""),
            done(None, **message("Wait.", id="msg_1") | {"kind": "message", "type": "message"}),
            done(None, "function_call", **FC, arguments="{}"),
        ],
        # GitHub: the ids change with each event, the places stay
        [
            added(0, "reasoning", id="a", summary=[]),
            event("reasoning_summary_text.delta", item_id="b", output_index=0, summary_index=0, delta="hm"),
            done(0, "reasoning", id="c", summary=[{"text": "hm"}]),
            added(1, "message", id="d", content=[]),
            text("Wait.", item_id="e", output_index=1),
            done(1, "message", id="f", content=[{"text": "Wait."}]),
            added(2, "function_call", **FC, id="g", arguments=""),
            event("function_call_arguments.delta", item_id="h", output_index=2, delta="{}"),
            event("function_call_arguments.done", item_id="i", output_index=2, arguments="{}"),
            done(2, "function_call", **FC, id="j", arguments="{}"),
        ],
        # nothing in pieces
        [
            done(0, "reasoning", id="rs_1", summary=[{"text": "hm"}]),
            done(1, "message", id="msg_1", content=[{"text": "Wait."}]),
            done(2, "function_call", **FC, id="fc_1", arguments="{}"),
        ],
        # begun, and then whole
        [
            added(0, "reasoning", id="rs_1"),
            done(0, "reasoning", id="rs_1", summary=None, content=[{"text": "hm"}]),
            added(1, "message", id="msg_1"),
            event("output_text.done", output_index=1, text="Wait."),
            done(1, "message", id="msg_1", content=[{"text": "Wait."}]),
            added(2, "function_call", **FC, id="fc_1"),
            event("function_call_arguments.done", item_id="fc_1", output_index=2, arguments="{}"),
            done(2, "function_call", **FC, id="fc_1", arguments="{}"),
        ],
        # everything twice
        [
            added(0, "reasoning", id="rs_1"),
            event("reasoning_text.delta", output_index=0, delta="hm"),
            *[done(0, "reasoning", id="rs_1", content=[{"text": "hm"}])] * 2,
            text("Wait.", output_index=1, item_id="msg_1"),
            *[done(1, "message", id="msg_1", content=[{"text": "Wait."}])] * 2,
            *[done(2, "function_call", **FC, id="fc_1", arguments="{}")] * 2,
        ],
    ],
    ids=["llama.cpp", "changing ids", "no pieces", "no deltas", "twice"],
)
async def test_items_are_put_together_however_they_come(script: list[bytes]) -> None:
    assert shown(await answered(*script)) == ("hm", "Wait.", [("call_1", "f", "{}")])


async def test_an_answer_that_comes_in_its_last_event_alone_is_read() -> None:
    end = ended(
        {"type": "reasoning", "id": "rs_1", "summary": [{"text": "h"}, {"text": "m"}]},
        message("Wait.", id="msg_1"),
        {"type": "function_call", **FC, "arguments": "{}"},
    )
    assert shown(await answered(end=end)) == ("h\n\nm", "Wait.", [("call_1", "f", "{}")])


async def test_a_call_without_a_name_calls_nothing() -> None:
    reply = await answered(
        added(0, "function_call", call_id="call_1"),
        event("function_call_arguments.delta", output_index=0, delta="{}"),
        done(0, "function_call", call_id="call_1", arguments="{}"),
    )
    assert (reply.tool_calls, reply.finish_reason) == ((), "stop")


@pytest.mark.parametrize(("arguments", "read"), [("", "{}"), (None, "{}"), ({"a": 1}, '{"a":1}'), (" {} ", "{}")])
async def test_arguments_are_text_whatever_comes(arguments: Any, read: str) -> None:
    reply = await answered(done(0, "function_call", **FC, arguments=arguments))
    assert reply.tool_calls[0].arguments == read


async def test_a_call_is_told_before_its_arguments_have_come() -> None:
    script = Events([added(0, "function_call", **FC, arguments="")], then="silence")
    with FakeVendor([script]) as vendor:
        async with provider("responses", vendor.url) as made:
            assert await anext(made.stream(request())) == ToolCallOpened(index=0, id="call_1", name="f")


async def test_what_is_said_on_the_way_and_at_last_are_paragraphs() -> None:
    reply = await answered(
        added(0, "message", id="a"), text("Look", output_index=0), text("ing.", output_index=0),
        added(1, "message", id="b"), text("Found.", output_index=1),
    )  # fmt: skip
    assert reply.text == "Looking.\n\nFound."


async def test_the_parts_of_a_summary_are_paragraphs() -> None:
    def piece(part: int, delta: str) -> bytes:
        return event("reasoning_summary_text.delta", output_index=0, summary_index=part, delta=delta)

    reply = await answered(added(0, "reasoning", id="a"), piece(0, "He"), piece(0, "m."), piece(1, "So."))
    assert reply.reasoning == "Hem.\n\nSo."


async def test_unknown_events_and_items_are_passed_over() -> None:
    reply = await answered(
        b": keep-alive\n\n",
        event("created", response={"id": "resp", "status": "in_progress"}),
        sse({"type": "keepalive", "sequence_number": 3}),
        event("something.new", delta={"a": 1}, item=[], response="x", code=1),
        event("audio.delta", delta="UklGRg=="),
        event("output_item.added", output_index=0, item=None),
        added(0, "tool_search_call", id="ts_1", arguments={"query": "x"}, content="none", call_id=7),
        event("web_search_call.searching", output_index=1, item_id="ws_1"),
        added(1, "web_search_call", id="ws_1", action={"type": "search"}),
        done(1, "web_search_call", id="ws_1", action={"type": "search"}),
        added(2, "message", id="msg_1", content=[], new_field={"a": 1}),
        event("content_part.added", output_index=2, part={"type": "output_text", "text": ""}),
        text("Hel", output_index=2, obfuscation="xyz", logprobs=[]),
        text("lo", output_index=2),
        event("output_text.annotation.added", output_index=2, annotation={"type": "url_citation"}),
        end=ended({"type": "web_search_call"}, message("Hello"), new_field=1),
    )
    assert shown(reply) == ("", "Hello", [])


async def test_fields_that_are_null_are_as_good_as_missing() -> None:
    nothing = dict.fromkeys(["id", "call_id", "name", "arguments", "content", "summary", "phase", "encrypted_content"])
    place = {"output_index": None, "item_id": None}
    reply = await answered(
        event("created", response=None),
        added(None, "reasoning", **nothing),
        event("reasoning_text.delta", delta=None, **place),
        done(None, "reasoning", **nothing),
        added(None, "message", **nothing),
        text("hi", **place),
        event("output_text.delta", delta=None, **place),
        done(None, "message", **nothing),
        end=event("completed", response=None),
    )
    assert shown(reply) == ("", "hi", [])


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_a_refusal_is_text_and_the_reason(stream: bool) -> None:
    with FakeVendor([Answer(refusal="I cannot help with that.")]) as vendor:
        reply = await ask("responses", vendor, request(stream=stream))
    assert (reply.text, reply.finish_reason) == ("I cannot help with that.", "refusal")


@pytest.mark.parametrize(
    ("details", "ours"),
    [
        ({"reason": "max_output_tokens"}, "length"),
        ({"reason": "content_filter"}, "content_filter"),
        ({"reason": "max_messages"}, "other"),
        ({"reason": None}, "other"),
        (None, "other"),
    ],
)
async def test_an_incomplete_answer_says_why(details: Any, ours: str) -> None:
    streamed = await answered(text("Once", output_index=0), end=ended(status="incomplete", incomplete_details=details))
    at_once = await whole(status="incomplete", incomplete_details=details, output=[message("Once")])
    for reply in (streamed, at_once):
        assert (reply.text, reply.finish_reason) == ("Once", ours)


async def test_a_call_whose_arguments_were_cut_by_the_limit_keeps_what_came() -> None:
    reply = await answered(
        added(0, "function_call", **FC, id="fc"),
        event("function_call_arguments.delta", output_index=0, delta='{"a'),
        end=ended(status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
    )
    assert (reply.finish_reason, reply.tool_calls[0].arguments) == ("length", '{"a')


async def test_usage_without_details_is_usage() -> None:
    reply = await answered(end=ended(usage={"input_tokens": 3, "output_tokens": 2, "input_tokens_details": None}))
    assert reply.usage == Usage(input_tokens=3, output_tokens=2)


async def test_a_connection_left_open_after_the_end_is_not_waited_for() -> None:
    with FakeVendor([Events([text("x"), ended()], then="silence")]) as vendor:
        assert (await ask("responses", vendor, idle_timeout=600)).text == "x"


async def test_the_gateways_end_marker_alone_is_no_end() -> None:
    with FakeVendor([Events([text("x"), "data: [DONE]\n\n"])]) as vendor, pytest.raises(TruncatedError):
        await ask("responses", vendor)


async def test_the_event_of_a_piece_is_given_before_the_next_piece_has_come() -> None:
    with FakeVendor([Events([text("one")], then="silence")]) as vendor:
        async with provider("responses", vendor.url) as made:
            assert await anext(made.stream(request())) == TextDelta("one")


# -- faults


async def failure(script: Events | Fault, **asked: Any) -> LlmgineError:
    with FakeVendor([script], models=["gpt-5.6-sol"]) as vendor, pytest.raises(LlmgineError) as caught:
        await ask("responses", vendor, request(**asked))
    return caught.value


CODES = pytest.mark.parametrize(
    ("code", "kind", "retryable"),
    [
        ("server_error", BadResponseError, True),
        ("server_is_overloaded", BadResponseError, True),
        (None, BadResponseError, True),
        ("rate_limit_exceeded", RateLimitedError, True),
        ("insufficient_quota", NoCreditError, False),
        ("context_length_exceeded", ContextWindowError, False),
        ("invalid_prompt", ProviderError, False),
        ("bio_policy", ProviderError, False),
        ("misalignment_policy_violation", ProviderError, False),
        ("image_too_large", ProviderError, False),
        ("unsupported_image_media_type", ProviderError, False),
        ("model_not_found", ModelNotFoundError, False),
    ],
)


@CODES
@pytest.mark.parametrize("shape", ["failed", "flat", "nested", "untyped", "whole"])
async def test_an_error_inside_an_answer_is_the_error_that_it_names(
    shape: str, code: str | None, kind: type[LlmgineError], retryable: bool
) -> None:
    error = {"code": code, "message": "the reason why", "param": None}
    match shape:
        case "failed":
            script: Events | Fault = Events([ended(status="failed", error=error)])
        case "flat":
            script = Events([sse({"type": "error", "sequence_number": 1, **error})])
        case "nested":
            script = Events([sse({"type": "error", "sequence_number": 1, "error": error})])
        case "untyped":
            script = Events([sse({"error": error})])
        case _:
            script = Fault(200, body=json.dumps({"id": "resp", "status": "failed", "output": [], "error": error}))
    caught = await failure(script, stream=shape != "whole", model="gpt-5.6-sool")
    assert type(caught) is kind
    assert isinstance(caught, ProviderError)
    assert caught.retryable is retryable
    assert "the reason why" in caught.message
    if code == "context_length_exceeded":
        assert "shorten it" in str(caught.hint)
    if code == "model_not_found":
        assert caught.hint == "did you mean gpt-5.6-sol?"


@pytest.mark.parametrize("status", ["failed", "cancelled", "queued", "in_progress"])
async def test_an_answer_that_is_none_says_its_status(status: str) -> None:
    with pytest.raises(BadResponseError, match=status):
        await whole(status=status, output=[])


async def test_an_overflow_of_the_context_is_told_with_what_to_do() -> None:
    words = "Your input exceeds the context window of this model. Please adjust your input and try again."
    caught = await failure(Fault(400, words, "invalid_request_error", "context_length_exceeded"))
    assert "exceeds the context window" in caught.message
    assert "shorten it" in str(caught.hint)


async def test_an_item_of_the_wrong_shape_is_a_bad_response() -> None:
    with pytest.raises(BadResponseError):
        await answered(added(0, "message", id="a", content=7))


# -- what was asked for beyond the user's wishes

SUMMARY = "Your organization must be verified to generate reasoning summaries. Please go to: https://x.test"
ENCRYPTED = "Encrypted content is not supported with this model."


async def test_an_account_that_may_not_see_thoughts_gets_its_answer_and_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusal = Fault(400, SUMMARY, "invalid_request_error", "unsupported_value")
    asked = request(model=THINKER, reasoning_effort="high")
    with FakeVendor([refusal, Answer("one"), Answer("two")]) as vendor, caplog.at_level(logging.WARNING):
        async with provider("responses", vendor.url) as made:
            assert [(await fold(made.stream(asked))).text for _ in range(2)] == ["one", "two"]
    assert [sent.body["reasoning"] for sent in vendor.requests] == [
        {"effort": "high", "summary": "auto"},
        {"effort": "high"},
        {"effort": "high"},
    ]
    assert [record.getMessage() for record in caplog.records] == [
        f"openai:{THINKER} takes no summary of its thoughts; it is left out"
    ]


async def test_a_model_that_encrypts_no_thoughts_gives_its_answer_all_the_same() -> None:
    with FakeVendor([Fault(400, ENCRYPTED, "invalid_request_error"), Answer("ok")]) as vendor:
        reply = await ask("responses", vendor, request(model=THINKER))
    assert reply.text == "ok"
    assert ["include" in sent.body for sent in vendor.requests] == [True, False]


@pytest.mark.parametrize("words", [SUMMARY, ENCRYPTED])
async def test_a_vendor_that_goes_on_refusing_is_not_asked_for_ever(words: str) -> None:
    with FakeVendor(always=Fault(400, words)) as vendor, pytest.raises(ProviderError, match=words[:20]):
        await ask("responses", vendor, request(model=THINKER, reasoning_effort="high"))
    assert len(vendor.requests) == 2


async def test_a_summary_that_the_user_asked_for_is_the_users_to_give_up() -> None:
    asked = request(model=THINKER, extra={"reasoning": {"summary": "detailed"}})
    with FakeVendor([Fault(400, SUMMARY)]) as vendor, pytest.raises(ProviderError, match="must be verified"):
        await ask("responses", vendor, asked)
    assert len(vendor.requests) == 1


# -- a peer: llama.cpp serves the protocol too


@pytest.fixture(scope="session")
def file() -> Any:
    return local_model.model()


@pytest.fixture
async def llama(file: Any) -> AsyncIterator[ResponsesProvider]:
    server = LlamaServer(file, name="smollm2")
    try:
        place = Endpoint(provider="openai", base_url=f"{await server.ready()}/v1", key=server.key)
        made = ResponsesProvider(VENDORS["openai"], place)
        yield made
        await made.aclose()
    finally:
        await asyncio.to_thread(server.stop)


@pytest.mark.local_model
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_llama_cpp_takes_and_gives_what_we_send_and_read(llama: ResponsesProvider, stream: bool) -> None:
    call = ToolCall(id="call_1", name="get_weather", arguments='{"city": "Paris"}')
    asked = request(
        system("Be brief."), user("hi"), assistant("hello"), user("weather?"), Message("assistant", (call,)),
        Message("tool", (ToolResult(call_id="call_1", name="get_weather", content="rain"),)), user("Say hello."),
        model="smollm2", tools=[WEATHER], stream=stream, temperature=0, max_tokens=8,
    )  # fmt: skip
    seen = [event async for event in llama.stream(asked)]
    reply = await fold(_again(seen))
    assert reply.text.strip()
    assert reply.model == "smollm2"
    assert str(reply.response_id).startswith("resp_")
    assert reply.usage.input_tokens
    assert 0 < (reply.usage.output_tokens or 0) <= 8
    assert (len([event for event in seen if isinstance(event, TextDelta)]) > 1) is stream


@pytest.mark.local_model
async def test_llama_cpp_says_that_a_conversation_is_too_long(llama: ResponsesProvider) -> None:
    with pytest.raises(ProviderError, match="takes 8192 at most") as caught:
        await fold(llama.stream(request("word " * 20_000)))
    assert "shorten it" in str(caught.value.hint)


async def _again(seen: list[Any]) -> AsyncIterator[Any]:
    for one in seen:
        yield one
