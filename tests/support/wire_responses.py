"""What OpenAI sends: an answer in the words of the Responses protocol."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from tests.support.wire import Answer, Fault, Tokens, Wire, arguments_of, halves, split, sse


class Responses(Wire):
    """OpenAI Responses."""

    path: str | tuple[str, ...] = "/responses"
    reasons: dict[str, str] = {"length": "max_output_tokens"}  # noqa: RUF012 -- never changed

    def __init__(self, request: dict[str, Any], number: int) -> None:
        """Take the request's body and the number of the request, for the ids."""
        self.model = request.get("model", "")
        self.request = request
        self.number = number
        self.encrypts = "reasoning.encrypted_content" in (request.get("include") or ())
        self._sequence = count()

    def error(self, fault: Fault) -> dict[str, Any]:
        """The error object."""
        return {"error": {"message": fault.message, "type": fault.type, "param": None, "code": fault.code}}

    def whole(self, answer: Answer) -> dict[str, Any]:
        """The answer that is not streamed."""
        return self._response(answer, self._items(answer))

    def events(self, answer: Answer) -> Iterator[bytes]:
        """The streamed answer up to the point where `then` takes over."""
        self._sequence = count()
        for kind in ("response.created", "response.in_progress"):
            yield self._event(kind, response=self._response(None, []))
        for index, item in enumerate(self._items(answer)):
            match item["type"]:
                case "reasoning":
                    pieces = self._thinking(index, item)
                case "message":
                    pieces = self._saying(index, item, answer)
                case _:
                    pieces = self._calling(index, item, answer.fragment)
            for kind, piece in pieces:
                if answer.then == "finish" or item["type"] == "reasoning" or not kind.endswith(".done"):
                    yield piece

    def ending(self, answer: Answer) -> Iterator[bytes]:
        """The finish marker; there is nothing behind it."""
        response = self._response(answer, self._items(answer))
        yield self._event(f"response.{response['status']}", response=response)

    def stream_error(self) -> bytes:
        """An error in mid-stream."""
        return self._event("error", code="server_error", message="the model crashed", param=None)

    def strangers(self) -> Iterator[bytes]:
        """Events nobody knows."""
        yield self._event("response.sparkle", output_index=0, sparkle={"text": "no answer"})

    # -- items

    def _items(self, answer: Answer) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        status = "completed" if answer.reason in {"stop", "tool_calls"} else "incomplete"
        if answer.reasoning:
            thought = {"type": "summary_text", "text": answer.reasoning}
            item = {"id": f"rs_{self.number}", "type": "reasoning", "summary": [thought]}
            items.append(item | ({"encrypted_content": f"gAAA-{self.number}"} if self.encrypts else {}))
        content: list[dict[str, Any]] = []
        if answer.text or not (answer.refusal or answer.calls):
            content.append({"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []})
        if answer.refusal:
            content.append({"type": "refusal", "refusal": answer.refusal})
        if content:
            message = {"id": f"msg_{self.number}", "type": "message", "role": "assistant", "status": status}
            items.append({**message, "content": content})
        for number, call in enumerate(answer.calls):
            called = {"name": call[0], "arguments": arguments_of(call), "status": status}
            ids = {"id": f"fc_{self.number}_{number}", "call_id": f"call_{self.number}_{number}"}
            items.append({"type": "function_call", **ids, **called})
        return items

    def _thinking(self, index: int, item: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
        place = {"item_id": item["id"], "output_index": index, "summary_index": 0}
        (summary,) = item["summary"]
        yield self._item("added", index, {**item, "summary": [], "encrypted_content": "gAA"})
        yield self._named("response.reasoning_summary_part.added", **place, part={**summary, "text": ""})
        for piece in halves(summary["text"]):
            yield self._named("response.reasoning_summary_text.delta", **place, delta=piece)
        yield self._named("response.reasoning_summary_text.done", **place, text=summary["text"])
        yield self._named("response.reasoning_summary_part.done", **place, part=summary)
        yield self._item("done", index, item)

    def _saying(self, index: int, item: dict[str, Any], answer: Answer) -> Iterator[tuple[str, bytes]]:
        yield self._item("added", index, {**item, "content": [], "status": "in_progress"})
        for number, part in enumerate(item["content"]):
            place = {"item_id": item["id"], "output_index": index, "content_index": number}
            key, name = ("refusal", "refusal") if part["type"] == "refusal" else ("text", "output_text")
            more: dict[str, Any] = {} if key == "refusal" else {"logprobs": []}
            yield self._named("response.content_part.added", **place, part={**part, key: ""})
            for piece in answer.pieces if key == "text" else halves(part[key]):
                yield self._named(f"response.{name}.delta", **place, delta=piece, **more)
            yield self._named(f"response.{name}.done", **place, **{key: part[key]}, **more)
            yield self._named("response.content_part.done", **place, part=part)
        yield self._item("done", index, item)

    def _calling(self, index: int, item: dict[str, Any], fragment: int) -> Iterator[tuple[str, bytes]]:
        place = {"item_id": item["id"], "output_index": index}
        yield self._item("added", index, {**item, "arguments": "", "status": "in_progress"})
        for piece in split(item["arguments"], fragment):
            yield self._named("response.function_call_arguments.delta", **place, delta=piece)
        yield self._named("response.function_call_arguments.done", **place, arguments=item["arguments"])
        yield self._item("done", index, item)

    def _item(self, what: str, index: int, item: dict[str, Any]) -> tuple[str, bytes]:
        return self._named(f"response.output_item.{what}", output_index=index, item=item)

    def _named(self, kind: str, **fields: Any) -> tuple[str, bytes]:
        return kind, self._event(kind, **fields)

    def _event(self, kind: str, **fields: Any) -> bytes:
        return sse({"type": kind, "sequence_number": next(self._sequence), **fields}, kind)

    # -- the response

    def _response(self, answer: Answer | None, items: list[dict[str, Any]]) -> dict[str, Any]:
        """The response; one that has only begun, if there is no answer."""
        asked = {name: self.request.get(name) for name in ("instructions", "max_output_tokens", "temperature", "top_p")}
        response = {
            "id": f"resp_{self.number}", "object": "response", "created_at": 1_790_000_000, "model": self.model,
            "status": "in_progress", "error": None, "incomplete_details": None, "output": items, "usage": None,
            "parallel_tool_calls": True, "tool_choice": self.request.get("tool_choice", "auto"),
            "tools": self.request.get("tools", []), "store": self.request.get("store", True), "metadata": {},
            "previous_response_id": None, "truncation": "disabled", **asked,
        }  # fmt: skip
        if answer is None:
            return response
        response["usage"] = self._usage(answer.usage) if answer.usage else None
        if answer.reason in {"stop", "tool_calls"}:
            return {**response, "status": "completed"}
        details = {"reason": self.reasons.get(answer.reason, answer.reason)}
        return {**response, "status": "incomplete", "incomplete_details": details}

    def _usage(self, tokens: Tokens) -> dict[str, Any]:
        return {
            "input_tokens": tokens.input,
            "input_tokens_details": {"cached_tokens": tokens.cached, "cache_write_tokens": 0},
            "output_tokens": tokens.output,
            "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
            "total_tokens": tokens.input + tokens.output,
        }
