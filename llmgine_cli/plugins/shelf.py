"""All engines, or all tools: found in search order, loaded when asked for.

The order is the project's folder, the user's folder, installed packages, what ships. The first that can be used wins.
A file that is broken, or has changed since it was trusted, hides what comes after it, because running something else of
the same name would be a surprise. One that nobody ever trusted does not, or any folder could take a command away; it is
told that it was passed over. A copy of a file that ships, as in a checkout, is passed over without a word: it is the
same code.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar

from llmgine_cli import places
from llmgine_cli.plugins.loading import BrokenFileError, describe, load_file
from llmgine_cli.plugins.outline import Outline, outline
from llmgine_cli.trust import TrustStore, python_files

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Origin: TypeAlias = Literal["argument", "project", "user", "entry point", "bundled"]
CodeKind: TypeAlias = Literal["engines", "tools"]
T = TypeVar("T")

_CHANGED = "changed since it was trusted"
_REFUSED = {
    "new": "not trusted",
    "changed": _CHANGED,
    "outside": "a link out of the project's folder, never followed",
    "unreadable": "cannot be read",
}


@dataclass(frozen=True)
class Found(Generic[T]):
    """An engine or a tool, usable or not.

    Attributes:
        name: What it is called by.
        value: The thing itself; None when it is untrusted or broken.
        origin: Which part of the search order it comes from.
        path: Its file, if it has one.
        summary: One line about it.
        problem: Why it cannot be used, in one line; None if it can.
        trusted: Whether its file may be run at all.
        shadowed_by: The origin of what is used under this name instead.
    """

    name: str
    value: T | None
    origin: Origin
    path: Path | None = None
    summary: str = ""
    problem: str | None = None
    trusted: bool = True
    shadowed_by: Origin | None = None

    @property
    def hides(self) -> bool:
        """Whether nothing that comes later in the search order is used under this name."""
        return self.trusted or self.problem == _CHANGED


@dataclass(frozen=True)
class _File:
    origin: Origin
    path: Path
    content: bytes
    outline: Outline
    refused: str | None = None


class Shelf(Generic[T]):
    """All engines, or all tools.

    Args:
        kind: Which of them, and the name of their folders.
        folders: (origin, folder), in search order.
        project: Files below it count only when trusted.
        trust: Who knows what is.
        collect: Takes them out of a module, or out of what an entry point names: name, thing, summary.
        tell: Called with a line when something untrusted was passed over for another of the same name; once a name.
    """

    def __init__(
        self,
        kind: CodeKind,
        *,
        folders: Sequence[tuple[Origin, Path]],
        project: Path | None,
        trust: TrustStore,
        collect: Callable[[Any], list[tuple[str, T, str]]],
        tell: Callable[[str], object],
    ) -> None:
        self._kind: CodeKind = kind
        self._folders = folders
        self._project = project
        self._trust = trust
        self._collect = collect
        self._tell = tell
        self._loaded: dict[Path, list[Found[T]]] = {}
        self._told: set[str] = set()  # names of which it was told that something was passed over

    def everything(self) -> list[Found[T]]:
        """All there is, in search order, with what is hidden by something of the same name."""
        own = [found for file in self._files if file.origin != "bundled" for found in self._in(file)]
        installed = [found for point in self._entry_points for found in self._at(point)]
        bundled = [found for file in self._files if file.origin == "bundled" for found in self._in(file)]
        used: dict[str, Origin] = {}
        listed: list[Found[T]] = []
        for found in [*own, *installed, *bundled]:
            listed.append(replace(found, shadowed_by=used.get(found.name)))
            if found.hides:
                used.setdefault(found.name, found.origin)
        return listed

    def find(self, name: str) -> Found[T] | None:
        """The one that is used under a name, or failing that an untrusted one; loads only what may hold it."""
        passed_over: Found[T] | None = None
        for found in self._candidates(name):
            if found.name != name:
                continue
            if found.hides:
                if passed_over and name not in self._told:
                    self._told.add(name)
                    self._tell(
                        f"{passed_over.path} is {passed_over.problem}: the {found.origin} {name!r} is used instead"
                    )
                return found
            passed_over = passed_over or found
        return passed_over

    def in_file(self, path: Path) -> list[Found[T]]:
        """Load a file the user named himself: that is his word for it, so it needs no trust."""
        content = path.read_bytes()
        return self._in(_File("argument", path, content, outline(path, content, self._kind)))

    def _candidates(self, name: str) -> Iterator[Found[T]]:
        files = [file for file in self._files if file.outline.may_hold(name) or file.outline.problem]
        yield from (found for file in files if file.origin != "bundled" for found in self._in(file))
        for point in self._entry_points:
            # An entry point with a colon names one thing, and is called as that is; one without names a module.
            if point.name == name or ":" not in point.value:
                yield from self._at(point)
        yield from (found for file in files if file.origin == "bundled" for found in self._in(file))

    @cached_property
    def _files(self) -> list[_File]:
        files = [
            self._file(origin, path)
            for origin, folder in self._folders
            for path in python_files(folder)
            # In a checkout of llmgine, the project's files and those that ship are in one folder.
            if origin not in ("project", "bundled") or places.ships(path) == (origin == "bundled")
        ]
        return [
            file
            for file in files
            if file.origin != "project" or not places.is_copy(self._kind, file.path.name, file.content)
        ]

    @cached_property
    def _entry_points(self) -> "list[EntryPoint]":
        from importlib.metadata import entry_points

        return sorted(entry_points(group=f"llmgine.{self._kind}"), key=lambda point: point.name)

    def _file(self, origin: Origin, path: Path) -> _File:
        if origin == "project" and self._project is not None:
            status = self._trust.judge(path, self._kind, self._project)
            refused = _REFUSED.get(status.state)
            return _File(origin, path, status.content, outline(path, status.content, self._kind), refused)
        try:
            content = path.read_bytes()
        except OSError as error:
            return _File(origin, path, b"", Outline(problem=f"{path.name}: {error.strerror}"))
        return _File(origin, path, content, outline(path, content, self._kind))

    def _in(self, file: _File) -> list[Found[T]]:
        if file.path not in self._loaded:
            self._loaded[file.path] = self._open(file)
        return self._loaded[file.path]

    def _open(self, file: _File) -> list[Found[T]]:
        if file.refused:
            return self._unusable(file, file.refused, trusted=False)
        if file.outline.problem:
            return self._unusable(file, file.outline.problem)
        try:
            module = load_file(file.path, file.content)
            return [
                Found(name, value, file.origin, file.path, summary)
                for name, value, summary in self._collected(module, file.path)
            ]
        except BrokenFileError as error:
            return self._unusable(file, str(error))

    def _unusable(self, file: _File, problem: str, *, trusted: bool = True) -> list[Found[T]]:
        """Name what the file would give, as far as one can tell; else the file itself."""
        names = file.outline.names or {file.path.stem: ""}
        return [Found(name, None, file.origin, file.path, summary, problem, trusted) for name, summary in names.items()]

    def _at(self, point: "EntryPoint") -> list[Found[T]]:
        place = Path(point.module.rpartition(".")[2])
        try:
            loaded: ModuleType | Any = point.load()
            return [Found(name, value, "entry point", None, summary) for name, value, summary in self._collect(loaded)]
        except (Exception, SystemExit) as error:  # noqa: BLE001 -- a stranger's package may raise anything at import
            return [Found(point.name, None, "entry point", None, point.value, describe(error, place))]

    def _collected(self, module: ModuleType, path: Path) -> list[tuple[str, T, str]]:
        try:
            return self._collect(module)
        except Exception as error:  # reading a stranger's annotations runs his code
            raise BrokenFileError(describe(error, path)) from error
