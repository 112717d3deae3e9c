"""The adapter for OpenAI chat completions, which most vendors and local servers speak."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

import msgspec

from llmgine_cli.errors import TimedOutError, TruncatedError
from llmgine_cli.llm.messages import Request
from llmgine_cli.llm.stream import Finished, ReasoningDelta, StreamEvent, TextDelta, UsageReported
from llmgine_cli.providers import faults
from llmgine_cli.providers.chat_messages import messages_of, tools_of
from llmgine_cli.providers.chat_wire import Calls, Chunk, Delta, reason_of, text_of, thoughts_of
from llmgine_cli.providers.remote import RemoteProvider
from llmgine_cli.providers.transport import Answer, Endpoint
from llmgine_cli.providers.wire import decode, decode_whole, drain


class ChatProvider(RemoteProvider):
    """A vendor that speaks OpenAI chat completions."""

    _decoder = msgspec.json.Decoder(Chunk)

    @property
    def _path(self) -> str:
        return "/chat/completions"

    def _body(self, request: Request) -> dict[str, Any]:
        said = self._said(request)
        role = self._options.traits(request.model).system_role
        messages = messages_of(said, self._vendor, system_role=role)
        body: dict[str, Any] = {"model": request.model, "messages": messages}
        if request.tools:
            body["tools"] = tools_of(request.tools)
        if request.stream:
            body["stream"] = True
            if self._vendor.stream_usage:
                body["stream_options"] = {"include_usage": True}
        return body

    async def _streamed(self, answer: Answer) -> AsyncGenerator[StreamEvent, None]:
        reading = _Reading(self._endpoint)
        async with aclosing(answer.events()) as events:
            try:
                async for data in events:
                    if data == b"[DONE]":
                        break
                    for event in reading.add(decode(data, self._decoder, self._endpoint)):
                        yield event
            except (TruncatedError, TimedOutError):
                if reading.reason is None:
                    raise  # after the finish marker nothing is missing but politeness
            for event in reading.finish():
                yield event
            await drain(events)

    async def _whole(self, answer: Answer) -> AsyncGenerator[StreamEvent, None]:
        data = await answer.whole()
        reading = _Reading(self._endpoint)
        chunk = decode_whole(data, self._decoder, self._endpoint)
        for event in reading.add(chunk):
            yield event
        if not chunk.choices:
            raise faults.empty(self._endpoint, "chat completions")
        reading.reason = reading.reason or "stop"
        for event in reading.finish():
            yield event


class _Reading:
    """Turns the chunks of an answer into events, and knows at its end what they add up to.

    Attributes:
        reason: The vendor's finish marker, once it has come.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.reason: str | None = None
        self._endpoint = endpoint
        self._calls = Calls()
        self._refused = False
        self._model: str | None = None
        self._id: str | None = None

    def add(self, chunk: Chunk) -> Iterator[StreamEvent]:
        """Return the events of the next chunk.

        Raises:
            BadResponseError: It is an error.
        """
        self._model = chunk.model or self._model
        self._id = str(chunk.id) if chunk.id else self._id
        if chunk.choices and chunk.error is None:
            choice = chunk.choices[0]
            self.reason = choice.finish_reason or self.reason
            if piece := choice.delta or choice.message:
                yield from self._piece(piece)
        else:
            self._raise_error(chunk)
        if chunk.usage is not None:
            yield UsageReported(chunk.usage.usage())

    def finish(self) -> Iterator[StreamEvent]:
        """Return the events that end the stream; none when its finish marker never came."""
        if self.reason is None:
            return
        yield from self._calls.complete()
        yield Finished(
            reason=reason_of(self.reason, called=bool(self._calls), refused=self._refused),
            model=self._model,
            response_id=self._id,
        )

    def _piece(self, piece: Delta) -> Iterator[StreamEvent]:
        content = piece.content
        if not isinstance(content, str) or piece.reasoning_content or piece.reasoning or piece.refusal:
            if thoughts := thoughts_of(piece):
                yield ReasoningDelta(thoughts)
            content = text_of(piece)
            self._refused = self._refused or bool(piece.refusal)
        if content:
            yield TextDelta(content)
        if piece.tool_calls:
            yield from self._calls.add(piece.tool_calls)

    def _raise_error(self, chunk: Chunk) -> None:
        if chunk.error is not None:
            raise faults.stream_error(self._endpoint, chunk.error)
        if chunk.object == "error" or chunk.message is not None:
            raise faults.stream_error(self._endpoint, {"message": chunk.message})
