"""The transport over the vendors' own SDKs: what it sends, and what it keeps to itself."""

import asyncio
import gzip
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from llmgine_cli.errors import ProviderError, TimedOutError
from llmgine_cli.llm.messages import File, Image, Message, Text, ToolCall, ToolResult, system
from llmgine_cli.providers.presets import VENDORS
from llmgine_cli.providers.sdk import SdkTransport
from llmgine_cli.providers.transport import Endpoint
from llmgine_cli.providers.vendor import Vendor
from tests.support.adapters import KEY, PROTOCOLS, ROWS, WEATHER, Protocol, ask, provider, request
from tests.support.facts import wait_until
from tests.support.server import Answer, Events, FakeVendor, Fault, Silence

protocols = pytest.mark.parametrize("protocol", PROTOCOLS)
streamed_or_not = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])


@asynccontextmanager
async def connected(base_url: str, vendor: Vendor = VENDORS["openai"], **endpoint: Any) -> AsyncIterator[SdkTransport]:
    """A transport, closed afterwards."""
    made = SdkTransport(vendor, Endpoint(**{"provider": "acme", "base_url": base_url, "key": KEY, **endpoint}))
    try:
        yield made
    finally:
        await made.aclose()


@protocols
@streamed_or_not
async def test_the_body_is_the_one_that_plain_http_sends(protocol: Protocol, stream: bool) -> None:
    call = ToolCall(id="call_1", name="f", arguments='{"a": 1e3}')
    talk = [
        system("be brief"),
        Message("user", (Text("look: 🌍 caf\udce9"), Image(data=b"\x89PNG", media_type="image/png"))),
        Message("assistant", (Text("wait"), call)),
        Message("tool", (ToolResult(call_id="call_1", name="f", content="no", is_error=True),)),
        Message("user", (File(name="a.pdf", data=b"%PDF", media_type="application/pdf"), Text("and?"))),
    ]
    options: dict[str, Any] = {
        "temperature": 0,
        "max_tokens": 7,
        "stop": ("\n",),
        "extra": {"metadata": {"user_id": None}},
    }
    asked = request(*talk, stream=stream, tools=[WEATHER], **options)
    with FakeVendor(always=Answer("ok")) as vendor:
        await ask(protocol, vendor, asked, transport="http")
        await ask(protocol, vendor, asked, transport="sdk")
    first, second = vendor.requests
    assert second.path == first.path
    assert second.body == first.body
    assert second.headers["authorization"] == f"Bearer {KEY}" or second.headers["x-api-key"] == KEY


@protocols
async def test_its_own_headers_and_those_of_the_settings_go_along(protocol: Protocol) -> None:
    preset = replace(ROWS[protocol].preset, headers={"X-Team": "blue"})
    with FakeVendor([Answer("ok")]) as vendor:
        await ask(protocol, vendor, preset=preset, transport="sdk")
    (sent,) = vendor.requests
    assert sent.headers["x-team"] == "blue"
    assert "x-stainless-lang" in sent.headers  # of the SDK


@protocols
async def test_a_server_without_a_key_gets_none_out_of_the_environment(
    protocol: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.setenv(name, "sk-of-another-vendor")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-another-vendor")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-of-another-vendor")
    mine = replace(ROWS[protocol].preset, name="mine", key_env=None)
    with FakeVendor([Answer("ok")], models=["m"]) as vendor:
        async with provider(protocol, vendor.url, preset=mine, key=None, transport="sdk") as made:
            assert [event async for event in made.stream(request())]
            await made.models()
    for sent in (*vendor.requests, *vendor.lookups):
        assert "another-vendor" not in str(sent.headers)
        assert not {"authorization", "x-api-key"} & sent.headers.keys()


@protocols
async def test_a_header_of_the_users_own_may_carry_the_key(protocol: Protocol) -> None:
    mine = replace(ROWS[protocol].preset, name="mine", headers={"authorization": "Bearer mine"})
    with FakeVendor([Answer("ok")], key="mine") as vendor:
        await ask(protocol, vendor, preset=mine, key=None, transport="sdk")
    assert vendor.requests[0].headers["authorization"] == "Bearer mine"


async def test_openai_itself_is_told_the_organization(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    with FakeVendor([Answer("ok")]) as vendor:
        await ask("chat", vendor, transport="sdk")
    assert vendor.requests[0].headers["openai-organization"] == "org-1"


@protocols
@pytest.mark.parametrize("status", [408, 409, 429, 500, 529])
async def test_it_does_not_try_again_by_itself(protocol: Protocol, status: int) -> None:
    with FakeVendor(always=Fault(status, headers={"Retry-After": "0"})) as vendor, pytest.raises(ProviderError):
        await ask(protocol, vendor, transport="sdk")
    assert len(vendor.requests) == 1


async def test_an_endless_error_page_is_not_read_to_its_end() -> None:
    page = Events([b"x" * 65536] * 1000, status=500, content_type="text/plain")
    with FakeVendor([page]) as vendor:
        async with connected(vendor.url) as transport:
            with pytest.raises(ProviderError) as caught:
                await transport.post("/chat/completions", {}).__aenter__()
        assert await asyncio.to_thread(vendor.requests[0].hung_up.wait, 20)
    assert len(str(caught.value)) < 600


async def test_a_compressed_answer_is_read() -> None:
    fault = Fault(200, body=gzip.compress(b'{"hello": 1}'), headers={"Content-Encoding": "gzip"})
    with FakeVendor([fault]) as vendor:
        async with connected(vendor.url) as transport, transport.post("/chat/completions", {}) as answer:
            assert await answer.whole() == b'{"hello": 1}'


async def test_a_page_that_never_comes_times_out() -> None:
    with FakeVendor(lookup=Silence()) as vendor:
        async with connected(vendor.url) as transport:
            with pytest.raises(TimedOutError):
                await transport.get("/models", seconds=0.2)


async def test_cancelling_before_the_first_byte_hangs_up() -> None:
    with FakeVendor([Silence()]) as vendor:
        async with connected(vendor.url) as transport:
            waiting = asyncio.create_task(transport.post("/chat/completions", {}).__aenter__())
            await asyncio.to_thread(wait_until, lambda: bool(vendor.requests))
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert await asyncio.to_thread(vendor.requests[0].hung_up.wait, 20)


@pytest.mark.parametrize(("protocol", "other"), [("chat", "anthropic"), ("anthropic", "openai")])
def test_the_sdk_is_imported_with_the_first_request_and_the_other_never(protocol: str, other: str) -> None:
    code = f"""
import asyncio, sys
from llmgine_cli.providers.sdk import SdkTransport
from llmgine_cli.providers.own_vendors import merged
from llmgine_cli.providers.presets import VENDORS
from llmgine_cli.providers.transport import Endpoint

def loaded():
    return {{name for name in ("openai", "anthropic", "httpx2") if name in sys.modules}}

async def main():
    vendor = merged(VENDORS, {{"mine": {{"protocol": "{protocol}"}}}})["mine"]
    transport = SdkTransport(vendor, Endpoint(provider="mine", base_url="http://127.0.0.1:1/v1", key="k"))
    print(*sorted(loaded()))
    try:
        await transport.get("/models", seconds=5)
    except Exception as error:
        print(type(error).__name__)
    print(*sorted(loaded()))

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    before, error, after = done.stdout.splitlines()
    assert before == ""
    assert error == "UnreachableError"
    assert set(after.split()) == {"openai", "anthropic", "httpx2"} - {other}
