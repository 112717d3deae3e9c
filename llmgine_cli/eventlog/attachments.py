"""Pictures and documents, kept once beside the logs: a line has the SHA-256 of the bytes in place of the bytes.

::

    logs/events_….jsonl         {"type": "image", "media_type": "image/png", "data": "", "digest": "9f86d0…", …}
    logs/attachments/9f86d0…    the bytes

Small ones stay in the line. The files are the user's alone; `logs prune` removes those that no log speaks of.
"""

import os
import re
from base64 import b64decode
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import msgspec

from llmgine_cli.eventlog.redact import Redactor
from llmgine_cli.llm.messages import File, Image, Message, Part, Text, named

FOLDER = "attachments"
INLINE = 4096  # bytes that stay in the line
DIGEST = re.compile(r"[0-9a-f]{64}")


class AttachmentRedactor(Redactor):
    """Takes large attachments out of a line before it looks for secrets.

    In megabytes of base64 something looks like a key now and then, and a picture with a gap is none.

    Args:
        attachments: Where they go.
        secrets: Known key values.
    """

    also = (r'"data":"',)  # what a line with an attachment has, large or small

    def __init__(self, attachments: "Attachments", secrets: Iterable[str]) -> None:
        super().__init__(secrets)
        self._attachments = attachments

    def __call__(self, line: bytes) -> bytes:
        """Return a line without large attachments and without secrets, and with the newline at its end if it has one.

        Raises:
            OSError: An attachment cannot be written.
            ValueError: It is no JSON, or no UTF-8, and may have a secret in it.
        """
        small = self._attachments.taken_out(line)
        return super().__call__(small if small is line or not line.endswith(b"\n") else small + b"\n")


class Attachments:
    """The attachments of a folder of logs.

    Args:
        logs: The folder of the logs.
    """

    def __init__(self, logs: Path) -> None:
        self.folder = logs / FOLDER

    def taken_out(self, line: bytes) -> bytes:
        """Return a line of the log without the bytes of large attachments, which are kept in files from now on.

        Args:
            line: A line of the log, secrets and all; when something is taken out, its newline is as well.

        Raises:
            OSError: A file cannot be written.
        """
        if len(line) <= INLINE or b'"data":"' not in line:
            return line
        return msgspec.json.encode(self._walk(msgspec.json.decode(line)))

    def path(self, digest: str) -> Path | None:
        """Return the file of an attachment; None if it is not there, or the digest is none."""
        path = self.folder / digest
        return path if DIGEST.fullmatch(digest) and path.is_file() else None

    def filled(self, messages: Iterable[Message]) -> tuple[tuple[Message, ...], tuple[str, ...]]:
        """Return messages with the bytes of their attachments, and the names of those that are gone.

        In place of one that is gone stands a text that says so. The bytes are not trusted: what has another digest than
        its name says is gone.
        """
        gone: list[str] = []
        whole = tuple(
            Message(message.role, tuple(self._filled(part, gone) for part in message.parts))
            if any(isinstance(part, Image | File) and part.digest is not None for part in message.parts)
            else message
            for message in messages
        )
        return whole, tuple(gone)

    def _filled(self, part: Part, gone: list[str]) -> Part:
        if not isinstance(part, Image | File) or part.digest is None:
            return part
        data = self._read(part.digest)
        if data is None:
            gone.append(named(part))
            return Text(f"[{named(part)} was here, and is not kept any more]\n\n")
        return msgspec.structs.replace(part, data=data, digest=None)

    def _read(self, digest: str) -> bytes | None:
        path = self.path(digest)
        try:
            data = path.read_bytes() if path is not None else None
        except OSError:
            return None
        return data if data is not None and sha256(data).hexdigest() == digest else None

    def _walk(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._walk(item) for item in cast("list[object]", value)]
        if not isinstance(value, dict):
            return value
        fields = cast("dict[str, Any]", value)
        text = fields.get("data")
        if fields.get("type") in ("image", "file") and isinstance(text, str) and len(text) > INLINE:
            with suppress(ValueError):  # it only looks like one of ours
                return {**fields, "data": "", "digest": self._keep(b64decode(text, validate=True))}
        return {key: self._walk(item) for key, item in fields.items()}

    def _keep(self, data: bytes) -> str:
        digest = sha256(data).hexdigest()
        path = self.folder / digest
        try:
            os.utime(path)  # it is young again: whoever prunes leaves it
        except FileNotFoundError:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            new = self.folder / f".new-{os.getpid()}-{os.urandom(4).hex()}"
            try:
                descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                new.replace(path)
            except OSError:
                new.unlink(missing_ok=True)
                raise
        return digest
