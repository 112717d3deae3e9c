"""What Anthropic is asked to keep for the next request."""

from dataclasses import replace
from typing import Any

import pytest

from llmgine_cli.llm.messages import Image, Message, ToolCall, ToolResult, assistant, system, user
from llmgine_cli.llm.stream import Usage
from llmgine_cli.providers.presets import VENDORS
from tests.support.adapters import WEATHER, ask, request
from tests.support.server import Answer, Events, FakeVendor, sse

MARK = {"type": "ephemeral"}
LONG = "word " * 1000


async def sent(*messages: Message, preset: Any = None, **more: Any) -> dict[str, Any]:
    with FakeVendor([Answer("ok")]) as vendor:
        await ask("anthropic", vendor, request(*messages, **more), preset=preset)
    body: dict[str, Any] = vendor.requests[0].body
    return body


def marks(body: dict[str, Any]) -> list[str]:
    """Which parts are marked."""
    found = ["tools"] * sum("cache_control" in tool for tool in body.get("tools", []))
    if isinstance(body.get("system"), list):
        found += ["system"] * sum("cache_control" in block for block in body["system"])
    for message in body["messages"]:
        found += [f"{message['role']} {block['type']}" for block in message["content"] if "cache_control" in block]
    return found


async def test_a_short_prompt_is_not_marked() -> None:
    body = await sent(system("be brief"), user("a"), assistant("b"), user("c"), tools=[WEATHER])
    assert (marks(body), body["system"]) == ([], "be brief")


async def test_long_instructions_are_the_same_in_every_request_and_are_kept() -> None:
    body = await sent(system(LONG), user("hi"))
    assert body["system"] == [{"type": "text", "text": LONG, "cache_control": MARK}]
    assert marks(body) == ["system"]


async def test_tools_are_kept_with_them() -> None:
    assert marks(await sent(system(LONG), user("hi"), tools=[WEATHER, WEATHER])) == ["tools", "system", "user text"]
    body = await sent(system(LONG), user("hi"), tools=[WEATHER, WEATHER])
    assert ["cache_control" in tool for tool in body["tools"]] == [False, True], "the last one, which closes them all"


async def test_a_long_text_that_is_asked_about_once_is_not_made_dearer() -> None:
    assert marks(await sent(user(LONG))) == []


async def test_a_conversation_that_goes_on_is_kept_up_to_its_last_message() -> None:
    assert marks(await sent(user(LONG), assistant("well"), user("and?"))) == ["user text"]
    calls = Message("assistant", (ToolCall(id="1", name="get_weather"), ToolCall(id="2", name="get_weather")))
    results = [Message("tool", (ToolResult(call_id=n, name="get_weather", content="20"),)) for n in "12"]
    body = await sent(user(LONG), calls, *results, tools=[WEATHER])
    assert marks(body) == ["user tool_result"]
    assert "cache_control" in body["messages"][-1]["content"][-1]


async def test_a_picture_is_long() -> None:
    picture = Message("user", (Image(media_type="image/png", data=b"\x89PNG" * 2000),))
    assert marks(await sent(picture, assistant("nice"), user("why?"))) == ["user text"]


async def test_the_user_has_the_say() -> None:
    talk = (system("x"), user("a"), assistant("b"), user(LONG))
    assert marks(await sent(*talk, cache=False, tools=[WEATHER])) == []
    assert marks(await sent(system("x"), user("a"), cache=True, tools=[WEATHER])) == ["tools", "system", "user text"]
    off = replace(VENDORS["anthropic"], prompt_caching=False)
    assert marks(await sent(*talk, preset=off)) == []
    assert marks(await sent(*talk, preset=off, cache=True)) == ["system", "user text"]


@pytest.mark.parametrize("last", [assistant("so I say"), Message("assistant", ())])
async def test_an_answer_that_is_to_be_gone_on_with_is_left_alone(last: Message) -> None:
    assert "assistant text" not in marks(await sent(user(LONG), last, cache=True))


async def test_what_was_put_into_the_cache_is_counted() -> None:
    usage = {"input_tokens": 1, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 300, "output_tokens": 2}
    events = [
        sse({"type": "message_start", "message": {"id": "m", "content": [], "usage": usage}}),
        sse({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}),
        sse({"type": "message_stop"}),
    ]
    with FakeVendor([Events(events)]) as vendor:
        reply = await ask("anthropic", vendor)
    assert reply.usage == Usage(input_tokens=321, output_tokens=2, cached_tokens=20, cache_write_tokens=300)
