"""What all providers at the other end of a connection share; a wire format adds bodies and how answers are read."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from llmgine_cli.errors import ContextWindowError, ModelNotFoundError
from llmgine_cli.llm.embeddings import EmbeddingRequest, Embeddings
from llmgine_cli.llm.messages import Message, Request
from llmgine_cli.llm.stream import StreamEvent
from llmgine_cli.providers.embedding import embed
from llmgine_cli.providers.forms import instructed
from llmgine_cli.providers.http import HttpTransport
from llmgine_cli.providers.options import Options
from llmgine_cli.providers.overflow import explain
from llmgine_cli.providers.transport import Answer, Endpoint, Transport
from llmgine_cli.providers.vendor import Vendor
from llmgine_cli.providers.wire import list_models, with_near_misses


class RemoteProvider(ABC):
    """A vendor that is asked over a transport.

    Args:
        vendor: Its names and quirks.
        endpoint: Where it is.
        transport: Carries the bytes; default: plain HTTP.
    """

    def __init__(self, vendor: Vendor, endpoint: Endpoint, transport: Transport | None = None) -> None:
        self._vendor = vendor
        self._endpoint = endpoint
        self._transport = transport or HttpTransport(endpoint, {**self._headers(), **vendor.headers})
        self._options = self._make_options()

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
        body = {**self._body(request), **self._options.fields(request)}
        try:
            async with self._transport.post(self._path, body) as answer:
                events = self._streamed(answer) if answer.streamed else self._whole(answer)
                async with aclosing(events):
                    async for event in events:
                        yield event
        except ContextWindowError as error:
            raise explain(error, request.model) from error.__cause__
        except ModelNotFoundError as error:
            raise await with_near_misses(
                error, request.model, self._transport, self._endpoint, self._models_path
            ) from error.__cause__

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """Turn texts into vectors, in OpenAI's way.

        Raises:
            ProviderError: The vendor failed, or has no such model.
            SettingsError: The key was refused, or the address is wrong.
        """
        try:
            return await embed(request, self._transport, self._endpoint)
        except ContextWindowError as error:
            raise explain(error, request.model, what="text") from error.__cause__
        except ModelNotFoundError as error:
            raise await with_near_misses(
                error, request.model, self._transport, self._endpoint, self._models_path
            ) from error.__cause__

    async def models(self, *, seconds: float = 10.0) -> list[str]:
        """Return the names of the vendor's models.

        Raises:
            ProviderError: The vendor could not be asked.
            SettingsError: The key was refused.
        """
        return await list_models(self._transport, self._endpoint, self._models_path, seconds=seconds)

    async def aclose(self) -> None:
        """Release connections. Harmless the second time."""
        await self._transport.aclose()

    # -- what a wire format says

    def _make_options(self) -> Options:
        """Return what translates the options of the model."""
        return Options(self._vendor)

    @property
    @abstractmethod
    def _path(self) -> str:
        """Where models are asked."""

    @property
    def _models_path(self) -> str:
        """Where the list of models is."""
        return "/models"

    def _headers(self) -> Mapping[str, str]:
        """Return the headers that carry the key, and others that every request has."""
        return {"Authorization": f"Bearer {self._endpoint.key}"} if self._endpoint.key else {}

    def _said(self, request: Request) -> tuple[Message, ...]:
        """Return the conversation, with what a model has to be told in words of the form of its answer."""
        told = self._options.instruction(request)
        return instructed(request.messages, told) if told else request.messages

    @abstractmethod
    def _body(self, request: Request) -> dict[str, Any]:
        """Return the request, but for the options of the model."""

    @abstractmethod
    def _streamed(self, answer: Answer) -> AsyncGenerator[StreamEvent, None]:
        """Read an answer that comes in pieces."""

    @abstractmethod
    def _whole(self, answer: Answer) -> AsyncGenerator[StreamEvent, None]:
        """Read an answer that comes whole."""
