"""What vendors send: an answer in the words of the chat-completions protocol and in those of Anthropic messages."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.support.noise import Layout

# What happens to a stream after its text: nothing special, the connection breaks inside an event, it ends properly but
# without a finish marker, an error object, something that is no JSON, or nothing for as long as the client waits.
Then = Literal["finish", "cut", "end", "error", "garbage", "silence"]


@dataclass(frozen=True)
class Tokens:
    """Usage as the vendor reports it; `input` includes `cached`, `output` includes `reasoning`."""

    input: int = 9
    output: int = 5
    cached: int = 0
    reasoning: int = 0


@dataclass(frozen=True)
class Answer:
    """A text, streamed when the client asks for it.

    Attributes:
        text: What the model says.
        chunks: In how many pieces; default: word by word.
        reasoning: What it thinks first, in two pieces.
        calls: Tools it asks for after the text: name, and arguments as an object or as JSON text (which may be broken).
        usage: Tokens; None: not reported.
        finish: The finish reason in OpenAI's words; default: `tool_calls` or `stop`.
        refusal: What it says instead of an answer, where the protocol has a field for that.
        then: How the stream goes on after the text.
        delay: Seconds before the first byte.
        gap: Seconds between the pieces.
        shred: Send the body in slices of this many bytes, whatever they cut through.
        fragment: Characters in each piece of a call's arguments.
        layout: How the events of a stream are written down.
        surprises: Whether there are fields and events nobody knows.
        streamed: Overrules what the client asked for.
        content_type: Instead of the right one.
    """

    text: str = ""
    chunks: int | None = None
    reasoning: str = ""
    calls: Sequence[tuple[str, dict[str, Any] | str]] = ()
    usage: Tokens | None = field(default_factory=Tokens)
    finish: str | None = None
    refusal: str | None = None
    then: Then = "finish"
    delay: float = 0.0
    gap: float = 0.0
    shred: int | None = None
    fragment: int = 5
    layout: Layout = "plain"
    surprises: bool = False
    streamed: bool | None = None
    content_type: str | None = None

    @property
    def pieces(self) -> list[str]:
        """The text as it is streamed."""
        if self.chunks is None:
            return re.findall(r"\s*\S+|\s+$", self.text)
        size = max(1, -(-len(self.text) // self.chunks))
        return [self.text[at : at + size] for at in range(0, len(self.text), size)]

    @property
    def reason(self) -> str:
        """The finish reason in OpenAI's words."""
        return self.finish or ("tool_calls" if self.calls else "stop")


def ToolCalls(*calls: tuple[str, dict[str, Any] | str], text: str = "", **more: Any) -> Answer:  # noqa: N802 -- reads as a kind of answer
    """An answer that asks for tools."""
    return Answer(text, calls=calls, **more)


@dataclass(frozen=True)
class Fault:
    """An HTTP error, or a page that is no answer at all.

    Attributes:
        status: HTTP status.
        message: In the vendor's error object.
        type: The error's type in it.
        code: OpenAI's machine-readable code in it.
        body: Sent instead of the error object.
        content_type: Of the body.
        headers: Further headers, as `{"Retry-After": "3"}`.
    """

    status: int = 500
    message: str = "the server had a problem"
    type: str = "server_error"
    code: str | None = None
    body: str | bytes | None = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Events:
    """A stream given event by event: objects become `data:` lines, text and bytes are sent as they are."""

    events: Sequence[dict[str, Any] | str | bytes]
    content_type: str = "text/event-stream"
    status: int = 200
    then: Literal["finish", "silence"] = "finish"


@dataclass(frozen=True)
class Silence:
    """The request is read, and nothing is ever said."""


Script = Answer | Fault | Events | Silence


def html(status: int = 200) -> Fault:
    """What a captive portal or a proxy says."""
    return Fault(
        status,
        body="<!DOCTYPE html><html><h1>Please sign in</h1></html>",
        content_type="text/html",
    )


def arguments_of(call: tuple[str, dict[str, Any] | str]) -> str:
    """A call's arguments as the model writes them."""
    return call[1] if isinstance(call[1], str) else json.dumps(call[1], ensure_ascii=False)


def split(text: str, size: int = 5) -> list[str]:
    """The text in pieces of `size` characters."""
    return [text[at : at + size] for at in range(0, len(text), size)]


def halves(text: str) -> list[str]:
    """The text in two pieces, none of them empty."""
    middle = (len(text) + 1) // 2
    return [half for half in (text[:middle], text[middle:]) if half]


def sse(data: Any, event: str | None = None) -> bytes:
    """One server-sent event."""
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


class Wire:
    """What all protocols have that stream server-sent events."""

    stream_type = "text/event-stream"
    cut_off = b'data: {"id":"chatcm'  # the beginning of an event


class Chat(Wire):
    """OpenAI chat completions."""

    path: str | tuple[str, ...] = "/chat/completions"

    def __init__(self, request: dict[str, Any], number: int) -> None:
        """Take the request's body and the number of the request, for the ids."""
        self.model = request.get("model", "")
        self.id = f"chatcmpl-{number}"
        self.call_id = f"call_{number}_"
        self.wants_usage = bool((request.get("stream_options") or {}).get("include_usage"))

    def error(self, fault: Fault) -> dict[str, Any]:
        """The error object."""
        return {"error": {"message": fault.message, "type": fault.type, "param": None, "code": fault.code}}

    def whole(self, answer: Answer) -> dict[str, Any]:
        """The answer that is not streamed."""
        message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": answer.refusal}
        if answer.reasoning:
            message["reasoning_content"] = answer.reasoning
        if answer.calls:
            message["tool_calls"] = [self._call(number, call) for number, call in enumerate(answer.calls)]
        body = {
            "id": self.id, "object": "chat.completion", "created": 1_790_000_000, "model": self.model,
            "choices": [{"index": 0, "message": message, "finish_reason": answer.reason, "logprobs": None}],
        }  # fmt: skip
        return body | ({"usage": self._usage(answer.usage)} if answer.usage else {})

    def events(self, answer: Answer) -> Iterator[bytes]:
        """The streamed answer up to the point where `then` takes over."""
        yield self._chunk({"role": "assistant", "content": "" if answer.text else None})
        for piece in halves(answer.reasoning):
            yield self._chunk({"reasoning_content": piece})
        for piece in answer.pieces:
            yield self._chunk({"content": piece})
        if answer.refusal:
            for piece in halves(answer.refusal):
                yield self._chunk({"refusal": piece})
        for number, call in enumerate(answer.calls):
            opening = {"index": number, **self._call(number, (call[0], ""))}
            yield self._chunk({"tool_calls": [opening]})
        # The fragments of parallel calls are interleaved, as the protocol allows.
        fragments = [split(arguments_of(call), answer.fragment) for call in answer.calls]
        for turn in range(max(map(len, fragments), default=0)):
            for number, of_call in enumerate(fragments):
                if turn < len(of_call):
                    yield self._chunk({"tool_calls": [{"index": number, "function": {"arguments": of_call[turn]}}]})

    def ending(self, answer: Answer) -> Iterator[bytes]:
        """The finish marker and what follows it."""
        yield self._chunk({}, finish=answer.reason)
        if answer.usage and self.wants_usage:
            yield sse({**self._head(), "choices": [], "usage": self._usage(answer.usage)})
        yield b"data: [DONE]\n\n"

    def stream_error(self) -> bytes:
        """An error in mid-stream."""
        return sse({"error": {"message": "the model crashed", "type": "server_error", "code": None}})

    def strangers(self) -> Iterator[bytes]:
        """Events nobody knows."""
        yield sse({**self._head(), "object": "chat.completion.sparkle", "choices": [], "sparkle": 1})

    def _head(self) -> dict[str, Any]:
        return {"id": self.id, "object": "chat.completion.chunk", "created": 1_790_000_000, "model": self.model}

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return sse({**self._head(), "choices": [choice], "usage": None})

    def _call(self, number: int, call: tuple[str, dict[str, Any] | str]) -> dict[str, Any]:
        function = {"name": call[0], "arguments": arguments_of(call)}
        return {"id": f"{self.call_id}{number}", "type": "function", "function": function}

    def _usage(self, tokens: Tokens) -> dict[str, Any]:
        return {
            "prompt_tokens": tokens.input,
            "completion_tokens": tokens.output,
            "total_tokens": tokens.input + tokens.output,
            "prompt_tokens_details": {"cached_tokens": tokens.cached},
            "completion_tokens_details": {"reasoning_tokens": tokens.reasoning},
        }


class Messages(Wire):
    """Anthropic messages."""

    path: str | tuple[str, ...] = "/messages"
    reasons: dict[str, str] = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}  # noqa: RUF012 -- never changed

    def __init__(self, request: dict[str, Any], number: int) -> None:
        """Take the request's body and the number of the request, for the ids."""
        self.model = request.get("model", "")
        self.id = f"msg_{number}"
        self.call_id = f"toolu_{number}_"

    def error(self, fault: Fault) -> dict[str, Any]:
        """The error object."""
        return {"type": "error", "error": {"type": fault.type, "message": fault.message}, "request_id": "req_1"}

    def whole(self, answer: Answer) -> dict[str, Any]:
        """The answer that is not streamed."""
        content: list[dict[str, Any]] = []
        if answer.reasoning:
            content.append({"type": "thinking", "thinking": answer.reasoning, "signature": "sig-1"})
        if answer.text:
            content.append({"type": "text", "text": answer.text})
        for number, call in enumerate(answer.calls):
            given = json.loads(arguments_of(call))
            content.append({"type": "tool_use", "id": f"{self.call_id}{number}", "name": call[0], "input": given})
        usage = self._input(answer.usage) | {"output_tokens": answer.usage.output} if answer.usage else {}
        return {**self._head(answer), "content": content, "usage": usage}

    def events(self, answer: Answer) -> Iterator[bytes]:
        """The streamed answer up to the point where `then` takes over."""
        usage = self._input(answer.usage) | {"output_tokens": 1} if answer.usage else {}
        message = {**self._head(answer), "content": [], "stop_reason": None, "usage": usage}
        yield self._event("message_start", message=message)
        yield self._event("ping")
        index = 0
        if answer.reasoning:
            yield self._start(index, {"type": "thinking", "thinking": "", "signature": ""})
            for piece in halves(answer.reasoning):
                yield self._delta(index, {"type": "thinking_delta", "thinking": piece})
            yield self._delta(index, {"type": "signature_delta", "signature": "sig-1"})
            yield self._event("content_block_stop", index=index)
            index += 1
        if answer.text:
            yield self._start(index, {"type": "text", "text": ""})
            for piece in answer.pieces:
                yield self._delta(index, {"type": "text_delta", "text": piece})
            if answer.then == "finish":
                yield self._event("content_block_stop", index=index)
            index += 1
        for number, call in enumerate(answer.calls):
            block = {"type": "tool_use", "id": f"{self.call_id}{number}", "name": call[0], "input": {}}
            yield self._start(index, block)
            for piece in ["", *split(arguments_of(call), answer.fragment)]:
                yield self._delta(index, {"type": "input_json_delta", "partial_json": piece})
            if answer.then == "finish":
                yield self._event("content_block_stop", index=index)
            index += 1

    def ending(self, answer: Answer) -> Iterator[bytes]:
        """The finish marker and what follows it."""
        usage = {"output_tokens": answer.usage.output} if answer.usage else {}
        reason = self._head(answer)["stop_reason"]
        yield self._event("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage=usage)
        yield self._event("message_stop")

    def stream_error(self) -> bytes:
        """An error in mid-stream."""
        return self._event("error", error={"type": "overloaded_error", "message": "the model crashed"})

    def strangers(self) -> Iterator[bytes]:
        """Events nobody knows."""
        yield self._event("sparkle", index=0, sparkle={"text": "no answer"})

    def _head(self, answer: Answer) -> dict[str, Any]:
        return {
            "id": self.id, "type": "message", "role": "assistant", "model": self.model,
            "stop_reason": self.reasons.get(answer.reason, answer.reason), "stop_sequence": None,
        }  # fmt: skip

    def _input(self, tokens: Tokens) -> dict[str, int]:
        return {
            "input_tokens": tokens.input - tokens.cached,
            "cache_read_input_tokens": tokens.cached,
            "cache_creation_input_tokens": 0,
        }

    def _start(self, index: int, block: dict[str, Any]) -> bytes:
        return self._event("content_block_start", index=index, content_block=block)

    def _delta(self, index: int, delta: dict[str, Any]) -> bytes:
        return self._event("content_block_delta", index=index, delta=delta)

    def _event(self, kind: str, **fields: Any) -> bytes:
        return sse({"type": kind, **fields}, kind)
