"""Anthropic messages: what is sent, and what comes back."""

import json
from typing import Any

import pytest

from llmgine_cli.errors import BadResponseError, TruncatedError, UsageError
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
from llmgine_cli.llm.stream import Reply, Usage
from tests.support.adapters import WEATHER, ask, provider, request
from tests.support.server import Answer, Events, FakeVendor, Fault, sse


async def sent(*messages: Message, **more: Any) -> dict[str, Any]:
    """The body that goes out."""
    with FakeVendor([Answer("ok")]) as vendor:
        await ask("anthropic", vendor, request(*messages, **more))
    body: dict[str, Any] = vendor.requests[0].body
    return body


def event(kind: str, **fields: Any) -> bytes:
    return sse({"type": kind, **fields}, kind)


START = event("message_start", message={"id": "msg", "model": "m", "content": [], "usage": {"input_tokens": 3}})
STOP = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2}) + event("message_stop")


async def answered(*events: bytes) -> Reply:
    """The reply to a stream of events between the first and the last."""
    with FakeVendor([Events([START, *events, STOP])]) as vendor:
        return await ask("anthropic", vendor)


# -- what is sent


async def test_the_system_messages_stand_outside_the_conversation() -> None:
    body = await sent(system("be brief"), user("hi"), system("be kind"))
    assert body["system"] == "be brief\n\nbe kind"
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]


async def test_only_what_is_needed_is_sent() -> None:
    assert set(await sent(user("hi"), stream=False)) == {"model", "messages", "max_tokens"}


async def test_a_limit_is_always_sent_and_is_the_users_if_there_is_one() -> None:
    assert (await sent(user("hi")))["max_tokens"] > 1000
    assert (await sent(user("hi"), max_tokens=7))["max_tokens"] == 7


async def test_version_and_key_go_in_their_own_headers() -> None:
    with FakeVendor([Answer("ok")]) as vendor:
        await ask("anthropic", vendor)
    headers = vendor.requests[0].headers
    assert headers["anthropic-version"] == "2023-06-01"
    assert headers["x-api-key"].startswith("sk-")
    assert "authorization" not in headers


@pytest.mark.parametrize("suffix", ["", "/v1"])
async def test_the_base_url_may_end_in_v1_or_not(suffix: str) -> None:
    with FakeVendor([Answer("ok")], models=["m"]) as vendor:
        async with provider("anthropic", vendor.root + suffix) as made:
            assert [event async for event in made.stream(request())]
            assert await made.models() == ["m"]
    assert vendor.requests[0].path == "/v1/messages"


async def test_what_one_side_says_in_a_row_is_one_message() -> None:
    calls = (ToolCall(id="1", name="f", arguments='{"a": 1}'), ToolCall(id="2", name="g", arguments=""))
    body = await sent(
        user("?"),
        Message("assistant", (Text("Wait."), *calls)),
        Message("tool", (ToolResult(call_id="1", name="f", content="one"),)),
        Message("tool", (ToolResult(call_id="2", name="g", content="boom", is_error=True),)),
        user("well?"),
        tools=[WEATHER],
    )
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "?"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Wait."},
                {"type": "tool_use", "id": "1", "name": "f", "input": {"a": 1}},
                {"type": "tool_use", "id": "2", "name": "g", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "1", "content": "one"},
                {"type": "tool_result", "tool_use_id": "2", "content": "boom", "is_error": True},
                {"type": "text", "text": "well?"},
            ],
        },
    ]
    assert body["tools"] == [
        {"name": "get_weather", "description": "The weather now.", "input_schema": WEATHER.parameters}
    ]


async def test_arguments_that_are_no_object_go_back_as_one() -> None:
    body = await sent(user("?"), Message("assistant", (ToolCall(id="1", name="f", arguments='{"a": '),)))
    assert body["messages"][1]["content"][0]["input"] == {"invalid_arguments": '{"a": '}


async def test_blank_text_and_empty_messages_are_left_out() -> None:
    body = await sent(user("a"), assistant(""), assistant(" \n"), user("b"))
    assert [block["text"] for block in body["messages"][0]["content"]] == ["a", "b"]


async def test_thoughts_go_back_only_with_their_signature() -> None:
    thoughts = (
        Reasoning(text="signed", signature="c2ln"),
        Reasoning(redacted="ZW5j"),
        Reasoning(text="another vendor's"),
        Reasoning(signature='{"google": {"thought_signature": "x"}}'),
        Text("b"),
    )
    body = await sent(user("a"), Message("assistant", thoughts), user("c"))
    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "signed", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "ZW5j"},
        {"type": "text", "text": "b"},
    ]


async def test_images_and_documents_go_as_blocks() -> None:
    message = Message(
        "user",
        (
            Image(media_type="image/png", data=b"\x89PNG"),
            Image(media_type="image/png", url="https://x.test/a.png"),
            File(name="a.pdf", media_type="application/pdf", data=b"%PDF"),
            File(name="a.csv", media_type="text/csv", data=b"a,b"),
        ),
    )
    assert (await sent(message))["messages"][0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}},
        {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}},
        {
            "type": "document",
            "title": "a.pdf",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
        },
        {"type": "text", "text": '<file name="a.csv">\na,b\n</file>'},
    ]


async def test_a_file_of_another_kind_is_an_error_with_a_way_out() -> None:
    with pytest.raises(UsageError, match=r"a\.zip"):
        await sent(Message("user", (File(name="a.zip", media_type="application/zip", data=b"PK"),)))


# -- what comes back


async def test_signed_and_redacted_thoughts_make_the_round_trip() -> None:
    blocks = [
        event("content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""}),
        event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "hm"}),
        event("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "c2ln"}),
        event("content_block_stop", index=0),
        event("content_block_start", index=1, content_block={"type": "redacted_thinking", "data": "ZW5j"}),
        event("content_block_stop", index=1),
        event("content_block_start", index=2, content_block={"type": "thinking", "thinking": "", "signature": ""}),
        event("content_block_delta", index=2, delta={"type": "signature_delta", "signature": "b21pdHRlZA=="}),
        event("content_block_stop", index=2),
        event("content_block_start", index=3, content_block={"type": "text", "text": ""}),
        event("content_block_delta", index=3, delta={"type": "text_delta", "text": "42"}),
        event("content_block_stop", index=3),
    ]
    reply = await answered(*blocks)
    assert reply.message.parts == (
        Reasoning(text="hm", signature="c2ln"),
        Reasoning(redacted="ZW5j"),
        Reasoning(text="", signature="b21pdHRlZA=="),
        Text("42"),
    )
    body = await sent(user("?"), reply.message, user("and?"))
    assert [block["type"] for block in body["messages"][1]["content"]] == [
        "thinking",
        "redacted_thinking",
        "thinking",
        "text",
    ]


@pytest.mark.parametrize(
    ("vendors", "ours"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "refusal"),
        ("pause_turn", "other"),
        ("something_new", "other"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_every_stop_reason_has_its_meaning(vendors: str, ours: str, stream: bool) -> None:
    with FakeVendor([Answer("x", finish=vendors)]) as vendor:
        assert (await ask("anthropic", vendor, request(stream=stream))).finish_reason == ours


async def test_pings_unknown_events_and_unknown_blocks_are_passed_over() -> None:
    reply = await answered(
        event("ping"),
        b": comment\n\n",
        event("something_new", value=1),
        event("content_block_start", index=0, content_block={"type": "server_tool_use", "id": "s", "name": "web"}),
        event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": "{}"}),
        event("content_block_stop", index=0),
        event("content_block_start", index=1, content_block={"type": "text", "text": "Hel"}),
        event("content_block_delta", index=1, delta={"type": "text_delta", "text": "lo"}),
        event("content_block_delta", index=1, delta={"type": "citations_delta", "citation": {}}),
        event("content_block_stop", index=1),
    )
    assert reply.text == "Hello"
    assert reply.tool_calls == ()


async def test_fields_that_are_null_are_as_good_as_missing() -> None:
    nothing = {"text": None, "thinking": None, "signature": None, "data": None}
    reply = await answered(
        event("content_block_start", index=0, content_block={"type": "text", **nothing}),
        event("content_block_delta", index=0, delta={"type": "text_delta", **nothing, "text": "hi"}),
        event("content_block_delta", index=0, delta={"type": "text_delta", **nothing}),
        event("content_block_stop", index=0),
    )
    assert reply.text == "hi"


async def test_a_call_without_arguments_is_an_empty_object() -> None:
    block = {"type": "tool_use", "id": "1", "name": "now", "input": {}}
    reply = await answered(
        event("content_block_start", index=0, content_block=block), event("content_block_stop", index=0)
    )
    assert reply.tool_calls == (ToolCall(id="1", name="now", arguments="{}"),)


async def test_a_call_whose_arguments_were_cut_by_the_limit_keeps_what_came() -> None:
    block = {"type": "tool_use", "id": "1", "name": "f", "input": {}}
    with FakeVendor(
        [
            Events(
                [
                    START,
                    event("content_block_start", index=0, content_block=block),
                    event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": '{"a'}),
                    event("message_delta", delta={"stop_reason": "max_tokens"}, usage={"output_tokens": 2}),
                    event("message_stop"),
                ]
            )
        ]
    ) as vendor:
        reply = await ask("anthropic", vendor)
    assert reply.finish_reason == "length"
    assert reply.tool_calls[0].arguments == '{"a'


async def test_usage_counts_what_came_from_the_cache_and_what_went_there() -> None:
    start = {
        "input_tokens": 10,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 1000,
        "output_tokens": 1,
    }
    end = {"output_tokens": 50, "output_tokens_details": {"thinking_tokens": 20}}
    with FakeVendor(
        [
            Events(
                [
                    event("message_start", message={"id": "msg", "model": "m", "content": [], "usage": start}),
                    event("message_delta", delta={"stop_reason": "end_turn"}, usage=end),
                    event("message_stop"),
                ]
            )
        ]
    ) as vendor:
        reply = await ask("anthropic", vendor)
    assert reply.usage == Usage(
        input_tokens=1110, output_tokens=50, cached_tokens=100, cache_write_tokens=1000, reasoning_tokens=20
    )


async def test_a_stop_reason_without_message_stop_is_no_end() -> None:
    script = Events([START, event("message_delta", delta={"stop_reason": "end_turn"})])
    with FakeVendor([script]) as vendor, pytest.raises(TruncatedError):
        await ask("anthropic", vendor)


async def test_a_connection_left_open_after_the_end_is_not_waited_for() -> None:
    with FakeVendor([Events([START, STOP], then="silence")]) as vendor:
        assert (await ask("anthropic", vendor, idle_timeout=600)).finish_reason == "stop"


@pytest.mark.parametrize("stream", [True, False])
async def test_an_error_object_with_a_good_status_is_an_error(stream: bool) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    script = Events([sse(error, "error")]) if stream else Fault(200, body=json.dumps(error))
    with FakeVendor([script]) as vendor, pytest.raises(BadResponseError, match="Overloaded") as caught:
        await ask("anthropic", vendor, request(stream=stream))
    assert caught.value.retryable
