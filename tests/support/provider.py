"""A provider that says what it was told to say, and remembers what it was asked."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from typing import TypeAlias

from llmgine_cli.llm.messages import Request, ToolCall
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
    def model(self) -> Model:
        """A model of this provider."""
        return Model(provider=self, name="model-1")

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        """Send the next script, step by step."""
        self.requests.append(request)
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

    async def aclose(self) -> None:
        """Nothing is held."""


def says(*pieces: str, usage: Usage | None = None) -> list[Step]:
    """The script of an answer in so many pieces."""
    report: list[Step] = [UsageReported(usage)] if usage else []
    return [*(TextDelta(piece) for piece in pieces), *report, Finished(reason="stop", model="model-1-2026")]


def asks_for(*calls: ToolCall, text: str = "") -> list[Step]:
    """The script of an answer that asks for tools."""
    script: list[Step] = [TextDelta(text)] if text else []
    for index, call in enumerate(calls):
        script += [ToolCallOpened(index=index, id=call.id, name=call.name), ToolCallComplete(index=index, call=call)]
    return [*script, Finished(reason="tool_calls")]
