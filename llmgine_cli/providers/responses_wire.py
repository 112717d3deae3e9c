"""What vendors answer in OpenAI Responses: the events of a stream, and the response that they build up.

Only the fields that are used are read. An item's type is looked at before the rest: there are dozens of kinds, more to
come, and in each of them a field may be of another form.
"""

from typing import Any

from msgspec import Raw, Struct

from llmgine_cli.llm.stream import Usage

NOTHING = Raw(b"null")


class Event(Struct):
    """One event of a stream."""

    type: str = ""
    delta: Any = None
    output_index: int | None = None
    item_id: str | None = None
    summary_index: int | None = None
    arguments: Any = None
    item: Raw = NOTHING
    response: Raw = NOTHING
    error: Any = None  # nested, as OpenAI sends it; its documentation has the fields below instead
    code: Any = None
    message: Any = None


class InputDetails(Struct):
    """Of the input tokens."""

    cached_tokens: int | None = None


class OutputDetails(Struct):
    """Of the output tokens."""

    reasoning_tokens: int | None = None


class TokenCount(Struct):
    """Usage as vendors report it."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None

    def usage(self) -> Usage:
        """Return it as ours."""
        read, written = self.input_tokens_details, self.output_tokens_details
        return Usage(
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cached_tokens=read.cached_tokens if read else None,
            reasoning_tokens=written.reasoning_tokens if written else None,
        )


class Incomplete(Struct):
    """Why an answer ended before its end."""

    reason: str | None = None


class Response(Struct):
    """The answer, whole or as far as it has come."""

    id: str | None = None
    model: str | None = None
    status: str | None = None
    output: list[Raw] | None = None
    usage: TokenCount | None = None
    error: Any = None
    incomplete_details: Incomplete | None = None


class Typed(Struct):
    """Any item, as far as its type."""

    type: str = ""


class Part(Struct):
    """A part of a message, of thoughts or of their summary."""

    text: str | None = None
    refusal: str | None = None


class Item(Struct):
    """A message, a call of a function, or thoughts."""

    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | dict[str, Any] | None = None
    content: list[Part] | None = None
    summary: list[Part] | None = None
    encrypted_content: str | None = None
    phase: str | None = None


KINDS = frozenset({"message", "function_call", "reasoning"})
