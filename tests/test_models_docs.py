"""What docs/models.md says of vendors is what they are."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from llmgine_cli.llm.messages import ModelOptions
from llmgine_cli.providers.own_vendors import merged
from llmgine_cli.providers.presets import VENDORS
from llmgine_cli.providers.quirks import Quirk
from llmgine_cli.settings import load

PAGE = (Path(__file__).parent.parent / "docs" / "models.md").read_text(encoding="utf-8")
ROWS = {row[1]: row[0] for row in re.finditer(r"^\| `(\w+)` \|.*$", PAGE, re.MULTILINE)}
TOML = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def test_every_vendor_is_on_the_page_with_its_variables() -> None:
    for vendor in VENDORS.values():
        row = ROWS[vendor.name]
        for variable in (*vendor.key_envs, *filter(None, [vendor.base_url_env])):
            assert f"`{variable}`" in row
        assert row.split("|")[2].count("`") == 2 * len(vendor.key_envs)


def test_every_option_is_on_the_page() -> None:
    for option in ModelOptions.__struct_fields__:
        assert re.search(rf"^\| (`\w+`, )?`{option}`", PAGE, re.MULTILINE), option


def test_every_key_of_a_quirk_is_on_the_page() -> None:
    for field in fields(Quirk):
        assert f"`{field.name}`" in PAGE or f"{field.name} =" in PAGE


@pytest.mark.parametrize("table", TOML)
def test_the_settings_on_the_page_are_settings(table: str, home: Path) -> None:
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text(table, encoding="utf-8")
    changes = {name: said.changes for name, said in load().providers.items()}
    assert changes == tomllib.loads(table)["providers"]
    assert set(changes) <= set(merged(VENDORS, changes))
