"""What to tell the user when a setting is wrong: which file or variable, which key, and what was probably meant."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from llmgine_cli.errors import SettingsError, near_miss
from llmgine_cli.settings.harmless import table_of
from llmgine_cli.settings.masking import masked
from llmgine_cli.settings.model import ProviderSettings, Settings
from llmgine_cli.settings.sources import File, Key, Source, Variables, variable_meant


def problem(error: ValidationError, sources: Sequence[Source]) -> SettingsError:
    """Turn what pydantic found wrong into one line and a hint; several mistakes are counted, the first is told."""
    found = error.errors(include_url=False)
    first = found[0]
    key: Key = tuple(part for part in first["loc"] if isinstance(part, str) and part != "[key]")
    source = next((source for source in sources if holds(source(), key)), None)
    what, known = _explained(cast("dict[str, Any]", first), key)
    place = source.where(key) if isinstance(source, Variables) else _place(source, key)
    if what != "unknown key":
        near = near_miss(str(first["input"]).lower(), known)
    elif isinstance(source, Variables):
        near = variable_meant(key[:-1], key[-1], known)
    else:
        near = near_miss(key[-1], known)
    others = len(found) - 1
    more = f" (and {others} more mistake{'s' if others > 1 else ''})" if others else ""
    return SettingsError(f"{place}: {what}{more}", hint=near)


def holds(data: Any, key: Key) -> bool:
    """Whether a source says something about a key."""
    for name in key:
        if not isinstance(data, dict) or name not in data:
            return False
        data = cast("dict[str, Any]", data)[name]
    return True


def _place(source: Source | None, key: Key) -> str:
    dotted = ".".join(key)
    if isinstance(source, File):
        line = source.line(key)
        return f"{source.where(key)}{f':{line}' if line else ''}: {dotted}"
    return dotted


def _explained(error: dict[str, Any], key: Key) -> tuple[str, Iterable[str]]:
    """What is wrong, and what would have been right."""
    if error["type"] == "extra_forbidden":
        return "unknown key", _fields(key[:-1])
    given = error["input"]
    said = f"{masked(given, key)!r}: " if isinstance(given, str | int | float | bool) else ""
    if error["type"] == "literal_error":
        choices = [word.strip("'") for word in str(error["ctx"]["expected"]).replace(" or ", ", ").split(", ")]
        return f"{given!r} is none of {', '.join(choices)}", choices
    message = str(error["msg"])
    return f"{said}{message[0].lower()}{message[1:]}", ()


def _fields(tables: Key) -> Iterable[str]:
    """The keys a table may have."""
    model: type[BaseModel] | None = Settings
    for name in tables:
        if model is None:
            return ()
        # The one table whose own tables have names of the user's choice.
        model = (
            ProviderSettings
            if name == "providers"
            else model
            if model is ProviderSettings
            else table_of(model.model_fields.get(name))
        )
    return model.model_fields if model else ()
