"""A provider that answers from its input: no network, no key, always the same. For tests and dry runs.

`echo:tools` asks for a tool when the prompt is `NAME {json}` (or several of these, one after the other), so that a tool
loop can be tried without a model; when the results are there it answers with them. It asks for what the prompt says,
also for a tool that does not exist or with arguments that are no JSON. Any other name says the prompt again.
"""

import json
import re
from collections.abc import AsyncGenerator

from llmgine_cli.llm.embeddings import EmbeddingRequest, Embeddings, no_embeddings
from llmgine_cli.llm.messages import File, Image, Message, Request, ToolCall, ToolResult, named
from llmgine_cli.llm.stream import (
    Finished,
    FinishReason,
    StreamEvent,
    TextDelta,
    ToolCallArguments,
    ToolCallComplete,
    ToolCallOpened,
    Usage,
    UsageReported,
)

MODELS = ("echo", "tools")
_CALL = re.compile(r"\s*([A-Za-z0-9_-]{1,64})\s+(?=\{)")
_WORD = re.compile(r"\s*\S+(?:\s+$)?|^\s+$")  # with the white space before it, and at the end of the text after it


class EchoProvider:
    """Says the last message of the user again, word by word, with the names of what is attached to it.

    A word counts as a token.
    """

    @property
    def name(self) -> str:
        """The left half of `echo:echo`."""
        return "echo"

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        """Answer, with usage and finish marker as a vendor would; `max_tokens` and `stop` are honoured."""
        calls = _calls(request)
        reason: FinishReason = "tool_calls" if calls else "stop"
        written = sum(1 + len(call.arguments.split()) for call in calls)
        for index, call in enumerate(calls):
            yield ToolCallOpened(index=index, id=call.id, name=call.name)
            yield ToolCallArguments(index=index, fragment=call.arguments)
            yield ToolCallComplete(index=index, call=call)
        if not calls:
            words = _WORD.findall(_cut(_answer(request), request.options.stop))
            most = request.options.max_tokens
            if most is not None and len(words) > most:
                words, reason = words[:most], "length"
            written = len(words)
            for piece in words if request.stream else ["".join(words)]:
                yield TextDelta(piece)
        read = sum(_length(message) for message in request.messages)
        yield UsageReported(Usage(input_tokens=read, output_tokens=written))
        yield Finished(reason=reason, model=request.model)

    async def embed(self, request: EmbeddingRequest) -> Embeddings:  # noqa: ARG002 -- whatever is asked
        """Refuse: an echo says nothing of what a text means."""
        raise no_embeddings(self.name)

    async def models(self, *, seconds: float = 10.0) -> list[str]:  # noqa: ARG002 -- it need not be asked
        """Return the names of its models."""
        return list(MODELS)

    async def aclose(self) -> None:
        """Do nothing: nothing is held."""


def _calls(request: Request) -> list[ToolCall]:
    last = request.messages[-1] if request.messages else None
    if request.model != "tools" or not request.tools or last is None or last.role != "user":
        return []
    text = last.text.strip()
    earlier = sum(len(message.tool_calls) for message in request.messages)
    calls: list[ToolCall] = []
    while match := _CALL.match(text):
        rest = text[match.end() :]
        try:
            end = json.JSONDecoder().raw_decode(rest)[1]
        except ValueError:
            end = len(rest)
        calls.append(ToolCall(id=f"call_{earlier + len(calls) + 1}", name=match[1], arguments=rest[:end]))
        text = rest[end:]
    return [] if text.strip() else calls


def _answer(request: Request) -> str:
    """What to say again: the user's last message, or with `echo:tools` the results that came since."""
    results: list[str] = []
    for message in reversed(request.messages):
        if message.role == "user":
            return "\n".join(reversed(results)) if results and request.model == "tools" else _said(message)
        results.extend(part.content for part in reversed(message.parts) if isinstance(part, ToolResult))
    return ""


def _said(message: Message) -> str:
    """What a message says, with the names of what is attached to it."""
    attached = [f"[{named(part)}]" for part in message.parts if isinstance(part, Image | File)]
    return "\n".join([*attached, message.text] if message.text else attached)


def _cut(text: str, stops: tuple[str, ...]) -> str:
    ends = [at for stop in stops if stop and (at := text.find(stop)) >= 0]
    return text[: min(ends)] if ends else text


def _length(message: Message) -> int:
    results = (part.content for part in message.parts if isinstance(part, ToolResult))
    return sum(len(text.split()) for text in (message.text, *results))
