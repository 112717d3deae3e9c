"""A file that is written whole or not at all."""

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from shlex import quote

from llmgine_cli.errors import StorageError, UsageError


def write_whole(path: Path, pieces: Iterable[str], *, force: bool) -> None:
    """Write text to a file. Until all of it is on the disk, nothing is there, or what was there before.

    Args:
        path: The file; a pipe or a device is simply written to.
        pieces: The text. What making it raises is raised, and nothing is left.
        force: Whether a file that is there is replaced; its permissions stay.

    Raises:
        UsageError: There is such a file, and `force` is not set.
        StorageError: It cannot be written.
    """
    there = path.exists()
    if there and not path.is_file() and not path.is_dir():
        _pour(path, pieces)
        return
    if there and not path.is_dir() and not force:
        raise _taken(path)
    target = path.resolve()  # a link goes on being one
    temporary: str | None = None
    try:
        try:
            descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}-")
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="\n") as file:
                file.writelines(pieces)
                file.flush()
                os.fsync(descriptor)
            os.chmod(temporary, _mode(target))  # noqa: PTH101 -- a name, not a path
            _move(temporary, target, force=force)
        except FileExistsError:
            raise _taken(path) from None
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            with suppress(OSError):  # moved, as it should be
                os.unlink(temporary)  # noqa: PTH108


def _move(temporary: str, target: Path, *, force: bool) -> None:
    if force:
        os.replace(temporary, target)  # noqa: PTH105
        return
    try:
        os.link(temporary, target)  # unlike a rename, it fails when somebody was quicker
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if target.exists():
            raise FileExistsError(str(target)) from None
        os.replace(temporary, target)  # noqa: PTH105


def _mode(target: Path) -> int:
    """Return the permissions that a shell's redirection would leave."""
    try:
        return target.stat().st_mode & 0o7777
    except OSError:
        mask = os.umask(0o077)
        os.umask(mask)
        return 0o666 & ~mask


def _pour(path: Path, pieces: Iterable[str]) -> None:
    try:
        with path.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
            file.writelines(pieces)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error


def _taken(path: Path) -> UsageError:
    return UsageError(f"{path} is there already", hint=f"--force overwrites it: -o {quote(str(path))} --force")
