"""The adapter for Anthropic messages."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec

from llmgine_cli.llm.embeddings import EmbeddingRequest, Embeddings, no_embeddings
from llmgine_cli.llm.messages import Request
from llmgine_cli.llm.stream import StreamEvent
from llmgine_cli.providers import faults
from llmgine_cli.providers.anthropic_caching import cached
from llmgine_cli.providers.anthropic_messages import messages_of, system_of, tools_of
from llmgine_cli.providers.anthropic_options import AnthropicOptions, answer_of
from llmgine_cli.providers.anthropic_wire import Event, Reading
from llmgine_cli.providers.remote import RemoteProvider
from llmgine_cli.providers.transport import Answer
from llmgine_cli.providers.wire import decode, decode_whole, drain

VERSION = "2023-06-01"  # of the API; https://platform.claude.com/docs/en/api/versioning


class AnthropicProvider(RemoteProvider):
    """A vendor that speaks Anthropic messages; its base URL may end in `/v1` or not."""

    _decoder = msgspec.json.Decoder(Event)
    _options: AnthropicOptions

    async def embed(self, request: EmbeddingRequest) -> Embeddings:  # noqa: ARG002 -- whatever is asked
        """Refuse: the protocol has no way to ask for vectors."""
        raise no_embeddings(self.name)

    @property
    def _path(self) -> str:
        return f"{self._prefix}/messages"

    @property
    def _models_path(self) -> str:
        return f"{self._prefix}/models?limit=1000"

    @property
    def _prefix(self) -> str:
        return "" if self._endpoint.base_url.endswith("/v1") else "/v1"

    def _headers(self) -> dict[str, str]:
        key = {"x-api-key": self._endpoint.key} if self._endpoint.key else {}
        return {"anthropic-version": VERSION, **key}

    def _body(self, request: Request) -> dict[str, Any]:
        said, tools = self._said(request), request.tools
        if (form := self._options.form(request)) is not None and form.tool is not None:
            tools = (*tools, form.tool)
        body: dict[str, Any] = {"model": request.model, "messages": messages_of(said, self.name)}
        if system := system_of(said):
            body["system"] = system
        if tools:
            body["tools"] = tools_of(tools)
        if request.stream:
            body["stream"] = True
        return cached(body, wanted=self._caches(request))

    def _caches(self, request: Request) -> bool | None:
        """Whether to have the prompt kept: always, never, or (None) when that will pay."""
        if request.options.cache is not None:
            return request.options.cache
        return None if self._vendor.prompt_caching else False

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        """Ask the model; see `RemoteProvider.stream`."""
        form = self._options.form(request)
        events = super().stream(request)
        if form is not None and form.tool is not None:
            events = answer_of(events, form.tool.name)
        async with aclosing(events):
            async for event in events:
                yield event

    def _make_options(self) -> AnthropicOptions:
        return AnthropicOptions(self._vendor)

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
            raise faults.empty(self._endpoint, "Anthropic messages")
        for event in Reading().whole(message):
            yield event
