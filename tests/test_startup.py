"""A command imports what it needs and no more: asked of the real program, which reports its own imports."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.program import PROGRAM, TIMEOUT
from tests.support.server import Answer, FakeVendor

SDKS = {"openai", "anthropic"}
NETWORK = SDKS | {"httpx2", "xllamacpp"}
PYDANTIC = {"pydantic", "pydantic_settings"}
SETTINGS = {"llmgine_cli.settings", "dotenv"} | PYDANTIC
SCREEN = {"rich.markdown", "prompt_toolkit", "pygments"}
TEMPLATES = {"yaml", "jinja2"}
TRACES = {"opentelemetry", "llmgine_cli.sinks"}


def imported(arguments: list[str], folder: Path) -> set[str]:
    """Run the program and return every module it imported."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", PROGRAM, *arguments],
        cwd=folder,
        env=os.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    report = done.stderr.decode()
    assert done.returncode == 0, "\n".join(line for line in report.splitlines() if "import time:" not in line)
    return set(re.findall(r"^import time: +\d+ \| +\d+ \| +(\S+)$", report, re.MULTILINE))


def below(modules: set[str], roots: set[str]) -> list[str]:
    """Return which of the roots were imported, whole or in part."""
    return sorted(root for root in roots if any(module == root or module.startswith(f"{root}.") for module in modules))


# For each command: what it must not import.
UNNEEDED = {
    "--version": NETWORK | SETTINGS | SCREEN | TEMPLATES | {"typer", "rich", "asyncio"},
    "--help": NETWORK | SETTINGS | SCREEN | TEMPLATES | {"rich", "asyncio"},
    "run --help": NETWORK | SETTINGS | SCREEN | TEMPLATES | {"rich", "asyncio"},
    "tools list": NETWORK | SCREEN | TEMPLATES | {"pydantic_settings"},
    "tools list --json": NETWORK | SCREEN | TEMPLATES | {"pydantic_settings", "rich"},
    "engines list": NETWORK | SCREEN | TEMPLATES | PYDANTIC,
    "prompt list": NETWORK | SCREEN | PYDANTIC | {"jinja2"},
    "prompt render summarize -p input hello": NETWORK | SCREEN | PYDANTIC | {"jinja2", "rich"},
    "logs tail": NETWORK | SCREEN | TEMPLATES | PYDANTIC | {"llmgine_cli.bus", "llmgine_cli.providers"},
    "logs tail -n 20 --type llmcall": NETWORK | SCREEN | TEMPLATES | PYDANTIC,
    "logs search hello": NETWORK | SCREEN | TEMPLATES | PYDANTIC | {"llmgine_cli.bus", "llmgine_cli.providers"},
    "logs stats": NETWORK | SCREEN | TEMPLATES | PYDANTIC | {"llmgine_cli.bus", "llmgine_cli.providers"},
    "sinks list": NETWORK | SCREEN | TEMPLATES | PYDANTIC | {"opentelemetry", "llmgine_cli.eventlog"},
    "run -m echo:echo hello": NETWORK | SCREEN | TEMPLATES | TRACES | PYDANTIC | {"rich", "sqlite3"},
    "schedule list": NETWORK | SETTINGS | SCREEN | TEMPLATES | {"rich"},
}


@pytest.mark.parametrize("command", UNNEEDED)
def test_a_command_does_not_import_what_it_does_not_need(command: str) -> None:
    if command.startswith("logs"):  # something to show
        imported(["run", "-m", "echo:echo", "hello"], Path.cwd())
    assert below(imported(command.split(), Path.cwd()), UNNEEDED[command]) == []


@pytest.mark.parametrize(("transport", "needed"), [("http", {"httpx2"}), ("sdk", {"httpx2", "openai"})])
def test_a_vendors_sdk_is_imported_only_to_carry_a_request(
    transport: str, needed: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("LLMGINE_PROVIDERS__OPENAI__TRANSPORT", transport)
    with FakeVendor([Answer("hi")]) as vendor:
        monkeypatch.setenv("OPENAI_BASE_URL", vendor.url)
        assert set(below(imported(["run", "-m", "openai:m", "hello"], Path.cwd()), NETWORK)) == needed


def test_the_report_shows_what_is_imported() -> None:
    modules = imported(["--help"], Path.cwd())
    assert below(modules, {"typer", "llmgine_cli.cli", "openai"}) == ["llmgine_cli.cli", "typer"]


def test_the_python_api_does_not_import_the_machinery_until_it_is_used() -> None:
    code = "import sys, llmgine_cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=TIMEOUT)
    assert below(set(done.stdout.split()), NETWORK | SETTINGS | {"typer", "asyncio", "llmgine_cli.bootstrap"}) == []


def test_of_all_commands_only_the_one_that_is_called_is_made() -> None:
    code = (
        "import sys; from llmgine_cli.cli.app import COMMANDS, program; program(sys.argv[1]);"
        "print(*(name for name in COMMANDS if f'llmgine_cli.cli.{name}' in sys.modules))"
    )
    for name in ("tools", "run"):
        done = subprocess.run(
            [sys.executable, "-c", code, name], capture_output=True, text=True, check=True, timeout=60
        )
        assert done.stdout.split() == [name]
