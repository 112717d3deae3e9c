"""What a session was, in a few words: when, who with, how much, how it ended."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llmgine_cli.eventlog.ending import Ending, State, state_of, was_stopped
from llmgine_cli.eventlog.filters import Filter
from llmgine_cli.eventlog.glance import first_question
from llmgine_cli.eventlog.queries.counted import Counted, CountedLog
from llmgine_cli.eventlog.reader import LogReader
from llmgine_cli.eventlog.record import Record
from llmgine_cli.llm.prices import Prices, is_free
from llmgine_cli.llm.stream import Usage

if TYPE_CHECKING:
    from collections.abc import Callable

TYPES = (
    "SessionStarted", "SessionEnded", "SessionNamed", "ConversationOpened", "CommandStarted", "CommandFinished",
    "LLMCallStarted", "LLMCallFinished", "LLMCallFailed", "LLMCallInterrupted", "ToolCallFinished",
    "EmbeddingStarted", "EmbeddingFinished", "EmbeddingFailed",
)  # fmt: skip
_WANTED = Filter(types=TYPES)
_STARTS = Filter(types=("SessionStarted",))
LONGEST_TITLE = 200  # characters


class Summary(msgspec.Struct, kw_only=True):
    """A session in a few words.

    Attributes:
        session: Its id; as the file name has it when no event says.
        name: What the user called it; empty if nothing.
        title: How what the user said first begins; in a fork what was said first in the session it came from.
        started_ns: When it began, nanoseconds since 1970; 0 if no event says.
        ended_ns: When the last event was.
        engine: The conversation strategy, or its command's name where the log does not say more.
        models: `provider:model` of all that were asked, the last one last.
        turns: How many commands the user gave.
        calls: How many times a model was asked, for vectors too.
        tools: How many tool calls there were.
        input_tokens: Tokens of all requests.
        output_tokens: Tokens of all answers.
        price: What those calls cost of which it is known, in US dollars.
        unpriced: How many calls have no known price, those among them of which nobody knows what had come.
        duration_ms: Milliseconds it was open, all times it was taken up again together: each time from its start to
            its end, or to the last event where no end is written.
        ending: How it ended; `open` when no end is written.
        error: What it failed with.
        skipped: Bad lines that were met.
    """

    session: str
    name: str = ""
    title: str = ""
    started_ns: int = 0
    ended_ns: int = 0
    engine: str = ""
    models: list[str] = []
    turns: int = 0
    calls: int = 0
    tools: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    price: float = 0.0
    unpriced: int = 0
    duration_ms: float = 0.0
    ending: Ending = "open"
    error: str | None = None
    skipped: int = 0


def state(summary: Summary, path: Path) -> State:
    """Return how a session stands: what has no end is running if a process still writes it.

    Args:
        summary: The session.
        path: Its file.
    """
    return state_of(summary.ending, path)


def summarise(path: Path, session: str, prices: Prices) -> Summary:
    """Read a session's file and say what the session was.

    Args:
        path: The file.
        session: Its id if no event says.
        prices: Where prices are looked up.

    Raises:
        StorageError: The file cannot be read.
    """
    log = CountedLog(path, _WANTED)
    adding = _Adding(session, prices, path)
    for event in log:
        adding.add(event)
    found = adding.done(log.skipped)
    if not found.started_ns:  # nothing that counts is in it; perhaps nothing at all
        reader = LogReader(path)
        first = next(iter(reader), None)
        found.started_ns, found.skipped = first.time_ns if first else 0, max(found.skipped, reader.skipped)
    else:
        question = first_question(path)
        # The same, of which more is known here; a template's prompt has no text of its own.
        if not found.title.startswith(question.removesuffix("…") or found.title):
            found.title = question
    return found


class _Adding:
    """Makes a summary of events as they go by."""

    def __init__(self, session: str, prices: Prices, path: Path) -> None:
        self._prices = prices
        self._path = path
        self._starts = 0  # how often it was begun or taken up again
        self._sum = Summary(session=session)
        self._opened_ns: int | None = None  # since when it is open; None while it is not
        self._command: str | None = ""  # id of the last thing the user asked for
        self._cancelled = False  # whether that was cancelled

        self._adders: dict[str, Callable[[Counted], None]] = {
            "SessionStarted": self._started,
            "SessionEnded": self._ended,
            "SessionNamed": self._named,
            "ConversationOpened": self._conversed,
            "CommandStarted": self._asked,
            "CommandFinished": self._answered,
            "LLMCallStarted": self._called,
            "LLMCallFinished": self._spent,
            "LLMCallFailed": self._settled,
            "LLMCallInterrupted": self._interrupted,
            "ToolCallFinished": self._used,
            "EmbeddingStarted": self._called,
            "EmbeddingFinished": self._settled,
            "EmbeddingFailed": self._settled,
        }

    def add(self, event: Counted) -> None:
        """Take the next event."""
        done, now = self._sum, event.time_ns
        done.started_ns = done.started_ns or now
        done.session = event.session_id or done.session
        if event.event_type == "SessionStarted":
            self._close()  # it was never ended, and is gone on with now
            self._starts += 1
        done.ended_ns = max(done.ended_ns, now)
        self._adders[event.event_type](event)

    def done(self, skipped: int) -> Summary:
        """Return the summary."""
        self._close()
        self._sum.skipped = skipped
        return self._sum

    def _close(self) -> None:
        """Count the time of a part that has no end: up to its last event, of whatever type that is."""
        if self._opened_ns is not None:
            last = _last_of_part(self._path, self._starts)
            self._sum.ended_ns = max(self._sum.ended_ns, last.time_ns if last else 0)
            self._sum.duration_ms += max(0, (last.time_ns if last else 0) - self._opened_ns) / 1_000_000
            self._opened_ns = None

    def _started(self, event: Counted) -> None:
        self._opened_ns, self._cancelled = event.time_ns, False
        self._sum.ending, self._sum.error = "open", None

    def _named(self, event: Counted) -> None:
        self._sum.name = event.name

    def _conversed(self, event: Counted) -> None:
        self._sum.engine = event.engine or self._sum.engine

    def _used(self, _: Counted) -> None:
        self._sum.tools += 1

    def _called(self, event: Counted) -> None:
        done = self._sum
        done.calls += 1
        if event.model in done.models:
            done.models.remove(event.model)
        done.models.append(event.model)
        done.unpriced += not is_free(event.model)  # until it has ended well, or failed: vendors bill what is broken off

    def _ended(self, event: Counted) -> None:
        done = self._sum
        done.duration_ms += event.duration_ms
        self._opened_ns = None
        stopped = self._cancelled or was_stopped(event.error)
        done.error = done.error if was_stopped(event.error) else event.error or done.error
        done.ending = "interrupted" if stopped else "failed" if done.error else "finished"

    def _asked(self, event: Counted) -> None:
        command, done = event.command, self._sum
        if command is None or command.parent_id is not None:
            return
        done.turns += 1
        self._cancelled, done.error = False, None
        done.engine = done.engine or command.command_type
        if isinstance(command.text, str) and not done.title:
            done.title = " ".join(command.text[: 2 * LONGEST_TITLE].split())[:LONGEST_TITLE]
        self._command = event.parent_id

    def _answered(self, event: Counted) -> None:
        if event.parent_id != self._command:
            return
        self._cancelled = event.cancelled
        self._sum.error = None if event.success else event.error

    def _settled(self, event: Counted) -> None:
        self._settle(event.model)
        if event.usage != Usage():  # of vectors, or of what had come before a failure
            self._prices.add(self._sum, event.model, event.usage, event.time_ns)

    def _interrupted(self, event: Counted) -> None:
        if event.usage != Usage():  # else nobody knows
            self._settled(event)

    def _settle(self, model: str) -> None:
        self._sum.unpriced = max(0, self._sum.unpriced - (not is_free(model)))

    def _spent(self, event: Counted) -> None:
        self._settle(event.model)
        self._prices.add(self._sum, event.model, event.reply.usage, event.time_ns, answered=event.reply.model)


def _last_of_part(path: Path, starts: int) -> Record | None:
    """Return the last event before a session was taken up again; with no start after it, the last one of all."""
    reader = LogReader(path)
    begun = (record for record in reader.matching(_STARTS) if record.type == "SessionStarted")
    later = next(islice(begun, starts, None), None)
    return next(reader.backwards(later.offset if later else None), None)
