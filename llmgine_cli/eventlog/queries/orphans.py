"""Attachments that no log speaks of any more, and their end."""

import os
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from llmgine_cli.errors import StorageError
from llmgine_cli.eventlog.attachments import DIGEST, FOLDER
from llmgine_cli.eventlog.reader import files

YOUNG = 3600  # seconds in which a file may belong to an event that is just being written
_SPOKEN_OF = re.compile(rb'"digest":"([0-9a-f]{64})"')
_BLOCK = 1 << 20  # bytes read at once
_OVERLAP = 128  # bytes; more than a digest with its key


class Orphan(NamedTuple):
    """An attachment that no log speaks of.

    Attributes:
        path: Its file.
        size: How many bytes it has.
    """

    path: Path
    size: int


def orphans(logs: Path, *, without: Iterable[Path] = ()) -> list[Orphan]:
    """Return the attachments that no log speaks of; never one that an event may just be about to name.

    Args:
        logs: The folder of the logs.
        without: Logs that do not count, for they are about to go.

    Raises:
        StorageError: The folder cannot be read.
    """
    old = _old(logs / FOLDER)
    if not old:
        return []
    leaving = set(without)
    for file in files(logs):
        if file.path not in leaving:
            _strike_out(file.path, old)
            if not old:
                break
    return [orphan for _, orphan in sorted(old.items())]


def forget(orphan: Orphan) -> bool:
    """Delete an orphan, unless an event named it meanwhile; say whether it is gone.

    Raises:
        StorageError: It cannot be deleted.
    """
    try:
        if time.time() - orphan.path.lstat().st_mtime < YOUNG:
            return False
        orphan.path.unlink()
    except FileNotFoundError:
        return True
    except OSError as error:
        raise StorageError(f"cannot delete {orphan.path}: {error.strerror}") from error
    return True


def _old(folder: Path) -> dict[bytes, Orphan]:
    found: dict[bytes, Orphan] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                ours = DIGEST.fullmatch(entry.name) or entry.name.startswith(".new-")
                status = entry.stat(follow_symlinks=False)
                if ours and time.time() - status.st_mtime >= YOUNG:
                    found[entry.name.encode()] = Orphan(Path(entry.path), status.st_size)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StorageError(f"cannot read {folder}: {error.strerror}") from error
    return found


def _strike_out(log: Path, candidates: dict[bytes, Orphan]) -> None:
    """Take away those that a log speaks of."""
    try:
        with log.open("rb") as file:
            rest = b""
            while block := file.read(_BLOCK):
                for digest in _SPOKEN_OF.findall(rest + block):
                    candidates.pop(digest, None)
                rest = block[-_OVERLAP:]
    except FileNotFoundError:
        return
    except OSError as error:  # what cannot be read may speak of any of them
        raise StorageError(f"cannot read {log}: {error.strerror}") from error
