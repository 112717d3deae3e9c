"""One meaningful line for each type of event."""

import json
from typing import Any

import pytest

from llmgine_cli.asking import AskUser, UserAnswered
from llmgine_cli.bus import (
    CommandFinished,
    CommandRetried,
    CommandStarted,
    Event,
    EventsDropped,
    HandlerFailed,
    SessionEnded,
    SessionStarted,
    Undelivered,
)
from llmgine_cli.engine import Prompt
from llmgine_cli.eventlog.codec import encode
from llmgine_cli.eventlog.describe import describe, duration, tokens
from llmgine_cli.eventlog.reader import Record
from llmgine_cli.eventlog.writer import EventsLost
from llmgine_cli.llm import events as llm
from llmgine_cli.llm.messages import (
    Image,
    Message,
    ModelOptions,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    assistant,
    system,
    user,
)
from llmgine_cli.llm.stream import Reply, Usage
from llmgine_cli.toolkit.messages import CallTool, ToolCallFinished, ToolCallStarted, ToolPrinted
from tests.support.messages import Fetch, Pong

CALL = ToolCall(id="1", name="get_weather", arguments='{"place": "Lima"}')
FAILED = ToolResult(call_id="1", name="get_weather", content="no such place", is_error=True)


def record(event: Event) -> Record:
    line = encode(event).rstrip()
    return Record(line, json.loads(line))


def finished(message: Message, **fields: Any) -> llm.LLMCallFinished:
    reply = Reply(message=message, **{"finish_reason": "stop", **fields})
    return llm.LLMCallFinished(call_id="c", model="openai:gpt", reply=reply, duration_ms=1234, first_token_ms=310)


@pytest.mark.parametrize(
    ("event", "kind", "text"),
    [
        (SessionStarted(), "session", ""),
        (SessionEnded(duration_ms=65_000), "session", "after 1 min 5 s"),
        (SessionEnded(duration_ms=1, error="boom"), "error", "after 1 ms: boom"),
        (CommandStarted(command=Prompt(text="two\nlines")), "command", "Prompt · two lines"),
        (CommandStarted(command=Prompt(messages=(user("from a template"),))), "command", "Prompt · from a template"),
        (CommandStarted(command=CallTool(call=CALL)), "command", 'CallTool · get_weather({"place": "Lima"})'),
        (CommandStarted(command=Fetch(url="x")), "command", "Fetch · url=x tries=3"),
        (CommandFinished(command_type="Prompt", success=True, duration_ms=8), "command", "Prompt · done in 8 ms"),
        (
            CommandFinished(command_type="P", success=False, error="boom", error_type="E", duration_ms=0.25),
            "error",
            "P · failed after 0.25 ms: E: boom",
        ),
        (
            CommandFinished(command_type="P", success=False, cancelled=True, duration_ms=1500),
            "error",
            "P · cancelled after 1.50 s",
        ),
        (
            HandlerFailed(handler="f", about_type="Pong", about_id="1", error="boom", error_type="E"),
            "error",
            "f on Pong: E: boom",
        ),
        (EventsLost(count=2, reason="the disk is full"), "error", "2 events could not be written: the disk is full"),
        (
            CommandRetried(command_type="P", attempt=1, attempts=3, delay=0.5, error="boom", error_type="E"),
            "error",
            "P · attempt 1 of 3 failed: E: boom · again in 500 ms",
        ),
        (EventsDropped(handler="f", dropped=1, total=7), "error", "f was too slow: 1 event dropped, 7 in all"),
        (Undelivered(handler="f", event=Event(event_id="1")), "error", "f did not get Event 1"),
        (
            Undelivered(handler="f", event=Event(event_id="1"), begun=True),
            "error",
            "f was interrupted at Event 1",
        ),
        (
            llm.EmbeddingStarted(model="m", texts=2, characters=11),
            "model",
            "m · 2 texts · 11 characters",
        ),
        (
            llm.EmbeddingFinished(call_id="c", model="m", dimensions=576, usage=Usage(input_tokens=1), duration_ms=20),
            "model",
            "m · 20 ms · vectors of 576 numbers · 1 token",
        ),
        (
            llm.EmbeddingFailed(call_id="c", model="m", error="boom", error_type="E", duration_ms=2),
            "error",
            "m · after 2 ms: E: boom",
        ),
        (llm.MessageAdded(message=user("hi")), "message", "user: hi"),
        (
            llm.MessageAdded(message=Message("assistant", (CALL,))),
            "message",
            'assistant: → get_weather({"place": "Lima"})',
        ),
        (llm.MessageAdded(message=Message("tool", (FAILED,))), "error", "tool: ✗ get_weather: no such place"),
        (
            llm.MessageAdded(message=Message("user", (Text("see"), Image(media_type="image/png", data=b"x")))),
            "message",
            "user: see [image image/png]",
        ),
        (llm.SystemChanged(message=system("Be brief.")), "message", "the system message is now: Be brief."),
        (llm.HistoryRewound(kept=0), "message", "the conversation starts anew"),
        (llm.HistoryRewound(kept=2), "message", "the conversation goes back to its first 2 messages"),
        (
            llm.LLMCallStarted(model="openai:gpt", history=1, tools=("a", "b"), options=ModelOptions(temperature=0)),
            "model",
            "openai:gpt · 1 message · tools: a, b · temperature=0",
        ),
        (
            llm.LLMCallStarted(model="m", history=0, messages=(user("aside"), user("too"))),
            "model",
            "m · 2 messages · aside too",
        ),
        (
            finished(assistant("It is 19 °C."), usage=Usage(input_tokens=120, output_tokens=17, cached_tokens=64)),
            "model",
            "openai:gpt · 1.23 s · 120 (64 cached) → 17 tokens · first token 310 ms · 18.4 tokens/s · It is 19 °C.",
        ),
        (
            finished(Message("assistant", (Reasoning(text="hm"),)), finish_reason="length"),
            "model",
            "openai:gpt · 1.23 s · first token 310 ms · stopped by: length · (thought: hm)",
        ),
        (
            llm.LLMCallFailed(
                call_id="c", model="m", error="boom", error_type="E", partial=assistant("par"), duration_ms=2
            ),
            "error",
            "m · after 2 ms: E: boom · par",
        ),
        (
            llm.LLMCallInterrupted(call_id="c", model="m", partial=assistant("par"), duration_ms=2),
            "error",
            "m · interrupted after 2 ms · par",
        ),
        (
            llm.LLMAttemptFailed(
                call_id="c",
                model="m",
                attempt=1,
                attempts=3,
                error="busy",
                error_type="E",
                status=503,
                duration_ms=2,
                wait_s=1.5,
                next_model="m",
            ),
            "error",
            "m · attempt 1 of 3 failed after 2 ms: E: busy · again in 1.50 s",
        ),
        (
            llm.LLMAttemptFailed(
                call_id="c",
                model="m",
                attempt=3,
                attempts=3,
                error="busy",
                error_type="E",
                duration_ms=2,
                wait_s=0,
                next_model="n",
            ),
            "error",
            "m · attempt 3 of 3 failed after 2 ms: E: busy · then n",
        ),
        (llm.StatusChanged(status="thinking"), "status", "thinking"),
        (llm.StatusChanged(status=""), "status", "(none)"),
        (ToolCallStarted(call=CALL), "tool", 'get_weather({"place": "Lima"})'),
        (ToolCallStarted(call=ToolCall(id="1", name="now")), "tool", "now()"),
        (
            ToolPrinted(call=CALL, text="one\ntwo\n"),
            "tool",
            "get_weather · printed: one two",
        ),
        (
            ToolCallFinished(call=CALL, result=ToolResult(call_id="1", name="x", content="19 °C"), duration_ms=8),
            "tool",
            "get_weather · 8 ms · 19 °C",
        ),
        (
            ToolCallFinished(call=CALL, result=FAILED, duration_ms=8),
            "error",
            "get_weather · failed after 8 ms: no such place",
        ),
        (
            ToolCallFinished(call=CALL, result=FAILED, duration_ms=8, denied=True),
            "error",
            "get_weather · denied: no such place",
        ),
        (
            llm.ConversationOpened(engine="tool_chat", model="m", tools=("a", "b")),
            "session",
            "tool_chat · m · tools: a, b",
        ),
        (llm.ConversationOpened(engine="single_pass", model="m"), "session", "single_pass · m"),
        (llm.SessionForked(from_session="s"), "session", "goes on where session s stood"),
        (llm.SessionNamed(name="work"), "session", "is called work"),
        (llm.ReplyGrew(call_id="c", text="and so\non "), "model", "so far: …and so on"),
        (CommandStarted(command=AskUser(kind="text", question="Name?")), "command", "AskUser · Name?"),
        (UserAnswered(question_id="q", question="Name?", answer="", by="user"), "message", "Name? · (nothing)"),
        (
            UserAnswered(question_id="q", question="Sure?", answer="no", by="default"),
            "message",
            "Sure? · no · nobody was asked",
        ),
        (Pong(text="hi", metadata={"a": 1}), "other", 'metadata={"a": 1} text=hi'),
    ],
)
def test_an_event_is_said_in_one_line(event: Event, kind: str, text: str) -> None:
    assert describe(record(event)) == (kind, text)


def test_every_type_of_ours_that_is_logged_has_a_line_of_its_own() -> None:
    ours = {
        kind
        for module in (
            llm,
            __import__("llmgine_cli.bus", fromlist=["x"]),
            __import__("llmgine_cli.toolkit.messages", fromlist=["x"]),
            __import__("llmgine_cli.asking", fromlist=["x"]),
        )
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Event) and kind.logged
    }
    from llmgine_cli.eventlog.describe import _WRITERS

    assert {kind.__name__ for kind in {*ours, EventsLost}} - {"Event", "UnknownEvent"} == set(_WRITERS)


@pytest.mark.parametrize(
    "event", [CommandStarted(command=Fetch(url="x")), finished(assistant("x")), ToolCallStarted(call=CALL)]
)
@pytest.mark.parametrize("damage", [None, 5, "text", [], {}])
def test_data_of_another_version_is_shown_as_it_is(event: Event, damage: Any) -> None:
    found = record(event)
    for key in ("command", "reply", "call"):
        if key in found.data:
            found.data[key] = damage

    assert describe(found).kind in {"other", "command", "model", "tool"}


def test_a_long_field_of_an_event_nobody_described_is_shortened() -> None:
    assert describe(record(Pong(text="x" * 1000))).text == "text=" + "x" * 199 + "…"


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0.04, "0.04 ms"), (1, "1 ms"), (999.4, "999 ms"), (999.6, "1.00 s"), (3_600_000, "60 min 0 s")],
)
def test_a_time_span_is_written_as_people_say_it(milliseconds: float, text: str) -> None:
    assert duration(milliseconds) == text


def test_one_token_is_no_plural() -> None:
    assert [tokens(1, 1), tokens(9, 0), tokens("?", "?")] == ["1 → 1 token", "9 → 0 tokens", "? → ? tokens"]
