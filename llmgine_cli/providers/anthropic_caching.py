"""Which parts of a request Anthropic is to keep for the next one.

A mark on a block has everything up to it kept, in the order tools, system, messages, for five minutes. What is kept is
read at a tenth of its price, and is a quarter dearer the first time:
https://platform.claude.com/docs/en/build-with-claude/prompt-caching.
"""

from collections.abc import Iterator
from typing import Any, cast

Body = dict[str, Any]

_MARK = {"cache_control": {"type": "ephemeral"}}
_LONG = 4096  # characters, about 1024 tokens: less than that no model keeps, but for a few of the latest


def cached(body: Body, *, wanted: bool | None) -> Body:
    """Return a request with marks on its last tool, its system message and the last message of the user.

    Args:
        body: The request.
        wanted: False: without marks; None: with those that will pay. What is the same in every request (tools and
            system message) is marked when it is long. The conversation is marked when there will be a next turn, which
            tools and earlier answers are a sign of: a long text that is asked about once would only cost more.
    """
    if wanted is False:
        return body
    tools: list[Body] = body.get("tools", [])
    system: str = body.get("system", "")
    messages: list[Body] = body["messages"]
    marked = dict(body)
    if wanted or _is_long([tools, system]):
        if tools:
            marked["tools"] = [*tools[:-1], {**tools[-1], **_MARK}]
        if system:
            marked["system"] = [{"type": "text", "text": system, **_MARK}]
    if wanted or (_goes_on(tools, messages) and _is_long([tools, system, messages])):
        marked["messages"] = _marked(messages)
    return marked


def _goes_on(tools: list[Body], messages: list[Body]) -> bool:
    return bool(tools) or any(message["role"] == "assistant" for message in messages)


def _marked(messages: list[Body]) -> list[Body]:
    if not messages or messages[-1]["role"] != "user":
        return messages
    *before, last = messages
    *blocks, block = last["content"]
    return [*before, {**last, "content": [*blocks, {**block, **_MARK}]}]


def _is_long(value: Any) -> bool:
    """Whether there is text enough in it; what comes after that is not looked at."""
    length = 0
    for text in _texts(value):
        length += len(text)
        if length >= _LONG:
            return True
    return False


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts([*cast("dict[str, Any]", value).values()])
    elif isinstance(value, list):
        for one in cast("list[object]", value):
            yield from _texts(one)
