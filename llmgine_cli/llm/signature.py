"""A tool call as one would write it in a program."""

import json
from typing import Any, cast

from llmgine_cli.llm.messages import ToolCall


def signature(call: ToolCall) -> str:
    """Return a call as `name(key=value, …)`."""
    return f"{call.name}({arguments(call)})"


def arguments(call: ToolCall) -> str:
    """Return a call's arguments as one would write them in a program; unreadable ones as they came."""
    try:
        values: Any = json.loads(call.arguments or "{}")
    except ValueError:
        return call.arguments
    if not isinstance(values, dict):
        return call.arguments
    pairs = cast("dict[str, Any]", values)
    return ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in pairs.items())
