"""From the events of a session to its story; see `eventlog.views.story`."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from llmgine_cli.eventlog.conversation import replay
from llmgine_cli.eventlog.ending import Ending, state_of, was_stopped
from llmgine_cli.eventlog.reader import LogReader, Record
from llmgine_cli.eventlog.views.story import CallFacts, Mark, Said, Story, ToolUse, Trouble
from llmgine_cli.llm.events import MessageAdded
from llmgine_cli.llm.history import put_first
from llmgine_cli.llm.messages import Message, ToolCall, ToolResult, assistant, user
from llmgine_cli.llm.speed import speed_of
from llmgine_cli.llm.stream import Reply

T = TypeVar("T")
Data = Mapping[str, Any]
_TOOL_COMMANDS = frozenset({"CallTool", "ApproveToolCall"})
# What data of an unexpected shape may raise: a line of another version, or written by somebody else.
_MISFITS = (KeyError, TypeError, ValueError, AttributeError, msgspec.ValidationError)


def tell(path: Path) -> Story:
    """Return the story of a session.

    Args:
        path: Its log file.

    Raises:
        StorageError: The file cannot be read.
    """
    reader = LogReader(path)
    teller = Teller()
    for record in reader:
        teller.hear(record)
    story = teller.end()
    story.state = state_of(teller.ending, path)
    story.skipped += reader.skipped
    return story


class Teller:
    """Takes events in the order of the log.

    Attributes:
        story: What was told so far.
        ending: How the session ended; `open` while it has no end.
    """

    def __init__(self) -> None:
        self.story = Story()
        self.ending: Ending = "open"
        self._last_turn: Literal["finished", "failed", "interrupted"] = "finished"
        self._history: list[Message] = []
        self._said: dict[int, Said] = {}  # id() of a message of the history → where it is told
        self._uses: dict[str, ToolUse] = {}  # id of a tool call → the latest one that has it
        self._commands: dict[str, _Turn] = {}  # those at the top that run
        self._asides: dict[str, tuple[Message, ...]] = {}  # id of a call beside the conversation → what was asked
        self._answer: Said | None = None  # came from a model, and is not in the conversation yet
        self._coming: dict[str, Trouble] = {}  # id of a call of a model → what has come, should nothing more
        self._rewound: list[Said] = []  # what was taken back last, until something else happens
        self._engines: list[str] = []
        self._opened_ns: int | None = None
        self._last_ns = 0
        self._listeners: Mapping[str, Callable[[Record, Data], None]] = {
            "SessionStarted": self._session_started,
            "SessionEnded": self._session_ended,
            "SessionForked": self._session_forked,
            "SessionNamed": self._session_named,
            "ConversationOpened": self._conversation_opened,
            "CommandStarted": self._command_started,
            "CommandFinished": self._command_finished,
            "HandlerFailed": self._handler_failed,
            "MessageAdded": self._message_added,
            "SystemChanged": self._system_changed,
            "HistoryRewound": self._history_rewound,
            "LLMCallStarted": self._call_started,
            "LLMAttemptFailed": self._attempt_failed,
            "ReplyGrew": self._reply_grew,
            "LLMCallFinished": self._call_finished,
            "LLMCallFailed": self._call_failed,
            "LLMCallInterrupted": self._call_interrupted,
            "ToolCallStarted": self._tool_started,
            "ToolPrinted": self._tool_printed,
            "ToolCallFinished": self._tool_finished,
        }

    def hear(self, record: Record) -> None:
        """Take the next event. One whose shape is not understood counts as a line that could not be read."""
        story = self.story
        if not story.started_ns:
            story.started_ns = record.time_ns
        story.session_id = story.session_id or record.session_id
        listen = self._listeners.get(record.type)
        if listen is not None:
            try:
                listen(record, record.data)
            except _MISFITS:
                story.skipped += 1
        self._last_ns = record.time_ns

    def end(self) -> Story:
        """Return the story; nothing more is heard."""
        self._close(self._last_ns, "the log ends here: the program was killed, or it still runs")
        self.story.state = "interrupted" if self.ending == "open" else self.ending
        return self.story

    # -- the session

    def _session_started(self, record: Record, _: Data) -> None:
        self._close(self._last_ns, "the program was killed here")
        self.ending = "open"
        if self.story.items:
            self.story.items.append(Mark(text="taken up again", time_ns=record.time_ns))
        self._opened_ns = record.time_ns
        # Whoever took it up counts from what `rebuild` makes of the log.
        self._history = list(replay(MessageAdded(message=message) for message in self._history))

    def _session_ended(self, record: Record, data: Data) -> None:
        self.story.duration_ms += float(data["duration_ms"])
        self._opened_ns = None
        last: Ending = "finished" if self._commands else self._last_turn
        self._close(record.time_ns, "the session ended before the turn did")
        error = data.get("error")
        stopped = last == "interrupted" or was_stopped(error)
        self.ending = "interrupted" if stopped else "failed" if error else last

    def _session_forked(self, record: Record, data: Data) -> None:
        self.story.items.append(Mark(text=f"goes on from session {data['from_session']}", time_ns=record.time_ns))

    def _session_named(self, _: Record, data: Data) -> None:
        self.story.name = str(data["name"])

    def _conversation_opened(self, _: Record, data: Data) -> None:
        if (engine := str(data["engine"])) not in self._engines:
            self._engines.append(engine)
        self.story.engine = ", ".join(self._engines)

    def _close(self, time_ns: int, why: str) -> None:
        """End what has no end of its own."""
        if self._answer is not None:  # whoever takes the session up again has it in the conversation
            self._answer.aside = False
            self._keep(self._answer)
        self._settle()
        self._lose()
        if self._commands:
            self._commands.clear()
            self.story.items.append(Trouble(kind="interrupted", text=why, time_ns=time_ns))
        if self._opened_ns is not None:
            self.story.duration_ms += max(0, time_ns - self._opened_ns) / 1_000_000
            self._opened_ns = None

    def _settle(self) -> None:
        """Tell an answer that never got into the conversation."""
        if self._answer is not None:
            self.story.items.append(self._answer)
            self._answer = None

    def _lose(self) -> None:
        """Tell what had come of answers that have no end; whoever takes the session up again goes on from it."""
        for trouble in self._coming.values():
            if trouble.partial is None:
                continue
            self._keep(Said(message=trouble.partial, time_ns=trouble.time_ns))
            self.story.items.append(trouble)
        self._coming.clear()

    # -- turns

    def _command_started(self, record: Record, data: Data) -> None:
        command: Data = data["command"]
        name = str(command["command_type"])
        if command.get("parent_id") is not None or name in _TOOL_COMMANDS:
            return
        story = self.story
        story.turns += 1
        self._rewound = []
        story.engine = story.engine or name
        text = str(command.get("text") or "")
        self._commands[str(command["command_id"])] = _Turn(text, len(story.items), record.time_ns)

    def _command_finished(self, record: Record, data: Data) -> None:
        turn = self._commands.pop(str(record.parent_id), None)
        if turn is None:
            return
        self._settle()
        story = self.story
        told = story.items[turn.begins :]
        if turn.text and not any(isinstance(item, Said) and item.message.role == "user" for item in told):
            # The engine kept it to itself.
            story.items.insert(turn.begins, Said(message=user(turn.text), time_ns=turn.time_ns, aside=True))
        if data["success"]:
            self._last_turn = "finished"
            return
        kind: Literal["failed", "interrupted"] = "interrupted" if data["cancelled"] else "failed"
        self._last_turn = kind
        if not any(isinstance(item, Trouble) and item.call for item in told):
            text = "the turn was interrupted" if data["cancelled"] else f"{data['error_type']}: {data['error']}"
            duration = float(data["duration_ms"])
            story.items.append(Trouble(kind=kind, text=text, time_ns=record.time_ns, duration_ms=duration))

    def _handler_failed(self, record: Record, data: Data) -> None:
        text = f"{data['handler']} failed on {data['about_type']}: {data['error_type']}: {data['error']}"
        self.story.items.append(Trouble(kind="failed", text=text, time_ns=record.time_ns))

    # -- the conversation

    def _message_added(self, record: Record, data: Data) -> None:
        message = msgspec.convert(data["message"], Message)
        if message.role == "tool":
            self._history.append(message)
            for part in message.parts:
                if isinstance(part, ToolResult) and (use := self._uses.get(part.call_id)):
                    use.result = use.result or part
            return
        if again := next((said for said in self._rewound if said.message == message), None):
            self._restore(again, message)
            return
        said = self._taken(message) or Said(message=message, time_ns=record.time_ns)
        said.message = message
        self._keep(said)
        items = self.story.items
        before = items[-1] if items else None
        if isinstance(before, Trouble) and before.partial and before.partial.text == message.text:
            before.partial = None  # what had come of an interrupted answer is in the conversation
            items.insert(len(items) - 1, said)
        else:
            items.append(said)

    def _taken(self, message: Message) -> Said | None:
        """Return what a model has just answered, if it is this message."""
        answer = self._answer
        if answer is None or answer.message != message:
            self._settle()
            return None
        self._answer = None
        answer.aside = False
        return answer

    def _restore(self, said: Said, message: Message) -> None:
        """Take something back into the conversation, which was only put aside so that another could come before it."""
        self._rewound.remove(said)
        said.undone = False
        said.message = message
        self._history.append(message)
        self._said[id(message)] = said
        if isinstance(self.story.items[-1], Mark) and not self._rewound:
            self.story.items.pop()

    def _keep(self, said: Said) -> None:
        self._history.append(said.message)
        self._said[id(said.message)] = said
        said.tools = [ToolUse(call=call, time_ns=said.time_ns) for call in said.message.tool_calls]
        self._uses.update({use.call.id: use for use in said.tools})

    def _system_changed(self, record: Record, data: Data) -> None:
        said = Said(message=msgspec.convert(data["message"], Message), time_ns=record.time_ns)
        if self._history and self._history[0].role == "system":
            self._forget(self._history[:1])
        put_first(self._history, said.message)
        self._said[id(said.message)] = said
        self.story.items.append(said)

    def _history_rewound(self, record: Record, data: Data) -> None:
        kept = int(data["kept"])
        gone = self._history[kept:]
        del self._history[kept:]
        self._forget(gone)
        self._rewound = [said for message in gone if (said := self._said.get(id(message)))]
        if kept == 0:
            text = "the conversation began anew"
        else:
            count = sum(message.role != "tool" for message in gone)
            text = "the last message was taken back" if count == 1 else f"the last {count} messages were taken back"
        self.story.items.append(Mark(text=text, time_ns=record.time_ns))

    def _forget(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if said := self._said.get(id(message)):
                said.undone = True

    # -- models

    def _call_started(self, _: Record, data: Data) -> None:
        self._settle()
        self._rewound = []
        self.story.tools += [str(name) for name in data["tools"] if name not in self.story.tools]
        self._count_model(str(data["model"]))
        if data["messages"] and not data["history"]:
            self._asides[str(data["event_id"])] = msgspec.convert(data["messages"], tuple[Message, ...])

    def _attempt_failed(self, record: Record, data: Data) -> None:
        other = str(data["next_model"])
        then = "it was asked again" if other == data["model"] else f"{other} was asked instead"
        text = f"{data['model']} did not answer ({data['error']}); {then}"
        self.story.items.append(Mark(text=text, time_ns=record.time_ns))

    def _reply_grew(self, record: Record, data: Data) -> None:
        call_id = str(data["call_id"])
        text = "what came of the answer before the log ends"
        coming = self._coming.setdefault(call_id, Trouble(kind="interrupted", text=text, time_ns=0, call=True))
        before = coming.partial.text if coming.partial else ""
        coming.partial, coming.time_ns = assistant(before + str(data["text"])), record.time_ns

    def _call_finished(self, record: Record, data: Data) -> None:
        self._settle()
        self._coming.pop(str(data["call_id"]), None)
        reply = msgspec.convert(data["reply"], Reply)
        took, first = float(data["duration_ms"]), data["first_token_ms"]
        facts = CallFacts(
            model=str(data["model"]),
            duration_ms=took,
            first_token_ms=first,
            usage=reply.usage,
            finish_reason=reply.finish_reason,
            speed=speed_of(reply.usage, took, first, thoughts=bool(reply.reasoning)),
        )
        self.story.calls += 1
        self.story.usage += reply.usage
        self._count_model(facts.model)
        answer = Said(message=reply.message, time_ns=record.time_ns, facts=facts, aside=True)
        asked = self._asides.pop(str(data["call_id"]), None)
        if asked is None:
            self._answer = answer
            return
        self.story.items += [Said(message=message, time_ns=record.time_ns, aside=True) for message in asked]
        self.story.items.append(answer)

    def _call_failed(self, record: Record, data: Data) -> None:
        self._trouble("failed", f"{data['error_type']}: {data['error']}", record, data)

    def _call_interrupted(self, record: Record, data: Data) -> None:
        self._trouble("interrupted", "the answer was interrupted", record, data)

    def _trouble(self, kind: Any, text: str, record: Record, data: Data) -> None:
        self._settle()
        self._coming.pop(str(data["call_id"]), None)
        self._asides.pop(str(data["call_id"]), None)
        partial = msgspec.convert(data["partial"], Message)
        self.story.items.append(
            Trouble(
                kind=kind,
                text=text,
                time_ns=record.time_ns,
                partial=partial if partial.parts else None,
                duration_ms=float(data["duration_ms"]),
                call=True,
            )
        )

    def _count_model(self, model: str) -> None:
        if model not in self.story.models:
            self.story.models.append(model)

    # -- tools

    def _tool_started(self, record: Record, data: Data) -> None:
        self._use(record, data).time_ns = record.time_ns

    def _tool_printed(self, record: Record, data: Data) -> None:
        self._use(record, data).printed += str(data["text"])

    def _tool_finished(self, record: Record, data: Data) -> None:
        use = self._use(record, data)
        use.result = msgspec.convert(data["result"], ToolResult)
        use.denied = bool(data["denied"])
        use.duration_ms = None if use.denied else float(data["duration_ms"])

    def _use(self, record: Record, data: Data) -> ToolUse:
        call = msgspec.convert(data["call"], ToolCall)
        use = self._uses.get(call.id)
        if use is None or use.result is not None:  # the engine's own idea, not the model's
            use = self._uses[call.id] = ToolUse(call=call, time_ns=record.time_ns)
            self.story.items.append(use)
        return use


class _Turn:
    """A prompt that is being handled: its text, and where its story begins."""

    def __init__(self, text: str, begins: int, time_ns: int) -> None:
        self.text = text
        self.begins = begins
        self.time_ns = time_ns
