"""Going on with an earlier conversation: finding it, telling what it was, and how to come back to it."""

from pathlib import Path

from llmgine_cli.cli.screen.spinner import clip
from llmgine_cli.errors import UsageError
from llmgine_cli.llm.messages import Message

LOOKED_AT = 50  # files; a session in which nothing was said is passed over, but not for ever
SHOWN = 60  # columns of the last question


def earlier(folder: Path, session: str | None) -> tuple[str, tuple[Message, ...]]:
    """Return the id and the messages of an earlier conversation.

    Args:
        folder: Where the logs are.
        session: Its id or the beginning of it; default: the latest in which something was said.

    Raises:
        NotFoundError: There is no such session.
        UsageError: There is none at all, or several begin like this.
        StorageError: The log cannot be read.
    """
    from llmgine_cli.eventlog.conversation import rebuild
    from llmgine_cli.eventlog.reader import files, find

    if session is not None:
        path = find(folder, session)
        return _session_id(path), rebuild(path)
    newest = sorted(files(folder), key=lambda file: _modified(file.path), reverse=True)
    for file in newest[:LOOKED_AT]:
        if messages := rebuild(file.path):
            return _session_id(file.path), messages
    raise UsageError("there is no conversation to go on with", hint=f"nothing was said yet in the logs in {folder}")


def recap(messages: tuple[Message, ...]) -> str:
    """Say in one line what the conversation was about."""
    asked = [message.text for message in messages if message.role == "user" and message.text]
    last = f"; the last question: {clip(asked[-1], SHOWN)}" if asked else ""
    return f"going on with {len(messages)} messages{last}"


def how_to_resume(session_id: str) -> str:
    """Say how to come back to this conversation."""
    return f"go on with: llmgine chat --continue (later: --session {session_id})"


def _session_id(path: Path) -> str:
    from llmgine_cli.eventlog.reader import LogReader

    for record in LogReader(path):
        if record.session_id is not None:
            return record.session_id
    raise UsageError(f"there is no conversation in {path}")


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0  # removed since the folder was read
