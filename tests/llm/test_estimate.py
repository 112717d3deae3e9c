"""Tokens by rule of thumb."""

from llmgine_cli.llm.embeddings import EmbeddingRequest
from llmgine_cli.llm.estimate import tokens_of, usage_of_partial
from llmgine_cli.llm.messages import (
    File,
    Image,
    Message,
    Request,
    Text,
    ToolCall,
    ToolResult,
    ToolSpec,
    assistant,
    user,
)
from llmgine_cli.llm.stream import Usage


def request(*messages: Message, tools: tuple[ToolSpec, ...] = ()) -> Request:
    return Request(model="m", messages=messages, tools=tools)


def test_four_characters_are_a_token() -> None:
    assert tokens_of(request(user("x" * 400), assistant("y" * 40))) == 110
    assert tokens_of(EmbeddingRequest(model="m", texts=("x" * 40, "y"))) == 11


def test_everything_that_is_sent_counts() -> None:
    call = ToolCall(id="1", name="look", arguments='{"a": 12}')
    result = Message("tool", (ToolResult(call_id="1", name="look", content="z" * 80),))
    offered = ToolSpec(name="look", description="d" * 400, parameters={})
    plain = request(user("hi"), Message("assistant", (call,)), result)
    assert tokens_of(plain) == 1 + 4 + 20
    assert tokens_of(request(*plain.messages, tools=(offered,))) > tokens_of(plain) + 100


def test_a_picture_is_not_as_long_as_its_file() -> None:
    picture = Image(media_type="image/png", data=b"x" * 4_000_000)
    document = File(name="a.pdf", media_type="application/pdf", data=b"x" * 40_000)
    assert tokens_of(request(Message("user", (picture, Text("what is it?"))))) == 1003
    assert tokens_of(request(Message("user", (document,)))) == 2000


def test_nothing_came_and_nothing_is_owed() -> None:
    assert usage_of_partial(request(user("x" * 400)), Message("assistant", ()), Usage()) == Usage()


def test_what_the_vendor_counted_goes_before_an_estimate() -> None:
    asked = request(user("x" * 400))
    assert usage_of_partial(asked, assistant("y" * 40), Usage()) == Usage(input_tokens=100, output_tokens=10)
    told = Usage(input_tokens=123, output_tokens=1, cached_tokens=100)
    assert usage_of_partial(asked, assistant("y" * 40), told) == Usage(
        input_tokens=123, output_tokens=10, cached_tokens=100
    )
    assert usage_of_partial(asked, Message("assistant", ()), told).input_tokens == 123
