"""Providers that talk to the fake vendor, and what came of it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from llmgine_cli.llm.messages import Message, ModelOptions, Request, ResponseFormat, ToolSpec, user
from llmgine_cli.llm.stream import Reply, StreamEvent, fold
from llmgine_cli.providers.anthropic import AnthropicProvider
from llmgine_cli.providers.chat import ChatProvider
from llmgine_cli.providers.presets import VENDORS
from llmgine_cli.providers.remote import RemoteProvider
from llmgine_cli.providers.responses import ResponsesProvider
from llmgine_cli.providers.sdk import SdkTransport
from llmgine_cli.providers.transport import Endpoint
from llmgine_cli.providers.vendor import Vendor
from tests.support.server import FakeVendor

Protocol = Literal["chat", "anthropic", "responses"]
Transport = Literal["http", "sdk"]


@dataclass(frozen=True)
class Row:
    """A protocol: the adapter that speaks it, and a vendor that does."""

    adapter: type[RemoteProvider]
    preset: Vendor


ROWS: dict[Protocol, Row] = {
    "chat": Row(ChatProvider, VENDORS["openai"]),
    "anthropic": Row(AnthropicProvider, VENDORS["anthropic"]),
    "responses": Row(ResponsesProvider, VENDORS["openai"]),
}
PROTOCOLS: tuple[Protocol, ...] = tuple(ROWS)
TRANSPORTS: tuple[Transport, ...] = ("http", "sdk")
KEY = "sk-test-0123456789"
WEATHER = ToolSpec(
    name="get_weather",
    description="The weather now.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


@asynccontextmanager
async def provider(
    protocol: Protocol,
    base_url: str,
    *,
    preset: Vendor | None = None,
    transport: Transport = "http",
    **endpoint: Any,
) -> AsyncIterator[RemoteProvider]:
    """A provider for a base URL, closed afterwards."""
    vendor = preset or ROWS[protocol].preset
    settings: dict[str, Any] = {"key": KEY, "key_env": vendor.key_env, "key_source": "environment", **endpoint}
    place = Endpoint(provider=vendor.name, base_url=base_url, **settings)
    made = ROWS[protocol].adapter(vendor, place, SdkTransport(vendor, place) if transport == "sdk" else None)
    try:
        yield made
    finally:
        await made.aclose()


def request(
    *messages: Message | str,
    stream: bool = True,
    model: str = "test-model",
    tools: Sequence[ToolSpec] = (),
    response_format: ResponseFormat | None = None,
    **options: Any,
) -> Request:
    """A request; a text is a message of the user."""
    said = tuple(user(message) if isinstance(message, str) else message for message in messages or ("hi",))
    return Request(
        model=model,
        messages=said,
        tools=tuple(tools),
        options=ModelOptions(**options),
        response_format=response_format,
        stream=stream,
    )


async def events(
    protocol: Protocol, vendor: FakeVendor, asked: Request | None = None, **more: Any
) -> list[StreamEvent]:
    """All events of one answer."""
    async with provider(protocol, vendor.url, **more) as made, aclosing(made.stream(asked or request())) as stream:
        return [event async for event in stream]


async def ask(protocol: Protocol, vendor: FakeVendor, asked: Request | None = None, **more: Any) -> Reply:
    """The reply to one request."""
    async with provider(protocol, vendor.url, **more) as made, aclosing(made.stream(asked or request())) as stream:
        return await fold(stream)


@dataclass(frozen=True)
class Peer:
    """A protocol over a transport."""

    protocol: Protocol
    transport: Transport

    def __str__(self) -> str:
        return f"{self.protocol}-{self.transport}"

    @property
    def vendor(self) -> Vendor:
        """A vendor that speaks the protocol."""
        return ROWS[self.protocol].preset

    def provider(self, base_url: str, **more: Any) -> AbstractAsyncContextManager[RemoteProvider]:
        """A provider for a base URL, closed afterwards."""
        return provider(self.protocol, base_url, transport=self.transport, **more)

    async def events(self, vendor: FakeVendor, asked: Request | None = None, **more: Any) -> list[StreamEvent]:
        """All events of one answer."""
        return await events(self.protocol, vendor, asked, transport=self.transport, **more)

    async def ask(self, vendor: FakeVendor, asked: Request | None = None, **more: Any) -> Reply:
        """The reply to one request."""
        return await ask(self.protocol, vendor, asked, transport=self.transport, **more)


PEERS = tuple(Peer(protocol, transport) for protocol in PROTOCOLS for transport in TRANSPORTS)
