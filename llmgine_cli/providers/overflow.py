"""A conversation that is longer than the model takes: in the words of each vendor, and in ours.

The wordings are those of OpenAI, vLLM and DeepSeek ("maximum context length"), OpenAI's newer "configured limit",
Anthropic ("prompt is too long", "exceed context limit"), OpenRouter ("you requested about"), llama.cpp ("available
context size"), Gemini ("input token count"), xAI ("maximum prompt length") and Mistral ("too large for model with").
"""

import re
from typing import NamedTuple

from llmgine_cli.errors import ContextWindowError

HINT = "the conversation is too long for this model: shorten it, start a new one, or take a larger model"

_ANY = re.compile(
    r"context[_ ](length|window|size|limit)|too many tokens|prompt is too long|maximum (context|prompt length)"
    r"|input token count|input tokens exceed|is too large to process",
    re.IGNORECASE,
)
_NUMBER = r"(?P<{}>\d[\d,]*)"
_TOKENS, _LIMIT = _NUMBER.format("tokens"), _NUMBER.format("limit")
_WORDINGS = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        rf"maximum (context|prompt) length is {_LIMIT}.*?(resulted in|requested( about)?|has|contains) {_TOKENS}",
        rf"(configured limit of|context window of) {_LIMIT} tokens.*?(resulted in|requested) {_TOKENS}",
        rf"prompt is too long: {_TOKENS} tokens > {_LIMIT}",
        rf"context limit: (?P<part>\d+) \+ (?P<rest>\d+) > {_LIMIT}",
        rf"request \({_TOKENS} tokens\) exceeds the available context size \({_LIMIT} tokens\)",
        rf"input token count \({_TOKENS}\) exceeds the maximum number of tokens allowed \({_LIMIT}\)",
        rf"input \({_TOKENS} tokens\) is too large to process.*?batch size: {_LIMIT}",
        rf"contains {_TOKENS} tokens.*?too large for model with {_LIMIT}",
    )
)
_LIMITS_ONLY = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"maximum (context|prompt) length (is|of) {_LIMIT}",
        rf"(configured limit of|maximum number of tokens allowed) \(?{_LIMIT}",
    )
)


class Overflow(NamedTuple):
    """By how much, as far as the vendor tells.

    Attributes:
        tokens: How many the request has.
        limit: How many the model takes.
    """

    tokens: int | None = None
    limit: int | None = None


def overflow(said: str) -> Overflow | None:
    """Tell whether a vendor complains of the length of the conversation, and by how much it is too long.

    Args:
        said: The vendor's words, with the machine-readable ones.
    """
    for wording in _WORDINGS:
        if match := wording.search(said):
            found = match.groupdict()
            tokens = _number(found["tokens"]) if "tokens" in found else int(found["part"]) + int(found["rest"])
            return Overflow(tokens, _number(found["limit"]))
    for wording in _LIMITS_ONLY:
        if match := wording.search(said):
            return Overflow(limit=_number(match["limit"]))
    return Overflow() if _ANY.search(said) else None


def explain(error: ContextWindowError, model: str, *, what: str = "conversation") -> ContextWindowError:
    """Say in one sentence by how much the conversation is too long, as far as that is known; return the error.

    Args:
        error: Knows the numbers.
        model: Whose limit it is.
        what: What is too long.
    """
    tokens, limit = error.tokens, error.limit
    way_out = "shorten it, start a new one, or take a larger model"
    if what != "conversation":
        way_out = "cut it into parts, or take a larger model"
        error.hint = f"a {what} is too long for this model: {way_out}"
    if tokens and limit and tokens > limit:
        error.message = f"the {what} has {tokens} tokens, and {model} takes {limit} at most"
        error.hint = f"that is {tokens - limit} too many: {way_out}"
    elif limit:
        error.message = f"the {what} is too long for {model}, which takes {limit} tokens at most"
        error.hint = way_out
    return error


def _number(digits: str) -> int:
    return int(digits.replace(",", ""))
