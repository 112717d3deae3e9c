"""One call of a model, told on the bus from beginning to end."""

import asyncio
import time
from contextlib import aclosing, suppress

import msgspec

from llmgine_cli.bus import Bus
from llmgine_cli.errors import BusClosedError
from llmgine_cli.llm.attempts import Attempts, Once, attempted
from llmgine_cli.llm.estimate import usage_of_partial
from llmgine_cli.llm.events import (
    LLMCallFailed,
    LLMCallFinished,
    LLMCallInterrupted,
    LLMCallStarted,
    ReasoningChunk,
    ReplyGrew,
    TextChunk,
)
from llmgine_cli.llm.messages import Request
from llmgine_cli.llm.provider import Model
from llmgine_cli.llm.stream import ReasoningDelta, Reply, ReplyBuilder, TextDelta, ToolCallOpened, Usage

KEPT_EVERY = 0.5  # seconds between two looks at an answer that comes slowly


async def call_model(
    bus: Bus,
    model: Model,
    request: Request,
    *,
    history: int = 0,
    visible: bool = True,
    builder: ReplyBuilder | None = None,
    attempts: Attempts | None = None,
) -> Reply:
    """Ask the model, and publish what happens: started, chunks, then finished, failed or interrupted.

    Args:
        bus: Where the events go.
        model: Whom to ask.
        request: What to ask.
        history: How many of the request's messages are known from `MessageAdded` events and need no second telling.
        visible: Whether the pieces of the answer are published for the screen.
        builder: What adds the answer up; the caller's own tells what had come when the call did not end well.
        attempts: Says whether and when an attempt is followed by another that failed before anything came of it;
            default: it is not.

    Raises:
        ProviderError: The model or its vendor failed; what had come before is in the `LLMCallFailed` event.
    """
    started = LLMCallStarted(
        model=str(model),
        history=history,
        messages=request.messages[history:],
        tools=tuple(tool.name for tool in request.tools),
        options=request.options,
        response_format=request.response_format,
    )
    # The request is on disk before it is on the wire: a crash in between leaves a trace, not a riddle.
    await bus.publish(started)
    call = _Call(bus, started.event_id, request, builder or ReplyBuilder(), attempts or Once(model), visible=visible)
    return await call.run()


class _Call:
    """A call that is under way."""

    def __init__(
        self, bus: Bus, call_id: str, request: Request, builder: ReplyBuilder, attempts: Attempts, *, visible: bool
    ) -> None:
        self._bus = bus
        self._id = call_id
        self._request = request
        self._builder = builder
        self._attempts = attempts
        self._visible = visible
        self._begin = time.perf_counter()
        self._first: float | None = None
        self._interrupted = False

    async def run(self) -> Reply:
        keeper = _Keeper(self._bus, self._id, self._builder) if self._visible else None
        try:
            reply = await self._attempted()
        except asyncio.CancelledError:
            await self._tell_interrupted()
            raise
        except Exception as error:
            await self._bus.publish(
                LLMCallFailed(
                    call_id=self._id,
                    model=str(self._attempts.model),
                    error=str(error),
                    error_type=type(error).__name__,
                    partial=self._builder.message,
                    duration_ms=self._elapsed(),
                    usage=self._spent(),
                )
            )
            raise
        finally:
            if keeper is not None:
                keeper.stop()
        await self._bus.publish(
            LLMCallFinished(
                call_id=self._id,
                model=str(self._attempts.model),
                reply=reply,
                duration_ms=self._elapsed(),
                first_token_ms=self._first,
            )
        )
        return reply

    async def _attempted(self) -> Reply:
        async def once(model: Model) -> Reply:
            self._builder.begin()
            await self._stream(model)
            return self._builder.reply()

        # What was shown cannot be taken back, and a second answer after half of the first would be no answer.
        return await attempted(self._bus, self._id, self._attempts, once, may_repeat=lambda: self._first is None)

    async def _stream(self, model: Model) -> None:
        bus, builder, call_id, visible = self._bus, self._builder, self._id, self._visible
        request = self._request
        if request.model != model.name:
            request = msgspec.structs.replace(request, model=model.name)
        stream = model.provider.stream(request)
        async with aclosing(stream):
            try:
                async for event in stream:
                    builder.add(event)
                    if self._first is None and isinstance(event, TextDelta | ReasoningDelta | ToolCallOpened):
                        self._first = self._elapsed()
                        self._attempts.answered()
                    if visible and isinstance(event, TextDelta) and event.text:
                        await bus.publish(TextChunk(call_id=call_id, text=event.text))
                    elif visible and isinstance(event, ReasoningDelta) and event.text:
                        await bus.publish(ReasoningChunk(call_id=call_id, text=event.text))
            except asyncio.CancelledError:
                # Before the connection is closed, which takes time in which somebody may press Ctrl-C again.
                await self._tell_interrupted()
                raise

    async def _tell_interrupted(self) -> None:
        if self._interrupted:
            return
        self._interrupted = True
        await self._bus.publish(
            LLMCallInterrupted(
                call_id=self._id,
                model=str(self._attempts.model),
                partial=self._builder.message,
                duration_ms=self._elapsed(),
                usage=self._spent(),
            )
        )

    def _spent(self) -> Usage:
        """What a call took that does not end well; vendors bill what they sent."""
        return usage_of_partial(self._request, self._builder.message, self._builder.usage)

    def _elapsed(self) -> float:
        return (time.perf_counter() - self._begin) * 1000


class _Keeper:
    """Tells the log now and then what has come of a long answer, until it is stopped.

    Only whole words are told: a secret that was cut in two would not be recognised as one.
    """

    def __init__(self, bus: Bus, call_id: str, builder: ReplyBuilder) -> None:
        self._bus = bus
        self._call_id = call_id
        self._builder = builder
        self._told = 0
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(KEPT_EVERY, self._due)

    def stop(self) -> None:
        self._timer.cancel()

    def _due(self) -> None:
        loop = asyncio.get_running_loop()
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._tell())
        self._timer = loop.call_later(KEPT_EVERY, self._due)

    async def _tell(self) -> None:
        text = self._builder.message.text
        end = max(text.rfind(" "), text.rfind("\n")) + 1
        if end > self._told:
            grown, self._told = text[self._told : end], end
            with suppress(BusClosedError):
                await self._bus.publish(ReplyGrew(call_id=self._call_id, text=grown))
