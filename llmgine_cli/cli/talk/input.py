"""The prompt text of a command: what stdin says, then what the arguments say."""

import sys
from collections.abc import Sequence

from llmgine_cli.errors import UsageError


def prompt_text(words: Sequence[str]) -> str:
    """Join piped stdin and the arguments, stdin first, with an empty line between.

    Raises:
        UsageError: stdin is not UTF-8 text.
    """
    parts = (_piped_text(), " ".join(words).strip())
    return "\n\n".join(part for part in parts if part)


def _piped_text() -> str:
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return ""
    data = sys.stdin.buffer.read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"stdin is not text: byte {error.start} (0x{data[error.start]:02x}) is not UTF-8",
            hint="convert it first, as with iconv or pdftotext",
        ) from error
    if "\0" in text:
        raise UsageError(
            f"stdin is not text: byte {text.index(chr(0))} is NUL", hint="only text can be piped into a prompt"
        )
    return text.strip("\n")
