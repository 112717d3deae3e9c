"""The files that ship, loaded the way the program loads them."""

from types import ModuleType

from llmgine_cli import places
from llmgine_cli.plugins.loading import load_file


def shipped_tools(stem: str) -> ModuleType:
    """Return the module of `tools/STEM.py`."""
    path = places.bundled_root() / "tools" / f"{stem}.py"
    return load_file(path, path.read_bytes())
