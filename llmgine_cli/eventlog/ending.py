"""How a session ended: the same words wherever one is told of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeAlias

from llmgine_cli.eventlog.lock import is_being_written

Ending: TypeAlias = Literal["finished", "failed", "interrupted", "open"]
State: TypeAlias = Literal["finished", "failed", "interrupted", "running"]

# What a session ends with that was stopped: by Ctrl-C, by a terminal that was closed, by `kill`.
_STOPPED = frozenset({"CancelledError", "KeyboardInterrupt", "SystemExit"})


def was_stopped(error: str | None) -> bool:
    """Whether what a session ended with is that somebody stopped it."""
    return error in _STOPPED


def state_of(ending: Ending, path: Path, written: Callable[[Path], bool] = is_being_written) -> State:
    """Return how a session stands: what has no end is running if a process still writes it.

    Args:
        ending: How it ended; `open` when no end is written.
        path: Its file.
        written: Whether a process that runs has this file open for writing.
    """
    if ending != "open":
        return ending
    return "running" if written(path) else "interrupted"
