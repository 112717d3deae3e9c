"""Reads `LLMGINE_*` variables as pydantic-settings does: `LLMGINE_LIMITS__RETRIES=3` is the key `limits.retries`."""

import json
from collections.abc import Mapping
from typing import Any, cast

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource

from llmgine_cli.settings.checking import model_of
from llmgine_cli.settings.model import Tables
from llmgine_cli.settings.sources import PREFIX


def tables(said: Mapping[str, str]) -> dict[str, Any]:
    """Return what variables set, as nested tables.

    Args:
        said: Name in lower case → value.
    """
    return _Variables(said)()


class _Variables(EnvSettingsSource):
    def __init__(self, said: Mapping[str, str]) -> None:
        self._said = said
        # It only reads the fields, which any model has.
        model = cast("type[BaseSettings]", model_of(Tables))
        super().__init__(model, case_sensitive=False, env_prefix=PREFIX, env_nested_delimiter="__")

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {**self._said}

    def decode_complex_value(self, field_name: str, field: FieldInfo | None, value: Any) -> Any:  # noqa: ARG002 -- theirs
        """Read JSON; where a list is wanted, words with commas between them do as well."""
        try:
            return json.loads(value)
        except ValueError:
            is_list = field is not None and field.annotation == list[str]
            # Left as it is, validation will say what is wrong with it and where it comes from.
            return [word.strip() for word in value.split(",") if word.strip()] if is_list else value
