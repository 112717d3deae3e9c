"""A story as one JSON document, for programs."""

from typing import Any

import msgspec

from llmgine_cli.eventlog.times import to_text
from llmgine_cli.eventlog.views.story import CallFacts, Said, Story, ToolUse, Trouble, plain_text


def document(story: Story) -> dict[str, Any]:
    """Return what a session was, its messages and what went wrong; times in ISO 8601, durations in milliseconds."""
    return {
        "session": {
            "id": story.session_id,
            "name": story.name or None,
            "started": to_text(story.started_ns),
            "duration_ms": round(story.duration_ms, 3),
            "engine": story.engine,
            "models": story.models,
            "state": story.state,
            "turns": story.turns,
            "calls": story.calls,
            "usage": msgspec.to_builtins(story.usage),
            "skipped_lines": story.skipped,
        },
        "messages": [_message(said) for said in story.said],
        "problems": [_problem(item) for item in story.items if isinstance(item, Trouble)],
    }


def _message(said: Said) -> dict[str, Any]:
    return {
        "role": said.message.role,
        "time": to_text(said.time_ns),
        "text": plain_text(said.message),
        "reasoning": said.reasoning or None,
        "tool_calls": [_tool(use) for use in said.tools],
        "undone": said.undone,
        "aside": said.aside,
        **(_facts(said.facts) if said.facts else {}),
    }


def _facts(facts: CallFacts) -> dict[str, Any]:
    return {
        "model": facts.model,
        "duration_ms": facts.duration_ms,
        "first_token_ms": facts.first_token_ms,
        "usage": msgspec.to_builtins(facts.usage),
        "finish_reason": facts.finish_reason,
        "tokens_per_second": round(facts.speed.per_second, 1) if facts.speed else None,
    }


def _tool(use: ToolUse) -> dict[str, Any]:
    return {
        "id": use.call.id,
        "name": use.call.name,
        "arguments": use.call.arguments,
        "result": use.result.content if use.result else None,
        "is_error": use.result.is_error if use.result else None,
        "denied": use.denied,
        "printed": use.printed or None,
        "duration_ms": use.duration_ms,
    }


def _problem(trouble: Trouble) -> dict[str, Any]:
    return {
        "kind": trouble.kind,
        "time": to_text(trouble.time_ns),
        "text": trouble.text,
        "partial": plain_text(trouble.partial) if trouble.partial else None,
        "duration_ms": trouble.duration_ms,
    }
