"""Where the time of a session went: spans, each inside its parent, made from the ids and durations in its log."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

from llmgine_cli.eventlog.reader import Record
from llmgine_cli.eventlog.views.timeline import finished_id, started_id, timeline

SpanKind: TypeAlias = Literal["turn", "model", "attempt", "tool", "approval", "question", "command"]
_KINDS: dict[str, SpanKind] = {"CallTool": "tool", "ApproveToolCall": "approval", "AskUser": "question"}


@dataclass(kw_only=True)
class Span:
    """Something that took time.

    Attributes:
        id: The id of the command, or of the event that began it.
        name: What it was: the prompt, the model, the tool.
        kind: What part of the work.
        parent: The id of the span that it is inside; None at the top.
        start_ms: When it began, milliseconds after the session did.
        duration_ms: How long it took; to the last sign of life when it has no end.
        self_ms: How much of that none of the spans inside it took.
        ended: Whether the log has its end; without, the program was killed, or it still runs.
        first_token_ms: Of a call of a model: milliseconds until its answer began to come.
        error: Why it failed; None when it did not.
        attributes: What else is known: tokens, arguments, and so on.
        children: The spans inside it, in the order in which they began.
    """

    id: str
    name: str
    kind: SpanKind
    parent: str | None = None
    start_ms: float = 0.0
    duration_ms: float = 0.0
    self_ms: float = 0.0
    ended: bool = False
    first_token_ms: float | None = None
    error: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict[str, Any])
    children: "list[Span]" = field(default_factory=list["Span"])

    @property
    def end_ms(self) -> float:
        """When it ended, milliseconds after the session began."""
        return self.start_ms + self.duration_ms


def spans(records: Iterable[Record]) -> list[Span]:
    """Return the spans at the top, in order, the others inside them.

    Args:
        records: The events of one session, as the log has them. Some may be missing: what has no beginning is given
            the one that its duration tells of, what has no end lasts as long as anything was heard of it.
    """
    all_records = [_slim(record) for record in records]
    return _Spans(all_records, timeline(all_records)).read()


def busy(roots: Iterable[Span], kind: SpanKind | None = None) -> list[tuple[float, float]]:
    """Return when anything of a kind ran, as (begin, end) in milliseconds; what overlaps is one stretch.

    Args:
        roots: The spans at the top.
        kind: Default: whatever is at the top.
    """
    chosen = roots if kind is None else (span for _, span in flat(roots) if span.kind == kind)
    return merged((span.start_ms, span.end_ms) for span in chosen)


def merged(stretches: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the stretches that these cover, in order, none touching another."""
    found: list[tuple[float, float]] = []
    for begin, end in sorted(stretches):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def flat(roots: Iterable[Span]) -> "list[tuple[int, Span]]":
    """Return all spans with how deep they are: a parent, then what is inside it."""
    found: list[tuple[int, Span]] = []
    waiting = [(0, span) for span in reversed(list(roots))]
    while waiting:
        depth, span = waiting.pop()
        found.append((depth, span))
        waiting += [(depth + 1, child) for child in reversed(span.children)]
    return found


def _slim(record: Record) -> Record:
    """Return a record without what takes room and says nothing of time: a long session fits into memory."""
    data = record.data
    if record.type not in _DESCRIBERS:
        data = {key: data.get(key) for key in ("event_type", "command_type", "timestamp", "parent_id")}
    elif isinstance(reply := data.get("reply"), dict):
        data = {**data, "reply": {**cast("dict[str, Any]", reply), "message": None}}
    return Record(b"", data)


class _Spans:
    def __init__(self, records: Sequence[Record], moments: Sequence[float]) -> None:
        self._records = records
        self._moments = moments
        self._known: dict[str, Span] = {}  # by id, in the order in which they began
        self._open: dict[str, Span] = {}

    def read(self) -> list[Span]:
        now = 0.0
        for record, moment in zip(self._records, self._moments, strict=True):
            if record.type == "SessionStarted":
                self._cut(now)  # taken up again: what ran before does not run any more
            now = moment
            if begun := started_id(record):
                self._begin(begun, record, now)
            if ended := finished_id(record):
                self._end(ended, record, now)
        self._cut(now)
        return self._tree()

    def _begin(self, span_id: str, record: Record, now: float) -> None:
        if record.type == "ToolCallStarted" and (span := self._known.get(str(record.parent_id))):
            span.attributes["ran_after_ms"] = now - span.start_ms
            _describe(span, record)
            return
        span = Span(id=span_id, name=record.type, kind="command", parent=_parent(record), start_ms=now)
        _describe(span, record)
        self._known[span_id] = self._open[span_id] = span

    def _end(self, span_id: str, record: Record, now: float) -> None:
        data = record.data
        if record.type == "ToolCallFinished" and (span := self._known.get(str(record.parent_id))):
            _describe(span, record)
            return
        duration = _number(data.get("duration_ms"))
        span = self._open.pop(span_id, None)
        if span is None:
            if span_id in self._known:
                return  # it ended once already
            # Its beginning was lost.
            start = max(0.0, now - (duration or 0.0))
            span = Span(id=span_id, name=record.type, kind="command", parent=record.parent_id, start_ms=start)
            span.parent = None if record.type == "CommandFinished" else record.parent_id
            if record.type == "LLMAttemptFailed":
                span.parent = str(data.get("call_id"))
            self._known[span_id] = span
        span.ended = True
        span.duration_ms = max(0.0, now - span.start_ms) if duration is None else duration
        _describe(span, record)

    def _cut(self, now: float) -> None:
        for span in self._open.values():
            span.duration_ms = max(0.0, now - span.start_ms)
        self._open.clear()

    def _tree(self) -> list[Span]:
        roots: list[Span] = []
        for span in sorted(self._known.values(), key=lambda span: span.start_ms):
            parent = self._known.get(span.parent or "")
            if parent is None or parent is span or span.parent == span.id:
                span.parent = None
                roots.append(span)
            else:
                parent.children.append(span)
        for span in self._known.values():
            span.self_ms = max(0.0, span.duration_ms - _covered(span))
        for span in roots:
            if span.kind == "command" and any(child.kind == "model" for child in span.children):
                span.kind = "turn"
        return roots


def _covered(span: Span) -> float:
    """Return how much of a span is taken by what is inside it; what ran at the same time counts once."""
    inside = ((max(child.start_ms, span.start_ms), min(child.end_ms, span.end_ms)) for child in span.children)
    return sum(end - begin for begin, end in merged(stretch for stretch in inside if stretch[1] > stretch[0]))


def _parent(record: Record) -> str | None:
    if record.type == "CommandStarted":
        command: Any = record.data["command"]
        return cast("dict[str, Any]", command).get("parent_id")
    return record.parent_id


def _describe(span: Span, record: Record) -> None:
    """Take from an event what it says of a span; what is not as expected is left out."""
    with suppress(KeyError, TypeError, ValueError, AttributeError):
        _DESCRIBERS[record.type](span, record.data)


def _of_command(span: Span, data: dict[str, Any]) -> None:
    command: dict[str, Any] = data["command"]
    kind = str(command["command_type"])
    span.name = kind
    span.attributes["command"] = kind
    span.kind = _KINDS.get(kind, "command")
    if "call" in command:
        _of_call(span, command)
        if span.kind == "approval":
            span.name = "approval"
    elif command.get("parent_id") is None and "text" in command:
        span.kind = "turn"
        span.name = str(command["text"]) or kind
    elif span.kind == "question":
        span.name = str(command.get("question") or kind)


def _of_call(span: Span, data: dict[str, Any]) -> None:
    call: dict[str, Any] = data["call"]
    span.kind = "tool" if span.kind == "command" else span.kind
    span.name = str(call["name"])
    span.attributes |= {"tool": call["name"], "arguments": call["arguments"]}


def _of_command_end(span: Span, data: dict[str, Any]) -> None:
    if span.name == "CommandFinished":
        span.name = str(data["command_type"])
        span.kind = _KINDS.get(span.name, "command")
    if not data["success"]:
        span.error = "cancelled" if data["cancelled"] else f"{data['error_type']}: {data['error']}"


def _of_model(span: Span, data: dict[str, Any]) -> None:
    span.kind = "model"
    span.name = str(data["model"])
    span.attributes["model"] = data["model"]


def _of_answer(span: Span, data: dict[str, Any]) -> None:
    _of_model(span, data)
    reply: dict[str, Any] = data["reply"]
    span.first_token_ms = _number(data["first_token_ms"])
    span.attributes |= {key: value for key, value in reply["usage"].items() if value is not None}
    span.attributes["finish_reason"] = reply["finish_reason"]


def _of_failure(span: Span, data: dict[str, Any]) -> None:
    _of_model(span, data)
    span.error = f"{data['error_type']}: {data['error']}"


def _of_attempt(span: Span, data: dict[str, Any]) -> None:
    _of_failure(span, data)
    span.kind = "attempt"
    span.attributes |= {key: data[key] for key in ("attempt", "status", "wait_s", "next_model")}


def _of_interruption(span: Span, data: dict[str, Any]) -> None:
    _of_model(span, data)
    span.error = "interrupted"


def _of_result(span: Span, data: dict[str, Any]) -> None:
    _of_call(span, data)
    span.attributes["ran_ms"] = _number(data["duration_ms"])
    if data["denied"]:
        span.error = "denied"
    elif data["result"]["is_error"]:
        span.error = " ".join(str(data["result"]["content"]).split())


_DESCRIBERS = {
    "CommandStarted": _of_command,
    "CommandFinished": _of_command_end,
    "LLMCallStarted": _of_model,
    "LLMCallFinished": _of_answer,
    "LLMAttemptFailed": _of_attempt,
    "LLMCallFailed": _of_failure,
    "LLMCallInterrupted": _of_interruption,
    "ToolCallStarted": _of_call,
    "ToolCallFinished": _of_result,
}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and value >= 0 else None
