"""Which span an event begins and ends, whatever comes and whatever is missing."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from llmgine_cli.bus import Command, CommandFinished, CommandStarted, SessionEnded
from llmgine_cli.engine import Prompt
from llmgine_cli.llm.events import LLMAttemptFailed, LLMCallFinished, LLMCallStarted
from llmgine_cli.llm.messages import assistant
from llmgine_cli.llm.stream import Reply
from llmgine_cli.sinks.spans import Spans

SECOND = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class Look(Command[None]):
    """A command of an engine's own."""


class Recorder:
    """Takes events, and shows the spans that ended."""

    def __init__(self) -> None:
        self._kept = InMemorySpanExporter()
        self._provider = TracerProvider()
        self._provider.add_span_processor(SimpleSpanProcessor(self._kept))
        self.spans = Spans(self._provider.get_tracer("test"))
        self.take = self.spans.take

    def ended(self) -> list[ReadableSpan]:
        return list(self._kept.get_finished_spans())

    def close(self) -> None:
        self._provider.shutdown()


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    made = Recorder()
    yield made
    made.close()


def parent(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


def own(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.span_id)


def begin(command: Command[None] | Prompt) -> CommandStarted:
    return CommandStarted(command=command, session_id="s", parent_id=command.command_id)


def end(command: Command[None] | Prompt, **more: object) -> CommandFinished:
    values = {"success": True, "duration_ms": 5.0, **more}
    return CommandFinished(
        command_type=type(command).__name__,
        session_id="s",
        parent_id=command.command_id,
        **values,  # type: ignore[arg-type]
    )


def call(parent_id: str | None, time_ns: int = SECOND) -> LLMCallStarted:
    return LLMCallStarted(model="openai:m", history=0, session_id="s", parent_id=parent_id, time_ns=time_ns)


def answer(started: LLMCallStarted, time_ns: int = 2 * SECOND) -> LLMCallFinished:
    reply = Reply(message=assistant("x"), finish_reason="stop")
    return LLMCallFinished(
        call_id=started.event_id, model="openai:m", reply=reply, duration_ms=250, session_id="s", time_ns=time_ns
    )


@pytest.mark.parametrize("finished", [2 * SECOND, SECOND, 0, -(10**18)])
def test_a_clock_that_is_set_meanwhile_makes_no_span_negative(recorder: Recorder, finished: int) -> None:
    started = call(None)
    recorder.take(started)
    recorder.take(answer(started, time_ns=finished))
    (span,) = recorder.ended()
    assert (span.start_time, span.end_time) == (SECOND, SECOND + SECOND // 4)


def test_an_attempt_that_failed_is_an_event_of_the_call_which_is_named_after_whoever_answered(
    recorder: Recorder,
) -> None:
    started = call(None)
    failed = LLMAttemptFailed(
        call_id=started.event_id, model="openai:m", attempt=3, attempts=3, error="quotes what was said",
        error_type="RateLimitedError", status=429, duration_ms=5, wait_s=0.0, next_model="gemini:g",
        session_id="s", time_ns=SECOND + 7,
    )  # fmt: skip
    finished = answer(started)
    for event in (started, failed, replace(finished, model="gemini:g")):
        recorder.take(event)
    (span,) = recorder.ended()
    (told,) = span.events
    assert (told.name, told.timestamp) == ("llmgine.attempt_failed", SECOND + 7)
    assert told.attributes == {
        "gen_ai.provider.name": "openai", "gen_ai.request.model": "m", "error.type": "RateLimitedError",
        "http.response.status_code": 429, "llmgine.attempt": 3, "llmgine.wait": 0.0, "llmgine.next_model": "gemini:g",
    }  # fmt: skip
    assert span.attributes is not None
    assert span.attributes["gen_ai.provider.name"] == "gcp.gemini"
    assert span.attributes["gen_ai.request.model"] == "g"


def test_what_an_engines_own_command_does_is_in_the_turn(recorder: Recorder) -> None:
    prompt = Prompt(session_id="s", parent_id=None)
    look = Look(session_id="s", parent_id=prompt.command_id)
    started = call(look.command_id)
    for event in (begin(prompt), begin(look), started, answer(started), end(look), end(prompt)):
        recorder.take(event)
    chat, run = recorder.ended()
    assert parent(chat) == own(run)


def test_a_prompt_inside_a_prompt_is_a_turn_inside_the_turn(recorder: Recorder) -> None:
    outer = Prompt(session_id="s", parent_id=None)
    inner = Prompt(session_id="s", parent_id=outer.command_id)
    for event in (begin(outer), begin(inner), end(inner), end(outer)):
        recorder.take(event)
    first, second = recorder.ended()
    assert (parent(first), parent(second)) == (own(second), None)


def test_each_turn_is_a_trace_of_its_own(recorder: Recorder) -> None:
    for _ in range(2):
        prompt = Prompt(session_id="s", parent_id=None)
        recorder.take(begin(prompt))
        recorder.take(end(prompt))
    assert len({span.context.trace_id for span in recorder.ended() if span.context}) == 2


@pytest.mark.parametrize("ending", ["session", "close"])
def test_what_is_open_at_the_end_is_ended_as_interrupted(recorder: Recorder, ending: str) -> None:
    prompt = Prompt(session_id="s", parent_id=None)
    recorder.take(begin(prompt))
    recorder.take(call(prompt.command_id))
    if ending == "session":
        recorder.take(SessionEnded(session_id="s", duration_ms=1))
    else:
        recorder.spans.close()
    assert [span.name for span in recorder.ended()] == ["chat m", "invoke_agent"]
    assert {(span.attributes or {}).get("error.type") for span in recorder.ended()} == {"interrupted"}


def test_an_end_without_a_beginning_is_no_span(recorder: Recorder) -> None:
    recorder.take(answer(call(None)))
    recorder.take(end(Prompt(session_id="s", parent_id=None)))
    assert recorder.ended() == []
