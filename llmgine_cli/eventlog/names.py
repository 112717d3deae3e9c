"""Names of sessions: an index beside the logs, so that a name is found among any number of files at once.

The logs say who has which name (`SessionNamed`); the index is one small file a name, `names/NAME`, that holds the name
of the log's file. It is made again from the logs when it is not there.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from llmgine_cli.errors import UsageError

FOLDER = "names"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_GENERATED = re.compile(r"[0-9a-f]{27}")
_EVENT = re.compile(rb'\{"v":\d+,"event_type":"SessionNamed",.*')


def check(name: str) -> str:
    """Return the name if a session can have it.

    Raises:
        UsageError: It cannot.
    """
    from llmgine_cli.eventlog.redact import Redactor

    if Redactor().text(name) != name:
        raise UsageError("a session cannot be called like a key", hint="names are kept on disk, and shown")
    if _NAME.fullmatch(name) and not _GENERATED.fullmatch(name):
        return name
    raise UsageError(
        f"a session cannot be called {name!r}",
        hint="a name has up to 64 letters, digits, - _ and ., and does not begin with - or .",
    )


def record(folder: Path, name: str, path: Path) -> None:
    """Give a session a name, also if another one had it.

    Args:
        folder: Where the logs are.
        name: The name.
        path: The session's file.

    Raises:
        OSError: The index cannot be written.
    """
    if not (folder / FOLDER).is_dir():
        rebuild(folder)
    for other, file in everything(folder).items():
        if file == path.name and other != name:
            (folder / FOLDER / other).unlink(missing_ok=True)  # a session has one name
    _write(folder / FOLDER, name, path.name)


def lookup(folder: Path, name: str) -> Path | None:
    """Return the file of the session of this name; None if no session has it, or its file is gone."""
    if not _NAME.fullmatch(name) or not folder.is_dir():
        return None
    if not (folder / FOLDER).is_dir():
        with suppress(OSError):  # a folder that can only be read has the names that it has
            rebuild(folder)
    file = _read(folder / FOLDER / name)
    return folder / file if file is not None and (folder / file).is_file() else None


def everything(folder: Path) -> dict[str, str]:
    """Return all names: name → name of the file. Files that are gone are left out."""
    try:
        entries = sorted(path.name for path in (folder / FOLDER).iterdir())
    except OSError:
        return {}
    found = {name: _read(folder / FOLDER / name) for name in entries if _NAME.fullmatch(name)}
    return {name: file for name, file in found.items() if file is not None and (folder / file).is_file()}


def name_of(folder: Path, path: Path) -> str | None:
    """Return the name of a session; None if it has none."""
    return next((name for name, file in everything(folder).items() if file == path.name), None)


def rebuild(folder: Path) -> None:
    """Make the index from the logs.

    Raises:
        OSError: It cannot be written.
    """
    logs = sorted(path for path in folder.iterdir() if path.suffix == ".jsonl")
    given = sorted((when, name, path.name) for path in logs for when, name in _given(path))
    fresh = Path(tempfile.mkdtemp(dir=folder, prefix=".names-"))
    try:
        owners = {file: name for _, name, file in given}  # the last name that a session got
        for _, name, file in given:
            if owners[file] == name:
                _write(fresh, name, file)
        fresh.rename(folder / FOLDER)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if not (folder / FOLDER).is_dir():  # unless another process was faster
            raise


def _given(path: Path) -> Iterable[tuple[str, str]]:
    """Return when a session was given which name."""
    import msgspec

    with suppress(OSError), path.open("rb") as file:
        for line in file:
            if _EVENT.match(line):
                with suppress(msgspec.MsgspecError, KeyError, TypeError):
                    event = msgspec.json.decode(line)
                    if _NAME.fullmatch(event["name"]):
                        yield str(event["timestamp"]), event["name"]


def _write(folder: Path, name: str, file: str) -> None:
    """Write one entry in one step: two processes never get into each other's way."""
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".new-")
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(file)
    Path(temporary).replace(folder / name)


def _read(path: Path) -> str | None:
    try:
        file = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return file if file and "/" not in file and os.sep not in file else None
