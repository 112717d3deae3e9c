"""Models on this machine: llama.cpp serves them on loopback, and the chat-completions adapter talks to it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llmgine_cli.errors import (
    ContextWindowError,
    ProviderError,
    SettingsError,
    TruncatedError,
    UnreachableError,
    UsageError,
)
from llmgine_cli.llm.embeddings import EmbeddingRequest, Embeddings
from llmgine_cli.llm.messages import Request
from llmgine_cli.llm.stream import StreamEvent, TextDelta
from llmgine_cli.providers import weights

if TYPE_CHECKING:
    from llmgine_cli.providers.chat import ChatProvider
    from llmgine_cli.providers.llama import LlamaServer
    from llmgine_cli.providers.transport import Endpoint, Transport

_PROPS_TIMEOUT = 10.0  # seconds
_LAST_BREATH = 1.0  # seconds that a dying server may take to be gone after its connections broke


def installed() -> str | None:
    """Return the name of the embedded model if it can be used here, without loading anything."""
    return weights.SMOLLM2.name if find_spec("xllamacpp") is not None and weights.present() else None


class LocalProvider:
    """Serves GGUF files, each by a llama.cpp of its own that starts with the first request for it.

    A model's name is that of the embedded one, that of another file in the models folder without `.gguf`, or a path.

    Args:
        connect_timeout: Seconds to wait for a connection to llama.cpp.
        idle_timeout: Seconds to wait for its next sign of life, once the model is loaded.
    """

    def __init__(self, *, connect_timeout: float, idle_timeout: float) -> None:
        self._connect_timeout = connect_timeout
        self._idle_timeout = idle_timeout
        self._serving: dict[tuple[Path, bool], asyncio.Task[_Served]] = {}

    @property
    def name(self) -> str:
        """The left half of `local:smollm2-135m`."""
        return "local"

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        """Ask the model, after loading it if need be.

        Raises:
            SettingsError: llama.cpp or the embedded model is not installed.
            NotFoundError: There is no model of that name.
            UsageError: The path is not that of a GGUF file.
            ProviderError: llama.cpp cannot load it, or failed.
        """
        served = await self._serve(_file(request.model))
        try:
            events = served.answer(request)
            async with aclosing(events if request.stream else _whole(events)) as answer:
                async for event in answer:
                    yield event
        except ProviderError as error:
            raise await _explained(error, served) from error

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """Turn texts into vectors: the mean of what the model makes of each token, of length 1.

        Raises:
            UsageError: The path is not that of a GGUF file, or another length of the vectors is asked for.
            NotFoundError: There is no model of that name.
            SettingsError: llama.cpp or the embedded model is not installed.
            ProviderError: llama.cpp cannot load it, a text is too long for it, or it failed.
        """
        if request.dimensions is not None:
            raise UsageError("a model on this machine has vectors of one length", hint="leave out --dimensions")
        served = await self._serve(_file(request.model), embedding=True)
        try:
            return await served.chat.embed(request)
        except ProviderError as error:
            raise await _explained(error, served, what="text") from error

    async def models(self, *, seconds: float = 10.0) -> list[str]:  # noqa: ARG002 -- a folder is read at once
        """Return the names of the models in the models folder."""
        return [model.name for model in weights.stored()]

    async def aclose(self) -> None:
        """Stop what was started. Harmless the second time."""
        tasks = list(self._serving.values())
        self._serving.clear()
        for task in tasks:
            task.cancel()
        for served in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(served, _Served):
                await served.aclose()

    async def _serve(self, path: Path, *, embedding: bool = False) -> "_Served":
        task = self._serving.get((path, embedding))
        if task is None or _failed(task):
            task = asyncio.create_task(self._start(path, embedding=embedding, instead_of=task))
            task.add_done_callback(_heard)
            self._serving[path, embedding] = task
        return await asyncio.shield(task)  # the next request can use what this one, cancelled, began to load

    async def _start(self, path: Path, *, embedding: bool, instead_of: "asyncio.Task[_Served] | None") -> "_Served":
        from llmgine_cli.providers.llama import PING, LlamaServer

        if instead_of is not None and not instead_of.cancelled() and instead_of.exception() is None:
            await instead_of.result().aclose()
        embedded = path == weights.path()
        habits = weights.SMOLLM2.habits if embedded else None
        server = LlamaServer(path, name=path.stem, habits=habits, embedding=embedding)
        try:
            # llama.cpp loads meanwhile: these imports cost no time here.
            import_module("httpx2")
            from llmgine_cli.providers.chat import ChatProvider
            from llmgine_cli.providers.http import HttpTransport
            from llmgine_cli.providers.presets import VENDORS
            from llmgine_cli.providers.transport import Endpoint

            endpoint = Endpoint(
                provider=self.name,
                # Vectors without /v1 come in llama.cpp's own form; what it tells of a model, only there.
                base_url=await server.ready() + ("/v1" if embedding else ""),
                key=server.key,
                connect_timeout=self._connect_timeout,
                idle_timeout=max(self._idle_timeout, 3 * PING),
            )
        except BaseException:
            server.stop()
            raise
        # llama.cpp's server hangs up after an answer without announcing it, which a request on the same connection may
        # meet; on loopback a new one costs nothing.
        transport = HttpTransport(endpoint, {"Authorization": f"Bearer {server.key}", "Connection": "close"})
        chat = ChatProvider(VENDORS[self.name], endpoint, transport)
        return _Served(server=server, endpoint=endpoint, transport=transport, chat=chat)


class _Caps(msgspec.Struct):
    supports_tools: bool


class _Props(msgspec.Struct):
    """What llama.cpp tells of a model, as far as we need it."""

    chat_template_caps: _Caps


@dataclass(kw_only=True)
class _Served:
    """A model that is loaded.

    Attributes:
        server: The process.
        endpoint: Where it is.
        transport: Carries requests to it.
        chat: Speaks its protocol.
        calls_tools: Whether the model was trained to call tools; None: not yet known.
    """

    server: "LlamaServer"
    endpoint: "Endpoint"
    transport: "Transport"
    chat: "ChatProvider"
    calls_tools: bool | None = None

    async def answer(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        """Ask the model; about tools in words and JSON if it knows no better way."""
        from llmgine_cli.providers.constrained import FREE, TIGHT, constrain, formed, translate

        # Always streamed: llama.cpp then shows signs of life while it reads a long prompt.
        asked = msgspec.structs.replace(request, stream=True)
        form = request.response_format is not None
        # llama.cpp holds an answer to one form: to that of a call as the model was trained for it, or to the user's.
        in_words = _about_tools(request) and (form or not await self._calls_tools())
        bounds = TIGHT if self.server.path == weights.path() else FREE
        events = self.chat.stream(constrain(asked, bounds) if in_words else formed(asked, bounds))
        if in_words and request.tools:
            number = 1 + sum(len(message.tool_calls) for message in request.messages)
            events = translate(events, number=number, form=form)
        async with aclosing(events):
            async for event in events:
                yield event

    async def aclose(self) -> None:
        """Hang up, and stop the process. Harmless the second time."""
        await self.chat.aclose()
        self.server.stop()

    async def _calls_tools(self) -> bool:
        """Whether the chat template in the file can show tools to the model; others drop them silently."""
        if self.calls_tools is None:
            from llmgine_cli.providers.wire import decode

            page = await self.transport.get("/props", seconds=_PROPS_TIMEOUT)
            self.calls_tools = decode(
                page, msgspec.json.Decoder(_Props), self.endpoint
            ).chat_template_caps.supports_tools
        return self.calls_tools


def _about_tools(request: Request) -> bool:
    return bool(request.tools) or any(message.role == "tool" or message.tool_calls for message in request.messages)


async def _whole(events: AsyncGenerator[StreamEvent, None]) -> AsyncGenerator[StreamEvent, None]:
    """The same events with each run of text in one piece."""
    text: list[str] = []
    async with aclosing(events):
        async for event in events:
            if isinstance(event, TextDelta):
                text.append(event.text)
                continue
            if text:
                yield TextDelta("".join(text))
                text.clear()
            yield event


def _file(model: str) -> Path:
    """Where the model of that name is."""
    if find_spec("xllamacpp") is None:
        raise SettingsError(
            "models on this machine need xllamacpp, which is not installed", hint="pip install 'llmgine-cli[local]'"
        )
    if Path(model).name != model or model.endswith(".gguf"):
        return Path(model).expanduser().absolute()
    if model == weights.SMOLLM2.name and not weights.path().is_file():
        raise SettingsError(f"the model {model} is not on this machine yet", hint="get it with: llmgine models pull")
    return weights.find(model)


def _failed(task: "asyncio.Task[_Served]") -> bool:
    """Whether it did not load, or loaded and is gone."""
    return task.done() and (task.cancelled() or task.exception() is not None or not task.result().server.running)


def _heard(task: "asyncio.Task[_Served]") -> None:
    """Take note of a failure that nobody waits for any more, or asyncio complains of it."""
    if not task.cancelled():
        task.exception()


async def _explained(error: ProviderError, served: _Served, *, what: str = "conversation") -> ProviderError:
    """Say what llama.cpp's error means, if it is one that people can do something about."""
    broken = isinstance(error, UnreachableError | TruncatedError)
    if await asyncio.to_thread(served.server.ended, within=_LAST_BREATH if broken else 0):
        return served.server.gone()
    if isinstance(error, ContextWindowError):
        from llmgine_cli.providers.overflow import explain

        return explain(error, served.server.path.stem, what=what)
    return error
