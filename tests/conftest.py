"""What every test has: a home of its own, an empty folder, the real program, and no way out to the network."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.guard import sitecustomize as guard
from tests.support.program import Program

pytest_plugins = ["llmgine_cli.testing.fixtures", "pytester"]

# No test asserts a time, and Hypothesis would by default.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

# A job in the background ignores Ctrl-C, and so would every program that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What a developer's machine may have set and a test must not see.
FOREIGN = (
    "COLORTERM", "COLUMNS", "FORCE_COLOR", "LINES", "NO_COLOR", "OLLAMA_HOST", "PYTHONDONTWRITEBYTECODE",
    "PYTHONUNBUFFERED", "TTY_COMPATIBLE", "TTY_INTERACTIVE",
)  # fmt: skip
FOREIGN_ENDS = ("_API_KEY", "_BASE_URL", "_PROXY")
FOREIGN_STARTS = (
    "ANTHROPIC_", "AWS_", "AZURE_", "CLOUD_ML_", "GOOGLE_", "LLMGINE_", "OPENAI_", "_LLMGINE_", "_TYPER_",
)  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test an empty LLMGINE_HOME and an empty working folder, and nobody's keys or settings."""
    for name in list(os.environ):
        upper = name.upper()
        if upper in FOREIGN or upper.endswith(FOREIGN_ENDS) or upper.startswith(FOREIGN_STARTS):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setenv("LLMGINE_HOME", str(folder))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.chdir(work)
    return folder


@pytest.fixture(autouse=True)
def _this_machine_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test when it, or a Python process it started, reaches for another machine."""
    notes = tmp_path / "network-guard.txt"
    monkeypatch.setenv("NETWORK_GUARD", str(notes))
    monkeypatch.setenv("PYTHONPATH", str(Path(guard.__file__).parent))
    yield
    if notes.exists():
        pytest.fail(f"the test reached for another machine:\n{notes.read_text()}", pytrace=False)


@pytest.fixture
def cli() -> Program:
    """The real program: `cli("run", "-m", "echo:echo", "hi", input="…", env={…}, cwd=…)` → `Completed`."""
    return Program()


@pytest.fixture
def no_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a process whose files are cut short: Python would leave half a compiled module behind, for all to trip on."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
