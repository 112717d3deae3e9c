"""Keeps the events that a mailbox still held when its time was over, in a file of the log that is no session's."""

import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from llmgine_cli.bus import Undelivered
from llmgine_cli.eventlog.attachments import AttachmentRedactor, Attachments
from llmgine_cli.eventlog.codec import encode
from llmgine_cli.eventlog.filenames import file_of_none

logger = logging.getLogger("llmgine_cli.eventlog")


class UndeliveredFile:
    """The `leftovers` of a bus: each becomes a line that `decode` reads back, the event it is about in it.

    Args:
        folder: Where the file is; made when there is something to write.
        secrets: Known key values, which never reach the file.

    Attributes:
        path: The file, once there was something to write: a new one for each application that left something.
    """

    def __init__(self, folder: Path, *, secrets: Iterable[str] = ()) -> None:
        self.path: Path | None = None
        self._folder = folder
        self._redact = AttachmentRedactor(Attachments(folder), secrets)

    def __call__(self, left: Sequence[Undelivered]) -> None:
        """Append what was left.

        Raises:
            OSError: It could not be written.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = self.path or self._folder / file_of_none("undelivered")
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        with open(os.open(self.path, flags, 0o600), "ab") as file:  # noqa: PTH123 -- a path cannot be given a mode
            file.write(b"".join(encode(one, self._redact) for one in left))
        logger.error("events kept in %s: %d", self.path, len(left))
