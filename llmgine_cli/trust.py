"""Which files of other people's folders may count.

Running a program in a folder someone else wrote must not run their code. A file is trusted when the user said so about
this very content at this very place: the record holds the absolute path and the SHA-256, so any change asks again. Each
record is a small file of its own, replaced in one step: two processes never get into each other's way.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from llmgine_cli import places
from llmgine_cli.errors import StorageError

State: TypeAlias = Literal["trusted", "changed", "new", "outside", "unreadable", "gone"]
Part: TypeAlias = Literal["engines", "tools", "settings"]
CODE: tuple[Part, ...] = ("engines", "tools")


@dataclass(frozen=True)
class Status:
    """A file that counts only when trusted.

    Attributes:
        path: Absolute; symbolic links resolved.
        kind: The folder it is in, or "settings" for `llmgine.toml`.
        state: "changed" was trusted with another content; "outside" is a link out of the folder, never followed.
        content: Its bytes, as judged; empty when it is outside or cannot be read.
    """

    path: Path
    kind: Part
    state: State
    content: bytes


class TrustStore:
    """What the user has trusted.

    Args:
        folder: Where the records are; default: `trust` in the state directory.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or places.state_dir() / "trust"

    def is_trusted(self, file: Path, content: bytes | None = None) -> bool:
        """Whether the user has trusted this content at this place.

        Args:
            file: The file; symbolic links are resolved.
            content: What was read from it; default: what is in it now. Whoever goes on to use the content must give
                it, or the file may change in between.
        """
        path = file.resolve()
        if content is None:
            content = _read(path)
        return content is not None and self._recorded(path) == digest(content)

    def trust(self, files: Iterable[Path]) -> None:
        """Trust the files as they are now.

        Raises:
            StorageError: A record cannot be written, or a file cannot be read.
        """
        for file in files:
            path = file.resolve()
            content = _read(path)
            if content is None:
                raise StorageError(f"cannot read {path}")
            self.remember(path, content)

    def remember(self, path: Path, content: bytes) -> None:
        """Trust this content at this place: what the user was shown, even if the file has changed since.

        Raises:
            StorageError: The record cannot be written.
        """
        path = path.resolve()
        record = {"path": str(path), "sha256": digest(content)}
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self._record(path), json.dumps(record))
        except OSError as error:
            raise StorageError(f"cannot write to {self._folder}: {error.strerror}") from error

    def revoke(self, paths: Iterable[Path]) -> list[Path]:
        """Forget the files, and all files below the folders; return what was forgotten.

        Raises:
            StorageError: A record cannot be removed.
        """
        wanted = [path.resolve() for path in paths]
        gone = [path for path, _ in self._records() if any(path.is_relative_to(each) for each in wanted)]
        try:
            for path in gone:
                self._record(path).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"cannot write to {self._folder}: {error.strerror}") from error
        return gone

    def trusted(self) -> dict[Path, State]:
        """Every file ever trusted and not revoked: "trusted", "changed" since, "unreadable" now, or "gone"."""
        return {path: self._state(path, _read(path)) if path.exists() else "gone" for path, _ in self._records()}

    def status(self, project: Path) -> list[Status]:
        """What a project has that counts only when trusted: `llmgine.toml`, `engines/*.py`, `tools/*.py`.

        What is the same as a file that ships is left out: that one is used in its place, whoever wrote the copy.
        """
        project = project.resolve()
        found: list[tuple[Path, Part]] = []
        if (project / places.PROJECT_FILE).is_file():
            found.append((project / places.PROJECT_FILE, "settings"))
        for kind in CODE:
            found.extend((file, kind) for file in python_files(project / kind) if not places.ships(file))
        judged = [self.judge(file, kind, project) for file, kind in found]
        return [
            status
            for (file, kind), status in zip(found, judged, strict=True)
            if kind == "settings" or not places.is_copy(kind, file.name, status.content)
        ]

    def judge(self, file: Path, kind: Part, project: Path) -> Status:
        """Say how one file of a project stands; it is read once, and the answer has the content that was judged."""
        project, path = project.resolve(), file.resolve()
        if not path.is_relative_to(project):
            return Status(path, kind, "outside", b"")
        content = _read(path)
        return Status(path, kind, self._state(path, content), content or b"")

    def _state(self, path: Path, content: bytes | None) -> State:
        if content is None:
            return "unreadable"
        recorded = self._recorded(path)
        if recorded is None:
            return "new"
        return "trusted" if recorded == digest(content) else "changed"

    def _record(self, path: Path) -> Path:
        return self._folder / f"{digest(os.fsencode(path))[:32]}.json"

    def _recorded(self, path: Path) -> str | None:
        return next((sha256 for known, sha256 in _parse(self._record(path)) if known == path), None)

    def _records(self) -> Iterator[tuple[Path, str]]:
        if self._folder.is_dir():
            for file in sorted(self._folder.glob("*.json")):
                yield from _parse(file)


def names_a_model_file(model: str) -> bool:
    """Whether this model is a file: native code would parse it on this machine, so only the user may name it."""
    return model.startswith("local:") and any(mark in model for mark in ("/", "\\", ".gguf"))


def digest(content: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def replace_file(file: Path, text: str, *, mode: int = 0o600) -> None:
    """Write a file in one step: whole, or not at all. A link in its place is replaced, not followed.

    Args:
        file: Its folder must exist.
        text: Written as UTF-8.
        mode: Its permissions, less the umask.

    Raises:
        OSError: It cannot be written.
    """
    new = file.with_name(f".new-{secrets.token_hex(8)}")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)  # O_EXCL follows no link
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        new.replace(file)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def python_files(folder: Path) -> list[Path]:
    """The files of a folder that may hold engines or tools: `*.py`, but not those whose name starts with `_` or `.`."""
    try:
        return sorted(file for file in folder.glob("*.py") if file.name[0] not in "_." and file.is_file())
    except OSError:
        return []


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _parse(record: Path) -> Iterator[tuple[Path, str]]:
    """Read a record; what is not one, for whatever reason, trusts nothing."""
    content = _read(record)
    try:
        data: Any = json.loads(content or b"{}")
        yield Path(data["path"]), str(data["sha256"])
    except (ValueError, KeyError, TypeError):
        return
