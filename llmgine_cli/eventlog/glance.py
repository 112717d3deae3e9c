"""A session at a glance: what it is called in a hint or a completion, when it began, and what was asked first."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from llmgine_cli.errors import StorageError
from llmgine_cli.eventlog import names
from llmgine_cli.eventlog.reader import LogFile, LogReader, files

SHORTEST = 8  # characters of an id; its end tells sessions apart, for they begin with the time
_LOOKED_AT = 200  # events at the beginning of a log
_LONGEST = 60  # characters of a question
_GENERATED = re.compile(r"[0-9a-f]{27}")


class Glance(NamedTuple):
    """What tells a person which session it is.

    Attributes:
        handle: Its name, or the shortest end of its id that no other has.
        started: As `2026-11-23 14:02`, local time.
        question: What was asked first, on one line, shortened; empty if nothing was.
    """

    handle: str
    started: str
    question: str

    def __str__(self) -> str:
        return f"{self.handle} ({self.started}" + (f", {self.question!r})" if self.question else ")")


def glance(file: LogFile, handle: str) -> Glance:
    """Look at a session; never raises for what is in its file."""
    return Glance(handle, _local(file.started), first_question(file.path))


def glance_at(folder: Path, path: Path) -> Glance | None:
    """Look at the session of a file of this folder; None if there is no such file in it."""
    file = _file_of(folder, path)
    return None if file is None else glance(file, handles(folder, [file])[0])


def handle_of(folder: Path, path: Path) -> str:
    """Return what to call a session by: its name, or the end of its id."""
    file = _file_of(folder, path)
    return path.name if file is None else handles(folder, [file])[0]


def handles(folder: Path, some: Iterable[LogFile]) -> list[str]:
    """Return what to call each of some sessions of a folder by."""
    named = {file: name for name, file in names.everything(folder).items()}
    chosen = list(some)
    ends = shortened([file.session for file in chosen], (file.session for file in files(folder)))
    return [named.get(file.path.name) or end for file, end in zip(chosen, ends, strict=True)]


def short(session: str, others: Iterable[str]) -> str:
    """Return the short form of one id; see `shortened`."""
    return shortened([session], others)[0]


def shortened(sessions: Sequence[str], others: Iterable[str]) -> list[str]:
    """Return the shortest end of each id, of 8 characters or more, that no other has anywhere in it.

    An id that is none of ours is returned whole: its words are what a person knows it by.

    Args:
        sessions: The ids to shorten.
        others: The ids of all sessions, these among them or not.
    """
    everything = "\n".join({*others, *sessions})  # one text is searched a hundred times faster than many
    return [_end_of(session, everything) for session in sessions]


def _end_of(session: str, everything: str) -> str:
    if not _GENERATED.fullmatch(session):
        return session
    ends = (session[-length:] for length in range(SHORTEST, len(session)))
    return next((end for end in ends if everything.count(end) == session.count(end)), session)


def first_question(path: Path) -> str:
    """Return what the user said first in a log, on one line, shortened; empty if nothing can be found."""
    try:
        for record in islice(LogReader(path), _LOOKED_AT):
            if record.type == "MessageAdded" and (text := _said_by_user(record.data.get("message"))):
                return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    except StorageError:
        pass
    return ""


def _file_of(folder: Path, path: Path) -> LogFile | None:
    return next((file for file in files(folder) if file.path.name == path.name), None)


def _said_by_user(message: Any) -> str:
    try:
        if message["role"] != "user":
            return ""
        # The last of its texts: what comes before are files that it quotes.
        return " ".join([part["text"] for part in message["parts"] if part["type"] == "text"][-1].split())
    except (KeyError, TypeError, IndexError, AttributeError):
        return ""


def _local(started: str) -> str:
    moment = datetime.strptime(started, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
