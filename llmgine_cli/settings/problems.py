"""What to tell the user when a setting is wrong: which file or variable, which key, and what was probably meant."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from llmgine_cli.errors import SettingsError, near_miss
from llmgine_cli.settings.masking import masked
from llmgine_cli.settings.model import Tables
from llmgine_cli.settings.sources import File, Key, Source, Variables, holds, variable_meant
from llmgine_cli.settings.table import Table, fields
from llmgine_cli.settings.vendors import ProviderSettings

if TYPE_CHECKING:
    from pydantic import ValidationError


_WANTED = {
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "list_type": "a list",
    "path_type": "a path",
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
}


def problem(error: "ValidationError", sources: Sequence[Source]) -> SettingsError:
    """Turn what pydantic found wrong into one line and a hint; the first mistake is told, the others come with it."""
    found = error.errors(include_url=False)
    # A misspelt key may be why another is missing.
    found.sort(key=lambda each: each["type"] != "extra_forbidden")
    told: dict[Key, SettingsError] = {}
    for each in found:
        key = _key_of(each["loc"])
        written, source = _written(key, sources)
        if written not in told:  # a value may be wrong in several ways
            told[written] = _mistake(cast("dict[str, Any]", each), key, written, source)
    first, *others = told.values()
    if others:
        first.message += f" (and {len(others)} more mistake{'s' if len(others) > 1 else ''})"
        first.others = tuple(others)
    return first


def _mistake(error: dict[str, Any], key: Key, written: Key, source: Source | None) -> SettingsError:
    what, known = _explained(error, key)
    place = source.where(written) if isinstance(source, Variables) else _place(source, written)
    if what != "unknown key":
        near = near_miss(str(error["input"]).lower(), known)
        near = None if near and near.startswith("known") else near  # they are in the message
    elif isinstance(source, Variables):
        near = variable_meant(written[:-1], written[-1], known)
    else:
        near = near_miss(written[-1], known)
    return SettingsError(f"{place}: {what}", hint=near)


def _key_of(place: Sequence[int | str]) -> Key:
    return tuple(part for part in place if isinstance(part, str) and part != "[key]")


def _written(key: Key, sources: Sequence[Source]) -> tuple[Key, Source | None]:
    """What of a key is in a file, a variable or a flag, and in which; pydantic also names what is not written."""
    for length in range(len(key), 0, -1):
        if source := next((source for source in sources if holds(source(), key[:length])), None):
            return key[:length], source
    return key, None


def _place(source: Source | None, key: Key) -> str:
    dotted = ".".join(key)
    if isinstance(source, File):
        line = next(filter(None, (source.line(key[:length]) for length in range(len(key), 1, -1))), source.line(key))
        return f"{source.where(key)}{f':{line}' if line else ''}: {dotted}"
    return dotted


def _explained(error: dict[str, Any], key: Key) -> tuple[str, Iterable[str]]:
    """What is wrong, and what would have been right."""
    if error["type"] == "extra_forbidden":
        return "unknown key", _fields(key[:-1])
    if error["type"] == "missing":
        return f"{key[-1]} is missing", ()
    given = error["input"]
    said = f"{masked(given, key)!r}: " if isinstance(given, str | int | float | bool) else ""
    if error["type"] == "literal_error":
        choices = [word.strip("'") for word in str(error["ctx"]["expected"]).replace(" or ", ", ").split(", ")]
        return f"{given!r} is none of {', '.join(choices)}", choices
    if wanted := _WANTED.get(error["type"]):
        return f"{said}{wanted} is wanted", ()
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{said}{message[0].lower()}{message[1:]}", ()


def _fields(tables: Key) -> Iterable[str]:
    """The keys a table may have."""
    model: type[Table] | None = Tables
    names = iter(tables)
    for name in names:
        if model is Tables and name == "providers":
            next(names, None)  # the one table whose own tables have names of the user's choice
            model = ProviderSettings
        elif model is not None:
            field = fields(model).get(name)
            model = (field.table or field.row) if field else None
    return fields(model) if model else ()
