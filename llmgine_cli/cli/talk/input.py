"""The prompt text of a command: what stdin says, then what the arguments say."""

import sys
from collections.abc import Sequence

from llmgine_cli.errors import UsageError


def prompt_text(words: Sequence[str], *, fragments: Sequence[str] = (), piped: bool = True) -> str:
    """Join fragments, piped stdin and the arguments, in this order, with an empty line between.

    Args:
        words: The arguments.
        fragments: Texts that come first.
        piped: Whether stdin is text of the prompt.

    Raises:
        UsageError: stdin is not UTF-8 text.
    """
    parts = (*fragments, _piped_text() if piped else "", " ".join(words).strip())
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
            hint="convert it first, as with iconv; a picture or a PDF is attached with -a -",
        ) from error
    if "\0" in text:
        raise UsageError(
            f"stdin is not text: byte {text.index(chr(0))} is NUL",
            hint="only text can be piped into a prompt; -a - attaches a picture or a PDF",
        )
    return text.strip("\n")
