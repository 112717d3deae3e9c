"""What goes wrong is the same error, with the same words, for every adapter over every transport, streamed or not."""

import asyncio
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
from llmgine_cli.llm.stream import (
    Finished,
    TextDelta,
    ToolCallComplete,
)
from tests.support.adapters import KEY, PEERS, Peer, request
from tests.support.server import (
    Answer,
    Events,
    FakeVendor,
    Fault,
    Silence,
    ToolCalls,
    dead_url,
    html,
)
from tests.support.tunnel import Dripping

pytestmark = pytest.mark.parametrize("peer", PEERS, ids=str)
streamed_or_not = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])


async def failure(peer: Peer, vendor: FakeVendor, stream: bool, **more: Any) -> LlmgineError:
    with pytest.raises(LlmgineError) as caught:
        await peer.ask(vendor, request(stream=stream, model=str(more.pop("model", "m"))), **more)
    return caught.value


@streamed_or_not
@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_names_its_variable_and_where_it_was_set(peer: Peer, stream: bool, status: int) -> None:
    with FakeVendor([Fault(status, "invalid x-api-key", "authentication_error")]) as vendor:
        error = await failure(peer, vendor, stream)
    assert isinstance(error, CredentialsError)
    assert error.exit_code == 3
    assert "invalid x-api-key" in str(error)
    assert f"{peer.vendor.key_env} (set in the environment)" in str(error.hint)


async def test_a_refused_request_without_a_key_says_that_none_was_sent(peer: Peer) -> None:
    with FakeVendor([Answer("x")], key="right") as vendor:
        error = await failure(peer, vendor, True, key=None)
    assert isinstance(error, CredentialsError)
    assert "no key was sent" in str(error.hint)


async def test_a_vendor_that_repeats_the_key_does_not_make_us_show_it(peer: Peer) -> None:
    with FakeVendor([Fault(401, f"Incorrect API key provided: {KEY}")]) as vendor:
        error = await failure(peer, vendor, True)
    assert KEY not in f"{error} {error.hint}"


@streamed_or_not
async def test_an_unknown_model_comes_with_the_nearest_ones(peer: Peer, stream: bool) -> None:
    fault = Fault(404, "model: claud-sonnet does not exist", "not_found_error", "model_not_found")
    with FakeVendor([fault], models=["claude-sonnet-5", "gpt-5"]) as vendor:
        error = await failure(peer, vendor, stream, model="claud-sonnet")
    assert isinstance(error, ModelNotFoundError)
    assert error.hint == "did you mean claude-sonnet-5?"
    assert not error.retryable


async def test_an_unknown_model_is_told_also_when_the_models_cannot_be_listed(peer: Peer) -> None:
    fault = Fault(404, "The model `x` does not exist", "not_found_error", "model_not_found")
    with FakeVendor([fault]) as vendor:
        error = await failure(peer, vendor, True)
    assert isinstance(error, ModelNotFoundError)
    assert error.hint


@streamed_or_not
async def test_a_rate_limit_says_how_long_to_wait(peer: Peer, stream: bool) -> None:
    with FakeVendor([Fault(429, "slow down", "rate_limit_error", headers={"Retry-After": "7"})]) as vendor:
        error = await failure(peer, vendor, stream)
    assert isinstance(error, RateLimitedError)
    assert (error.status, error.retryable, error.retry_after) == (429, True, 7.0)
    assert "slow down" in str(error)
    assert "7 s" in str(error.hint)


@streamed_or_not
@pytest.mark.parametrize("status", [500, 502, 503, 504, 529])
async def test_a_failing_server_may_be_asked_again(peer: Peer, stream: bool, status: int) -> None:
    with FakeVendor([Fault(status, "overloaded")]) as vendor:
        error = await failure(peer, vendor, stream)
    assert type(error) is ProviderError
    assert (error.status, error.retryable) == (status, True)
    assert "overloaded" in str(error)


@streamed_or_not
async def test_a_bad_request_is_not_worth_a_second_try(peer: Peer, stream: bool) -> None:
    with FakeVendor([Fault(400, "messages: too few", "invalid_request_error")]) as vendor:
        error = await failure(peer, vendor, stream)
    assert isinstance(error, ProviderError)
    assert (error.status, error.retryable, error.provider) == (400, False, peer.vendor.name)
    assert "messages: too few" in str(error)


@streamed_or_not
async def test_a_web_page_instead_of_an_answer_is_a_bad_response(peer: Peer, stream: bool) -> None:
    with FakeVendor([html()]) as vendor:
        error = await failure(peer, vendor, stream)
    assert isinstance(error, BadResponseError)
    assert "web page" in str(error)
    assert vendor.url in str(error.hint)


@streamed_or_not
async def test_a_web_page_with_an_error_status_is_not_read_out(peer: Peer, stream: bool) -> None:
    with FakeVendor([html(502)]) as vendor:
        error = await failure(peer, vendor, stream)
    assert "<" not in str(error)
    assert "502" in str(error)


@streamed_or_not
@pytest.mark.parametrize("body", ["", "null", "[]", "{}", "{", "just text", '{"choices": [], "content": null}', "\x00"])
async def test_what_is_no_answer_is_a_bad_response(peer: Peer, stream: bool, body: str) -> None:
    with FakeVendor([Fault(200, body=body)]) as vendor:
        error = await failure(peer, vendor, stream)
    assert isinstance(error, BadResponseError)


async def test_bad_json_in_a_stream_is_a_bad_response_after_the_text_so_far(peer: Peer) -> None:
    with FakeVendor([Answer("one two", then="garbage")]) as vendor:
        text, error = await text_then_error(peer, vendor)
    assert text == "one two"
    assert isinstance(error, BadResponseError)


async def test_json_of_the_wrong_shape_in_a_stream_is_a_bad_response(peer: Peer) -> None:
    with FakeVendor([Events(['data: {"choices": 7, "type": 7}\n\n'])]) as vendor:
        _, error = await text_then_error(peer, vendor)
    assert isinstance(error, BadResponseError)


async def test_bytes_that_are_no_utf8_in_a_stream_are_a_bad_response(peer: Peer) -> None:
    with FakeVendor([Events([b'data: {"id": "\xff", "type": "\xff"}\n\n'])]) as vendor:
        _, error = await text_then_error(peer, vendor)
    assert isinstance(error, BadResponseError)


async def test_an_error_in_mid_stream_is_told_in_the_vendors_words(peer: Peer) -> None:
    with FakeVendor([Answer("one two", then="error")]) as vendor:
        text, error = await text_then_error(peer, vendor)
    assert text == "one two"
    assert isinstance(error, BadResponseError)
    assert "the model crashed" in str(error)
    assert error.retryable


async def test_a_connection_that_breaks_in_mid_stream_truncates(peer: Peer) -> None:
    with FakeVendor([Answer("one two", then="cut")]) as vendor:
        text, error = await text_then_error(peer, vendor)
    assert text == "one two"
    assert isinstance(error, TruncatedError)
    assert error.retryable


async def test_a_stream_that_ends_without_a_finish_marker_has_none(peer: Peer) -> None:
    with FakeVendor([Answer("one two", then="end"), Answer("one two", then="end")]) as vendor:
        seen = await peer.events(vendor)
        assert not any(isinstance(event, Finished) for event in seen)
        with pytest.raises(TruncatedError):
            await peer.ask(vendor)


async def test_a_call_cut_off_in_its_arguments_is_no_call(peer: Peer) -> None:
    with FakeVendor([ToolCalls(("get_weather", {"city": "Paris"}), then="end")]) as vendor:
        seen = await peer.events(vendor)
    assert not any(isinstance(event, ToolCallComplete) for event in seen)


async def test_an_event_stream_without_events_truncates(peer: Peer) -> None:
    with FakeVendor([Events([])]) as vendor, pytest.raises(TruncatedError):
        await peer.ask(vendor)


@streamed_or_not
async def test_silence_before_the_answer_times_out(peer: Peer, stream: bool) -> None:
    with FakeVendor([Silence()]) as vendor:
        error = await failure(peer, vendor, stream, idle_timeout=0.2)
    assert isinstance(error, TimedOutError)
    assert error.retryable
    assert "0.2 s" in str(error)
    assert "idle_timeout" in str(error.hint)


async def test_a_head_that_drips_without_end_times_out(peer: Peer) -> None:
    with Dripping() as server:
        async with peer.provider(server.url, idle_timeout=0.3, connect_timeout=0.1) as made:
            with pytest.raises(TimedOutError) as caught:
                [event async for event in made.stream(request())]
        assert await asyncio.to_thread(server.hung_up.wait, 20)
    assert "has said nothing for 0.3 s" in str(caught.value)


async def test_a_refusal_is_told_though_its_page_stands_still(peer: Peer) -> None:
    with FakeVendor([Events(["not with this key"], status=401, content_type="text/plain", then="silence")]) as vendor:
        error = await failure(peer, vendor, stream=True, idle_timeout=0.3)
    assert isinstance(error, CredentialsError)
    assert "not with this key" in str(error)


async def test_a_refusal_is_told_though_its_page_drips_without_end(peer: Peer) -> None:
    head = b"HTTP/1.1 401 No\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n"
    with Dripping(head + b"not with this key") as server:
        async with peer.provider(server.url, idle_timeout=0.3) as made:
            with pytest.raises(CredentialsError, match="not with this key"):
                [event async for event in made.stream(request())]
        assert await asyncio.to_thread(server.hung_up.wait, 20)


async def test_silence_in_mid_stream_times_out_after_the_text_so_far(peer: Peer) -> None:
    with FakeVendor([Answer("one two", then="silence")]) as vendor:
        text, error = await text_then_error(peer, vendor, idle_timeout=0.3)
    assert text == "one two"
    assert isinstance(error, TimedOutError)


@streamed_or_not
async def test_a_server_that_is_not_there_is_named_with_its_url(peer: Peer, stream: bool) -> None:
    url = dead_url()
    async with peer.provider(url) as made:
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
async def test_an_address_that_is_none_is_a_setting_to_mend(peer: Peer, url: str) -> None:
    async with peer.provider(url) as made:
        with pytest.raises(SettingsError) as caught:
            [event async for event in made.stream(request())]
    assert "base URL" in str(caught.value)


@pytest.mark.parametrize("key", ["sk-ünïcode", "sk-with\nnewline", "sk-\x00"])
async def test_a_key_that_cannot_be_sent_is_named_by_its_variable(peer: Peer, key: str) -> None:
    with FakeVendor(always=Answer("x")) as vendor:
        error = await failure(peer, vendor, True, key=key)
    assert isinstance(error, CredentialsError)
    assert "_API_KEY" in str(error.hint)
    assert key not in f"{error}{error.hint}"


async def test_a_redirect_is_not_followed_with_the_key(peer: Peer) -> None:
    with FakeVendor(always=Answer("stolen")) as elsewhere:
        fault = Fault(307, "moved", headers={"Location": f"{elsewhere.url}/chat/completions"})
        with FakeVendor([fault]) as vendor:
            error = await failure(peer, vendor, True)
        assert not elsewhere.requests
    assert elsewhere.url in str(error.hint)


async def test_a_proxy_is_not_asked_about_this_machine(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, dead_url())
    with FakeVendor([Answer("direct")]) as vendor:
        assert (await peer.ask(vendor)).text == "direct"


async def text_then_error(peer: Peer, vendor: FakeVendor, **more: Any) -> tuple[str, ProviderError]:
    """What came before the error, and the error."""
    text = ""
    async with peer.provider(vendor.url, **more) as made:
        try:
            async for event in made.stream(request()):
                if isinstance(event, TextDelta):
                    text += event.text
        except ProviderError as error:
            return text, error
    pytest.fail("no error came")
