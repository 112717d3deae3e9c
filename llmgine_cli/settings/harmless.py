"""What a folder nobody trusted may still set."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, cast

from llmgine_cli.settings.masking import masked
from llmgine_cli.settings.model import Tables
from llmgine_cli.settings.sources import Key
from llmgine_cli.settings.table import Harmless, Table, fields


def split(data: Mapping[str, Any], model: type[Table] = Tables, above: Key = ()) -> tuple[dict[str, Any], list[Key]]:
    """Tell what counts without trust from what does not.

    Keys the model does not have are left in: they set nothing, and validation will name them.

    Args:
        data: As read from a file or from variables.
        model: The table it is for.
        above: The tables it is in.

    Returns:
        What counts, and the keys of what does not.
    """
    kept: dict[str, Any] = {}
    ignored: list[Key] = []
    for name, value in data.items():
        key = (*above, name)
        field = fields(model).get(name)
        table = field.table if field else None
        if field is None or (table is not None and not isinstance(value, dict)):
            kept[name] = value
        elif table is not None:
            kept[name], below = split(cast("dict[str, Any]", value), table, key)
            ignored += below
        else:
            some, below = _split_value(value, field.harmless, key)
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
