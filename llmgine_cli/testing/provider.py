"""A provider that says what it was told to say, and remembers what it was asked."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Any, TypeAlias

from llmgine_cli.bus import Bus
from llmgine_cli.engine import Run
from llmgine_cli.llm.embeddings import EmbeddingRequest, Embeddings
from llmgine_cli.llm.history import History
from llmgine_cli.llm.messages import Message, Request, ToolCall
from llmgine_cli.llm.provider import Model
from llmgine_cli.llm.stream import (
    Finished,
    StreamEvent,
    TextDelta,
    ToolCallComplete,
    ToolCallOpened,
    Usage,
    UsageReported,
)

# A step of an answer: something to send, something to raise, or something to wait for.
Step: TypeAlias = StreamEvent | BaseException | asyncio.Event


class ScriptedProvider:
    """Answers each request with the next script.

    Args:
        scripts: The answers, each a sequence of steps: see `says` and `asks_for`.

    Attributes:
        requests: What was asked, in order.
        closed: How many streams were closed before their end.
    """

    name = "scripted"

    def __init__(self, *scripts: Iterable[Step]) -> None:
        self._scripts = [list(script) for script in scripts]
        self.requests: list[Request] = []
        self.closed = 0

    @property
    def left(self) -> int:
        """How many scripts nobody asked for yet."""
        return len(self._scripts)

    @property
    def model(self) -> Model:
        """A model of this provider."""
        return Model(provider=self, name="model-1")

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        """Send the next script, step by step.

        Raises:
            AssertionError: There is no script left: the model was asked more often than the test says.
        """
        self.requests.append(request)
        if not self._scripts:
            raise AssertionError(f"request {len(self.requests)} has no script")
        script = self._scripts.pop(0)
        try:
            for step in script:
                if isinstance(step, BaseException):
                    raise step
                if isinstance(step, asyncio.Event):
                    await step.wait()
                else:
                    yield step
        except (GeneratorExit, asyncio.CancelledError):
            self.closed += 1
            raise

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """Return for each text a vector of one number: how many characters it has."""
        return Embeddings(vectors=tuple([float(len(text))] for text in request.texts), model=request.model)

    async def models(self, *, seconds: float = 10.0) -> list[str]:  # noqa: ARG002 -- it need not be asked
        """Return the name of its one model."""
        return [self.model.name]

    async def aclose(self) -> None:
        """Close nothing: nothing is held."""


def says(*pieces: str, usage: Usage | None = None) -> list[Step]:
    """Return the script of an answer in so many pieces."""
    report: list[Step] = [UsageReported(usage)] if usage else []
    return [*(TextDelta(piece) for piece in pieces), *report, Finished(reason="stop", model="model-1-2026")]


def asks_for(*calls: ToolCall, text: str = "") -> list[Step]:
    """Return the script of an answer that asks for tools."""
    script: list[Step] = [TextDelta(text)] if text else []
    for index, call in enumerate(calls):
        script += [ToolCallOpened(index=index, id=call.id, name=call.name), ToolCallComplete(index=index, call=call)]
    return [*script, Finished(reason="tool_calls")]


def scripted_run(
    *scripts: Iterable[Step], bus: Bus | None = None, messages: Sequence[Message] = (), **more: Any
) -> Run:
    """Return what an engine works with, with a scripted provider behind it: ``await my_engine.handle(prompt, run)``.

    Args:
        scripts: As for `ScriptedProvider`, which is `run.model.provider`.
        bus: Default: a new one.
        messages: What was said before.
        more: As for `Run`.
    """
    bus = bus or Bus()
    return Run(bus=bus, model=ScriptedProvider(*scripts).model, history=History(bus, messages), **more)
