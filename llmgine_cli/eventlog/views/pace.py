"""When a replay shows what: the events of a log at the times at which they happened, and answers as they streamed.

The pieces of an answer are not in the log. They are cut from the whole answer again, and spread evenly over the time
that it took to come. Of an answer that has no end in the log, what was kept now and then is shown when it was kept.
"""

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, cast

from llmgine_cli.bus import Event
from llmgine_cli.eventlog.codec import decode
from llmgine_cli.eventlog.reader import Record
from llmgine_cli.eventlog.views.timeline import finished_id, timeline
from llmgine_cli.llm.events import (
    LLMCallFailed,
    LLMCallFinished,
    LLMCallInterrupted,
    LLMCallStarted,
    ReasoningChunk,
    ReplyGrew,
    TextChunk,
)
from llmgine_cli.llm.messages import Message, Reasoning, Text

STEP = 20.0  # milliseconds between two pieces, if there are words enough
UNKNOWN_WAIT = 0.2  # share of the time that passed before the first piece, where the log does not say
_SHOWN = frozenset(
    {
        "CommandFinished",
        "HistoryRewound",
        "LLMAttemptFailed",
        "LLMCallFailed",
        "LLMCallFinished",
        "LLMCallInterrupted",
        "LLMCallStarted",
        "StatusChanged",
        "ToolCallFinished",
        "ToolCallStarted",
        "ToolPrinted",
    }
)
_WORDS = re.compile(r"\s*\S+|\s+\Z")


class Beat(NamedTuple):
    """Something to show.

    Attributes:
        time_ms: When, milliseconds after the session began.
        event: What.
    """

    time_ms: float
    event: Event


def beats(records: Sequence[Record]) -> list[Beat]:
    """Return all that a replay shows, in order.

    Args:
        records: The events of a session, as the log has them.
    """
    found: list[Beat] = []
    asides: set[str] = set()
    ended = {finished_id(record) for record in records}
    for record, moment in zip(records, timeline(records), strict=True):
        event = decode(record.line) if _is_shown(record, ended) else None
        if not isinstance(event, Event):
            continue
        match event:
            case LLMCallStarted(event_id=call_id, history=0, messages=asked) if asked:
                asides.add(call_id)  # it was not on the screen then either
            case LLMCallFinished() if event.call_id not in asides:
                wait = event.first_token_ms
                found += _streamed(event.call_id, event.reply.message, moment, event.duration_ms, wait)
            case LLMCallFailed() | LLMCallInterrupted() if event.call_id not in asides:
                found += _streamed(event.call_id, event.partial, moment, event.duration_ms, None)
            case ReplyGrew(call_id=call_id, text=text):
                if call_id not in asides:
                    found.append(
                        Beat(moment, TextChunk(call_id=call_id, text=text, parent_id=call_id, session_id=None))
                    )
                continue
            case _:
                pass
        found.append(Beat(moment, event))
    return sorted(found, key=lambda beat: beat.time_ms)  # stable: what came at once stays in order


def _is_shown(record: Record, ended: Container[str]) -> bool:
    """Whether anything of it is to be seen; reading an event back costs more than all that is done with it."""
    if record.type == "ReplyGrew":  # the end of its call has it as well
        return str(record.data.get("call_id")) not in ended
    if record.type != "MessageAdded":
        return record.type in _SHOWN
    message = record.data.get("message")  # answers are shown while they come
    return isinstance(message, dict) and cast("dict[str, Any]", message).get("role") == "user"


def pauses(shown: Iterable[Beat], *, speed: float, most: float) -> Iterator[tuple[float, Event]]:
    """Return what to show, each with the seconds to wait before it.

    Args:
        shown: What to show, in order.
        speed: How many times as fast as it was; 0 is at once.
        most: The longest pause, seconds.
    """
    before: float | None = None
    for time_ms, event in shown:
        passed = 0.0 if before is None else time_ms - before
        before = time_ms
        yield (min(most, max(0.0, passed / 1000 / speed)) if speed else 0.0), event


def _streamed(call_id: str, message: Message, end: float, duration: float, wait: float | None) -> Iterator[Beat]:
    wait = duration * UNKNOWN_WAIT if wait is None else wait
    begin, span = end - duration + wait, max(0.0, duration - wait)
    pieces = list(_pieces(message, max(1, int(span / STEP))))
    for number, (kind, text) in enumerate(pieces):
        moment = begin + span * number / len(pieces)
        yield Beat(moment, kind(call_id=call_id, text=text, parent_id=call_id, session_id=None))


def _pieces(message: Message, most: int) -> Iterator[tuple[type[TextChunk] | type[ReasoningChunk], str]]:
    """Cut an answer into so many pieces at most, between words; each part of it has one at least."""
    words = [
        (TextChunk if isinstance(part, Text) else ReasoningChunk, _WORDS.findall(part.text))
        for part in message.parts
        if isinstance(part, Text | Reasoning) and part.text
    ]
    total = sum(len(found) for _, found in words)
    size = max(1, -(-total // most))
    for kind, found in words:
        for at in range(0, len(found), size):
            yield kind, "".join(found[at : at + size])
