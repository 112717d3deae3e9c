"""The adapter for Anthropic messages."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec

from llmgine_cli.errors import BadResponseError, ModelNotFoundError
from llmgine_cli.llm.messages import Request
from llmgine_cli.llm.stream import StreamEvent
from llmgine_cli.providers import faults
from llmgine_cli.providers.anthropic_messages import messages_of, system_of, tools_of
from llmgine_cli.providers.anthropic_wire import Event, Reading
from llmgine_cli.providers.http import HttpTransport
from llmgine_cli.providers.options import Options
from llmgine_cli.providers.presets import Vendor
from llmgine_cli.providers.transport import Answer, Endpoint, Transport
from llmgine_cli.providers.wire import decode, decode_whole, drain, list_models, with_near_misses

VERSION = "2023-06-01"  # of the API; https://platform.claude.com/docs/en/api/versioning


class AnthropicProvider:
    """A vendor that speaks Anthropic messages.

    Args:
        vendor: Its names and quirks.
        endpoint: Where it is; a base URL may end in `/v1` or not.
        transport: Carries the bytes; default: plain HTTP.
    """

    def __init__(self, vendor: Vendor, endpoint: Endpoint, transport: Transport | None = None) -> None:
        self._endpoint = endpoint
        self._prefix = "" if endpoint.base_url.endswith("/v1") else "/v1"
        headers = {"anthropic-version": VERSION} | ({"x-api-key": endpoint.key} if endpoint.key else {})
        self._transport = transport or HttpTransport(endpoint, {**headers, **vendor.headers})
        self._options = Options(vendor)
        self._decoder = msgspec.json.Decoder(Event)

    @property
    def name(self) -> str:
        """The left half of `provider:model`."""
        return self._endpoint.provider

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        """Ask the model. With `request.stream` false the answer comes whole, as the same kinds of events.

        Raises:
            ProviderError: The vendor failed.
            SettingsError: The key was refused, or the address is wrong.
            UsageError: The vendor cannot take a part of the conversation.
        """
        try:
            async with self._transport.post(f"{self._prefix}/messages", self._body(request)) as answer:
                events = self._streamed(answer) if answer.streamed else self._whole(answer)
                async with aclosing(events):
                    async for event in events:
                        yield event
        except ModelNotFoundError as error:
            raise await with_near_misses(
                error, request.model, self._transport, self._endpoint, self._models_path
            ) from error.__cause__

    async def models(self) -> list[str]:
        """Return the names of the vendor's models.

        Raises:
            ProviderError: The vendor could not be asked.
            SettingsError: The key was refused.
        """
        return await list_models(
            self._transport, self._endpoint, self._models_path, seconds=self._endpoint.idle_timeout
        )

    async def aclose(self) -> None:
        """Release connections. Harmless the second time."""
        await self._transport.aclose()

    @property
    def _models_path(self) -> str:
        return f"{self._prefix}/models?limit=1000"

    def _body(self, request: Request) -> dict[str, Any]:
        body: dict[str, Any] = {"model": request.model, "messages": messages_of(request.messages, self.name)}
        if said := system_of(request.messages):
            body["system"] = said
        if request.tools:
            body["tools"] = tools_of(request.tools)
        if request.stream:
            body["stream"] = True
        return body | self._options.fields(request)

    async def _streamed(self, answer: Answer) -> AsyncGenerator[StreamEvent, None]:
        reading = Reading()
        async with aclosing(answer.events()) as events:
            async for data in events:
                event = decode(data, self._decoder, self._endpoint)
                if event.type == "error":
                    raise faults.stream_error(self._endpoint, event.error)
                for ours in reading.add(event):
                    yield ours
                if reading.stopped:
                    break
            await drain(events)

    async def _whole(self, answer: Answer) -> AsyncGenerator[StreamEvent, None]:
        message = decode_whole(await answer.whole(), self._decoder, self._endpoint)
        if message.type == "error" or message.error is not None:
            raise faults.stream_error(self._endpoint, message.error)
        if message.content is None:
            raise BadResponseError(
                f"{self.name} answered without an answer in it",
                provider=self.name,
                retryable=True,
                hint=f"is {self._endpoint.shown_url} a server for Anthropic messages?",
            )
        for event in Reading().whole(message):
            yield event
