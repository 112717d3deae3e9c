"""Say what every setting is, and where it was written."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

from msgspec import to_builtins

from llmgine_cli.settings.load import Reading, read
from llmgine_cli.settings.masking import masked
from llmgine_cli.settings.model import Settings, Tables
from llmgine_cli.settings.sources import Key, holds
from llmgine_cli.settings.table import Table, fields
from llmgine_cli.settings.vendors import ProviderSettings


class Explained(NamedTuple):
    """One setting.

    Attributes:
        key: Dotted.
        value: JSON; secrets are masked.
        source: "flag", the variable, the file, or "default".
    """

    key: str
    value: Any
    source: str


def explain(overrides: Mapping[str, Any] | None = None, *, reading: Reading | None = None) -> list[Explained]:
    """Say what every setting is, and where it comes from.

    Args:
        overrides: As for `load`.
        reading: What was read before, instead.

    Raises:
        SettingsError: A setting is wrong.
    """
    reading = reading or read(overrides)
    return [
        Explained(".".join(key), masked(value, key), _source(key, reading))
        for key, value in _values(reading.settings, ())
    ]


def _values(value: Any, key: Key) -> Iterator[tuple[Key, Any]]:
    if isinstance(value, ProviderSettings):  # of its many rows only those that say something
        yield from _values(to_builtins(value), key)
    elif isinstance(value, Table):
        for name in fields(Tables if isinstance(value, Settings) else type(value)):
            yield from _values(getattr(value, name), (*key, name))
    elif isinstance(value, dict) and value:
        for name, one in cast("dict[str, Any]", value).items():
            yield from _values(one, (*key, name))
    else:
        yield key, _plain(value)


def _plain(value: Any) -> Any:
    """Tables in a list, as what is said in them."""
    if isinstance(value, list):
        return [_plain(one) for one in cast("list[object]", value)]
    return to_builtins(value) if isinstance(value, Table) else value


def _source(key: Key, reading: Reading) -> str:
    return next((source.where(key) for source in reading.sources if holds(source(), key)), "default")
