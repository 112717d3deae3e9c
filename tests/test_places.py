"""Where things are."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest

from llmgine_cli import places


def test_one_variable_moves_config_state_cache_and_data_together(home: Path) -> None:
    assert places.config_dir() == home / "config"
    assert places.state_dir() == home / "state"
    assert places.cache_dir() == home / "cache"
    assert places.data_dir() == home / "data"
    assert places.config_file() == home / "config" / "config.toml"


def test_nothing_is_created_by_asking(home: Path) -> None:
    for place in (places.config_dir, places.state_dir, places.cache_dir, places.data_dir, places.config_file):
        place()
    assert list(home.iterdir()) == []


def test_a_home_may_be_relative_or_begin_with_a_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LLMGINE_HOME", "~/portable")
    assert places.state_dir() == tmp_path / "portable" / "state"
    monkeypatch.setenv("LLMGINE_HOME", "portable")
    assert places.state_dir() == Path.cwd() / "portable" / "state"


def test_without_it_the_platform_says_where_things_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for nothing in (None, ""):
        if nothing is None:
            monkeypatch.delenv("LLMGINE_HOME")
        else:
            monkeypatch.setenv("LLMGINE_HOME", nothing)
        assert places.config_dir() == platformdirs.user_config_path("llmgine", appauthor=False)
        assert places.state_dir() == platformdirs.user_state_path("llmgine", appauthor=False)


def test_the_settings_file_may_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LLMGINE_CONFIG", str(tmp_path / "mine.toml"))
    assert places.config_file() == tmp_path / "mine.toml"


def test_what_ships_is_there() -> None:
    for kind in places.KINDS:
        assert (places.bundled_root() / kind).is_dir()


def test_an_empty_folder_is_no_project() -> None:
    assert places.project_dir() is None


@pytest.mark.parametrize("kind", places.KINDS)
def test_a_folder_with_engines_tools_or_prompts_is_a_project_but_not_for_those_below_it(kind: str) -> None:
    here = Path.cwd().resolve()
    (here / kind / "deeper").mkdir(parents=True)
    assert places.project_dir() == here
    assert places.project_dir(here / kind / "deeper") is None


def test_the_nearest_settings_file_upward_makes_the_project() -> None:
    here = Path.cwd().resolve()
    (here / places.PROJECT_FILE).touch()
    inner = here / "a" / "b"
    inner.mkdir(parents=True)
    assert places.project_dir(inner) == here
    (here / "a" / places.PROJECT_FILE).touch()
    assert places.project_dir(inner) == here / "a"
    (inner / "prompts").mkdir()
    assert places.project_dir(inner) == here / "a", "a settings file goes before the folders"


def test_a_folder_named_like_the_settings_file_makes_no_project() -> None:
    (Path.cwd() / places.PROJECT_FILE).mkdir()
    assert places.project_dir() is None


def test_what_ships_is_what_the_repository_has() -> None:
    """A file that is missing in the list would need trust in a checkout, and count as shipped in a wheel."""
    for kind in places.KINDS:
        folder = places.bundled_root() / kind
        there = {file.name for file in folder.iterdir() if file.suffix in (".py", ".md")}
        assert there == places.SHIPPED[kind]
        assert all(places.ships(folder / name) for name in there)


def test_a_checkout_is_no_project_beside_what_it_ships() -> None:
    assert places.project_dir(places.bundled_root()) is None


def test_a_file_of_the_users_in_a_checkout_makes_it_a_project_and_does_not_ship(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for part in (*places.KINDS, "llmgine_cli"):
        shutil.copytree(places.bundled_root() / part, checkout / part, ignore=shutil.ignore_patterns("__pycache__"))
    (checkout / "tools" / "dice.py").write_text('def dice() -> int:\n    """Roll."""\n    return 4\n')
    (checkout / "prompts" / "mine.md").write_text("Hello")

    def program(*arguments: str) -> str:
        # The package in the working folder goes before the installed one.
        command = [sys.executable, "-m", "llmgine_cli", *arguments]
        done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    assert "tools/dice.py" in program("trust", "--show")
    assert "clock.py" not in program("trust", "--show")
    listed = {tool["name"]: tool["llmgine"] for tool in json.loads(program("tools", "list", "--json", "--quiet"))}
    assert (listed["dice"]["origin"], listed["dice"]["problem"]) == ("project", "not trusted")
    assert (listed["current_time"]["origin"], listed["current_time"]["problem"]) == ("bundled", None)
    assert "not trusted" in program("tools", "call", "dice")
    prompts = {prompt["name"]: prompt["origin"] for prompt in json.loads(program("prompt", "list", "--json"))}
    assert (prompts["mine"], prompts["pirate"]) == ("project", "bundled")
    program("trust", "--yes")
    assert program("tools", "call", "dice") == "4\n"
