"""The vendors' own SDKs read the same answers from the same server: what they see is what we must see."""

import json
from typing import Any

import pytest

from llmgine_cli.llm.stream import Reply
from tests.support.adapters import ask, request
from tests.support.server import Answer, FakeVendor, Tokens

CALLS: list[tuple[str, dict[str, Any] | str]] = [
    ("get_weather", {"city": "Łódź", "units": ["C", "F"], "deep": {"a": None}}),
    ("now", {}),
]
ANSWERS = {
    "text": Answer("Grüße 🌍, how are you?", usage=Tokens(30, 8, cached=12, reasoning=0)),
    "many pieces": Answer("word " * 200, chunks=500),
    "one byte at a time": Answer("naïve café 🌍", shred=1),
    "thoughts": Answer("42", reasoning="six times seven is forty-two", usage=Tokens(30, 8, reasoning=6)),
    "a call": Answer(calls=CALLS[:1]),
    "text and calls": Answer("Let me look.", calls=CALLS),
    "cut by the limit": Answer("Once upon a", finish="length"),
    "empty": Answer(""),
}
answers = pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
streamed_or_not = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])


def seen(reply: Reply) -> dict[str, Any]:
    """What we see, in plain values."""
    return {
        "text": reply.text,
        "reasoning": reply.reasoning,
        "calls": [(call.id[-2:], call.name, json.loads(call.arguments)) for call in reply.tool_calls],
        "input": reply.usage.input_tokens,
        "output": reply.usage.output_tokens,
        "cached": reply.usage.cached_tokens,
        "model": reply.model,
    }


@answers
@streamed_or_not
async def test_openai(answer: Answer, stream: bool) -> None:
    import openai

    with FakeVendor([answer, answer]) as vendor:
        reply = await ask("chat", vendor, request(stream=stream))
        async with openai.AsyncOpenAI(api_key="x", base_url=vendor.url, max_retries=0) as client:
            ask_theirs: dict[str, Any] = {"model": "test-model", "messages": [{"role": "user", "content": "hi"}]}
            if stream:
                async with client.chat.completions.stream(
                    **ask_theirs, stream_options={"include_usage": True}
                ) as events:
                    theirs: Any = await final(events)
            else:
                theirs = await client.chat.completions.create(**ask_theirs)
    message = theirs.choices[0].message
    assert seen(reply) == {
        "text": message.content or "",
        "reasoning": getattr(message, "reasoning_content", None) or "",
        "calls": [
            (call.id[-2:], call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or ()
        ],
        "input": theirs.usage.prompt_tokens,
        "output": theirs.usage.completion_tokens,
        "cached": theirs.usage.prompt_tokens_details.cached_tokens,
        "model": theirs.model,
    }
    assert reply.usage.reasoning_tokens == theirs.usage.completion_tokens_details.reasoning_tokens
    assert reply.finish_reason == theirs.choices[0].finish_reason


async def final(events: Any) -> Any:
    """The completion also when the limit cut it, which the SDK tells by an exception that carries it."""
    import openai

    try:
        return await events.get_final_completion()
    except openai.LengthFinishReasonError as error:
        return error.completion


@answers
@streamed_or_not
async def test_anthropic(answer: Answer, stream: bool) -> None:
    import anthropic

    with FakeVendor([answer, answer]) as vendor:
        reply = await ask("anthropic", vendor, request(stream=stream))
        async with anthropic.AsyncAnthropic(api_key="x", base_url=vendor.root, max_retries=0) as client:
            ask_theirs: dict[str, Any] = {
                "model": "test-model",
                "max_tokens": 9,
                "messages": [{"role": "user", "content": "hi"}],
            }
            if stream:
                async with client.messages.stream(**ask_theirs) as events:
                    theirs: Any = await events.get_final_message()
            else:
                theirs = await client.messages.create(**ask_theirs)
    blocks = theirs.content
    usage = theirs.usage
    assert seen(reply) == {
        "text": "".join(block.text for block in blocks if block.type == "text"),
        "reasoning": "".join(block.thinking for block in blocks if block.type == "thinking"),
        "calls": [(block.id[-2:], block.name, block.input) for block in blocks if block.type == "tool_use"],
        "input": usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens,
        "output": usage.output_tokens,
        "cached": usage.cache_read_input_tokens,
        "model": theirs.model,
    }


@answers
@streamed_or_not
async def test_openai_responses(answer: Answer, stream: bool) -> None:
    import openai

    with FakeVendor([answer, answer]) as vendor:
        reply = await ask("responses", vendor, request(stream=stream))
        async with openai.AsyncOpenAI(api_key="x", base_url=vendor.url, max_retries=0) as client:
            ask_theirs: dict[str, Any] = {"model": "test-model", "input": "hi"}
            if stream:
                async with client.responses.stream(**ask_theirs) as events:
                    theirs: Any = await last(events)
            else:
                theirs = await client.responses.create(**ask_theirs)
    items = theirs.output
    assert seen(reply) == {
        "text": theirs.output_text,
        "reasoning": "".join(part.text for item in items if item.type == "reasoning" for part in item.summary),
        "calls": [
            (item.call_id[-2:], item.name, json.loads(item.arguments)) for item in items if item.type == "function_call"
        ],
        "input": theirs.usage.input_tokens,
        "output": theirs.usage.output_tokens,
        "cached": theirs.usage.input_tokens_details.cached_tokens,
        "model": theirs.model,
    }
    assert reply.usage.reasoning_tokens == theirs.usage.output_tokens_details.reasoning_tokens
    assert (reply.finish_reason == "length") == (theirs.status == "incomplete")


async def last(events: Any) -> Any:
    """The response in the last event; the SDK itself hands out only those that were completed."""
    seen = [event async for event in events]
    return seen[-1].response


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
