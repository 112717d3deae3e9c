"""An answer held to the form that was asked for; a model that missed it is asked once more."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from llmgine_cli.errors import InvalidAnswerError, UsageError
from llmgine_cli.llm.messages import assistant
from llmgine_cli.llm.stream import Reply
from llmgine_cli.structured.shape import Shape

_SHORT = 120  # characters of what is quoted in an error


@dataclass(frozen=True, kw_only=True)
class Structured:
    """An answer that has the form that was asked for.

    Attributes:
        value: Plain JSON, or an instance of the pydantic model that was asked for; a list of them where many were.
        reply: What the model said, and how.
    """

    value: Any
    reply: Reply


async def held(result: Any, shape: Shape, corrected: Callable[[str], Awaitable[Reply]]) -> Structured:
    """Hold an answer to a form.

    Args:
        result: A `Reply`, or a text.
        shape: The form.
        corrected: Tells the model what is wrong with its answer, and returns the next one.

    Raises:
        UsageError: This is no answer of a model.
        InvalidAnswerError: The answer has another form, also the second time.
    """
    reply = result if isinstance(result, Reply) else Reply(message=assistant(_text_of(result)), finish_reason="stop")
    try:
        return Structured(value=shape.read(reply.text), reply=reply)
    except InvalidAnswerError as error:
        _refuse_cut(reply, error)
        correction = _correction(error, shape)
    reply = await corrected(correction)
    try:
        return Structured(value=shape.read(reply.text), reply=reply)
    except InvalidAnswerError as error:
        _refuse_cut(reply, error)
        error.hint = "the model was told what is wrong and did no better: try another one, or a simpler form"
        raise


def _text_of(result: Any) -> str:
    if isinstance(result, str):
        return result
    raise UsageError(
        f"the engine returns no answer of a model but {type(result).__name__}, which cannot be held to a form",
        hint="leave out --schema, or take an engine that returns the answer: -e single_pass",
    )


def _refuse_cut(reply: Reply, error: InvalidAnswerError) -> None:
    """An answer that was cut, or a refusal, will be no better the second time."""
    why = {
        "length": ("it stopped at the token limit", "allow more with -o max_tokens N"),
        "content_filter": ("the vendor's content filter cut it", None),
        "refusal": (f"the model refused: {short(reply.text)}", None),
    }.get(reply.finish_reason)
    if why is not None:
        raise InvalidAnswerError([why[0]], answer=error.answer, hint=why[1]) from error


def _correction(error: InvalidAnswerError, shape: Shape) -> str:
    """What the model is told of an answer that has another form than it was asked for."""
    schema = "a JSON object" if shape.whole is None else f"JSON that follows this JSON Schema:\n{_json(shape.whole)}"
    problems = "\n".join(f"- {problem}" for problem in error.problems)
    return f"Your answer has not the form that is needed:\n{problems}\n\nAnswer again, with nothing but {schema}"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def short(text: str) -> str:
    """Return how a text begins, on one line, to quote it in an error."""
    line = " ".join(text.split())
    return line if len(line) <= _SHORT else line[: _SHORT - 1] + "…"
