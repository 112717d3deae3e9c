"""Imports point one way, and heavy libraries have one home each.

The whole syntax tree of each module is read, so an import inside a function counts. One under `TYPE_CHECKING` counts as
well: a type that a lower layer must name belongs in that layer. The command line alone may name the types of any layer.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "llmgine_cli"

FOUNDATION = {"errors", "places"}
SPEECH = FOUNDATION | {"bus", "llm"}
PARTS = {"settings", "keys", "trust", "providers", "toolkit", "eventlog", "prompting"}
CORE = SPEECH | PARTS | {"asking", "engine", "values", "plugins", "sinks", "structured", "api"}

# For each layer (a module or a package of ours): the other layers it may import.
LAYERS: dict[str, set[str]] = {
    "errors": set(),
    "places": set(),
    "bus": FOUNDATION,
    "llm": FOUNDATION | {"bus"},
    "settings": FOUNDATION | {"keys", "trust"},
    "keys": FOUNDATION | {"trust"},
    "trust": FOUNDATION,
    "providers": SPEECH,
    "toolkit": SPEECH,
    "eventlog": SPEECH,
    "prompting": SPEECH,
    "asking": FOUNDATION | {"bus"},
    "values": FOUNDATION,
    "structured": SPEECH,
    "engine": SPEECH | {"asking", "structured", "toolkit.messages", "values"},
    "api": SPEECH | {"asking", "engine", "toolkit"},
    "sinks": SPEECH | {"eventlog", "engine", "toolkit.messages", "toolkit.stdout", ""},
    "plugins": SPEECH | {"engine", "toolkit", "trust", "api"},
    "conversation": CORE,
    "bootstrap": CORE | {"conversation"},
    "testing": CORE | {"bootstrap"},
    "cli": CORE | {"conversation", "bootstrap", ""},
    "__main__": {"cli", ""},
    "": {"bootstrap"},  # the package itself: its public names, lazily
}

# Libraries that only one layer may know.
HOMES = {
    "typer": {"cli"},
    "rich": {"cli"},
    "prompt_toolkit": {"cli"},
    "markdown_it": {"cli", "eventlog"},
    "pygments": {"cli", "eventlog"},
    "httpx2": {"providers"},
    "openai": {"providers"},
    "anthropic": {"providers"},
    "boto3": {"providers"},
    "botocore": {"providers"},
    "google": {"providers"},
    "xllamacpp": {"providers"},
    "pydantic_settings": {"settings"},
    "keyring": {"keys"},
    "jsonschema": {"structured"},
    "referencing": {"structured"},
    "opentelemetry": {"sinks"},
    "pytest": {"testing"},
}


@dataclass(frozen=True)
class Import:
    """One import: the module's dotted name, and the line it stands on."""

    module: str
    line: int


def imports(source: str, package: str) -> Iterator[Import]:
    """Every import in a module's source, function bodies included; relative ones made absolute from `package`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            # `from llmgine_cli import bus` names the module only after "import".
            names = [f"{module}.{alias.name}" for alias in node.names] if module == PACKAGE else [module]
            yield from (Import(name, node.lineno) for name in names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"import_module", "importlib.import_module"}:
            yield from (
                Import(str(word.value), node.lineno) for word in node.args[:1] if isinstance(word, ast.Constant)
            )


def layer_of(module: str) -> str:
    """The layer of one of our modules: the first word after the package; "" is the package itself."""
    first = module.removeprefix(PACKAGE).removeprefix(".").split(".")[0]
    folder = ROOT / PACKAGE
    # `from llmgine_cli import __version__` names no module.
    return first if first in LAYERS or (folder / first).is_dir() or (folder / f"{first}.py").is_file() else ""


def violations(source: str, module: str) -> list[str]:
    """What a module of ours imports and must not, one sentence each."""
    layer = layer_of(module.removesuffix(".__init__"))
    if layer not in LAYERS:
        return [f"{module} is in no layer: give it a place in tests/test_layers.py"]
    found: list[str] = []
    package = module.removesuffix(".__init__") if module.endswith(".__init__") else module.rpartition(".")[0]
    for item in imports(source, package):
        top = item.module.split(".")[0]
        if top == PACKAGE:
            target = layer_of(item.module)
            inside = item.module.removeprefix(f"{PACKAGE}.")
            if target != layer and target not in LAYERS[layer] and inside not in LAYERS[layer]:
                found.append(f"{module}:{item.line} imports {item.module}, which does not lie below it")
        elif layer not in HOMES.get(top, {layer}):
            found.append(f"{module}:{item.line} imports {top}, which only {', '.join(HOMES[top])} may know")
    return found


def plugin_violations(source: str, kind: str) -> list[str]:
    """What an engine or tool file imports and must not: it is what a user copies to start their own."""
    allowed = {f"{PACKAGE}.api"} | ({"httpx2"} if kind == "tools" else set())
    return [
        f"line {item.line} imports {item.module}"
        for item in imports(source, "")
        if item.module not in allowed and item.module.split(".")[0] not in sys.stdlib_module_names
    ]


def modules() -> dict[str, Path]:
    """Our modules by dotted name."""
    named: dict[str, Path] = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        named[dotted] = path
    return named


@pytest.mark.parametrize("module", modules())
def test_a_module_imports_only_what_lies_below_it(module: str) -> None:
    assert violations(modules()[module].read_text(encoding="utf-8"), module) == []


@pytest.mark.parametrize("kind", ["engines", "tools"])
def test_what_ships_imports_only_what_a_user_file_may_import(kind: str) -> None:
    files = sorted((ROOT / kind).rglob("*.py"))
    assert files
    assert {file.name: plugin_violations(file.read_text(encoding="utf-8"), kind) for file in files} == {
        file.name: [] for file in files
    }


def test_every_layer_is_there() -> None:
    there = {layer_of(module.removesuffix(".__init__")) for module in modules()}
    assert {"errors", "bus", "llm", "providers", "toolkit", "cli"} <= there


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("llmgine_cli.bus.bus", "from llmgine_cli.llm import events"),
        ("llmgine_cli.bus.bus", "def f():\n    import llmgine_cli.cli.app"),
        ("llmgine_cli.bus.bus", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from llmgine_cli import llm"),
        ("llmgine_cli.bus.bus", "from ..llm import events"),
        ("llmgine_cli.bus.bus", "from importlib import import_module\nimport_module('llmgine_cli.llm')"),
        ("llmgine_cli.toolkit.runner", "from llmgine_cli.providers.catalog import Catalog"),
        ("llmgine_cli.engine", "from llmgine_cli.toolkit.runner import ToolRunner"),
        ("llmgine_cli.places", "from llmgine_cli.errors import LlmgineError"),
        ("llmgine_cli.errors", "from llmgine_cli import __version__"),
        ("llmgine_cli.conversation", "def f():\n    from llmgine_cli.bootstrap import Application"),
        ("llmgine_cli.bootstrap", "def f():\n    from rich.text import Text"),
        ("llmgine_cli.toolkit.runner", "import httpx2"),
        ("llmgine_cli.cli.run", "import openai.types"),
        ("llmgine_cli.__init__", "def __getattr__(name):\n    from llmgine_cli import settings"),
    ],
)
def test_the_check_catches(module: str, source: str) -> None:
    assert len(violations(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (
            "llmgine_cli.llm.call",
            "from llmgine_cli.bus import Bus\nfrom . import events\nfrom ..errors import LlmgineError",
        ),
        ("llmgine_cli.engine", "from llmgine_cli.toolkit.messages import CallTool"),
        ("llmgine_cli.providers.http", "def f():\n    import httpx2"),
        ("llmgine_cli.cli.run", "from llmgine_cli import bootstrap, __version__\nimport typer"),
    ],
)
def test_the_check_lets_through(module: str, source: str) -> None:
    assert violations(source, module) == []


@pytest.mark.parametrize("source", ["import httpx2", "from llmgine_cli.engine import Turn", "import yaml"])
def test_the_check_catches_in_an_engine(source: str) -> None:
    assert len(plugin_violations(f"import json\nfrom llmgine_cli.api import Prompt\n{source}", "engines")) == 1
