"""Where things are on this machine: the user's folders, the project's folder, and what ships with the package.

`LLMGINE_HOME` moves config, state, cache and data together, which is what tests and portable installations use.
"""

import os
from pathlib import Path
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["engines", "tools", "prompts"]
KINDS: tuple[Kind, ...] = ("engines", "tools", "prompts")
PROJECT_FILE = "llmgine.toml"
# What ships, by name: in a checkout other files may lie beside these, and those are a project's like any other's.
SHIPPED: dict[Kind, frozenset[str]] = {
    "engines": frozenset({"single_pass.py", "tool_chat.py"}),
    "tools": frozenset({"calculate.py", "clock.py", "files.py", "weather.py"}),
    "prompts": frozenset(
        {
            *("code-review.md", "commit-message.md", "explain-error.md", "pirate.md"),
            *("shell-command.md", "summarize.md", "translate.md"),
        }
    ),
}


def _place(kind: Literal["config", "state", "cache", "data"]) -> Path:
    if home := os.environ.get("LLMGINE_HOME"):
        return Path(home).expanduser().absolute() / kind
    import platformdirs

    folder: Path = getattr(platformdirs, f"user_{kind}_path")("llmgine", appauthor=False)
    return folder


def config_dir() -> Path:
    """The user's own settings, engines, tools and prompts."""
    return _place("config")


def state_dir() -> Path:
    """Event logs, trust, chat input history: what a user would miss, and no backup needs."""
    return _place("state")


def schedule_file() -> Path:
    """What is to happen later."""
    return state_dir() / "schedule" / "schedule.db"


def cache_dir() -> Path:
    """What can be thrown away."""
    return _place("cache")


def data_dir() -> Path:
    """Models."""
    return _place("data")


def config_file() -> Path:
    """The user's `config.toml`; `LLMGINE_CONFIG` names another one."""
    if named := os.environ.get("LLMGINE_CONFIG"):
        return Path(named).expanduser().absolute()
    return config_dir() / "config.toml"


def bundled_root() -> Path:
    """The folder whose `engines/`, `tools/` and `prompts/` ship: inside the wheel, or the root of a checkout."""
    package = Path(__file__).resolve().parent
    bundled = package / "_bundled"
    return bundled if bundled.is_dir() else package.parent


def ships(file: Path) -> bool:
    """Whether a file is one that came with llmgine."""
    root = bundled_root()
    return any(file.parent == root / kind and file.name in names for kind, names in SHIPPED.items())


def is_copy(kind: Kind, name: str, content: bytes) -> bool:
    """Whether a file is the same as the one of its name that ships, as in another checkout of llmgine.

    Args:
        kind: The folder it is in.
        name: Of the file, without its folder.
        content: Its bytes.
    """
    if name not in SHIPPED[kind]:
        return False
    try:
        return (bundled_root() / kind / name).read_bytes() == content
    except OSError:
        return False


def project_dir(start: Path | None = None) -> Path | None:
    """Return the folder of the project that `start` (default: the working folder) is in, or None.

    That is the nearest folder upward that has an `llmgine.toml`; failing that, `start` itself if it has a folder
    `engines`, `tools` or `prompts`. A checkout of llmgine is one if it has more in these than what ships.
    """
    try:
        start = (start or Path.cwd()).resolve()
    except FileNotFoundError:  # the working folder was removed under our feet
        return None
    for folder in (start, *start.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    return start if any(_has_own(start / kind) for kind in KINDS) else None


def _has_own(folder: Path) -> bool:
    if folder.parent != bundled_root():
        return folder.is_dir()
    return any(file.suffix in (".py", ".md") and not ships(file) for file in folder.iterdir())
