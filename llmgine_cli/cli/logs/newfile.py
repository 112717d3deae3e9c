"""A file that is written whole or not at all."""

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from errno import EISDIR
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
    try:
        if path.is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        if not path.exists() or path.is_file():
            _write(path.resolve(), pieces, force=force)  # a link goes on being one
        else:
            with path.open("w", encoding="utf-8", errors="replace", newline="\n") as stream:
                stream.writelines(pieces)
    except FileExistsError as error:
        hint = f"--force overwrites it: -o {quote(str(path))} --force"
        raise UsageError(f"{path} is there already", hint=hint) from error
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error


def _write(target: Path, pieces: Iterable[str], *, force: bool) -> None:
    if target.exists() and not force:
        raise FileExistsError(str(target))
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="\n") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(descriptor)
        os.chmod(temporary, _mode(target))  # noqa: PTH101 -- a name, not a path
        _move(temporary, target, force=force)
    finally:
        with suppress(OSError):  # it was moved, as it should be
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
