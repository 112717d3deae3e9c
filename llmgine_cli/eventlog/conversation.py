"""The log is the memory: a conversation as its events tell it."""

from collections.abc import Iterable
from pathlib import Path

from llmgine_cli.bus import SessionStarted
from llmgine_cli.bus.messages import BusMessage
from llmgine_cli.eventlog.codec import decode
from llmgine_cli.eventlog.reader import LogReader
from llmgine_cli.llm.events import HistoryRewound, MessageAdded, SystemChanged
from llmgine_cli.llm.history import put_first
from llmgine_cli.llm.messages import Message, ToolResult

LOST = "the tool was interrupted: its result was never written"
_TYPES = frozenset(kind.__name__ for kind in (SessionStarted, MessageAdded, SystemChanged, HistoryRewound))


def rebuild(path: Path) -> tuple[Message, ...]:
    """Return the messages of a session, so that any vendor accepts them as the beginning of a conversation.

    A tool call without a result gets one that says so, and a
    result without its call (the line was lost) is left out.

    Args:
        path: The session's log file.

    Raises:
        StorageError: The file cannot be read.
    """
    return replay(decode(record.line) for record in LogReader(path) if record.type in _TYPES)


def replay(events: Iterable[BusMessage]) -> tuple[Message, ...]:
    """Return the messages that these events tell of; see `rebuild`."""
    messages: list[Message] = []
    for event in events:
        match event:
            case SessionStarted():
                # Whoever resumed the session began with what `rebuild` made of the log, and counts from that.
                messages = list(_with_all_results(messages))
            case MessageAdded(message=message):
                messages.append(message)
            case SystemChanged(message=message):
                put_first(messages, message)
            case HistoryRewound(kept=kept):
                del messages[kept:]
            case _:
                pass
    return _with_all_results(messages)


def _with_all_results(messages: Iterable[Message]) -> tuple[Message, ...]:
    whole: list[Message] = []
    open_calls: dict[str, str] = {}  # id → name of the calls that still want a result
    for message in messages:
        if message.role != "tool":
            whole += _lost(open_calls)
            open_calls = {call.id: call.name for call in message.tool_calls}
            whole.append(message)
            continue
        answers = tuple(
            part for part in message.parts if isinstance(part, ToolResult) and open_calls.pop(part.call_id, "")
        )
        if answers:
            whole.append(Message("tool", answers))
    return (*whole, *_lost(open_calls))


def _lost(calls: dict[str, str]) -> list[Message]:
    return [
        Message("tool", (ToolResult(call_id=call_id, name=name, content=LOST, is_error=True),))
        for call_id, name in calls.items()
    ]
