"""Providers that installed packages offer, under the entry point group `llmgine.providers`.

An entry point names a function that makes one of a `ProviderContext`, or a class. What it makes has `stream`, and
`embed`, `models` and `aclose` if it can do these. The names of our own providers cannot be taken.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from llmgine_cli.errors import LlmgineError, ProviderError, SettingsError
from llmgine_cli.llm.embeddings import EmbeddingRequest, Embeddings, no_embeddings
from llmgine_cli.llm.messages import Request
from llmgine_cli.llm.provider import Provider, ProviderContext
from llmgine_cli.llm.stream import StreamEvent
from llmgine_cli.providers.vendor import Vendor

GROUP = "llmgine.providers"


def installed() -> Mapping[str, Vendor]:
    """Return the providers of installed packages as rows, by name; nothing of theirs is loaded."""
    return {name: Vendor(name=name, protocol="installed", takes_files=True) for name in sorted(_points())}


def make(context: ProviderContext) -> Provider:
    """Make the provider that the context names.

    Raises:
        SettingsError: It cannot be made; the message says why.
    """
    point = _points()[context.name]
    package = f" of {point.dist.name}" if point.dist else ""
    try:
        made = point.load()(context)
    except LlmgineError:
        raise
    except (Exception, SystemExit) as error:  # a stranger's package may raise anything
        raise SettingsError(
            f"provider {context.name!r}{package} cannot be made: {_said(error)}", hint="use another model: -m"
        ) from error
    if not callable(getattr(made, "stream", None)):
        raise SettingsError(f"provider {context.name!r}{package} has no stream: {type(made).__name__}")
    return _Guarded(context.name, made)


class _Guarded:
    """A stranger's provider: what it raises is told as its failure, and what it has not is done without."""

    def __init__(self, name: str, made: Any) -> None:
        self._name = name
        self._made = made

    @property
    def name(self) -> str:
        return self._name

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        try:
            async with aclosing(self._made.stream(request)) as events:
                async for event in events:
                    yield event
        except Exception as error:
            raise self._failure(error) from error

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        if not hasattr(self._made, "embed"):
            raise no_embeddings(self._name)
        try:
            answer: Embeddings = await self._made.embed(request)
        except Exception as error:
            raise self._failure(error) from error
        return answer

    async def models(self, *, seconds: float = 10.0) -> list[str]:
        if not hasattr(self._made, "models"):
            return []
        try:
            return [str(name) for name in await self._made.models(seconds=seconds)]
        except Exception as error:
            raise self._failure(error) from error

    async def aclose(self) -> None:
        if hasattr(self._made, "aclose"):
            await self._made.aclose()

    def _failure(self, error: Exception) -> LlmgineError:
        if isinstance(error, LlmgineError):
            return error
        return ProviderError(f"{self._name} failed: {_said(error)}", provider=self._name)


def _points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
