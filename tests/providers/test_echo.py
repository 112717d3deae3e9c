from collections.abc import Sequence

import pytest

from llmgine_cli.llm.messages import Message, ModelOptions, Request, Text, ToolCall, ToolResult, ToolSpec, system, user
from llmgine_cli.llm.stream import Reply, StreamEvent, TextDelta, Usage, fold
from llmgine_cli.providers.echo import EchoProvider

WEATHER = ToolSpec(name="get_weather", description="The weather.", parameters={"type": "object"})


async def events(request: Request) -> list[StreamEvent]:
    return [event async for event in EchoProvider().stream(request)]


async def ask(
    *messages: Message, model: str = "echo", tools: Sequence[ToolSpec] = (), options: ModelOptions | None = None
) -> Reply:
    request = Request(model=model, messages=messages, tools=tuple(tools), options=options or ModelOptions())
    return await fold(EchoProvider().stream(request))


def results(*contents: str) -> Message:
    return Message("tool", tuple(ToolResult(call_id="x", name="y", content=content) for content in contents))


def test_it_is_called_echo() -> None:
    assert EchoProvider().name == "echo"


@pytest.mark.parametrize("text", ["one two", " a\n\n  b\t c \n", "", "  ", "\n", "één ✓ 日本"])
async def test_the_last_message_of_the_user_comes_back_unchanged(text: str) -> None:
    reply = await ask(system("be brief"), user("before"), Message("assistant", (Text("no"),)), user(text))
    assert (reply.text, reply.finish_reason, reply.model) == (text, "stop", "echo")


async def test_it_comes_word_by_word() -> None:
    request = Request(model="echo", messages=(user("one two  three\n"),))
    assert [event.text for event in await events(request) if isinstance(event, TextDelta)] == [
        "one",
        " two",
        "  three\n",
    ]


async def test_without_streaming_it_comes_whole() -> None:
    request = Request(model="echo", messages=(user("one two"),), stream=False)
    assert [event.text for event in await events(request) if isinstance(event, TextDelta)] == ["one two"]


async def test_words_are_counted_as_tokens() -> None:
    reply = await ask(system("a b c"), user("d e"))
    assert reply.usage == Usage(input_tokens=5, output_tokens=2)


async def test_max_tokens_cuts_the_answer_off() -> None:
    reply = await ask(user("one two three"), options=ModelOptions(max_tokens=2))
    assert (reply.text, reply.finish_reason, reply.usage.output_tokens) == ("one two", "length", 2)


async def test_an_answer_of_exactly_max_tokens_is_not_cut_off() -> None:
    reply = await ask(user("one two"), options=ModelOptions(max_tokens=2))
    assert (reply.text, reply.finish_reason) == ("one two", "stop")


async def test_the_first_stop_text_ends_the_answer() -> None:
    reply = await ask(user("one two three"), options=ModelOptions(stop=("three", "two")))
    assert (reply.text, reply.finish_reason) == ("one ", "stop")


async def test_a_conversation_without_a_user_is_answered_with_nothing() -> None:
    assert (await ask(system("hello"))).text == ""


async def test_tools_are_asked_for_by_name_and_json() -> None:
    reply = await ask(user('get_weather {"city": "Lima"}'), model="tools", tools=[WEATHER])
    assert reply.tool_calls == (ToolCall(id="call_1", name="get_weather", arguments='{"city": "Lima"}'),)
    assert (reply.finish_reason, reply.text) == ("tool_calls", "")


async def test_several_tools_are_asked_for_at_once() -> None:
    reply = await ask(user('get_weather {"a": 1}\nget_weather {"a":\n {}}'), model="tools", tools=[WEATHER])
    assert [(call.id, call.arguments) for call in reply.tool_calls] == [
        ("call_1", '{"a": 1}'),
        ("call_2", '{"a":\n {}}'),
    ]


async def test_the_results_are_the_answer() -> None:
    asked = Message("assistant", (ToolCall(id="call_1", name="get_weather"),))
    reply = await ask(user("get_weather {}"), asked, results("12 °C", "rain"), model="tools", tools=[WEATHER])
    assert (reply.text, reply.tool_calls) == ("12 °C\nrain", ())


async def test_results_of_an_earlier_question_are_not_answered_again() -> None:
    asked = Message("assistant", (ToolCall(id="call_1", name="get_weather"),))
    said = (user("get_weather {}"), asked, results("12 °C"), Message("assistant", (Text("12 °C"),)))
    reply = await ask(*said, user("get_weather {}"), model="tools", tools=[WEATHER])
    assert [call.id for call in reply.tool_calls] == ["call_2"]
    assert (await ask(*said, user("thanks"), model="tools", tools=[WEATHER])).text == "thanks"


async def test_a_tool_nobody_offers_can_be_asked_for() -> None:
    reply = await ask(user("unknown {}"), model="tools", tools=[WEATHER])
    assert [call.name for call in reply.tool_calls] == ["unknown"]


async def test_arguments_that_are_no_json_are_passed_on_as_they_are() -> None:
    reply = await ask(user('get_weather {"city": }'), model="tools", tools=[WEATHER])
    assert [call.arguments for call in reply.tool_calls] == ['{"city": }']


@pytest.mark.parametrize(
    "text", ["say what {is} this", "get_weather", "get_weather Lima", 'get_weather {"a": 1} please']
)
async def test_anything_else_is_said_again(text: str) -> None:
    reply = await ask(user(text), model="tools", tools=[WEATHER])
    assert (reply.text, reply.tool_calls) == (text, ())


async def test_without_tools_on_offer_or_under_another_name_nothing_is_asked_for() -> None:
    assert (await ask(user("get_weather {}"), model="tools")).text == "get_weather {}"
    assert (await ask(user("get_weather {}"), tools=[WEATHER])).text == "get_weather {}"


async def test_closing_twice_is_harmless() -> None:
    provider = EchoProvider()
    await provider.aclose()
    await provider.aclose()
