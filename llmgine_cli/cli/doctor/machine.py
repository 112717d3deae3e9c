"""Of the machine: versions, the terminal, folders and what is in them."""

import os
import platform
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from llmgine_cli.cli.doctor.finding import Finding, wrong
from llmgine_cli.cli.help import wants_colour
from llmgine_cli.cli.logs.figures import plural

if TYPE_CHECKING:
    from llmgine_cli.settings import Settings

_LIBRARIES = ("typer", "rich", "pydantic", "httpx2", "openai", "anthropic")
_ROOM = 100_000_000  # bytes; a disk with less is soon full


def versions() -> Iterator[Finding]:
    """What runs, and with which libraries."""
    from llmgine_cli import __version__

    system = f"{platform.system()} {platform.release()}, {platform.machine()}"
    yield Finding("llmgine", "ok", f"{__version__} on Python {platform.python_version()}, {system}")
    found = {name: _version(name) for name in _LIBRARIES}
    yield Finding("libraries", "ok", ", ".join(f"{name} {number}" for name, number in found.items() if number))
    if missing := [name for name, number in found.items() if number is None]:
        yield Finding("libraries", "wrong", f"not installed: {', '.join(missing)}", "install llmgine-cli again")


def terminal() -> Iterator[Finding]:
    """Where the answers go."""
    if sys.stdout.isatty():
        size = shutil.get_terminal_size()
        text = f"{os.environ.get('TERM') or 'TERM is not set'}, {size.columns}x{size.lines}"
    else:
        text = "stdout is no terminal: answers are printed as they come"
    colour = "colour" if wants_colour(sys.stdout) else "no colour"
    if sys.stdout.isatty() and os.environ.get("NO_COLOR"):
        colour += " (NO_COLOR is set)"
    yield Finding("terminal", "ok", f"{text}, {colour}")
    encoding = (sys.stdout.encoding or "unknown").lower()
    if not encoding.startswith("utf"):
        hint = "set LC_ALL=C.UTF-8, or PYTHONUTF8=1"
        yield Finding("terminal", "note", f"it takes {encoding}, which has not every letter", hint)


def log_folder(settings: "Settings") -> Iterator[Finding]:
    """Whether the event log can be written, and how large it is."""
    if not settings.log.enabled:
        yield Finding(
            "event log", "note", "it is off: nothing can be gone on with", "log.enabled = true in the settings"
        )
        return
    folder = settings.log_dir
    if (problem := _unwritable(folder)) is not None:
        yield Finding("event log", "wrong", f"{folder} cannot be written: {problem}", "mend it, or set log.dir")
        return
    files = [file.stat() for file in folder.glob("*.jsonl")]
    size = sum(file.st_size for file in files)
    yield Finding("event log", "ok", f"{folder}: {plural(len(files), 'session')}, {size / 1e6:.1f} MB")
    free = shutil.disk_usage(folder).free
    if free < _ROOM:
        hint = "free some; llmgine logs prune removes old sessions"
        yield Finding("event log", "note", f"the disk has room for {free / 1e6:.0f} MB more", hint)
    if os.name == "posix" and settings.log.dir is None and (mode := stat.S_IMODE(folder.stat().st_mode)) & 0o077:
        yield Finding("event log", "note", f"others may look into {folder} (mode {mode:o})", f"chmod 700 {folder}")


def schedule() -> Iterator[Finding]:
    """Whether what is to happen later can be read."""
    from llmgine_cli.bus.schedule import ScheduleStore
    from llmgine_cli.errors import LlmgineError
    from llmgine_cli.places import schedule_file

    file = schedule_file()
    if not file.exists():
        return  # asking makes no schedule
    try:
        store = ScheduleStore(file)
        try:
            waiting = len(store.entries(states=("waiting",)))
        finally:
            store.close()
    except LlmgineError as error:
        yield wrong("schedule", error)
        return
    yield Finding("schedule", "ok", f"{file}: {plural(waiting, 'prompt')} waiting")


def certificates() -> Iterator[Finding]:
    """The variables that say how the network is reached."""
    proxies = [name for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY") if os.environ.get(name)]
    if proxies:
        yield Finding("network", "ok", f"through the proxy in {', '.join(proxies)}")
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        said = os.environ.get(name)
        if said and not Path(said).exists():
            yield Finding("network", "wrong", f"{name} is {said}, which is not there", f"mend it, or unset {name}")


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _unwritable(folder: Path) -> str | None:
    """Why no file can be made there; the folder itself is made, as the first session would."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error.strerror or str(error)
