"""What exports say of a session, a call of a model and a call of a tool, in words."""

from collections.abc import Iterator
from datetime import UTC, datetime

from llmgine_cli.eventlog.describe import duration, one_line, tokens
from llmgine_cli.eventlog.views.story import CallFacts, Story, ToolUse
from llmgine_cli.llm.signature import signature

TITLE = 80  # characters


def heading_of(story: Story) -> str:
    """Return the first question, or what else names the session."""
    questions = (said.message.question for said in story.said if said.message.role == "user")
    asked = next(filter(None, questions), "")
    title = one_line(asked) or f"Session {story.session_id or 'without a name'}"
    return title if len(title) <= TITLE else title[: TITLE - 1] + "…"


def session_facts(story: Story) -> Iterator[tuple[str, str]]:
    """Return what is known of a session, as names and values."""
    yield "Session", story.session_id or "outside any"
    if story.name:
        yield "Name", story.name
    yield "Started", moment(story.started_ns)
    if story.engine:
        yield "Engine", story.engine
    if story.models:
        yield "Model", ", ".join(story.models)
    if story.turns:
        yield "State", f"{story.state}, {_count(story.turns, 'turn')}"
    yield "Duration", duration(story.duration_ms)
    if story.calls:
        usage = story.usage
        yield "Tokens", f"{_tokens(usage.input_tokens)} in, {_tokens(usage.output_tokens)} out"
    if story.skipped:
        yield "Unreadable", f"{_count(story.skipped, 'line')} of the log"


def facts_of(facts: CallFacts | None) -> Iterator[str]:
    """Return what is known of how an answer came to be."""
    if facts is None:
        return
    yield facts.model
    yield duration(facts.duration_ms)
    if facts.usage.output_tokens is not None:
        yield tokens(_tokens(facts.usage.input_tokens), facts.usage.output_tokens)
    if facts.speed is not None:
        yield str(facts.speed)
    if facts.finish_reason not in (None, "stop", "tool_calls"):
        yield f"stopped by: {facts.finish_reason}"


def call_and_outcome(use: ToolUse) -> tuple[str, str]:
    """Return a call as one would write it in a program, and in a word what came of it."""
    name = signature(use.call)
    if use.denied:
        return name, "refused"
    if use.result is None:
        return name, "no result"
    took = "" if use.duration_ms is None else f" in {duration(use.duration_ms)}"
    return name, f"{'failed' if use.result.is_error else 'done'}{took}"


def moment(time_ns: int) -> str:
    """Return a moment as date and time, UTC, for whoever reads it wherever they are."""
    try:
        return f"{datetime.fromtimestamp(time_ns // 1_000_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return "an unknown time"  # a year that no calendar has


def _tokens(count: int | None) -> str:
    return "unknown" if count is None else str(count)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
