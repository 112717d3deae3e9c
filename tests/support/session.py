"""A session written event by event, at moments that the test chooses."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmgine_cli.bus import Command, CommandFinished, CommandStarted, Event, SessionEnded, SessionStarted
from llmgine_cli.engine import Prompt
from llmgine_cli.eventlog.reader import LogReader, Record
from llmgine_cli.eventlog.writer import EventLog
from llmgine_cli.llm.events import LLMCallFinished, LLMCallStarted, MessageAdded
from llmgine_cli.llm.messages import Message, ToolCall, ToolResult, assistant, user
from llmgine_cli.llm.stream import FinishReason, Reply, Usage
from llmgine_cli.toolkit.messages import ApproveToolCall, CallTool, ToolCallFinished, ToolCallStarted

NOON = 1_795_521_600_000_000_000  # 2026-11-24 12:00 UTC
MODEL = "echo:echo"


class Session:
    """Writes events to a log; each happens `at` so many milliseconds after noon by the clock on the wall.

    Attributes:
        path: The file.
    """

    def __init__(self, folder: Path, session_id: str = "morning") -> None:
        self._log = EventLog(folder)
        self.session_id = session_id
        self.write(SessionStarted, at=0)
        path = self._log.path(session_id)
        assert path is not None
        self.path = path

    def write(self, kind: type[Event], at: float, parent: str | None = None, **fields: Any) -> str:
        """Write one event; return its id."""
        when = NOON + round(at * 1_000_000)
        event = kind(**fields, session_id=self.session_id, parent_id=parent, time_ns=when)
        self._log.write(event)
        return event.event_id

    def begin(self, command: Command[Any], at: float) -> str:
        """Write that a command began; return its id."""
        self.write(CommandStarted, at, command.command_id, command=command)
        return command.command_id

    def finish(self, command_id: str, at: float, took: float, name: str = "Prompt", error: str | None = None) -> None:
        """Write that a command ended."""
        self.write(
            CommandFinished,
            at,
            command_id,
            command_type=name,
            success=error is None,
            error=error,
            error_type=error and "LlmgineError",
            duration_ms=took,
        )

    def prompt(self, text: str, at: float) -> str:
        """Write that the user asked something; return the turn's id."""
        turn = self.begin(Prompt(text=text, session_id=self.session_id, parent_id=None), at)
        self.say(user(text), at, turn)
        return turn

    def say(self, message: Message, at: float, parent: str | None = None) -> None:
        """Write that the conversation grew."""
        self.write(MessageAdded, at, parent, message=message)

    def ask(self, turn: str | None, at: float, **fields: Any) -> str:
        """Write that a model was asked; return the id of the call."""
        return self.write(LLMCallStarted, at, turn, **{"model": MODEL, "history": 1, **fields})

    def answered(
        self,
        turn: str | None,
        call: str,
        message: Message | str,
        at: float,
        took: float,
        *,
        first: float | None = None,
        reason: FinishReason = "stop",
        kept: bool = True,
    ) -> None:
        """Write that a model answered, and that the conversation has its answer."""
        message = assistant(message) if isinstance(message, str) else message
        reply = Reply(message=message, finish_reason=reason, usage=Usage(input_tokens=9, output_tokens=5))
        self.write(
            LLMCallFinished, at, turn, call_id=call, model=MODEL, reply=reply, duration_ms=took, first_token_ms=first
        )
        if kept:
            self.say(message, at, turn)

    def tool(self, turn: str | None, call: ToolCall, at: float, *, runs: bool = True) -> str:
        """Write that a tool was called, and that it runs at once or waits; return the command's id."""
        command = self.begin(CallTool(call=call, session_id=self.session_id, parent_id=turn), at)
        if runs:
            self.write(ToolCallStarted, at, command, call=call)
        return command

    def asked(self, command: str, call: ToolCall, at: float) -> str:
        """Write that the user was asked whether a tool may run; return the question's id."""
        return self.begin(
            ApproveToolCall(call=call, effect="read", origin="a test", session_id=self.session_id, parent_id=command),
            at,
        )

    def approved(self, command: str, question: str, call: ToolCall, at: float, took: float) -> None:
        """Write that the user said yes, and that the tool runs."""
        self.finish(question, at, took, "ApproveToolCall")
        self.write(ToolCallStarted, at, command, call=call)

    def tool_done(
        self, command: str, call: ToolCall, content: str, at: float, took: float, ran: float | None = None, **more: Any
    ) -> None:
        """Write what came of a tool call."""
        result = ToolResult(call_id=call.id, name=call.name, content=content, is_error=more.pop("is_error", False))
        ran = took if ran is None else ran
        self.write(ToolCallFinished, at, command, call=call, result=result, duration_ms=ran, **more)
        self.finish(command, at, took, "CallTool")

    def end(self, at: float, took: float | None = None) -> None:
        """Write that the session is over."""
        self.write(SessionEnded, at, duration_ms=at if took is None else took)

    def raw(self, line: bytes) -> None:
        """Append bytes that nobody checked."""
        with self.path.open("ab") as file:
            file.write(line)

    @property
    def records(self) -> list[Record]:
        """What was written."""
        return list(LogReader(self.path))


def result_message(call: ToolCall, content: str) -> Message:
    """What the model reads of a tool."""
    return Message("tool", (ToolResult(call_id=call.id, name=call.name, content=content),))


def call(name: str = "clock", call_id: str = "1", arguments: Mapping[str, Any] | None = None) -> ToolCall:
    """A call of a tool."""
    import json

    return ToolCall(id=call_id, name=name, arguments=json.dumps(arguments or {}))
