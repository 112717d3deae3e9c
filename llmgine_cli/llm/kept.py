"""Files of the cache folder, which the next program that needs them makes anew if they are not there."""

import os
import tempfile
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")


def kept(path: Path | None, kind: type[T]) -> T | None:
    """Return what a file keeps, in MessagePack; None if there is no such file, or another version wrote it."""
    if path is None:
        return None
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def keep(path: Path, content: bytes) -> bool:
    """Write a file for the user alone, whole or not at all; say whether it was, for that it cannot is no failure."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    except OSError:
        return False
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        Path(temporary).replace(path)
    except OSError:  # a full disk, or a folder in its place
        Path(temporary).unlink(missing_ok=True)
        return False
    return True
