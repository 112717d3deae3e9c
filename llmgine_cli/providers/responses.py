"""The adapter for OpenAI Responses, used without state on the server: each request carries the whole conversation."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec

from llmgine_cli.errors import ProviderError
from llmgine_cli.llm.messages import Request
from llmgine_cli.llm.stream import StreamEvent
from llmgine_cli.providers import faults
from llmgine_cli.providers.remote import RemoteProvider
from llmgine_cli.providers.responses_input import input_of, instructions_of, tools_of
from llmgine_cli.providers.responses_options import ResponsesOptions
from llmgine_cli.providers.responses_reading import Reading
from llmgine_cli.providers.responses_wire import Event, Response
from llmgine_cli.providers.transport import Answer
from llmgine_cli.providers.wire import decode, decode_whole, drain


class ResponsesProvider(RemoteProvider):
    """A vendor that speaks OpenAI Responses."""

    _events = msgspec.json.Decoder(Event)
    _responses = msgspec.json.Decoder(Response)
    _options: ResponsesOptions

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        """Ask the model, and once more without what it was asked for beyond the user's wishes, should it refuse that.

        Raises:
            ProviderError: The vendor failed.
            SettingsError: The key was refused, or the address is wrong.
            UsageError: The vendor cannot take a part of the conversation.
        """
        while True:
            try:
                async with aclosing(super().stream(request)) as events:
                    async for event in events:
                        yield event
            except ProviderError as error:
                if error.status == 400 and self._options.give_up(request, error.message):
                    continue
                raise
            return

    def _make_options(self) -> ResponsesOptions:
        return ResponsesOptions(self._vendor)

    @property
    def _path(self) -> str:
        return "/responses"

    def _body(self, request: Request) -> dict[str, Any]:
        said = self._said(request)
        body: dict[str, Any] = {"model": request.model, "input": input_of(said, self._vendor), "store": False}
        if instructions := instructions_of(said):
            body["instructions"] = instructions
        if request.tools:
            body["tools"] = tools_of(request.tools)
        if request.stream:
            body["stream"] = True
        return body

    async def _streamed(self, answer: Answer) -> AsyncGenerator[StreamEvent, None]:
        reading = Reading(self._endpoint)
        async with aclosing(answer.events()) as events:
            async for data in events:
                if data == b"[DONE]":  # some gateways end every stream with it
                    break
                for event in reading.add(decode(data, self._events, self._endpoint)):
                    yield event
                if reading.stopped:
                    break
            await drain(events)

    async def _whole(self, answer: Answer) -> AsyncGenerator[StreamEvent, None]:
        response = decode_whole(await answer.whole(), self._responses, self._endpoint)
        if response.output is None and response.error is None:
            raise faults.empty(self._endpoint, "OpenAI Responses")
        for event in Reading(self._endpoint).whole(response):
            yield event
