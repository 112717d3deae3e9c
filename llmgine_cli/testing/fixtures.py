"""Fixtures for pytest: ``pytest_plugins = ["llmgine_cli.testing.fixtures"]`` in a conftest.py.

They are asked for by name, not installed as a plugin: whoever has llmgine beside their tests, and none of it in them,
pays nothing for it and finds no names that they did not choose.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from llmgine_cli.testing.provider import ScriptedProvider, Step
from llmgine_cli.testing.recording import RecordingBus

_FOREIGN = ("_API_KEY", "_BASE_URL", "_PROXY")


@pytest.fixture
def recording_bus() -> RecordingBus:
    """Give the test a real bus that remembers every event."""
    return RecordingBus()


@pytest.fixture
def scripted() -> Iterator[Callable[..., ScriptedProvider]]:
    """Give the test a maker of scripted providers; a script nobody asked for fails the test."""
    made: list[ScriptedProvider] = []

    def make(*scripts: Iterable[Step]) -> ScriptedProvider:
        made.append(ScriptedProvider(*scripts))
        return made[-1]

    yield make
    unused = sum(provider.left for provider in made)
    if unused:
        pytest.fail(f"scripts that nobody asked for: {unused}", pytrace=False)


@pytest.fixture
def llmgine_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test an empty LLMGINE_HOME, and nobody's keys, addresses or settings."""
    for name in list(os.environ):
        if name.upper().endswith(_FOREIGN) or name.upper().startswith("LLMGINE_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "llmgine"
    folder.mkdir()
    monkeypatch.setenv("LLMGINE_HOME", str(folder))
    return folder
