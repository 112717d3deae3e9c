"""A settings file that says everything and sets nothing, made from the model so that it cannot drift from it."""

import json
from collections.abc import Iterator
from typing import Any, cast

from llmgine_cli.settings.model import Tables
from llmgine_cli.settings.sources import Key
from llmgine_cli.settings.table import Field, Table, fields
from llmgine_cli.settings.vendors import ProviderSettings

_HEAD = """\
# Settings of llmgine. Every line that begins with # and a letter or bracket is a setting: take the # away to use it.
# What is shown is the default, or an example where there is none.
#
# Flags go before LLMGINE_* variables (LLMGINE_LIMITS__IDLE_TIMEOUT=90), those before .env, that before the project's
# llmgine.toml, that before the user's config.toml. `llmgine config show` tells every value and where it came from.
"""


def example() -> str:
    """Return a TOML file with every setting commented out, each with its explanation."""
    return "\n".join([_HEAD, *_table(Tables, ())])


def _table(model: type[Table], key: Key) -> Iterator[str]:
    """A table's own values, then the tables in it."""
    tables = {name: field for name, field in fields(model).items() if _is_table(field)}
    for name, field in fields(model).items():
        if name not in tables:
            yield from _explained(field.description)
            yield f"#{name} = {_toml(_shown(field))}\n"
    for name, field in tables.items():
        yield from _subtable(field, (*key, name))


def _subtable(field: Field, key: Key) -> Iterator[str]:
    model = field.table
    if model is not None:
        yield from _explained(model.__doc__)
        yield f"#[{'.'.join(key)}]\n"
        yield from _table(model, key)
        return
    yield from _explained(field.description)
    shown = _shown(field)
    if isinstance(shown, str):  # a name of the user's choice, for a table with known keys
        yield f"#[{'.'.join((*key, shown))}]\n"
        yield from _table(ProviderSettings, (*key, shown))
    else:
        yield from _free(shown, key)


def _free(table: dict[str, Any], key: Key) -> Iterator[str]:
    """A table with names of the user's choice."""
    values = {name: value for name, value in table.items() if not isinstance(value, dict)}
    if values:
        yield f"#[{'.'.join(key)}]"
        yield from (f"#{name} = {_toml(value)}\n" for name, value in values.items())
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _free(cast("dict[str, Any]", value), (*key, name))


def _is_table(field: Field) -> bool:
    return field.table is not None or str(field.kind).startswith("dict[")


def _shown(field: Field) -> Any:
    """The default, or where that is nothing an example."""
    return field.default if field.default not in (None, {}, []) else (field.examples or (field.default,))[0]


def _explained(text: str | None) -> Iterator[str]:
    yield from (f"# {line.strip()}" for line in (text or "").strip().splitlines())


def _toml(value: Any) -> str:
    """A value as TOML writes it: strings, numbers, booleans and lists of them are written as in JSON."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_toml(one)}' for key, one in cast('dict[str, Any]', value).items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(_toml(one) for one in cast('list[object]', value))}]"
    return json.dumps(value, ensure_ascii=False)
