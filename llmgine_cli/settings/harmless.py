"""What a folder nobody trusted may still set."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, cast, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from llmgine_cli.settings.masking import masked
from llmgine_cli.settings.model import Harmless, Settings
from llmgine_cli.settings.sources import Key


def split(
    data: Mapping[str, Any], model: type[BaseModel] = Settings, above: Key = ()
) -> tuple[dict[str, Any], list[Key]]:
    """Tell what counts without trust from what does not.

    Keys the model does not have are left in: they set nothing, and validation will name them.

    Args:
        data: As read from a file or from variables.
        model: What it is for.
        above: The tables it is in.

    Returns:
        What counts, and the keys of what does not.
    """
    kept: dict[str, Any] = {}
    ignored: list[Key] = []
    for name, value in data.items():
        key = (*above, name)
        field = model.model_fields.get(name)
        table = table_of(field)
        if field is None or (table is not None and not isinstance(value, dict)):
            kept[name] = value
        elif table is not None:
            kept[name], below = split(cast("dict[str, Any]", value), table, key)
            ignored += below
        else:
            some, below = _split_value(value, _mark(field), key)
            ignored += below
            kept |= some
    return kept, ignored


def wanted(content: bytes) -> list[str]:
    """What a settings file sets that counts only with trust, one `key = value` each; or why it cannot be read."""
    try:
        data = tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, or tables nested too deep
        return [f"cannot be read: {error}"]
    _, ignored = split(data)
    return [f"sets {'.'.join(key)} = {json.dumps(masked(_at(data, key), key), default=str)}" for key in ignored]


def table_of(field: FieldInfo | None) -> type[BaseModel] | None:
    """The model of a field that is a table with known keys; None for any other."""
    kind = field.annotation if field else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def row_of(field: FieldInfo | None) -> type[BaseModel] | None:
    """The model of a field that is a list of tables with known keys; None for any other."""
    of = get_args(field.annotation) if field is not None and get_origin(field.annotation) is list else ()
    return of[0] if of and isinstance(of[0], type) and issubclass(of[0], BaseModel) else None


def leaves(value: Any, above: Key) -> Iterator[Key]:
    """The keys of all values in a table of tables."""
    if isinstance(value, dict) and value:
        for name, below in cast("dict[str, Any]", value).items():
            yield from leaves(below, (*above, name))
    else:
        yield above


def _at(data: Any, key: Key) -> Any:
    for name in key:
        data = data[name]
    return data


def _split_value(value: Any, mark: Harmless | None, key: Key) -> tuple[dict[str, Any], list[Key]]:
    if mark is None:
        return {}, list(leaves(value, key))
    return ({key[-1]: value}, []) if mark.accepts(value) else ({}, [key])


def _mark(field: FieldInfo) -> Harmless | None:
    return next((mark for mark in field.metadata if isinstance(mark, Harmless)), None)
