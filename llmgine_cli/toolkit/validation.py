"""Check what the model sent, and what the settings say, against what a tool takes."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llmgine_cli.errors import SettingsError, ToolError, near_miss

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails, ValidationError

    from llmgine_cli.toolkit.tool import Tool

_SHOWN_PROBLEMS = 10
_SHOWN_INPUT = 60


class InvalidArgumentsError(ToolError):
    """What the model sent is not what the tool takes; the message is for the model and names each field.

    Args:
        tool: The tool's name.
        problems: One for each field.
    """

    def __init__(self, tool: str, problems: Sequence[str]) -> None:
        super().__init__("\n- ".join([f"the arguments of {tool} are not valid:", *problems]))
        self.problems = tuple(problems)


def read_arguments(tool: "Tool", text: str) -> dict[str, Any]:
    """Turn what the model wrote into values to call the function with.

    Args:
        tool: Whose arguments they are.
        text: JSON; nothing at all, as some models write where nothing is needed, counts as `{}`.

    Raises:
        InvalidArgumentsError: It is no JSON, no object, or does not fit.
        ToolError: The tool itself cannot be described.
    """
    from pydantic import ValidationError

    arguments = tool.arguments
    try:
        return arguments.adapter.validate_json(text.strip() or "{}")
    except ValidationError as error:
        problems = _problems(error, arguments.schema["properties"])
    raise InvalidArgumentsError(tool.name, problems)


def read_settings(tool: "Tool", given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a tool's `Setting` parameters.

    Args:
        tool: Whose settings they are.
        given: What `[tools.options.NAME]` says.

    Raises:
        SettingsError: One is unknown, missing or of the wrong type.
        ToolError: The tool itself cannot be described.
    """
    needed = {name: tool.signature[name] for name in tool.settings}
    if not needed and not given:
        return {}
    from pydantic import ValidationError

    from llmgine_cli.toolkit.schema import adapter_of

    place = f"tools.options.{tool.name}"
    for name in given:
        if name not in needed:
            raise SettingsError(f"{place}: tool {tool.name!r} has no setting {name!r}", hint=near_miss(name, needed))
    adapter, values = adapter_of(needed), dict(given)
    try:
        try:
            return adapter.validate_python(values)
        except ValidationError as error:
            wrong = {str(problem["loc"][0]) for problem in error.errors(include_url=False) if problem["loc"]}
            values |= {name: _meant(values[name]) for name in wrong & values.keys()}
            return adapter.validate_python(values)
    except ValidationError as error:
        hint = f"llmgine tools show {tool.name} lists its settings"
        raise SettingsError(f"{place}: {'; '.join(_problems(error, needed))}", hint=hint) from error


def _meant(value: Any) -> Any:
    """A word that does not fit, as JSON: a variable can say nothing else."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value


def _problems(error: "ValidationError", known: Mapping[str, Any]) -> list[str]:
    problems = error.errors(include_url=False, include_context=False)
    lines = [_problem(problem, known) for problem in problems[:_SHOWN_PROBLEMS]]
    more = len(problems) - _SHOWN_PROBLEMS
    return [*lines, f"and {more} more"] if more > 0 else lines


def _problem(problem: "ErrorDetails", known: Mapping[str, Any]) -> str:
    where = ".".join(_short(step) for step in problem["loc"])
    if problem["type"] == "missing":
        return f"{where}: missing"
    if problem["type"] == "extra_forbidden":
        hint = near_miss(where, known) if len(problem["loc"]) == 1 else None
        return f"{where}: there is no such parameter" + (f"; {hint}" if hint else "; there are none")
    said = problem["msg"][:1].lower() + problem["msg"][1:]
    if problem["type"] == "json_invalid":
        return said
    return f"{where}: {said}, not {_short(repr(problem['input']))}".removeprefix(": ")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN_INPUT else text[:_SHOWN_INPUT] + "…"
