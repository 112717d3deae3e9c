"""Events as spans: a turn, the model calls in it, the tools they ask for.

Every time is that of the events. A span ends as long after its start as the finishing event says it took, so that a
clock that is set while it runs makes none negative. Imports OpenTelemetry, as `export` does.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, set_span_in_context

from llmgine_cli.bus import CommandFinished, CommandStarted, Event, SessionEnded
from llmgine_cli.engine import Prompt
from llmgine_cli.llm.events import (
    HistoryRewound,
    LLMAttemptFailed,
    LLMCallFailed,
    LLMCallFinished,
    LLMCallInterrupted,
    LLMCallStarted,
    MessageAdded,
    SystemChanged,
)
from llmgine_cli.sinks.genai import (
    Attributes,
    attempt_attributes,
    call_attributes,
    input_content,
    model_attributes,
    output_content,
    reply_attributes,
    run_attributes,
    tool_attributes,
)
from llmgine_cli.toolkit.messages import ToolCallFinished, ToolCallStarted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmgine_cli.llm.messages import Message

INTERRUPTED = "interrupted"


@dataclass
class _Open:
    """A span that has not ended."""

    span: Span
    session_id: str | None
    start: int


class Spans:
    """Makes spans of events, in the order in which they were published.

    Args:
        tracer: Takes the spans.
        content: Whether what people, models and tools said goes along.
    """

    def __init__(self, tracer: Tracer, *, content: bool = False) -> None:
        self._tracer = tracer
        self._content = content
        self._open: dict[str, _Open] = {}  # by the id of what is being done
        self._parents: dict[str, str | None] = {}  # of the commands that run: in what each was given
        self._told: dict[str | None, list[Message]] = {}  # the conversations, where content is wanted
        self._now = 0
        self._handlers: Mapping[type[Event], Callable[[Any], None]] = {
            CommandStarted: self._command_started,
            CommandFinished: self._command_finished,
            LLMCallStarted: self._call_started,
            LLMAttemptFailed: self._attempt_failed,
            LLMCallFinished: self._call_finished,
            LLMCallFailed: self._call_failed,
            LLMCallInterrupted: self._call_interrupted,
            ToolCallStarted: self._tool_started,
            ToolCallFinished: self._tool_finished,
            SessionEnded: self._session_ended,
            MessageAdded: self._message_added,
            SystemChanged: self._system_changed,
            HistoryRewound: self._rewound,
        }

    def take(self, event: Event) -> None:
        """Take the next event."""
        self._now = event.time_ns
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def close(self) -> None:
        """End what is still open: nothing more will come."""
        for key in list(self._open)[::-1]:
            self._interrupt(key, self._now)

    # -- turns

    def _command_started(self, event: CommandStarted) -> None:
        command = event.command
        self._parents[command.command_id] = command.parent_id
        if isinstance(command, Prompt):
            attributes = run_attributes(command.session_id, type(command).__name__)
            if self._content and command.text:
                attributes |= {"llmgine.prompt": command.text}
            self._start(command.command_id, command.parent_id, "invoke_agent", event, attributes=attributes)

    def _command_finished(self, event: CommandFinished) -> None:
        command_id = event.parent_id or ""
        error_type = INTERRUPTED if event.cancelled else event.error_type
        self._end(command_id, event.duration_ms, error_type=error_type, error=event.error)
        self._parents.pop(command_id, None)

    # -- model calls

    def _call_started(self, event: LLMCallStarted) -> None:
        attributes = call_attributes(event)
        if self._content:
            told = self._told.get(event.session_id, [])
            attributes |= input_content([*told[max(len(told) - event.history, 0) :], *event.messages])
        name = f"chat {attributes['gen_ai.request.model']}"
        self._start(event.event_id, event.parent_id, name, event, attributes=attributes, kind=SpanKind.CLIENT)

    def _attempt_failed(self, event: LLMAttemptFailed) -> None:
        if opened := self._open.get(event.call_id):
            opened.span.add_event(
                "llmgine.attempt_failed",
                attempt_attributes(event) | ({"error.message": event.error} if self._content else {}),
                timestamp=event.time_ns,
            )

    def _call_finished(self, event: LLMCallFinished) -> None:
        attributes = model_attributes(event.model) | reply_attributes(event.reply, event.first_token_ms)
        if self._content:
            attributes |= output_content(event.reply.message, event.reply.finish_reason)
        self._end(event.call_id, event.duration_ms, attributes)

    def _call_failed(self, event: LLMCallFailed) -> None:
        attributes = model_attributes(event.model) | (output_content(event.partial) if self._content else {})
        self._end(event.call_id, event.duration_ms, attributes, error_type=event.error_type, error=event.error)

    def _call_interrupted(self, event: LLMCallInterrupted) -> None:
        attributes = output_content(event.partial) if self._content else {}
        self._end(event.call_id, event.duration_ms, attributes, error_type=INTERRUPTED)

    # -- tools

    def _tool_started(self, event: ToolCallStarted | ToolCallFinished) -> None:
        call = event.call
        attributes = tool_attributes(event.session_id, call)
        if self._content:
            attributes |= {"gen_ai.tool.call.arguments": call.arguments}
        self._start(_tool_key(event), event.parent_id, f"execute_tool {call.name}", event, attributes=attributes)

    def _tool_finished(self, event: ToolCallFinished) -> None:
        key = _tool_key(event)
        if key not in self._open:  # refused, or asked for in a wrong way: it never started
            self._tool_started(event)
        attributes: Attributes = {"gen_ai.tool.call.result": event.result.content} if self._content else {}
        error_type = "denied" if event.denied else "tool_error" if event.result.is_error else None
        self._end(key, event.duration_ms, attributes, error_type=error_type)

    # -- conversations

    def _message_added(self, event: MessageAdded) -> None:
        if self._content:
            self._told.setdefault(event.session_id, []).append(event.message)

    def _system_changed(self, event: SystemChanged) -> None:
        if self._content:
            told = self._told.setdefault(event.session_id, [])
            told[: bool(told and told[0].role == "system")] = [event.message]

    def _rewound(self, event: HistoryRewound) -> None:
        if self._content:
            del self._told.get(event.session_id, [])[event.kept :]

    def _session_ended(self, event: SessionEnded) -> None:
        self._told.pop(event.session_id, None)
        for key in [key for key, each in self._open.items() if each.session_id == event.session_id][::-1]:
            self._interrupt(key, event.time_ns)

    # -- spans

    def _start(
        self,
        key: str,
        parent_id: str | None,
        name: str,
        event: Event,
        *,
        attributes: Attributes,
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> None:
        parent = self._around(parent_id)
        span = self._tracer.start_span(
            name,
            context=Context() if parent is None else set_span_in_context(parent.span, Context()),
            kind=kind,
            attributes=attributes,
            start_time=event.time_ns,
        )
        self._open[key] = _Open(span, event.session_id, event.time_ns)

    def _around(self, message_id: str | None) -> _Open | None:
        """Return the innermost open span around a message."""
        while message_id is not None:
            if message_id in self._open:
                return self._open[message_id]
            message_id = self._parents.get(message_id)
        return None

    def _end(
        self,
        key: str,
        duration_ms: float,
        attributes: Attributes | None = None,
        *,
        error_type: str | None = None,
        error: str | None = None,
    ) -> None:
        opened = self._open.pop(key, None)
        if opened is None:
            return
        opened.span.set_attributes(attributes or {})
        if error_type is not None:
            opened.span.set_attribute("error.type", error_type)
            # What a vendor or a tool complains of quotes what was said.
            opened.span.set_status(StatusCode.ERROR, (error if self._content else None) or error_type)
        opened.span.end(end_time=opened.start + max(round(duration_ms * 1_000_000), 0))

    def _interrupt(self, key: str, time_ns: int) -> None:
        start = self._open[key].start
        self._end(key, (time_ns - start) / 1_000_000, error_type=INTERRUPTED)


def _tool_key(event: ToolCallStarted | ToolCallFinished) -> str:
    # Ids of calls are the vendor's, and not all of them make each but once.
    return f"{event.session_id} {event.parent_id} {event.call.id}"
