"""Where engines and tools are found, trusted and loaded."""

import logging
import re
from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, TypeVar

from llmgine_cli import places
from llmgine_cli.errors import LlmgineError, NotFoundError, ToolError, UntrustedError, UsageError
from llmgine_cli.plugins.outline import first_line
from llmgine_cli.plugins.shelf import Found, Origin, Shelf
from llmgine_cli.trust import TrustStore

if TYPE_CHECKING:
    from llmgine_cli.engine import Engine
    from llmgine_cli.toolkit.tool import Tool

__all__ = ["Found", "Origin", "Plugins", "names_a_file"]

T = TypeVar("T")
logger = logging.getLogger(__name__)

_FILE = re.compile(r"(?P<path>.*\.py)(:(?P<name>[\w.-]+))?")


class Plugins:
    """The engines and tools of a project, of the user, of installed packages, and those that ship.

    Args:
        project: The folder of the project; its files count only when trusted.
        trust: Who knows what is.
        tell: Called with a line when something untrusted was passed over for another of the same name.
    """

    def __init__(
        self, *, project: Path | None, trust: TrustStore, tell: Callable[[str], object] = logger.warning
    ) -> None:
        # The user's own folder is his own, also when it is the working folder.
        own = project is not None and project.resolve() == places.config_dir().resolve()
        self._project = None if own else project
        self._engines: Shelf[Engine] = Shelf(
            "engines",
            folders=self.folders("engines"),
            project=self._project,
            trust=trust,
            collect=_engines_in,
            tell=tell,
        )
        self._tools: Shelf[Tool] = Shelf(
            "tools", folders=self.folders("tools"), project=self._project, trust=trust, collect=_tools_in, tell=tell
        )

    def folders(self, kind: places.Kind) -> list[tuple[Origin, Path]]:
        """The folders that are searched for a kind of thing, in order; only those that exist."""
        roots: list[tuple[Origin, Path | None]] = [
            ("project", self._project),
            ("user", places.config_dir()),
            ("bundled", places.bundled_root()),
        ]
        return [(origin, root / kind) for origin, root in roots if root is not None and (root / kind).is_dir()]

    def engines(self) -> "dict[str, Found[Engine]]":
        """Every engine by name: the one that is used under it, or why it cannot be."""
        return _used(self.all_engines())

    def all_engines(self) -> "list[Found[Engine]]":
        """Every engine, in search order, with those that are hidden by another of the same name."""
        return self._engines.everything()

    def engine(self, name: str) -> "Engine":
        """Find an engine.

        Args:
            name: Its name, or the path of its file (`./mine.py`, or `./mine.py:name` where there are several). A path
                is the user's own word for it: the file is run, trusted or not.

        Raises:
            NotFoundError: There is none; the nearest names are in the hint.
            UntrustedError: It is in a project nobody has trusted.
            UsageError: Its file is broken, or has no engine, or several.
        """
        if (match := _as_file(name)) is None:
            found = self._engines.find(name)
            if found is None:
                raise NotFoundError("engine", name, [each.name for each in self.all_engines()])
            return _usable(found, "engine", UsageError)
        path, wanted = match
        there = _named(_in_file(self._engines, path), wanted)
        if len(there) != 1:
            names = ", ".join(found.name for found in there)
            raise UsageError(
                f"{path} has several engines" if there else f"{path} has no engine{f' {wanted!r}' if wanted else ''}",
                hint=f"name one of them: {path}:NAME, with {names}" if there else "an engine is marked with @engine",
            )
        return _usable(there[0], "engine", UsageError)

    def tools(self) -> "dict[str, Found[Tool]]":
        """Every tool by name: the one that is used under it, or why it cannot be."""
        return _used(self.all_tools())

    def all_tools(self) -> "list[Found[Tool]]":
        """Every tool, in search order, with those that are hidden by another of the same name."""
        return self._tools.everything()

    def tool(self, name: str) -> "list[Tool]":
        """Find a tool, or all tools of a file.

        Args:
            name: Its name, or the path of a file (`./mine.py`, or `./mine.py:name` for one of them). A path is the
                user's own word for it: the file is run, trusted or not.

        Raises:
            NotFoundError: There is none; the nearest names are in the hint.
            UntrustedError: It is in a project nobody has trusted.
            ToolError: Its file is broken, or has no tools.
        """
        if (match := _as_file(name)) is None:
            found = self._tools.find(name)
            if found is None:
                raise NotFoundError("tool", name, [each.name for each in self.all_tools()])
            return [_usable(found, "tool", ToolError)]
        path, wanted = match
        there = _named(_in_file(self._tools, path), wanted)
        if not there:
            raise ToolError(
                f"{path} has no tool{f' {wanted!r}' if wanted else ''}",
                hint="a public function with a docstring is one",
            )
        return [_usable(found, "tool", ToolError) for found in there]


def names_a_file(name: str) -> bool:
    """Whether a name of an engine or tool is the path of a file: it runs code, so only the user may give it."""
    return _as_file(name) is not None


def _as_file(name: str) -> tuple[Path, str | None] | None:
    match = _FILE.fullmatch(name)
    if match is None and "/" not in name and "\\" not in name:
        return None
    return (Path(match["path"]).expanduser(), match["name"]) if match else (Path(name).expanduser(), None)


def _in_file(shelf: Shelf[T], path: Path) -> list[Found[T]]:
    try:
        return shelf.in_file(path)
    except OSError as reason:
        raise UsageError(f"cannot read {path}: {reason.strerror}") from reason


def _named(there: list[Found[T]], wanted: str | None) -> list[Found[T]]:
    # A broken file is told as such, whatever was wanted of it.
    return [found for found in there if wanted in (None, found.name) or found.value is None]


def _usable(found: Found[T], noun: str, error: type[LlmgineError]) -> T:
    if found.value is not None:
        return found.value
    if not found.trusted:
        folder = found.path.parent.parent if found.path else Path()
        raise UntrustedError(
            f"{noun} {found.name!r} is in {found.path}: {found.problem}",
            hint=f"llmgine trust {quote(str(folder))} shows what it would do, and asks",
        )
    raise error(f"{noun} {found.name!r} cannot be loaded: {found.problem}")


def _used(listed: list[Found[T]]) -> dict[str, Found[T]]:
    used: dict[str, Found[T]] = {}
    for found in listed:
        before = used.get(found.name)
        if before is None or (found.hides and not before.hides):
            used[found.name] = found
    return used


def _engines_in(loaded: Any) -> "list[tuple[str, Engine, str]]":
    from llmgine_cli.engine import Engine

    public = {"": loaded} if isinstance(loaded, Engine) else _public(loaded)
    engines = {id(thing): thing for thing in public.values() if isinstance(thing, Engine)}
    for engine in engines.values():
        _ = engine.options  # annotations that cannot be resolved are told now, as a fault of the file
    return [(engine.name, engine, first_line(engine.doc)) for engine in engines.values()]


def _tools_in(loaded: Any) -> "list[tuple[str, Tool, str]]":
    from types import ModuleType

    from llmgine_cli.toolkit.tool import Tool, tools_in

    if isinstance(loaded, ModuleType):
        tools = tools_in(loaded)
    else:
        tools = [loaded if isinstance(loaded, Tool) else Tool.from_function(loaded)]
    return [(tool.name, tool, tool.summary) for tool in tools]


def _public(loaded: Any) -> dict[str, Any]:
    return {name: thing for name, thing in loaded.__dict__.items() if not name.startswith("_")}
