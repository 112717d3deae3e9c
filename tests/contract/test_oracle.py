"""The vendors' own SDKs read the same answers from the same server: what they see is what we must see."""

from dataclasses import replace
from typing import Any, get_args

import pytest

from tests.contract.oracles import ORACLES, seen
from tests.support.adapters import PEERS, PROTOCOLS, Peer, ask, request
from tests.support.noise import Layout
from tests.support.server import Answer, FakeVendor, Tokens

CALLS: list[tuple[str, dict[str, Any] | str]] = [
    ("get_weather", {"city": "Łódź 🌍", "units": ["C", "F"], "deep": {"a": None, "quote": '"\\\n'}}),
    ("now", {}),
    ("get_weather", {"city": "東京"}),
]
EVERYTHING = Answer(
    "Grüße 🌍, let me look.", reasoning="思考 first", calls=CALLS, usage=Tokens(30, 8, cached=12, reasoning=6)
)
ANSWERS = {
    "text": Answer("Grüße 🌍, how are you?", usage=Tokens(30, 8, cached=12, reasoning=0)),
    "many pieces": Answer("word " * 200, chunks=500),
    "thoughts": Answer("42", reasoning="six times seven is forty-two", usage=Tokens(30, 8, reasoning=6)),
    "a call": Answer(calls=CALLS[:1]),
    "everything": EVERYTHING,
    "cut by the limit": Answer("Once upon a", finish="length"),
    "cut by a filter": Answer("Once upon", finish="content_filter"),
    "empty": Answer(""),
    "surprises": replace(EVERYTHING, surprises=True),
    **{f"arguments in pieces of {size}": replace(EVERYTHING, fragment=size) for size in (1, 2, 3, 7, 1000)},
}
REFUSALS = {
    "chat": Answer(refusal="I cannot help with that."),
    "anthropic": Answer("I cannot", finish="refusal"),
    "responses": Answer(refusal="I cannot help with that."),
}

peers = pytest.mark.parametrize("peer", PEERS, ids=str)
streamed_or_not = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])


async def check(peer: Peer, answer: Answer, *, stream: bool) -> None:
    with FakeVendor([answer]) as vendor:
        ours = seen(await peer.ask(vendor, request(stream=stream)))
    with FakeVendor([answer]) as vendor:
        theirs = await ORACLES[peer.protocol](vendor, stream=stream)
    assert ours == theirs


@peers
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
@streamed_or_not
async def test_what_the_sdk_sees_is_what_we_see(peer: Peer, answer: Answer, stream: bool) -> None:
    await check(peer, answer, stream=stream)


@peers
@streamed_or_not
async def test_a_refusal_is_one_for_the_sdk_and_for_us(peer: Peer, stream: bool) -> None:
    await check(peer, REFUSALS[peer.protocol], stream=stream)


@peers
@pytest.mark.parametrize("layout", get_args(Layout))
async def test_how_the_events_are_written_down_makes_no_difference(peer: Peer, layout: Layout) -> None:
    await check(peer, replace(EVERYTHING, layout=layout), stream=True)


@peers
@pytest.mark.parametrize("shred", [1, 2, 3, 5, 17])
@pytest.mark.parametrize("layout", ["plain", "keep-alives", "crlf"])
async def test_where_the_network_cuts_makes_no_difference(peer: Peer, layout: Layout, shred: int) -> None:
    await check(peer, replace(EVERYTHING, layout=layout, shred=shred, surprises=True), stream=True)


def test_every_protocol_has_an_oracle() -> None:
    assert set(ORACLES) == set(REFUSALS) == set(PROTOCOLS)


async def test_the_sdks_accept_what_we_send_back() -> None:
    """A conversation with calls and results, as we send it, is one their own types take."""
    from anthropic.types import MessageParam
    from openai.types.chat import ChatCompletionMessageParam
    from openai.types.responses import ResponseInputItemParam

    from llmgine_cli.llm.messages import Message, Text, ToolCall, ToolResult, system, user

    call = ToolCall(id="call_1", name="f", arguments='{"a": 1}')
    talk = [
        system("be brief"),
        user("hi"),
        Message("assistant", (Text("wait"), call)),
        Message("tool", (ToolResult(call_id="call_1", name="f", content="no", is_error=True),)),
        user("and?"),
    ]
    with FakeVendor(always=Answer("ok")) as vendor:
        await ask("chat", vendor, request(*talk))
        await ask("anthropic", vendor, request(*talk))
        await ask("responses", vendor, request(*talk))
    chat, anthropic, responses = (sent.body.get("messages", sent.body.get("input")) for sent in vendor.requests)
    assert accepted(list[ChatCompletionMessageParam], chat)
    assert accepted(list[MessageParam], anthropic)
    # Their type of a message has an id, which none has that the API was told not to store.
    whole = [item | ({"id": "msg_1"} if item.get("role") == "assistant" else {}) for item in responses]
    assert accepted(list[ResponseInputItemParam], whole)


def accepted(kind: Any, value: Any) -> Any:
    """The value as pydantic reads it; types of the SDKs are looked up by name, and here are none of ours."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind).validate_python(value)
