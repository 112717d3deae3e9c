"""What engine and tool files may import, and are promised."""

import subprocess
import sys

import pytest

from llmgine_cli import api

# The public names. A new one is added here on purpose; one that goes breaks the files of users.
PUBLIC = [
    "AskUser", "Bus", "Command", "CommandResult", "EmbeddingRequest", "Embeddings", "Engine", "Event", "File",
    "Finished", "History", "Image", "InvalidAnswerError", "LimitReachedError", "LlmgineError", "Message",
    "ModelOptions", "Prompt", "ProviderContext", "ProviderError", "Reasoning", "ReasoningDelta", "Reply", "Request",
    "ResponseFormat", "Run", "Session", "Setting", "StatusChanged", "StreamEvent", "Text", "TextDelta", "ToolCall",
    "ToolCallArguments", "ToolCallComplete", "ToolCallOpened", "ToolError", "ToolResult", "ToolSpec",
    "UnansweredError", "Usage", "UsageError", "UsageReported", "UserAnswered", "assistant", "engine", "system",
    "tool", "user",
]  # fmt: skip

HEAVY = {"anthropic", "httpx2", "openai", "prompt_toolkit", "pydantic", "rich", "typer", "yaml"}


def imported_by(code: str) -> set[str]:
    """The heavy libraries that a fresh interpreter has after running some code."""
    code += "\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return HEAVY.intersection(done.stdout.split())


def test_the_public_names_are_these() -> None:
    assert sorted(api.__all__) == sorted(PUBLIC)
    assert len(set(api.__all__)) == len(api.__all__)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_can_be_imported_and_says_what_it_is(name: str) -> None:
    found = getattr(api, name)
    assert (getattr(found, "__doc__", None) or "").strip(), f"{name} has no docstring"


def test_a_star_import_gives_exactly_the_public_names() -> None:
    code = "from llmgine_cli.api import *; print(*sorted(name for name in dir() if not name.startswith('_')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == sorted(PUBLIC)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'llmgine_cli\.api' has no attribute 'Bux'"):
        _ = api.Bux


@pytest.mark.parametrize(
    "code",
    [
        "import llmgine_cli",
        "import llmgine_cli.api",
        "from llmgine_cli.api import Prompt, Reply, Run, engine",
        "from llmgine_cli.api import Setting, tool",
        "from llmgine_cli.api import *",
    ],
)
def test_importing_it_imports_nothing_heavy(code: str) -> None:
    assert imported_by(code) == set()


def test_the_measure_sees_what_is_imported() -> None:
    assert imported_by("import rich.table") == {"rich"}


def test_the_package_offers_its_names_lazily() -> None:
    import llmgine_cli

    names = list(llmgine_cli.__all__)
    assert sorted(names) == ["Application", "__version__", "build", "run_engine"]
    assert all(getattr(llmgine_cli, name) for name in names)
    with pytest.raises(AttributeError):
        _ = llmgine_cli.nothing
