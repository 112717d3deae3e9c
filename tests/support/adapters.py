"""Providers that talk to the fake vendor, and what came of it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, Literal

from llmgine_cli.llm.messages import Message, ModelOptions, Request, ToolSpec, user
from llmgine_cli.llm.stream import Reply, StreamEvent, fold
from llmgine_cli.providers.anthropic import AnthropicProvider
from llmgine_cli.providers.chat import ChatProvider
from llmgine_cli.providers.presets import VENDORS, Vendor
from llmgine_cli.providers.sdk import SdkTransport
from llmgine_cli.providers.transport import Endpoint
from tests.support.server import FakeVendor

Protocol = Literal["chat", "anthropic"]
Transport = Literal["http", "sdk"]
PROTOCOLS: tuple[Protocol, ...] = ("chat", "anthropic")
PRESETS = {"chat": VENDORS["openai"], "anthropic": VENDORS["anthropic"]}
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
) -> AsyncIterator[ChatProvider | AnthropicProvider]:
    """A provider for a base URL, closed afterwards."""
    vendor = preset or PRESETS[protocol]
    settings: dict[str, Any] = {"key": KEY, "key_env": vendor.key_env, "key_source": "environment", **endpoint}
    place = Endpoint(provider=vendor.name, base_url=base_url, **settings)
    carrier = SdkTransport(vendor, place) if transport == "sdk" else None
    made = (ChatProvider if protocol == "chat" else AnthropicProvider)(vendor, place, carrier)
    try:
        yield made
    finally:
        await made.aclose()


def request(
    *messages: Message | str,
    stream: bool = True,
    model: str = "test-model",
    tools: Sequence[ToolSpec] = (),
    **options: Any,
) -> Request:
    """A request; a text is a message of the user."""
    said = tuple(user(message) if isinstance(message, str) else message for message in messages or ("hi",))
    return Request(model=model, messages=said, tools=tuple(tools), options=ModelOptions(**options), stream=stream)


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
