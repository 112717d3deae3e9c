"""Which files of the log may go, and their end."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from llmgine_cli.errors import StorageError
from llmgine_cli.eventlog.filenames import OUTSIDE
from llmgine_cli.eventlog.lock import is_being_written
from llmgine_cli.eventlog.reader import LogFile, files


class Old(NamedTuple):
    """A file that may go.

    Attributes:
        file: The file.
        size: How many bytes it has.
        modified_ns: When it was last written to, nanoseconds since 1970.
    """

    file: LogFile
    size: int
    modified_ns: int


def old(folder: Path, *, before_ns: int | None, keep: int | None) -> list[Old]:
    """Return the files that may go, the one that was written to longest ago first; never one that is being written.

    Args:
        folder: Where the logs are.
        before_ns: Only those not written to since then, nanoseconds since 1970.
        keep: Not the latest so many sessions.

    Raises:
        StorageError: The folder cannot be read.
    """
    known = sorted(_looked_at(files(folder)), key=lambda one: (one.modified_ns, one.file), reverse=True)
    if keep is not None:
        known = [one for one in known if not one.file.session.startswith(OUTSIDE)][keep:] + [
            one for one in known if one.file.session.startswith(OUTSIDE) and before_ns is not None
        ]
    found = [one for one in known if before_ns is None or one.modified_ns < before_ns]
    found.sort(key=lambda one: (one.modified_ns, one.file))
    return [one for one in found if not is_being_written(one.file.path)]


def remove(one: Old) -> bool:
    """Delete a file, unless it was written to since it was looked at; say whether it is gone.

    Raises:
        StorageError: It cannot be deleted.
    """
    path = one.file.path
    try:
        if path.lstat().st_mtime_ns != one.modified_ns or is_being_written(path):
            return False
        path.unlink()
    except FileNotFoundError:
        return True
    except OSError as error:
        raise StorageError(f"cannot delete {path}: {error.strerror}") from error
    return True


def _looked_at(known: Iterable[LogFile]) -> Iterator[Old]:
    for file in known:
        try:
            status = file.path.lstat()
        except OSError:
            continue  # removed since the folder was read
        yield Old(file, status.st_size, status.st_mtime_ns)
