"""Reads the answers of OpenAI Responses: events in, events of ours out.

The format: https://platform.openai.com/docs/api-reference/responses-streaming. Servers differ in how much of it they
send (llama.cpp numbers no items, and ends all of them at the end), so an item is told by whatever name it has.
"""

import os
import re
from collections.abc import Iterator
from typing import Any, cast

import msgspec

from llmgine_cli.errors import LlmgineError
from llmgine_cli.llm.messages import ToolCall
from llmgine_cli.llm.stream import (
    Finished,
    FinishReason,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallArguments,
    ToolCallComplete,
    ToolCallOpened,
    UsageReported,
)
from llmgine_cli.providers import faults
from llmgine_cli.providers.responses_kept import Kept, written
from llmgine_cli.providers.responses_wire import KINDS, NOTHING, Event, Item, Part, Response, Typed
from llmgine_cli.providers.transport import Endpoint
from llmgine_cli.providers.wire import decode

_REASONS: dict[str, FinishReason] = {"max_output_tokens": "length", "content_filter": "content_filter"}
# Codes of an error inside an answer that say: it is the request; what else fails may work the next time.
_STATUS = {"rate_limit_exceeded": 429, "insufficient_quota": 429, "model_not_found": 404}
_REQUEST = re.compile(r"invalid_|unsupported_|context_length_|data_residency_|\w*_policy|\w*image")


class Reading:
    """Turns the events of an answer into ours.

    Args:
        endpoint: Whose answer it is.

    Attributes:
        stopped: Whether the finish marker has come.
    """

    _typed = msgspec.json.Decoder(Typed)
    _item = msgspec.json.Decoder(Item)
    _parsed = msgspec.json.Decoder(Response)

    def __init__(self, endpoint: Endpoint) -> None:
        self.stopped = False
        self._endpoint = endpoint
        self._open: list[_Open] = []
        self._calls = 0
        self._speaker: _Open | None = None
        self._refused = False
        self._model: str | None = None
        self._id: str | None = None

    def add(self, event: Event) -> Iterator[StreamEvent]:
        """Return our events for the next one; `Finished` is the last.

        Raises:
            LlmgineError: It is an error.
        """
        match event.type:
            case "response.output_text.delta":
                yield from self._say(self._find(event, "message"), event.delta)
            case "response.output_item.added":
                yield from self._begin(event)
            case "response.output_item.done":
                yield from self._end(event)
            case "response.created" | "response.in_progress" | "response.queued":
                self._note(self._response(event))
            case "response.completed" | "response.incomplete" | "response.failed":
                yield from self._stop(self._response(event), event.type.rpartition(".")[2])
            case "error":
                raise _failure(self._endpoint, event.error or {"code": event.code, "message": event.message})
            case _ if event.error is not None:
                raise _failure(self._endpoint, event.error)  # as gateways send it, with no type
            case _:
                yield from self._piece(event)

    def whole(self, response: Response) -> Iterator[StreamEvent]:
        """Return our events for an answer that was not streamed.

        Raises:
            LlmgineError: It is an error, or has no end.
        """
        yield from self._stop(response, response.status or "completed")

    # -- items

    def _piece(self, event: Event) -> Iterator[StreamEvent]:
        """Rarer pieces of an item; and what is still to be invented, which is none."""
        match event.type:
            case "response.refusal.delta":
                self._refused = True
                yield from self._say(self._find(event, "message"), event.delta)
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                yield from self._think(self._find(event, "reasoning"), event)
            case "response.function_call_arguments.delta":
                yield from self._argue(self._find(event, "function_call"), event.delta)
            case "response.function_call_arguments.done":
                call = self._find(event, "function_call")
                if not call.fragments:
                    yield from self._argue(call, event.arguments)
            case _:
                pass

    def _begin(self, event: Event) -> Iterator[StreamEvent]:
        if (read := self._read(event.item)) is None:
            return
        kind, item = read
        opened = self._new(kind, event.output_index, item)
        if kind == "function_call":
            yield from self._name(opened, item)
        elif item.phase:
            yield self._kept("phase", item.phase)

    def _end(self, event: Event) -> Iterator[StreamEvent]:
        if (read := self._read(event.item)) is None:
            return
        kind, item = read
        known = self._known(kind, event.output_index, item.id, item.call_id)
        if known is None:  # it was never begun
            yield from self._begin(event)
            known = self._open[-1]
        if known.ended:
            return
        known.ended = True
        if kind == "message":
            if not known.said:
                for part in item.content or ():
                    self._refused = self._refused or bool(part.refusal)
                    yield from self._say(known, (part.text or "") + (part.refusal or ""))
        elif kind == "reasoning":
            if not known.said and (text := _text(item.summary) or _text(item.content)):
                yield ReasoningDelta(text)
            if item.encrypted_content:
                yield self._kept("thought", item.encrypted_content, item.id or "")
        else:
            yield from self._name(known, item)
            yield from self._complete(known, item.arguments)

    def _name(self, call: "_Open", item: Item) -> Iterator[StreamEvent]:
        """Open a call as soon as its name is known."""
        if call.number is not None or not item.name:
            return
        call.number, self._calls = self._calls, self._calls + 1
        call.call_id = item.call_id or item.id or f"call_{os.urandom(12).hex()}"
        call.name = item.name
        yield ToolCallOpened(index=call.number, id=call.call_id, name=call.name)

    def _say(self, message: "_Open", text: Any) -> Iterator[StreamEvent]:
        if not isinstance(text, str) or not text:
            return
        if self._speaker is not message:
            if self._speaker is not None:
                yield TextDelta("\n\n")  # what it says on the way, and what it says at last
            self._speaker = message
        message.said = True
        yield TextDelta(text)

    def _think(self, thought: "_Open", event: Event) -> Iterator[StreamEvent]:
        if not isinstance(event.delta, str) or not event.delta:
            return
        if thought.said and event.summary_index != thought.summary_index:
            yield ReasoningDelta("\n\n")
        thought.said, thought.summary_index = True, event.summary_index
        yield ReasoningDelta(event.delta)

    def _argue(self, call: "_Open", fragment: Any) -> Iterator[StreamEvent]:
        if call.number is not None and isinstance(fragment, str) and fragment:
            call.fragments.append(fragment)
            yield ToolCallArguments(index=call.number, fragment=fragment)

    def _complete(self, call: "_Open", arguments: str | dict[str, Any] | None) -> Iterator[StreamEvent]:
        if call.number is None:
            return  # a call without a name calls nothing
        if not call.fragments:
            given = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments or {}).decode()
            yield from self._argue(call, given or "{}")
        whole = "".join(call.fragments)
        yield ToolCallComplete(
            index=call.number, call=ToolCall(id=call.call_id, name=call.name, arguments=whole.strip() or "{}")
        )

    def _find(self, event: Event, kind: str) -> "_Open":
        """The item an event belongs to; the last of its kind, where the server does not say."""
        if self._open and self._open[-1].kind == kind and event.item_id in self._open[-1].names:
            return self._open[-1]  # as it is with thousands of events in a row
        known = self._known(kind, event.output_index, event.item_id)
        if known is not None:
            return known
        last = next((one for one in reversed(self._open) if one.kind == kind and not one.ended), None)
        return last or self._new(kind, event.output_index, Item(id=event.item_id))

    def _known(self, kind: str, index: int | None, *names: str | None) -> "_Open | None":
        """The item of that name; failing that (GitHub's ids change with each event), in that place."""
        same = [one for one in self._open if one.kind == kind]
        named = (one for one in same if not one.names.isdisjoint(names))
        return next(named, None) or next((one for one in same if index is not None and one.index == index), None)

    def _new(self, kind: str, index: int | None, item: Item) -> "_Open":
        opened = _Open(kind, index, {name for name in (item.id, item.call_id) if name})
        self._open.append(opened)
        return opened

    def _read(self, raw: msgspec.Raw) -> tuple[str, Item] | None:
        """An item and its type; None if it is of no kind that is known here."""
        if raw == NOTHING:
            return None
        kind = decode(raw, self._typed, self._endpoint).type
        return (kind, decode(raw, self._item, self._endpoint)) if kind in KINDS else None

    def _kept(self, kind: Any, value: str, name: str = "") -> ReasoningDelta:
        return ReasoningDelta(signature=written(Kept(self._endpoint.provider, kind, value, name)))

    # -- the response

    def _response(self, event: Event) -> Response:
        return Response() if event.response == NOTHING else decode(event.response, self._parsed, self._endpoint)

    def _note(self, response: Response) -> None:
        self._model, self._id = response.model or self._model, response.id or self._id

    def _stop(self, response: Response, status: str) -> Iterator[StreamEvent]:
        self._note(response)
        if response.error is not None or status not in {"completed", "incomplete"}:
            raise _failure(self._endpoint, response.error or {"message": f"its status is {status!r}"})
        if not self._open:  # it came whole
            for index, raw in enumerate(response.output or ()):
                yield from self._end(Event(output_index=index, item=raw))
        for one in self._open:
            if one.kind == "function_call" and not one.ended:
                yield from self._complete(one, None)
        if response.usage is not None:
            yield UsageReported(response.usage.usage())
        self.stopped = True
        yield Finished(reason=self._reason(response, status), model=self._model, response_id=self._id)

    def _reason(self, response: Response, status: str) -> FinishReason:
        if status == "incomplete":
            details = response.incomplete_details
            return _REASONS.get((details.reason if details else None) or "", "other")
        return "tool_calls" if self._calls else "refusal" if self._refused else "stop"


class _Open:
    """An item that has begun.

    Attributes:
        kind: Its type.
        index: Its place in the answer, if the server numbers items.
        names: The ids it has.
        ended: Whether it is whole.
        said: Whether any text of it has come.
        summary_index: Of which part of a summary the last piece was.
        number: Of a call among the calls; None while it has no name.
        call_id: Of a call.
        name: Of a call's function.
        fragments: Of a call's arguments.
    """

    def __init__(self, kind: str, index: int | None, names: set[str]) -> None:
        self.kind = kind
        self.index = index
        self.names = names
        self.ended = False
        self.said = False
        self.summary_index: int | None = None
        self.number: int | None = None
        self.call_id = ""
        self.name = ""
        self.fragments: list[str] = []


def _text(parts: list[Part] | None) -> str:
    return "\n\n".join(part.text for part in parts or () if part.text)


def _failure(endpoint: Endpoint, error: Any) -> LlmgineError:
    """The error that an error object inside an answer is: one of the request is told as if it had come at once."""
    code = cast("dict[str, Any]", error).get("code") if isinstance(error, dict) else None
    if isinstance(code, str) and (status := _STATUS.get(code) or (400 if _REQUEST.match(code) else None)):
        return faults.refusal(endpoint, status, {}, msgspec.json.encode({"error": error}))
    return faults.stream_error(endpoint, error)
