"""The log is the memory: a conversation as its events tell it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from llmgine_cli.bus import SessionStarted
from llmgine_cli.bus.messages import BusMessage
from llmgine_cli.errors import UsageError
from llmgine_cli.eventlog.attachments import Attachments
from llmgine_cli.eventlog.codec import decode
from llmgine_cli.eventlog.reader import LogReader
from llmgine_cli.llm.events import (
    ConversationOpened,
    HistoryRewound,
    LLMCallFailed,
    LLMCallFinished,
    LLMCallInterrupted,
    LLMCallStarted,
    MessageAdded,
    ReplyGrew,
    SystemChanged,
)
from llmgine_cli.llm.history import put_first
from llmgine_cli.llm.messages import Message, assistant, with_all_results

LOST = "the tool was interrupted: its result was never written"
_TYPES = frozenset(
    kind.__name__
    for kind in (
        *(ConversationOpened, HistoryRewound, LLMCallFailed, LLMCallFinished, LLMCallInterrupted, LLMCallStarted),
        *(MessageAdded, ReplyGrew, SessionStarted, SystemChanged),
    )
)


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """What the log tells of a session.

    Attributes:
        session_id: Its id.
        path: Its file.
        messages: The conversation, so that any vendor accepts it as a beginning.
        engine: The strategy it was last opened with, if the log says so.
        model: The `provider:model` that answered last, by the name it was asked for; if none ever did, that was asked.
        tools: Names of the tools that were granted last.
        last_event: Id of its last event.
        interrupted: Whether the last answer was stopped, or its end never came into the log.
        unended: Whether nothing says that it ended: it may still be coming.
        skipped: How many lines could not be read.
        gone: Names of attachments whose bytes are not kept any more.
    """

    session_id: str
    path: Path
    messages: tuple[Message, ...]
    engine: str | None
    model: str | None
    tools: tuple[str, ...]
    last_event: str | None
    interrupted: bool
    skipped: int
    unended: bool = False
    gone: tuple[str, ...] = ()


def recall(path: Path) -> Earlier:
    """Read what the log tells of a session.

    Args:
        path: The session's log file.

    Raises:
        StorageError: The file cannot be read.
        UsageError: There is no session in it.
    """
    reader = LogReader(path)
    replayed = _Replay()
    last_event = None
    for record in reader:
        last_event = record.data.get("event_id") or last_event
        if record.type in _TYPES:
            replayed.take(decode(record.line))
    messages, gone = Attachments(path.parent).filled(replayed.finished())
    return Earlier(
        session_id=session_in(path),
        path=path,
        messages=messages,
        engine=replayed.engine,
        model=replayed.model,
        tools=replayed.tools,
        last_event=last_event,
        interrupted=replayed.interrupted,
        skipped=reader.skipped,
        unended=replayed.unended,
        gone=gone,
    )


def session_in(path: Path) -> str:
    """Return the id of the session that a log file is of.

    Raises:
        StorageError: The file cannot be read.
        UsageError: There is none in it.
    """
    for record in LogReader(path):
        if record.session_id is not None:
            return record.session_id
    raise UsageError(f"there is no conversation in {path}")


def rebuild(path: Path) -> tuple[Message, ...]:
    """Return the messages of a session, so that any vendor accepts them as the beginning of a conversation.

    A tool call without a result gets one that says so, and a result without its call (the line was lost) is left out.
    An answer that was never added to the conversation, because the program was killed, is there as far as it came.
    Attachments have their bytes.

    Args:
        path: The session's log file.

    Raises:
        StorageError: The file cannot be read.
    """
    told = replay(decode(record.line) for record in LogReader(path) if record.type in _TYPES)
    return Attachments(path.parent).filled(told)[0]


def replay(events: Iterable[BusMessage]) -> tuple[Message, ...]:
    """Return the messages that these events tell of; see `rebuild`."""
    replayed = _Replay()
    for event in events:
        replayed.take(event)
    return replayed.finished()


class _Replay:
    """What the events that were taken so far tell."""

    def __init__(self) -> None:
        self.engine: str | None = None
        self.unended = False
        self._asked: str | None = None  # the model that was asked last, and may have failed
        self._answered: str | None = None
        self.tools: tuple[str, ...] = ()
        self.interrupted = False
        self._messages: list[Message] = []
        self._call_id = ""  # of the answer that is coming
        self._coming: Message | None = None  # as far as it came; None once it is in the conversation

    @property
    def model(self) -> str | None:
        """The model to go on with: one that failed is not taken for the user's choice."""
        return self._answered or self._asked

    def take(self, event: BusMessage) -> None:
        match event:
            case SessionStarted():
                # Whoever resumed the session began with what `rebuild` made of the log, and counts from that.
                self._messages = list(self.finished())
                self._coming = None
            case MessageAdded(message=message):
                self._messages.append(message)
                self._coming = None
            case SystemChanged(message=message):
                put_first(self._messages, message)
            case HistoryRewound(kept=kept):
                del self._messages[kept:]
                self._coming, self.interrupted = None, False
            case ConversationOpened():
                self.engine, self._asked, self.tools = event.engine, event.model, event.tools
            case _:
                self._take_call(event)

    def finished(self) -> tuple[Message, ...]:
        """The conversation, if this was all."""
        coming = [] if self._coming is None or not self._coming.parts else [self._coming]
        return with_all_results([*self._messages, *coming], LOST)

    def _take_call(self, event: BusMessage) -> None:
        match event:
            case LLMCallStarted() if event.history:  # without, it was asked aside
                self._call_id, self._coming = event.event_id, None
                self.interrupted = self.unended = True
                self._asked, self.tools = event.model, event.tools or self.tools
            case ReplyGrew() if event.call_id == self._call_id:
                self._coming = assistant((self._coming.text if self._coming else "") + event.text)
            case LLMCallFinished() if event.call_id == self._call_id:
                self._coming, self._answered = event.reply.message, self._asked
                self.interrupted = self.unended = False
            case LLMCallInterrupted() if event.call_id == self._call_id:
                self._coming = assistant(event.partial.text) if event.partial.text else None
                self._answered, self.unended = self._asked, False
            case LLMCallFailed() if event.call_id == self._call_id:
                self._coming = None
                self.interrupted = self.unended = False
            case _:
                pass
