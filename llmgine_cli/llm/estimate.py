"""How many tokens a request or a text has, by rule of thumb: for when nobody has counted them, or not yet."""

import msgspec

from llmgine_cli.llm.embeddings import EmbeddingRequest
from llmgine_cli.llm.messages import File, Image, Message, Part, Reasoning, Request, Text, ToolCall, ToolResult
from llmgine_cli.llm.stream import Usage

_CHARACTERS = 4  # of a token of English text
_PICTURE = 1000  # tokens; most vendors scale them down to about that
_BYTES = 20  # of a token of a PDF: a page has some 2,000 tokens and 40 kB


def tokens_of(request: Request | EmbeddingRequest) -> int:
    """Return about how many tokens the input of a request has."""
    if isinstance(request, EmbeddingRequest):
        return sum(tokens_of_text(text) for text in request.texts)
    offered = len(msgspec.json.encode(request.tools)) if request.tools else 0
    form = len(msgspec.json.encode(request.response_format)) if request.response_format else 0
    return sum(map(tokens_of_message, request.messages)) + -(-(offered + form) // _CHARACTERS)


def tokens_of_message(message: Message) -> int:
    """Return about how many tokens a message has, its thoughts included."""
    return sum(map(_of_part, message.parts))


def tokens_of_text(text: str) -> int:
    """Return about how many tokens a text has."""
    return -(-len(text) // _CHARACTERS)


def usage_of_partial(request: Request, partial: Message, told: Usage) -> Usage:
    """Return about how many tokens a call took that did not end well; none where nothing had come.

    Args:
        request: What was asked.
        partial: What had come of the answer.
        told: What the vendor had said until then; what it said of the output may have been a beginning.
    """
    if not partial.parts and told == Usage():
        return told
    given = told.input_tokens if told.input_tokens is not None else tokens_of(request)
    made = max(told.output_tokens or 0, tokens_of_message(partial))
    return msgspec.structs.replace(told, input_tokens=given, output_tokens=made)


def _of_part(part: Part) -> int:
    match part:
        case Text(text) | Reasoning(text=text) | ToolResult(content=text):
            return tokens_of_text(text)
        case ToolCall(name=name, arguments=arguments):
            return tokens_of_text(name + arguments)
        case Image():
            return _PICTURE
        case File(data=data):
            return -(-len(data) // _BYTES)
