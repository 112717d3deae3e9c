"""What every adapter promises, streamed or not: the same events for the same answer, and the same errors."""

import asyncio
import json
from contextlib import aclosing
from typing import Any

import pytest

from llmgine_cli.errors import (
    BadResponseError,
    CredentialsError,
    LlmgineError,
    ModelNotFoundError,
    ProviderError,
    RateLimitedError,
    SettingsError,
    TimedOutError,
    TruncatedError,
    UnreachableError,
)
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
from tests.support.adapters import KEY, PROTOCOLS, WEATHER, Protocol, ask, events, provider, request
from tests.support.server import (
    Answer,
    Events,
    FakeVendor,
    Fault,
    Silence,
    Tokens,
    ToolCalls,
    dead_url,
    html,
)

pytestmark = pytest.mark.parametrize("protocol", PROTOCOLS)
streamed_or_not = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])


@streamed_or_not
async def test_text_comes_with_usage_and_finish_marker(protocol: Protocol, stream: bool) -> None:
    answer = Answer("Grüße aus Łódź 🌍!", usage=Tokens(input=20, output=7, cached=4))
    with FakeVendor([answer]) as vendor:
        reply = await ask(protocol, vendor, request("hello", stream=stream))
    assert reply.text == "Grüße aus Łódź 🌍!"
    assert reply.finish_reason == "stop"
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.cached_tokens) == (20, 7, 4)
    assert reply.model == "test-model"
    assert reply.response_id in {"chatcmpl-1", "msg_1", "resp_1"}


@streamed_or_not
async def test_the_request_carries_model_messages_and_key(protocol: Protocol, stream: bool) -> None:
    with FakeVendor([Answer("ok")], key=KEY) as vendor:
        await ask(protocol, vendor, request("hello", stream=stream))
    (sent,) = vendor.requests
    assert sent.body["model"] == "test-model"
    assert said(sent.body)[0]["role"] == "user"
    assert bool(sent.body.get("stream")) is stream
    assert sent.headers["content-type"] == "application/json"


async def test_a_streamed_answer_comes_piece_by_piece_and_ends_with_its_finish_marker(protocol: Protocol) -> None:
    with FakeVendor([Answer("one two three", chunks=3)]) as vendor:
        seen = await events(protocol, vendor)
    assert len([event for event in seen if isinstance(event, TextDelta)]) == 3
    assert isinstance(seen[-1], Finished)
    assert any(isinstance(event, UsageReported) for event in seen)


@streamed_or_not
async def test_parallel_tool_calls_come_whole_and_in_order(protocol: Protocol, stream: bool) -> None:
    calls: list[tuple[str, dict[str, Any] | str]] = [
        ("get_weather", {"city": "Łódź"}),
        ("get_weather", {"city": "Paris", "days": 3}),
    ]
    with FakeVendor([ToolCalls(*calls, text="Let me look.")]) as vendor:
        seen = await events(protocol, vendor, request(stream=stream, tools=[WEATHER]))
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
async def test_thoughts_are_kept_apart_from_the_answer(protocol: Protocol, stream: bool) -> None:
    with FakeVendor([Answer("42", reasoning="six times seven")]) as vendor:
        reply = await ask(protocol, vendor, request(stream=stream))
    assert reply.reasoning == "six times seven"
    assert reply.text == "42"
    assert [type(part) for part in reply.message.parts] == [Reasoning, Text]


@streamed_or_not
@pytest.mark.parametrize(("vendors", "ours"), [("length", "length"), ("stop", "stop"), ("new_reason", "other")])
async def test_the_finish_reason_is_ours(protocol: Protocol, stream: bool, vendors: str, ours: str) -> None:
    with FakeVendor([Answer("x", finish=vendors)]) as vendor:
        reply = await ask(protocol, vendor, request(stream=stream))
    assert reply.finish_reason == ours


@streamed_or_not
async def test_an_answer_of_the_other_kind_than_asked_for_is_read_all_the_same(
    protocol: Protocol, stream: bool
) -> None:
    with FakeVendor([Answer("hello there", streamed=not stream)]) as vendor:
        reply = await ask(protocol, vendor, request(stream=stream))
    assert reply.text == "hello there"


@streamed_or_not
@pytest.mark.parametrize("content_type", ["text/plain", "", "application/octet-stream"])
async def test_an_answer_whose_header_does_not_tell_is_known_by_its_first_bytes(
    protocol: Protocol, stream: bool, content_type: str
) -> None:
    with FakeVendor([Answer("hello there", content_type=content_type)]) as vendor:
        reply = await ask(protocol, vendor, request(stream=stream))
    assert reply.text == "hello there"


@streamed_or_not
async def test_an_empty_answer_is_an_answer(protocol: Protocol, stream: bool) -> None:
    with FakeVendor([Answer("")]) as vendor:
        reply = await ask(protocol, vendor, request(stream=stream))
    assert (reply.text, reply.finish_reason) == ("", "stop")


@streamed_or_not
async def test_usage_that_is_not_reported_is_unknown_not_zero(protocol: Protocol, stream: bool) -> None:
    with FakeVendor([Answer("x", usage=None)]) as vendor:
        reply = await ask(protocol, vendor, request(stream=stream))
    assert reply.usage == Usage()


@pytest.mark.parametrize("shred", [1, 2, 3, 1000])
async def test_where_the_network_cuts_the_bytes_makes_no_difference(protocol: Protocol, shred: int) -> None:
    answer = ToolCalls(("get_weather", {"city": "東京"}), text="déjà vu 🌍🌍 " * 5, reasoning="思考", shred=shred)
    with FakeVendor([answer]) as vendor:
        reply = await ask(protocol, vendor, request(tools=[WEATHER]))
    assert reply.text == "déjà vu 🌍🌍 " * 5
    assert reply.reasoning == "思考"
    assert "東京" in reply.tool_calls[0].arguments


@streamed_or_not
async def test_half_a_character_in_the_prompt_is_replaced_not_fatal(protocol: Protocol, stream: bool) -> None:
    with FakeVendor([Answer("ok")]) as vendor:
        await ask(protocol, vendor, request("caf\udce9", stream=stream))
    assert "caf\ufffd" in str(said(vendor.requests[0].body))


async def test_one_connection_serves_one_request_after_the_other(protocol: Protocol) -> None:
    with FakeVendor(always=Answer("ok")) as vendor:
        async with provider(protocol, vendor.url) as made:
            for _ in range(5):
                assert [event async for event in made.stream(request())]
        assert vendor.connections == 1


async def test_many_requests_at_a_time_do_not_wait_for_each_other(protocol: Protocol) -> None:
    with FakeVendor(always=Answer("ok")) as vendor:
        async with provider(protocol, vendor.url) as made:

            async def one() -> int:
                return len([event async for event in made.stream(request())])

            counts = await asyncio.gather(*(one() for _ in range(150)))
    assert len(set(counts)) == 1
    assert len(vendor.requests) == 150


async def test_closing_the_stream_early_hangs_up(protocol: Protocol) -> None:
    with FakeVendor([Answer("one two", then="silence")]) as vendor:
        async with provider(protocol, vendor.url) as made:
            async with aclosing(made.stream(request())) as stream:
                async for event in stream:
                    if isinstance(event, TextDelta):
                        break
            assert await asyncio.to_thread(vendor.requests[0].hung_up.wait, 20)


async def test_cancelling_hangs_up(protocol: Protocol) -> None:
    with FakeVendor([Answer("one two", then="silence")]) as vendor:
        async with provider(protocol, vendor.url) as made:
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


async def test_closing_a_provider_twice_is_harmless(protocol: Protocol) -> None:
    async with provider(protocol, dead_url()) as made:
        await made.aclose()


async def test_a_provider_works_again_after_it_was_closed(protocol: Protocol) -> None:
    with FakeVendor(always=Answer("ok")) as vendor:
        async with provider(protocol, vendor.url) as made:
            await made.aclose()
            assert [event async for event in made.stream(request())]


async def test_the_vendors_models_can_be_listed(protocol: Protocol) -> None:
    with FakeVendor(models=["a-1", "b-2"]) as vendor:
        async with provider(protocol, vendor.url) as made:
            assert await made.models() == ["a-1", "b-2"]


# -- faults


async def failure(protocol: Protocol, vendor: FakeVendor, stream: bool, **more: Any) -> LlmgineError:
    with pytest.raises(LlmgineError) as caught:
        await ask(protocol, vendor, request(stream=stream, model=str(more.pop("model", "m"))), **more)
    return caught.value


@streamed_or_not
@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_names_its_variable_and_where_it_was_set(
    protocol: Protocol, stream: bool, status: int
) -> None:
    with FakeVendor([Fault(status, "invalid x-api-key", "authentication_error")]) as vendor:
        error = await failure(protocol, vendor, stream)
    assert isinstance(error, CredentialsError)
    assert error.exit_code == 3
    assert "invalid x-api-key" in str(error)
    assert f"{vendor_name(protocol).upper()}_API_KEY (set in the environment)" in str(error.hint)


async def test_a_refused_request_without_a_key_says_that_none_was_sent(protocol: Protocol) -> None:
    with FakeVendor([Answer("x")], key="right") as vendor:
        error = await failure(protocol, vendor, True, key=None)
    assert isinstance(error, CredentialsError)
    assert "no key was sent" in str(error.hint)


async def test_a_vendor_that_repeats_the_key_does_not_make_us_show_it(protocol: Protocol) -> None:
    with FakeVendor([Fault(401, f"Incorrect API key provided: {KEY}")]) as vendor:
        error = await failure(protocol, vendor, True)
    assert KEY not in f"{error} {error.hint}"


@streamed_or_not
async def test_an_unknown_model_comes_with_the_nearest_ones(protocol: Protocol, stream: bool) -> None:
    fault = Fault(404, "model: claud-sonnet does not exist", "not_found_error", "model_not_found")
    with FakeVendor([fault], models=["claude-sonnet-5", "gpt-5"]) as vendor:
        error = await failure(protocol, vendor, stream, model="claud-sonnet")
    assert isinstance(error, ModelNotFoundError)
    assert error.hint == "did you mean claude-sonnet-5?"
    assert not error.retryable


async def test_an_unknown_model_is_told_also_when_the_models_cannot_be_listed(protocol: Protocol) -> None:
    fault = Fault(404, "The model `x` does not exist", "not_found_error", "model_not_found")
    with FakeVendor([fault]) as vendor:
        error = await failure(protocol, vendor, True)
    assert isinstance(error, ModelNotFoundError)
    assert error.hint


@streamed_or_not
async def test_a_rate_limit_says_how_long_to_wait(protocol: Protocol, stream: bool) -> None:
    with FakeVendor([Fault(429, "slow down", "rate_limit_error", headers={"Retry-After": "7"})]) as vendor:
        error = await failure(protocol, vendor, stream)
    assert isinstance(error, RateLimitedError)
    assert (error.status, error.retryable, error.retry_after) == (429, True, 7.0)
    assert "slow down" in str(error)
    assert "7 s" in str(error.hint)


@streamed_or_not
@pytest.mark.parametrize("status", [500, 502, 503, 504, 529])
async def test_a_failing_server_may_be_asked_again(protocol: Protocol, stream: bool, status: int) -> None:
    with FakeVendor([Fault(status, "overloaded")]) as vendor:
        error = await failure(protocol, vendor, stream)
    assert type(error) is ProviderError
    assert (error.status, error.retryable) == (status, True)
    assert "overloaded" in str(error)


@streamed_or_not
async def test_a_bad_request_is_not_worth_a_second_try(protocol: Protocol, stream: bool) -> None:
    with FakeVendor([Fault(400, "messages: too few", "invalid_request_error")]) as vendor:
        error = await failure(protocol, vendor, stream)
    assert isinstance(error, ProviderError)
    assert (error.status, error.retryable, error.provider) == (400, False, vendor_name(protocol))
    assert "messages: too few" in str(error)


@streamed_or_not
async def test_a_web_page_instead_of_an_answer_is_a_bad_response(protocol: Protocol, stream: bool) -> None:
    with FakeVendor([html()]) as vendor:
        error = await failure(protocol, vendor, stream)
    assert isinstance(error, BadResponseError)
    assert "web page" in str(error)
    assert vendor.url in str(error.hint)


@streamed_or_not
async def test_a_web_page_with_an_error_status_is_not_read_out(protocol: Protocol, stream: bool) -> None:
    with FakeVendor([html(502)]) as vendor:
        error = await failure(protocol, vendor, stream)
    assert "<" not in str(error)
    assert "502" in str(error)


@streamed_or_not
@pytest.mark.parametrize("body", ["", "null", "[]", "{}", "{", "just text", '{"choices": [], "content": null}', "\x00"])
async def test_what_is_no_answer_is_a_bad_response(protocol: Protocol, stream: bool, body: str) -> None:
    with FakeVendor([Fault(200, body=body)]) as vendor:
        error = await failure(protocol, vendor, stream)
    assert isinstance(error, BadResponseError)


async def test_bad_json_in_a_stream_is_a_bad_response_after_the_text_so_far(protocol: Protocol) -> None:
    with FakeVendor([Answer("one two", then="garbage")]) as vendor:
        text, error = await text_then_error(protocol, vendor)
    assert text == "one two"
    assert isinstance(error, BadResponseError)


async def test_json_of_the_wrong_shape_in_a_stream_is_a_bad_response(protocol: Protocol) -> None:
    with FakeVendor([Events(['data: {"choices": 7, "type": 7}\n\n'])]) as vendor:
        _, error = await text_then_error(protocol, vendor)
    assert isinstance(error, BadResponseError)


async def test_bytes_that_are_no_utf8_in_a_stream_are_a_bad_response(protocol: Protocol) -> None:
    with FakeVendor([Events([b'data: {"id": "\xff", "type": "\xff"}\n\n'])]) as vendor:
        _, error = await text_then_error(protocol, vendor)
    assert isinstance(error, BadResponseError)


async def test_an_error_in_mid_stream_is_told_in_the_vendors_words(protocol: Protocol) -> None:
    with FakeVendor([Answer("one two", then="error")]) as vendor:
        text, error = await text_then_error(protocol, vendor)
    assert text == "one two"
    assert isinstance(error, BadResponseError)
    assert "the model crashed" in str(error)
    assert error.retryable


async def test_a_connection_that_breaks_in_mid_stream_truncates(protocol: Protocol) -> None:
    with FakeVendor([Answer("one two", then="cut")]) as vendor:
        text, error = await text_then_error(protocol, vendor)
    assert text == "one two"
    assert isinstance(error, TruncatedError)
    assert error.retryable


async def test_a_stream_that_ends_without_a_finish_marker_has_none(protocol: Protocol) -> None:
    with FakeVendor([Answer("one two", then="end"), Answer("one two", then="end")]) as vendor:
        seen = await events(protocol, vendor)
        assert not any(isinstance(event, Finished) for event in seen)
        with pytest.raises(TruncatedError):
            await ask(protocol, vendor)


async def test_a_call_cut_off_in_its_arguments_is_no_call(protocol: Protocol) -> None:
    with FakeVendor([ToolCalls(("get_weather", {"city": "Paris"}), then="end")]) as vendor:
        seen = await events(protocol, vendor)
    assert not any(isinstance(event, ToolCallComplete) for event in seen)


async def test_an_event_stream_without_events_truncates(protocol: Protocol) -> None:
    with FakeVendor([Events([])]) as vendor, pytest.raises(TruncatedError):
        await ask(protocol, vendor)


@streamed_or_not
async def test_silence_before_the_answer_times_out(protocol: Protocol, stream: bool) -> None:
    with FakeVendor([Silence()]) as vendor:
        error = await failure(protocol, vendor, stream, idle_timeout=0.2)
    assert isinstance(error, TimedOutError)
    assert error.retryable
    assert "0.2 s" in str(error)
    assert "idle_timeout" in str(error.hint)


async def test_silence_in_mid_stream_times_out_after_the_text_so_far(protocol: Protocol) -> None:
    with FakeVendor([Answer("one two", then="silence")]) as vendor:
        text, error = await text_then_error(protocol, vendor, idle_timeout=0.3)
    assert text == "one two"
    assert isinstance(error, TimedOutError)


@streamed_or_not
async def test_a_server_that_is_not_there_is_named_with_its_url(protocol: Protocol, stream: bool) -> None:
    url = dead_url()
    async with provider(protocol, url) as made:
        with pytest.raises(UnreachableError) as caught:
            [event async for event in made.stream(request(stream=stream))]
    assert url in str(caught.value)
    assert caught.value.retryable
    assert caught.value.hint


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "ftp://127.0.0.1/v1", "http://", "http://127.0.0.1:99999999/v1", "http://127.0.0.1:0/v1",
     "http://a..b/v1", f"http://{'x' * 70}.org/v1", "http://[::1/v1", "http://127.0.0.1:port/v1", "https://üñ\x00/v1"],
)  # fmt: skip
async def test_an_address_that_is_none_is_a_setting_to_mend(protocol: Protocol, url: str) -> None:
    async with provider(protocol, url) as made:
        with pytest.raises(SettingsError) as caught:
            [event async for event in made.stream(request())]
    assert "base URL" in str(caught.value)


@pytest.mark.parametrize("key", ["sk-ünïcode", "sk-with\nnewline", "sk-\x00"])
async def test_a_key_that_cannot_be_sent_is_named_by_its_variable(protocol: Protocol, key: str) -> None:
    with FakeVendor(always=Answer("x")) as vendor:
        error = await failure(protocol, vendor, True, key=key)
    assert isinstance(error, CredentialsError)
    assert "_API_KEY" in str(error.hint)
    assert key not in f"{error}{error.hint}"


async def test_a_redirect_is_not_followed_with_the_key(protocol: Protocol) -> None:
    with FakeVendor(always=Answer("stolen")) as elsewhere:
        fault = Fault(307, "moved", headers={"Location": f"{elsewhere.url}/chat/completions"})
        with FakeVendor([fault]) as vendor:
            error = await failure(protocol, vendor, True)
        assert not elsewhere.requests
    assert elsewhere.url in str(error.hint)


async def test_a_proxy_is_not_asked_about_this_machine(protocol: Protocol, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, dead_url())
    with FakeVendor([Answer("direct")]) as vendor:
        assert (await ask(protocol, vendor)).text == "direct"


async def text_then_error(protocol: Protocol, vendor: FakeVendor, **more: Any) -> tuple[str, ProviderError]:
    """What came before the error, and the error."""
    text = ""
    async with provider(protocol, vendor.url, **more) as made:
        try:
            async for event in made.stream(request()):
                if isinstance(event, TextDelta):
                    text += event.text
        except ProviderError as error:
            return text, error
    pytest.fail("no error came")


def vendor_name(protocol: Protocol) -> str:
    return "anthropic" if protocol == "anthropic" else "openai"


def said(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The conversation in a request."""
    items: list[dict[str, Any]] = body.get("messages") or body["input"]
    return items
