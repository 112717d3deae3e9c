"""One line that says what an event is about, for each type; made of the data in the log, whoever wrote it."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from llmgine_cli.eventlog.record import Record
from llmgine_cli.llm.speed import speed_of
from llmgine_cli.llm.stream import Usage

Kind: TypeAlias = Literal["session", "command", "message", "model", "tool", "status", "other", "error"]
Data: TypeAlias = Mapping[str, Any]
_BASE = frozenset({"v", "event_type", "command_type", "event_id", "command_id", "timestamp", "session_id", "parent_id"})
LONGEST_DEFAULT = 200  # characters of one field of an event nobody described


class Described(NamedTuple):
    """What an event is about.

    Attributes:
        kind: What part of the work it belongs to; `error` when something went wrong.
        text: One line.
    """

    kind: Kind
    text: str


def describe(record: Record) -> Described:
    """Say in one line what an event is about. Never raises: data of an unexpected shape is shown as it is."""
    write = _WRITERS.get(record.type)
    if write is not None:
        try:
            kind, text = write(record.data)
            return Described(kind, one_line(text))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            pass  # a line of another version: its fields are shown instead
    return Described("other", one_line(_fields(record.data)))


def one_line(text: str) -> str:
    """Return the text on one line, each run of white space one blank."""
    return " ".join(text.split())


def duration(milliseconds: float) -> str:
    """Return a time span as people say it: `8 ms`, `1.24 s`, `2 min 5 s`."""
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms" if milliseconds >= 1 else f"{milliseconds:.2f} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.2f} s"
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return f"{minutes} min {seconds} s"


def _fields(data: Data) -> str:
    own = {key: value for key, value in data.items() if key not in _BASE and (key != "metadata" or value)}
    return " ".join(f"{key}={_short(value)}" for key, value in own.items())


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_DEFAULT else text[: LONGEST_DEFAULT - 1] + "…"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _call(call: Data) -> str:
    return f"{call['name']}({'' if call['arguments'] == '{}' else call['arguments']})"


def _message(message: Data) -> str:
    return " ".join(filter(None, (_part(part) for part in message["parts"])))


def _part(part: Data) -> str:
    match part["type"]:
        case "text":
            return str(part["text"])
        case "tool_call":
            return "→ " + _call(part)
        case "tool_result":
            return f"{'✗' if part['is_error'] else '←'} {part['name']}: {part['content']}"
        case "reasoning":
            return f"(thought: {part['text']})" if part.get("text") else ""
        case kind:
            return f"[{kind} {part.get('name') or part.get('url') or part.get('media_type')}]"


def tokens(given: int | str, made: int | str) -> str:
    """Return how many tokens went in and came out, in words: `9 → 1 token`."""
    return f"{given} → {made} token{'' if made == 1 else 's'}"


def _usage(usage: Data) -> str:
    given, made, cached = (usage.get(key) for key in ("input_tokens", "output_tokens", "cached_tokens"))
    if given is None and made is None:
        return ""
    kept = f" ({cached} cached)" if cached else ""
    return tokens(f"{'?' if given is None else given}{kept}", "?" if made is None else made)


def _command(command: Data) -> str:
    name = command["command_type"]
    if "call" in command:
        return _joined(name, _call(command["call"]))
    if "text" in command:
        return _joined(name, command["text"] or " ".join(map(_message, command.get("messages") or ())))
    if "question" in command:
        return _joined(name, command["question"], ", ".join(command.get("choices") or ()))
    return _joined(name, _fields(command))


def _command_started(data: Data) -> tuple[Kind, str]:
    return "command", _command(data["command"])


def _command_finished(data: Data) -> tuple[Kind, str]:
    name, span = data["command_type"], duration(data["duration_ms"])
    if data["success"]:
        return "command", _joined(name, f"done in {span}")
    if data["cancelled"]:
        return "error", _joined(name, f"cancelled after {span}")
    return "error", _joined(name, f"failed after {span}: {data['error_type']}: {data['error']}")


def _handler_failed(data: Data) -> tuple[Kind, str]:
    return "error", f"{data['handler']} on {data['about_type']}: {data['error_type']}: {data['error']}"


def _events_lost(data: Data) -> tuple[Kind, str]:
    return "error", f"{_count(data['count'], 'event')} could not be written: {data['reason']}"


def _session_started(_: Data) -> tuple[Kind, str]:
    return "session", ""


def _session_ended(data: Data) -> tuple[Kind, str]:
    if data["error"]:
        return "error", f"after {duration(data['duration_ms'])}: {data['error']}"
    return "session", f"after {duration(data['duration_ms'])}"


def _user_answered(data: Data) -> tuple[Kind, str]:
    by = "" if data["by"] == "user" else "nobody was asked"
    return "message", _joined(data["question"], data["answer"] or "(nothing)", by)


def _message_added(data: Data) -> tuple[Kind, str]:
    message = data["message"]
    failed = any(part.get("is_error") for part in message["parts"])
    return "error" if failed else "message", f"{message['role']}: {_message(message)}"


def _conversation_opened(data: Data) -> tuple[Kind, str]:
    tools = ", ".join(data["tools"])
    return "session", _joined(data["engine"], data["model"], f"tools: {tools}" if tools else "")


def _session_forked(data: Data) -> tuple[Kind, str]:
    return "session", f"goes on where session {data['from_session']} stood"


def _session_named(data: Data) -> tuple[Kind, str]:
    return "session", f"is called {data['name']}"


def _reply_grew(data: Data) -> tuple[Kind, str]:
    return "model", f"so far: …{data['text'][-LONGEST_DEFAULT:]}"


def _system_changed(data: Data) -> tuple[Kind, str]:
    return "message", f"the system message is now: {_message(data['message'])}"


def _history_rewound(data: Data) -> tuple[Kind, str]:
    kept = data.get("kept")
    if not kept:
        return "message", "the conversation starts anew"
    return "message", f"the conversation goes back to its first {_count(kept, 'message')}"


def _llm_call_started(data: Data) -> tuple[Kind, str]:
    aside: Sequence[Data] = data["messages"]
    tools: Sequence[str] = data["tools"]
    options = {key: value for key, value in data["options"].items() if value not in (None, [], {})}
    return "model", _joined(
        data["model"],
        _count(data["history"] + len(aside), "message"),
        "tools: " + ", ".join(tools) if tools else "",
        " ".join(f"{key}={_short(value)}" for key, value in options.items()),
        " ".join(map(_message, aside)),
    )


def _llm_attempt_failed(data: Data) -> tuple[Kind, str]:
    again = f"again in {duration(data['wait_s'] * 1000)}"
    return "error", _joined(
        data["model"],
        f"attempt {data['attempt']} of {data['attempts']} failed after {duration(data['duration_ms'])}: "
        f"{data['error_type']}: {data['error']}",
        again if data["next_model"] == data["model"] else f"then {data['next_model']}",
    )


def _llm_call_finished(data: Data) -> tuple[Kind, str]:
    reply, first = data["reply"], data["first_token_ms"]
    wait = "" if first is None else f"first token {duration(first)}"
    thoughts = any(part["type"] == "reasoning" and part.get("text") for part in reply["message"]["parts"])
    made = {name: reply["usage"].get(name) for name in ("output_tokens", "reasoning_tokens")}
    speed = speed_of(Usage(**made), data["duration_ms"], first, thoughts=thoughts)
    reason = "" if reply["finish_reason"] in {"stop", "tool_calls"} else f"stopped by: {reply['finish_reason']}"
    return "model", _joined(
        data["model"],
        duration(data["duration_ms"]),
        _usage(reply["usage"]),
        wait,
        str(speed or ""),
        reason,
        _message(reply["message"]),
    )


def _llm_call_failed(data: Data) -> tuple[Kind, str]:
    return "error", _joined(
        data["model"],
        f"after {duration(data['duration_ms'])}: {data['error_type']}: {data['error']}",
        _message(data["partial"]),
    )


def _llm_call_interrupted(data: Data) -> tuple[Kind, str]:
    partial = _message(data["partial"])
    return "error", _joined(data["model"], f"interrupted after {duration(data['duration_ms'])}", partial)


def _command_retried(data: Data) -> tuple[Kind, str]:
    return "error", _joined(
        data["command_type"],
        f"attempt {data['attempt']} of {data['attempts']} failed: {data['error_type']}: {data['error']}",
        f"again in {duration(data['delay'] * 1000)}" if data["delay"] else "",
    )


def _embedding_started(data: Data) -> tuple[Kind, str]:
    return "model", _joined(data["model"], _count(data["texts"], "text"), _count(data["characters"], "character"))


def _embedding_finished(data: Data) -> tuple[Kind, str]:
    given = data["usage"].get("input_tokens")
    size = f"vectors of {_count(data['dimensions'], 'number')}"
    return "model", _joined(
        data["model"], duration(data["duration_ms"]), size, "" if given is None else _count(given, "token")
    )


def _embedding_failed(data: Data) -> tuple[Kind, str]:
    return "error", _joined(
        data["model"], f"after {duration(data['duration_ms'])}: {data['error_type']}: {data['error']}"
    )


def _events_dropped(data: Data) -> tuple[Kind, str]:
    return (
        "error",
        f"{data['handler']} was too slow: {_count(data['dropped'], 'event')} dropped, {data['total']} in all",
    )


def _undelivered(data: Data) -> tuple[Kind, str]:
    how = "was interrupted at" if data["begun"] else "did not get"
    return "error", f"{data['handler']} {how} {data['event']['event_type']} {data['event']['event_id']}"


def _status_changed(data: Data) -> tuple[Kind, str]:
    return "status", data["status"] or "(none)"


def _tool_call_started(data: Data) -> tuple[Kind, str]:
    return "tool", _call(data["call"])


def _tool_printed(data: Data) -> tuple[Kind, str]:
    return "tool", _joined(data["call"]["name"], f"printed: {data['text']}")


def _tool_call_finished(data: Data) -> tuple[Kind, str]:
    result, name, span = data["result"], data["call"]["name"], duration(data["duration_ms"])
    if data["denied"]:
        return "error", _joined(name, f"denied: {result['content']}")
    if result["is_error"]:
        return "error", _joined(name, f"failed after {span}: {result['content']}")
    return "tool", _joined(name, span, result["content"])


_WRITERS: Mapping[str, Callable[[Data], tuple[Kind, str]]] = {
    "CommandFinished": _command_finished,
    "CommandRetried": _command_retried,
    "CommandStarted": _command_started,
    "ConversationOpened": _conversation_opened,
    "EmbeddingFailed": _embedding_failed,
    "EmbeddingFinished": _embedding_finished,
    "EmbeddingStarted": _embedding_started,
    "EventsDropped": _events_dropped,
    "EventsLost": _events_lost,
    "HandlerFailed": _handler_failed,
    "HistoryRewound": _history_rewound,
    "LLMAttemptFailed": _llm_attempt_failed,
    "LLMCallFailed": _llm_call_failed,
    "LLMCallFinished": _llm_call_finished,
    "LLMCallInterrupted": _llm_call_interrupted,
    "LLMCallStarted": _llm_call_started,
    "MessageAdded": _message_added,
    "SessionEnded": _session_ended,
    "ReplyGrew": _reply_grew,
    "SessionForked": _session_forked,
    "SessionNamed": _session_named,
    "SessionStarted": _session_started,
    "StatusChanged": _status_changed,
    "SystemChanged": _system_changed,
    "ToolCallFinished": _tool_call_finished,
    "ToolCallStarted": _tool_call_started,
    "ToolPrinted": _tool_printed,
    "Undelivered": _undelivered,
    "UserAnswered": _user_answered,
}
