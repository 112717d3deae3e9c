"""From a file to the part of a message that it becomes: a picture, a document, or text quoted into the prompt.

What a file is, its first bytes say, not its name.
"""

import re
from html import escape
from pathlib import Path, PurePath

from llmgine_cli.errors import UsageError
from llmgine_cli.llm.messages import File, Image, Part, Text

MEGABYTE = 1_000_000  # bytes
LIMIT = 20 * MEGABYTE  # bytes of one attachment, where nobody says otherwise
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+")
_STARTS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)


def read_file(path: Path, *, limit: int = LIMIT, media_type: str | None = None) -> Part:
    """Return the part of a message that a file becomes.

    Args:
        path: Where it is.
        limit: The most bytes it may have; not more than one beyond them is read.
        media_type: What it is; default: see `sniff`.

    Raises:
        UsageError: It cannot be read, is too large, or nobody can tell what it is.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
            size = max(len(data), path.stat().st_size)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot read the attachment {path}: {reason}") from error
    if len(data) > limit:
        raise too_large(str(path), limit, size)
    return part_of(data, name=path.name, media_type=media_type)


def part_of(data: bytes, *, name: str, media_type: str | None = None) -> Part:
    """Return the part of a message that these bytes become.

    Args:
        data: The whole file.
        name: What to call it.
        media_type: What it is; default: see `sniff`.

    Raises:
        UsageError: Nobody can tell what it is, or the type is none.
    """
    if media_type is not None and not _MEDIA_TYPE.fullmatch(media_type):
        raise UsageError(f"{media_type!r} is no media type", hint="as in --attachment-type scan.bin application/pdf")
    if not data:
        raise UsageError(f"the attachment {name} is empty")
    kind = media_type or sniff(data)
    if kind is None:
        raise UsageError(
            f"the attachment {name} is neither a picture (PNG, JPEG, GIF, WebP), a PDF, nor UTF-8 text",
            hint=f"say what it is: --attachment-type {name} TYPE, or make it one of them",
        )
    if kind.startswith("text/"):
        return quoted(name, data)
    if kind.startswith("image/"):
        return Image(media_type=kind, data=data, name=name)
    return File(name=name, media_type=kind, data=data)


def sniff(data: bytes) -> str | None:
    """Return the media type of what is a PNG, JPEG, GIF, WebP, PDF or UTF-8 text by its content; else None."""
    for start, kind in _STARTS:
        if data.startswith(start):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if b"\0" in data:
        return None
    try:
        data.decode()
    except UnicodeDecodeError:
        return None
    return "text/plain"


def quoted(name: str, data: bytes) -> Text:
    """Return a text file as it stands in a prompt: with its name, and a blank line before what follows.

    It is text from here on, so that the log can search it and take secrets out of it.
    """
    text = data.decode("utf-8-sig", "replace").strip("\n")
    return Text(f'<file name="{escape(PurePath(name).name)}">\n{text}\n</file>\n\n')


def too_large(name: str, limit: int, size: int | None = None) -> UsageError:
    """Return the error for an attachment that has too many bytes; `size` is how many, if that is known."""
    has = f"has {_megabytes(size)}" if size is not None and size > limit else "is larger"
    return UsageError(
        f"the attachment {name} {has}, and the limit is {_megabytes(limit)}",
        hint="make it smaller, or set limits.attachment_mb",
    )


def _megabytes(size: int) -> str:
    if size < MEGABYTE // 10:
        return f"{size:,} bytes"
    return f"{size / MEGABYTE:.1f} MB"
