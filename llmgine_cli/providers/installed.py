"""Providers that installed packages offer, under the entry point group `llmgine.providers`.

An entry point names a function that makes one of a `ProviderContext`, or a class. What it makes has `stream`, and
`embed`, `models` and `aclose` if it can do these. The names of our own providers cannot be taken.
"""

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import aclosing, contextmanager, nullcontext, suppress
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any, get_args

from llmgine_cli.errors import LlmgineError, ProviderError, SettingsError
from llmgine_cli.llm.embeddings import EmbeddingRequest, Embeddings, no_embeddings
from llmgine_cli.llm.messages import Request
from llmgine_cli.llm.provider import Provider, ProviderContext
from llmgine_cli.llm.stream import StreamEvent
from llmgine_cli.providers.vendor import Vendor

GROUP = "llmgine.providers"
_EVENTS = get_args(StreamEvent)


def installed() -> Mapping[str, Vendor]:
    """Return the providers of installed packages as rows, by name; nothing of theirs is loaded."""
    return {name: Vendor(name=name, protocol="installed", takes_files=True) for name in sorted(_points())}


def make(context: ProviderContext) -> Provider:
    """Make the provider that the context names.

    Raises:
        SettingsError: It cannot be made; the message says why.
    """
    keys: list[str] = []

    def key(variable: str) -> str | None:
        value = context.key(variable)
        keys.extend([value] if value else [])
        return value

    if context.api_key:
        keys.append(context.api_key)
    point = _points()[context.name]
    package = f" of {point.dist.name}" if point.dist else ""
    try:
        made = point.load()(replace(context, key=key))
        has_stream = callable(getattr(made, "stream", None))
    except LlmgineError:
        raise
    except (Exception, SystemExit) as error:  # a stranger's package may raise anything
        raise SettingsError(
            f"provider {context.name!r}{package} cannot be made: {_said(error, keys)}", hint="use another model: -m"
        ) from error
    if not has_stream:
        raise SettingsError(f"provider {context.name!r}{package} has no stream: {type(made).__name__}")
    return _Guarded(context.name, made, keys)


class _Guarded:
    """A stranger's provider: what it raises is told as its failure, and what it has not is done without."""

    def __init__(self, name: str, made: Any, keys: Sequence[str]) -> None:
        self._name = name
        self._made = made
        self._keys = keys  # as they were asked for: none of them is told

    @property
    def name(self) -> str:
        return self._name

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        with self._failing():
            events = self._made.stream(request)
            if not hasattr(events, "__aiter__"):
                kind = type(events).__name__
                raise TypeError(f"stream is no async generator: it returned a {kind}")
            async with aclosing(events) if hasattr(events, "aclose") else nullcontext(events) as given:
                async for event in given:
                    if not isinstance(event, _EVENTS):
                        raise TypeError(f"stream gave a {type(event).__name__}, which is no event of a stream")
                    yield event

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        with self._failing():
            if not hasattr(self._made, "embed"):
                raise no_embeddings(self._name)
            answer = await self._made.embed(request)
            if not isinstance(answer, Embeddings):
                raise TypeError(f"embed gave a {type(answer).__name__}, and Embeddings are wanted")
            return answer

    async def models(self, *, seconds: float = 10.0) -> list[str]:
        with self._failing():
            if not hasattr(self._made, "models"):
                return []
            return [str(name) for name in await self._made.models(seconds=seconds)]

    async def aclose(self) -> None:
        with suppress(Exception, SystemExit):  # what it leaves open ends with the program
            if hasattr(self._made, "aclose"):
                await self._made.aclose()

    @contextmanager
    def _failing(self) -> Generator[None]:
        try:
            yield
        except (LlmgineError, GeneratorExit, KeyboardInterrupt):
            raise
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise self._failure(error) from error  # nobody asked for that but the provider itself
        except BaseException as error:
            raise self._failure(error) from error

    def _failure(self, error: BaseException) -> ProviderError:
        return ProviderError(f"{self._name} failed: {_said(error, self._keys)}", provider=self._name)


def _points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _said(error: BaseException, keys: Sequence[str]) -> str:
    line = " ".join(f"{type(error).__name__}: {error}".removesuffix(": ").split())
    for key in keys:
        line = line.replace(key, "***")
    return line
