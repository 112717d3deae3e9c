"""What happens here in the words of OpenTelemetry's conventions for generative AI (`gen_ai.*`, still in development).

What people and models said goes in only where it is asked for: it may be private.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

from llmgine_cli.llm.events import LLMAttemptFailed, LLMCallStarted
from llmgine_cli.llm.messages import Message, Part, Reasoning, Text, ToolCall, ToolResult
from llmgine_cli.llm.stream import Reply

Value: TypeAlias = str | bool | int | float | tuple[str, ...]
Attributes: TypeAlias = dict[str, Value]

# Vendors for which the conventions have a name of their own; all others are called as we call them.
_PROVIDERS = {"gemini": "gcp.gemini", "mistral": "mistral_ai", "xai": "x_ai"}


def run_attributes(session_id: str | None, command_type: str) -> Attributes:
    """Return what is said of one turn of a conversation.

    Args:
        session_id: Which conversation.
        command_type: The class name of the engine's command.
    """
    return _said(
        {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.conversation.id": session_id,
            "llmgine.command": command_type,
        }
    )


def call_attributes(event: LLMCallStarted) -> Attributes:
    """Return what is said of a request to a model."""
    options = event.options
    return _said(
        {
            "gen_ai.operation.name": "chat",
            **model_attributes(event.model),
            "gen_ai.conversation.id": event.session_id,
            "gen_ai.request.temperature": options.temperature,
            "gen_ai.request.max_tokens": options.max_tokens,
            "gen_ai.request.top_p": options.top_p,
            "gen_ai.request.seed": options.seed,
            "gen_ai.request.stop_sequences": options.stop or None,
        }
    )


def model_attributes(model: str) -> Attributes:
    """Return what is said of who was asked; a fallback takes the place of the model asked for.

    Args:
        model: `provider:model`.
    """
    provider, _, name = model.partition(":")
    return {"gen_ai.provider.name": _PROVIDERS.get(provider, provider), "gen_ai.request.model": name}


def attempt_attributes(event: LLMAttemptFailed) -> Attributes:
    """Return what is said of an attempt that failed and was followed by another."""
    return _said(
        {
            **model_attributes(event.model),
            "error.type": event.error_type,
            "http.response.status_code": event.status,
            "llmgine.attempt": event.attempt,
            "llmgine.wait": event.wait_s,
            "llmgine.next_model": event.next_model,
        }
    )


def reply_attributes(reply: Reply, first_token_ms: float | None) -> Attributes:
    """Return what is said of a model's answer.

    Args:
        reply: The answer.
        first_token_ms: Milliseconds from sending to the first piece of it.
    """
    usage = reply.usage
    return _said(
        {
            "gen_ai.response.finish_reasons": (_finish_reason(reply.finish_reason),),
            "gen_ai.response.model": reply.model,
            "gen_ai.response.id": reply.response_id,
            "gen_ai.response.time_to_first_chunk": None if first_token_ms is None else first_token_ms / 1000,
            "gen_ai.usage.input_tokens": usage.input_tokens,
            "gen_ai.usage.output_tokens": usage.output_tokens,
            "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
            "gen_ai.usage.cache_write.input_tokens": usage.cache_write_tokens,
            "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
        }
    )


def tool_attributes(session_id: str | None, call: ToolCall) -> Attributes:
    """Return what is said of a tool call; its arguments are content."""
    return _said(
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.conversation.id": session_id,
            "gen_ai.tool.name": call.name,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": call.id,
        }
    )


def input_content(messages: Iterable[Message]) -> Attributes:
    """Return what a model was told: the system messages apart, as the conventions have it."""
    told = list(messages)
    system = [part for message in told if message.role == "system" for part in _parts(message)]
    rest = [message for message in told if message.role != "system"]
    return _said(
        {
            "gen_ai.system_instructions": _json(system) if system else None,
            "gen_ai.input.messages": _json([_message(message) for message in rest]) if rest else None,
        }
    )


def output_content(message: Message, finish_reason: str | None = None) -> Attributes:
    """Return what a model said.

    Args:
        message: The answer, or as much of it as came.
        finish_reason: Why it ended, in our words; None where it did not.
    """
    if not message.parts:
        return {}
    reason = {} if finish_reason is None else {"finish_reason": _finish_reason(finish_reason)}
    return {"gen_ai.output.messages": _json([{**_message(message), **reason}])}


def _finish_reason(reason: str) -> str:
    return "tool_call" if reason == "tool_calls" else reason


def _message(message: Message) -> dict[str, Any]:
    return {"role": message.role, "parts": list(_parts(message))}


def _parts(message: Message) -> Iterator[dict[str, Any]]:
    return (_part(part) for part in message.parts)


def _part(part: Part) -> dict[str, Any]:
    match part:
        case Text():
            return {"type": "text", "content": part.text}
        case Reasoning():
            return {"type": "reasoning", "content": part.text}
        case ToolCall():
            return {"type": "tool_call", "id": part.id, "name": part.name, "arguments": part.arguments}
        case ToolResult():
            return {"type": "tool_call_response", "id": part.call_id, "response": part.content}
        case _:  # pictures and files: what they are, not their bytes
            return {"type": "blob", "mime_type": part.media_type}


def _said(values: Mapping[str, Value | None]) -> Attributes:
    """Leave out what is not known."""
    return {name: value for name, value in values.items() if value is not None}


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
