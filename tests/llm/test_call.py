import asyncio

import pytest

from llmgine_cli.bus import Bus, Event
from llmgine_cli.errors import RateLimitedError, TruncatedError
from llmgine_cli.llm.call import call_model
from llmgine_cli.llm.events import (
    LLMCallFailed,
    LLMCallFinished,
    LLMCallInterrupted,
    LLMCallStarted,
    ReasoningChunk,
    ReplyGrew,
    TextChunk,
)
from llmgine_cli.llm.messages import ModelOptions, Request, ToolSpec, user
from llmgine_cli.llm.stream import ReasoningDelta, TextDelta, Usage
from llmgine_cli.testing import Recorder, ScriptedProvider, says

REQUEST = Request(
    model="model-1",
    messages=(user("a"), user("b")),
    tools=(ToolSpec(name="t", description="", parameters={}),),
    options=ModelOptions(temperature=0),
)


async def test_a_call_is_told_from_beginning_to_end() -> None:
    bus = Bus()
    heard = Recorder(bus)
    provider = ScriptedProvider(says("Hel", "", "lo", usage=Usage(output_tokens=2)))
    reply = await call_model(bus, provider.model, REQUEST, history=1)
    assert reply.text == "Hello"
    assert heard.names == ["LLMCallStarted", "TextChunk", "TextChunk", "LLMCallFinished"]
    (started,), (finished,) = heard.only(LLMCallStarted), heard.only(LLMCallFinished)
    assert (started.model, started.history, started.messages) == ("scripted:model-1", 1, (user("b"),))
    assert (started.tools, started.options.temperature) == (("t",), 0)
    assert [chunk.text for chunk in heard.only(TextChunk)] == ["Hel", "lo"]
    assert {chunk.call_id for chunk in heard.only(TextChunk)} == {finished.call_id} == {started.event_id}
    assert finished.reply == reply
    assert finished.first_token_ms is not None
    assert 0 <= finished.first_token_ms <= finished.duration_ms


async def test_the_request_is_told_before_it_is_sent() -> None:
    bus = Bus()
    provider = ScriptedProvider(says("x"))
    sent: list[int] = []
    bus.subscribe(LLMCallStarted, lambda event: sent.append(len(provider.requests)))
    await call_model(bus, provider.model, REQUEST)
    assert sent == [0]
    assert provider.requests == [REQUEST]


async def test_thoughts_are_told_as_thoughts_and_an_empty_signature_is_not() -> None:
    bus = Bus()
    heard = Recorder(bus)
    script = [ReasoningDelta("hm"), ReasoningDelta(signature="s"), *says("x")]
    await call_model(bus, ScriptedProvider(script).model, REQUEST)
    assert [chunk.text for chunk in heard.only(ReasoningChunk)] == ["hm"]


async def test_each_piece_is_told_when_it_comes_not_at_the_end() -> None:
    bus = Bus()
    came, go = asyncio.Event(), asyncio.Event()
    bus.subscribe(TextChunk, lambda event: came.set())
    provider = ScriptedProvider([TextDelta("a"), go, *says("b")])
    task = asyncio.create_task(call_model(bus, provider.model, REQUEST))
    await came.wait()
    assert not task.done()
    go.set()
    assert (await task).text == "ab"


async def test_a_call_aside_has_no_pieces_for_the_screen_but_is_told() -> None:
    bus = Bus()
    heard = Recorder(bus)
    script = [ReasoningDelta("hm"), *says("x")]
    await call_model(bus, ScriptedProvider(script).model, REQUEST, visible=False)
    assert heard.names == ["LLMCallStarted", "LLMCallFinished"]


async def test_an_answer_without_any_piece_has_no_first_token() -> None:
    bus = Bus()
    heard = Recorder(bus)
    await call_model(bus, ScriptedProvider(says()).model, REQUEST)
    assert heard.only(LLMCallFinished)[0].first_token_ms is None


@pytest.mark.parametrize("error", [RateLimitedError("slow down"), ValueError("a bug")])
async def test_a_failure_is_told_with_what_had_come_and_raised(error: Exception) -> None:
    bus = Bus()
    heard = Recorder(bus)
    provider = ScriptedProvider([TextDelta("half"), error])
    with pytest.raises(type(error)) as raised:
        await call_model(bus, provider.model, REQUEST)
    assert raised.value is error
    (failed,) = heard.only(LLMCallFailed)
    assert (failed.error, failed.error_type, failed.partial.text) == (str(error), type(error).__name__, "half")
    assert heard.names[-1] == "LLMCallFailed"


async def test_a_stream_that_just_ends_is_a_failure() -> None:
    bus = Bus()
    heard = Recorder(bus)
    with pytest.raises(TruncatedError):
        await call_model(bus, ScriptedProvider([TextDelta("half")]).model, REQUEST)
    assert heard.only(LLMCallFailed)[0].partial.text == "half"
    assert heard.only(LLMCallFinished) == []


@pytest.mark.parametrize("held_in", ["provider", "subscriber"])
async def test_an_interruption_is_told_with_what_had_come_and_closes_the_stream(held_in: str) -> None:
    bus = Bus()
    heard = Recorder(bus)
    reached, never = asyncio.Event(), asyncio.Event()

    async def screen(event: Event) -> None:
        reached.set()
        if held_in == "subscriber":
            await never.wait()

    bus.subscribe(TextChunk, screen)
    provider = ScriptedProvider([TextDelta("half"), never])
    task = asyncio.create_task(call_model(bus, provider.model, REQUEST))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (interrupted,) = heard.only(LLMCallInterrupted)
    assert interrupted.partial.text == "half"
    assert heard.only(LLMCallFailed) == []
    assert provider.closed == 1


async def test_what_comes_slowly_is_told_to_the_log_in_whole_words_and_each_once() -> None:
    bus = Bus()
    heard = Recorder(bus)
    first, second = asyncio.Event(), asyncio.Event()
    grown = iter((first, second))
    bus.subscribe(ReplyGrew, lambda _: next(grown).set())
    script = [TextDelta("Half an ans"), first, TextDelta("wer, and the re"), second, *says("st.")]
    reply = await call_model(bus, ScriptedProvider(script).model, REQUEST)
    assert reply.text == "Half an answer, and the rest."
    assert [event.text for event in heard.only(ReplyGrew)] == ["Half an ", "answer, and the "]
    assert {event.call_id for event in heard.only(ReplyGrew)} == {heard.only(LLMCallStarted)[0].event_id}
