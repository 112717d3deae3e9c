"""What every adapter promises over every transport, streamed or not: the same events for the same answer."""

import asyncio
import json
from contextlib import aclosing
from typing import Any

import pytest

from llmgine_cli.llm.messages import Reasoning, Text
from llmgine_cli.llm.stream import (
    Finished,
    TextDelta,
    ToolCallArguments,
    ToolCallComplete,
    ToolCallOpened,
    Usage,
    UsageReported,
)
from tests.support.adapters import KEY, PEERS, WEATHER, Peer, request
from tests.support.server import (
    Answer,
    FakeVendor,
    Tokens,
    ToolCalls,
    dead_url,
)

pytestmark = pytest.mark.parametrize("peer", PEERS, ids=str)
streamed_or_not = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])


@streamed_or_not
async def test_text_comes_with_usage_and_finish_marker(peer: Peer, stream: bool) -> None:
    answer = Answer("Grüße aus Łódź 🌍!", usage=Tokens(input=20, output=7, cached=4))
    with FakeVendor([answer]) as vendor:
        reply = await peer.ask(vendor, request("hello", stream=stream))
    assert reply.text == "Grüße aus Łódź 🌍!"
    assert reply.finish_reason == "stop"
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.cached_tokens) == (20, 7, 4)
    assert reply.model == "test-model"
    assert reply.response_id in {"chatcmpl-1", "msg_1", "resp_1"}


@streamed_or_not
async def test_the_request_carries_model_messages_and_key(peer: Peer, stream: bool) -> None:
    with FakeVendor([Answer("ok")], key=KEY) as vendor:
        await peer.ask(vendor, request("hello", stream=stream))
    (sent,) = vendor.requests
    assert sent.body["model"] == "test-model"
    assert said(sent.body)[0]["role"] == "user"
    assert bool(sent.body.get("stream")) is stream
    assert sent.headers["content-type"] == "application/json"


async def test_a_streamed_answer_comes_piece_by_piece_and_ends_with_its_finish_marker(peer: Peer) -> None:
    with FakeVendor([Answer("one two three", chunks=3)]) as vendor:
        seen = await peer.events(vendor)
    assert len([event for event in seen if isinstance(event, TextDelta)]) == 3
    assert isinstance(seen[-1], Finished)
    assert any(isinstance(event, UsageReported) for event in seen)


@streamed_or_not
async def test_parallel_tool_calls_come_whole_and_in_order(peer: Peer, stream: bool) -> None:
    calls: list[tuple[str, dict[str, Any] | str]] = [
        ("get_weather", {"city": "Łódź"}),
        ("get_weather", {"city": "Paris", "days": 3}),
    ]
    with FakeVendor([ToolCalls(*calls, text="Let me look.")]) as vendor:
        seen = await peer.events(vendor, request(stream=stream, tools=[WEATHER]))
    complete = [event for event in seen if isinstance(event, ToolCallComplete)]
    assert [event.index for event in complete] == [0, 1]
    assert [event.call.name for event in complete] == ["get_weather", "get_weather"]
    assert len({event.call.id for event in complete}) == 2
    opened = [event for event in seen if isinstance(event, ToolCallOpened)]
    assert [(event.index, event.id) for event in opened] == [(event.index, event.call.id) for event in complete]
    for event in complete:
        pieces = [e.fragment for e in seen if isinstance(e, ToolCallArguments) and e.index == event.index]
        assert "".join(pieces) == event.call.arguments
    assert [json.loads(event.call.arguments) for event in complete] == [given for _, given in calls]
    assert isinstance(seen[-1], Finished)
    assert seen[-1].reason == "tool_calls"


@streamed_or_not
async def test_thoughts_are_kept_apart_from_the_answer(peer: Peer, stream: bool) -> None:
    with FakeVendor([Answer("42", reasoning="six times seven")]) as vendor:
        reply = await peer.ask(vendor, request(stream=stream))
    assert reply.reasoning == "six times seven"
    assert reply.text == "42"
    assert [type(part) for part in reply.message.parts] == [Reasoning, Text]


@streamed_or_not
@pytest.mark.parametrize(("vendors", "ours"), [("length", "length"), ("stop", "stop"), ("new_reason", "other")])
async def test_the_finish_reason_is_ours(peer: Peer, stream: bool, vendors: str, ours: str) -> None:
    with FakeVendor([Answer("x", finish=vendors)]) as vendor:
        reply = await peer.ask(vendor, request(stream=stream))
    assert reply.finish_reason == ours


@streamed_or_not
async def test_an_answer_of_the_other_kind_than_asked_for_is_read_all_the_same(peer: Peer, stream: bool) -> None:
    with FakeVendor([Answer("hello there", streamed=not stream)]) as vendor:
        reply = await peer.ask(vendor, request(stream=stream))
    assert reply.text == "hello there"


@streamed_or_not
@pytest.mark.parametrize("content_type", ["text/plain", "", "application/octet-stream"])
async def test_an_answer_whose_header_does_not_tell_is_known_by_its_first_bytes(
    peer: Peer, stream: bool, content_type: str
) -> None:
    with FakeVendor([Answer("hello there", content_type=content_type)]) as vendor:
        reply = await peer.ask(vendor, request(stream=stream))
    assert reply.text == "hello there"


@streamed_or_not
async def test_an_empty_answer_is_an_answer(peer: Peer, stream: bool) -> None:
    with FakeVendor([Answer("")]) as vendor:
        reply = await peer.ask(vendor, request(stream=stream))
    assert (reply.text, reply.finish_reason) == ("", "stop")


@streamed_or_not
async def test_usage_that_is_not_reported_is_unknown_not_zero(peer: Peer, stream: bool) -> None:
    with FakeVendor([Answer("x", usage=None)]) as vendor:
        reply = await peer.ask(vendor, request(stream=stream))
    assert reply.usage == Usage()


@pytest.mark.parametrize("shred", [1, 2, 3, 1000])
async def test_where_the_network_cuts_the_bytes_makes_no_difference(peer: Peer, shred: int) -> None:
    answer = ToolCalls(("get_weather", {"city": "東京"}), text="déjà vu 🌍🌍 " * 5, reasoning="思考", shred=shred)
    with FakeVendor([answer]) as vendor:
        reply = await peer.ask(vendor, request(tools=[WEATHER]))
    assert reply.text == "déjà vu 🌍🌍 " * 5
    assert reply.reasoning == "思考"
    assert "東京" in reply.tool_calls[0].arguments


@streamed_or_not
async def test_half_a_character_in_the_prompt_is_replaced_not_fatal(peer: Peer, stream: bool) -> None:
    with FakeVendor([Answer("ok")]) as vendor:
        await peer.ask(vendor, request("caf\udce9", stream=stream))
    assert "caf\ufffd" in str(said(vendor.requests[0].body))


async def test_one_connection_serves_one_request_after_the_other(peer: Peer) -> None:
    with FakeVendor(always=Answer("ok")) as vendor:
        async with peer.provider(vendor.url) as made:
            for _ in range(5):
                assert [event async for event in made.stream(request())]
        assert vendor.connections == 1


async def test_many_requests_at_a_time_do_not_wait_for_each_other(peer: Peer) -> None:
    with FakeVendor(always=Answer("ok")) as vendor:
        async with peer.provider(vendor.url) as made:

            async def one() -> int:
                return len([event async for event in made.stream(request())])

            counts = await asyncio.gather(*(one() for _ in range(150)))
    assert len(set(counts)) == 1
    assert len(vendor.requests) == 150


async def test_closing_the_stream_early_hangs_up(peer: Peer) -> None:
    with FakeVendor([Answer("one two", then="silence")]) as vendor:
        async with peer.provider(vendor.url) as made:
            async with aclosing(made.stream(request())) as stream:
                async for event in stream:
                    if isinstance(event, TextDelta):
                        break
            assert await asyncio.to_thread(vendor.requests[0].hung_up.wait, 20)


async def test_cancelling_hangs_up(peer: Peer) -> None:
    with FakeVendor([Answer("one two", then="silence")]) as vendor:
        async with peer.provider(vendor.url) as made:
            talking = asyncio.Event()

            async def read() -> None:
                async with aclosing(made.stream(request())) as stream:
                    async for event in stream:
                        if isinstance(event, TextDelta):
                            talking.set()

            task = asyncio.create_task(read())
            await talking.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(vendor.requests[0].hung_up.wait, 20)


async def test_closing_a_provider_twice_is_harmless(peer: Peer) -> None:
    async with peer.provider(dead_url()) as made:
        await made.aclose()


async def test_a_provider_works_again_after_it_was_closed(peer: Peer) -> None:
    with FakeVendor(always=Answer("ok")) as vendor:
        async with peer.provider(vendor.url) as made:
            await made.aclose()
            assert [event async for event in made.stream(request())]


async def test_the_vendors_models_can_be_listed(peer: Peer) -> None:
    with FakeVendor(models=["a-1", "b-2"]) as vendor:
        async with peer.provider(vendor.url) as made:
            assert await made.models() == ["a-1", "b-2"]


def said(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The conversation in a request."""
    items: list[dict[str, Any]] = body.get("messages") or body["input"]
    return items
