"""The HTTP transport: every exception of httpx2 becomes one of ours."""

import asyncio
import gzip
import inspect
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from llmgine_cli.errors import (
    BadResponseError,
    CredentialsError,
    LlmgineError,
    ProviderError,
    SettingsError,
    TimedOutError,
    TruncatedError,
    UnreachableError,
)
from llmgine_cli.providers.http import HttpTransport, mapped, translated
from llmgine_cli.providers.transport import Endpoint
from tests.support.server import Answer, Events, FakeVendor, Fault, Silence, dead_url

ENDPOINT = Endpoint(provider="acme", base_url="https://acme.test/v1", key_env="ACME_KEY")
EXCEPTIONS = {
    name: value
    for name in httpx2.__all__
    if inspect.isclass(value := getattr(httpx2, name)) and issubclass(value, Exception)
}

EXPECTED: dict[str, type[LlmgineError]] = {
    "CloseError": UnreachableError,
    "ConnectError": UnreachableError,
    "ConnectTimeout": UnreachableError,
    "CookieConflict": BadResponseError,
    "DecodingError": BadResponseError,
    "HTTPError": ProviderError,
    "HTTPStatusError": ProviderError,
    "InvalidURL": SettingsError,
    "LocalProtocolError": CredentialsError,
    "NetworkError": UnreachableError,
    "PoolTimeout": UnreachableError,
    "ProtocolError": ProviderError,
    "ProxyError": UnreachableError,
    "ReadError": UnreachableError,
    "ReadTimeout": TimedOutError,
    "RemoteProtocolError": UnreachableError,
    "RequestError": ProviderError,
    "RequestNotRead": ProviderError,
    "ResponseNotRead": ProviderError,
    "SSEError": BadResponseError,
    "StreamClosed": ProviderError,
    "StreamConsumed": ProviderError,
    "StreamError": ProviderError,
    "TimeoutException": TimedOutError,
    "TooManyRedirects": BadResponseError,
    "TransportError": ProviderError,
    "UnsupportedProtocol": SettingsError,
    "WriteError": UnreachableError,
    "WriteTimeout": TimedOutError,
}
BROKEN = ("CloseError", "ConnectError", "NetworkError", "ReadError", "RemoteProtocolError", "WriteError")
MIDWAY: dict[str, type[LlmgineError]] = dict.fromkeys(BROKEN, TruncatedError)


@asynccontextmanager
async def connected(
    base_url: str, headers: Mapping[str, str] | None = None, **endpoint: Any
) -> AsyncIterator[HttpTransport]:
    """A transport, closed afterwards."""
    made = HttpTransport(Endpoint(**{"provider": "acme", "base_url": base_url, **endpoint}), headers or {})
    try:
        yield made
    finally:
        await made.aclose()


def an(exception: type[Exception]) -> Exception:
    """One of them, whatever its constructor wants."""
    made = exception.__new__(exception)
    Exception.__init__(made, "boom")
    return made


def test_no_exception_of_the_library_is_missed() -> None:
    assert set(EXPECTED) == set(EXCEPTIONS)


@pytest.mark.parametrize("name", EXPECTED)
def test_each_exception_becomes_one_of_ours(name: str) -> None:
    with pytest.raises(LlmgineError) as caught, mapped(ENDPOINT):
        raise an(EXCEPTIONS[name])
    assert type(caught.value) is EXPECTED[name]
    assert "acme" in str(caught.value)
    assert isinstance(caught.value.__cause__, EXCEPTIONS[name])


@pytest.mark.parametrize("name", EXPECTED)
def test_what_breaks_in_the_middle_of_an_answer_truncates_it(name: str) -> None:
    assert type(translated(an(EXCEPTIONS[name]), ENDPOINT, midway=True)) is MIDWAY.get(name, EXPECTED[name])


async def test_a_server_of_the_users_own_is_asked_after() -> None:
    async with connected(dead_url(), provider="ollama", starter="ollama serve") as transport:
        with pytest.raises(UnreachableError) as caught:
            await transport.get("/models", seconds=5)
    assert caught.value.hint == "is it running? Start it with: ollama serve"


async def test_a_password_in_the_url_is_not_shown() -> None:
    async with connected(dead_url().replace("http://", "http://me:hunter2@")) as transport:
        with pytest.raises(UnreachableError) as caught:
            await transport.get("/models", seconds=5)
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


async def test_its_headers_go_with_every_request() -> None:
    with FakeVendor(always=Answer("x"), models=["m"]) as vendor:
        async with connected(vendor.url, {"X-Key": "k"}) as transport:
            async with transport.post("/chat/completions", {"model": "m"}) as answer:
                assert b"chat.completion" in await answer.whole()
            await transport.get("/models", seconds=20)
    assert [sent.headers["x-key"] for sent in (*vendor.requests, *vendor.lookups)] == ["k", "k"]


async def test_a_compressed_answer_is_read() -> None:
    fault = Fault(200, body=gzip.compress(b'{"hello": 1}'), headers={"Content-Encoding": "gzip"})
    with FakeVendor([fault]) as vendor:
        async with connected(vendor.url) as transport, transport.post("/chat/completions", {}) as answer:
            assert await answer.whole() == b'{"hello": 1}'


async def test_an_answer_whose_compression_is_broken_is_a_bad_response() -> None:
    fault = Fault(200, body=b"this is no gzip", headers={"Content-Encoding": "gzip"})
    with FakeVendor([fault]) as vendor:
        async with connected(vendor.url) as transport, transport.post("/chat/completions", {}) as answer:
            with pytest.raises(BadResponseError):
                await answer.whole()


async def test_an_endless_error_page_is_not_read_to_its_end() -> None:
    page = Events([b"x" * 65536] * 1000, status=500, content_type="text/plain")
    with FakeVendor([page]) as vendor:
        async with connected(vendor.url) as transport:
            with pytest.raises(ProviderError) as caught:
                await transport.post("/chat/completions", {}).__aenter__()
        assert await asyncio.to_thread(vendor.requests[0].hung_up.wait, 20)
    assert len(str(caught.value)) < 600


async def test_a_page_that_never_comes_times_out() -> None:
    with FakeVendor(lookup=Silence()) as vendor:
        async with connected(vendor.url) as transport:
            with pytest.raises(TimedOutError):
                await transport.get("/models", seconds=0.2)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("HTTPS_PROXY", "nonsense://x"), ("HTTPS_PROXY", "socks5://x"), ("SSL_CERT_FILE", "none.pem")],
)
async def test_broken_proxy_and_certificate_settings_are_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    async with connected("https://acme.test/v1") as transport:
        with pytest.raises(SettingsError) as caught:
            await transport.get("/models", seconds=5)
    assert variable in str(caught.value.hint)


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:8080/v1", True),
        ("http://localhost/v1", True),
        ("http://[::1]:1/v1", True),
        ("https://api.openai.com/v1", False),
        ("http://127.evil.example/v1", False),
        ("http://10.0.0.1/v1", False),
    ],
)
def test_this_machine_is_told_from_others(url: str, loopback: bool) -> None:
    assert Endpoint(provider="x", base_url=url).is_loopback is loopback


def test_an_endpoint_does_not_show_its_key() -> None:
    assert "secret" not in repr(Endpoint(provider="x", base_url="http://x", key="secret"))
