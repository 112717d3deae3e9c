"""Reads `LLMGINE_*` variables as pydantic-settings does: `LLMGINE_LIMITS__RETRIES=3` is the key `limits.retries`."""

import json
from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin

import msgspec
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource

from llmgine_cli.settings.checking import model_of
from llmgine_cli.settings.model import Tables
from llmgine_cli.settings.sources import PREFIX
from llmgine_cli.settings.table import fields, is_table


def read_variables(said: Mapping[str, str]) -> dict[str, Any]:
    """Return what variables set, as nested tables.

    Args:
        said: Name in lower case → value.
    """
    found: dict[str, Any] = _read(_Variables(said)(), Tables)
    return found


def _read(value: Any, kind: Any) -> Any:
    """Read the words in tables as what they must mean there: whoever sets a variable can write nothing but words.

    Where a table takes anything, as the options of an engine, they stay words: only who reads them knows what is meant.
    """
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if isinstance(value, dict):
        table = cast("dict[str, Any]", value)
        if is_table(kind):
            known = fields(kind)
            return {name: _read(one, known[name].kind if name in known else str) for name, one in table.items()}
        if get_origin(kind) is dict:
            return {name: _read(one, get_args(kind)[1]) for name, one in table.items()}
        return table
    if not isinstance(value, str):
        return value
    kinds = get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)
    if bool in kinds and value in {"true", "false"}:
        return value == "true"
    return _listed(value) if list[str] in kinds else value


def _meant(word: str) -> Any:
    """Return a number, a truth value, a list or a table, if the word is one in JSON."""
    try:
        return json.loads(word)
    except (ValueError, RecursionError):
        return word


def _listed(words: str) -> Any:
    """Return a list: as JSON, or as words with commas between them."""
    try:
        return msgspec.json.decode(words, type=list[Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return [word.strip() for word in words.split(",") if word.strip()]


class _Variables(EnvSettingsSource):
    def __init__(self, said: Mapping[str, str]) -> None:
        self._said = said
        # It only reads the fields, which any model has.
        model = cast("type[BaseSettings]", model_of(Tables))
        super().__init__(model, case_sensitive=False, env_prefix=PREFIX, env_nested_delimiter="__")

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {**self._said}

    def decode_complex_value(self, field_name: str, field: FieldInfo | None, value: Any) -> Any:  # noqa: ARG002 -- theirs
        """Leave it to `_read`, and what is wrong to validation, which will say what, and where it comes from."""
        return _listed(value) if field is not None and field.annotation == list[str] else _meant(value)
