"""What the vendors' own SDKs see in an answer, in plain values: the oracles that our adapters are held against.

A further protocol is a function here and a row in `ORACLES`.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from typing import Protocol as Shape

from llmgine_cli.llm.stream import Reply
from tests.support.adapters import KEY, Protocol

Seen = dict[str, Any]
SAID: dict[str, Any] = {"model": "test-model", "messages": [{"role": "user", "content": "hi"}]}


class Server(Shape):
    """Where somebody serves: `url` ends in `/v1`, `root` does not."""

    @property
    def url(self) -> str: ...
    @property
    def root(self) -> str: ...


def seen(reply: Reply) -> Seen:
    """What we see."""
    return {
        "text": reply.text,
        "reasoning": reply.reasoning,
        "calls": [(call.id, call.name, json.loads(call.arguments)) for call in reply.tool_calls],
        "reason": reply.finish_reason,
        "input": reply.usage.input_tokens,
        "output": reply.usage.output_tokens,
        "cached": reply.usage.cached_tokens,
        "thought": reply.usage.reasoning_tokens,
        "model": reply.model,
        "id": reply.response_id,
    }


async def chat(server: Server, *, stream: bool, key: str = KEY, **more: Any) -> Seen:
    """What `openai` sees in chat completions; `more` is asked for as well, or otherwise."""
    from openai import AsyncOpenAI
    from openai.lib.streaming.chat import ChatCompletionStreamState

    asked = SAID | more
    async with AsyncOpenAI(api_key=key, base_url=server.url, max_retries=0) as client:
        if stream:
            state: Any = ChatCompletionStreamState()
            chunks = await client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
            async for chunk in chunks:
                state.handle_chunk(chunk)
            theirs: Any = state.current_completion_snapshot
        else:
            theirs = await client.chat.completions.create(**asked)
    message, usage = theirs.choices[0].message, theirs.usage
    calls = message.tool_calls or ()
    return {
        "text": (message.content or "") + (message.refusal or ""),
        "reasoning": getattr(message, "reasoning_content", None) or "",
        "calls": [(call.id, call.function.name, json.loads(call.function.arguments)) for call in calls],
        "reason": "refusal" if message.refusal else theirs.choices[0].finish_reason,
        "input": usage.prompt_tokens,
        "output": usage.completion_tokens,
        "cached": usage.prompt_tokens_details.cached_tokens,
        "thought": usage.completion_tokens_details.reasoning_tokens if usage.completion_tokens_details else None,
        "model": theirs.model,
        "id": theirs.id,
    }


async def anthropic(server: Server, *, stream: bool, key: str = KEY, **more: Any) -> Seen:
    """What `anthropic` sees in its messages; `more` is asked for as well, or otherwise."""
    from anthropic import AsyncAnthropic

    reasons = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls", "content_filter": "other"}
    asked = SAID | {"max_tokens": 9} | more
    async with AsyncAnthropic(api_key=key, base_url=server.root, max_retries=0) as client:
        if stream:
            async with client.messages.stream(**asked) as events:
                theirs: Any = await events.get_final_message()
        else:
            theirs = await client.messages.create(**asked)
    blocks, usage = theirs.content, theirs.usage
    return {
        "text": "".join(block.text for block in blocks if block.type == "text"),
        "reasoning": "".join(block.thinking for block in blocks if block.type == "thinking"),
        "calls": [(block.id, block.name, block.input) for block in blocks if block.type == "tool_use"],
        "reason": reasons.get(theirs.stop_reason, theirs.stop_reason),
        "input": usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0),
        "output": usage.output_tokens,
        "cached": usage.cache_read_input_tokens,
        "thought": usage.output_tokens_details.thinking_tokens if usage.output_tokens_details else None,
        "model": theirs.model,
        "id": theirs.id,
    }


async def responses(server: Server, *, stream: bool, key: str = KEY, accumulated: bool = True, **more: Any) -> Seen:
    """What `openai` sees in Responses; `more` is asked for as well, or otherwise, in the words of chat completions.

    What a stream comes to is in its last event. With `accumulated` the SDK also puts the pieces together by itself, for
    which it wants more of them than llama.cpp sends.
    """
    from openai import AsyncOpenAI

    reasons = {"completed": "stop", "max_output_tokens": "length", "content_filter": "content_filter"}
    words = {"messages": "input", "max_tokens": "max_output_tokens"}
    asked: dict[str, Any] = {words.get(name, name): value for name, value in (SAID | more).items()}
    async with AsyncOpenAI(api_key=key, base_url=server.url, max_retries=0) as client:
        if stream and accumulated:
            async with client.responses.stream(**asked) as events:
                pieces: list[Any] = [event async for event in events]
            theirs: Any = pieces[-1].response
        elif stream:
            pieces = [event async for event in await client.responses.create(**asked, stream=True)]
            theirs = pieces[-1].response
        else:
            theirs = await client.responses.create(**asked)
    items, usage = theirs.output, theirs.usage
    calls = [item for item in items if item.type == "function_call"]
    said = [part for item in items if item.type == "message" for part in item.content]
    refused = "".join(part.refusal for part in said if part.type == "refusal")
    ended = theirs.incomplete_details.reason if theirs.status == "incomplete" else theirs.status
    return {
        "text": theirs.output_text + refused,
        "reasoning": "".join(part.text for item in items if item.type == "reasoning" for part in item.summary),
        "calls": [(call.call_id, call.name, json.loads(call.arguments)) for call in calls],
        "reason": "refusal" if refused else "tool_calls" if calls and ended == "completed" else reasons[ended],
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cached": usage.input_tokens_details.cached_tokens if usage.input_tokens_details else None,
        "thought": usage.output_tokens_details.reasoning_tokens if usage.output_tokens_details else None,
        "model": theirs.model,
        "id": theirs.id,
    }


ORACLES: dict[Protocol, Callable[..., Awaitable[Seen]]] = {
    "chat": chat,
    "anthropic": anthropic,
    "responses": responses,
}
