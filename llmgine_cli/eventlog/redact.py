"""Keys never reach the log: known ones are replaced wherever they stand, and so is whatever is shaped like one.

Almost no line has a secret in it, so the search must be cheap: it jumps from one character that is rare in prose and
present in a key to the next. Only a line that may have something is taken apart.
"""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast
from urllib.parse import quote

import msgspec

MARK = "[redacted]"
SHORTEST = 8  # characters; a shorter "key" is a placeholder such as "none", and would black out ordinary words

REMEMBERED = 256  # ids
_NOWHERE = -sys.maxsize // 4  # before any beginning

# Each begins with a character that is rare in prose and present in the key, which is what makes the search fast. A line
# has escapes (\n) where the text has characters; what stands before a key is therefore looked at only in the pattern
# below, on the decoded text. These may find too much, never too little.
_DASHED = re.compile(rb"-(?=[\w-]{16}|BEGIN )(?:(?<=sk-)|(?<=xai-)|(?<=-----)BEGIN [A-Z ]*PRIVATE KEY)").search
_UNDERSCORED = re.compile(rb"_(?=\w{16})(?:(?<=gsk_)|(?<=hf_)|(?<=gh[pousr]_)|(?<=github_pat_))").search
_CAPITAL = re.compile(rb"I(?:(?<=A[KS]I)A[A-Z0-9]{16}|(?<=AI)za[\w-]{30})").search
_BEARER = re.compile(rb"earer ").search  # what follows has no shape of its own
_KEY = re.compile(
    # A key stands by itself; inside a text that is JSON once more, the character before it may be the n of \n.
    r"""
    (?: (?<![\w-]) | (?<=\\[nrtbf]) | (?<=\\u[0-9a-fA-F]{4}) )
    (?:
        sk-(?:ant|or|proj|svcacct|admin)-[\w-]{16,}
      | sk-(?=[\w-]*(?:[A-Za-z0-9]{24}|(?=[A-Za-z]*[0-9])[A-Za-z0-9]{16})) [\w-]{16,}
      | gsk_(?=[A-Za-z]*[0-9])[A-Za-z0-9]{16,}
      | AIza[\w-]{30,}
      | (?:AKIA|ASIA)[A-Z0-9]{16}(?!\w)
      | xai-(?=[A-Za-z]*[0-9]|[A-Za-z]{30})[A-Za-z0-9]{16,}
      | gh[pousr]_(?=[A-Za-z]*[0-9]|[A-Za-z]{30})[A-Za-z0-9]{16,}
      | github_pat_\w{16,}
      | hf_(?=[A-Za-z]*[0-9]|[A-Za-z]{30})[A-Za-z0-9]{16,}
    )
  | (?<= [Bb]earer\ ) \s* (?= [\w.~+/=-]*[0-9] ) [\w.~+/=-]{16,}
  | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----.*?(?:-----END\ [A-Z ]*PRIVATE\ KEY-----|\Z)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)


class Redactor:
    """Replaces secrets in an encoded line; the line stays valid JSON.

    Args:
        secrets: Known key values; those of fewer than `SHORTEST` characters are not looked for.

    Attributes:
        clean: How many bytes an id takes at the least as JSON; far below zero if there may be a secret in it.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {secret.strip().encode(errors="replace").decode() for secret in secrets}
        written = {form for secret in known if len(secret) >= SHORTEST for form in _forms(secret)}
        self._texts = sorted(written, key=len, reverse=True)
        encoded = dict.fromkeys(msgspec.json.encode(text)[1:-1] for text in self._texts)
        # What is shaped like a key is found by its shape.
        self._known = tuple(text for text in encoded if not (_DASHED(text) or _UNDERSCORED(text) or _CAPITAL(text)))
        self.clean: Mapping[str | None, int] = _Clean(self)

    def __call__(self, line: bytes) -> bytes:
        """Return one JSON document without secrets."""
        return self.line(line, 0)

    def line(self, line: bytes, start: int) -> bytes:
        """Return a line without secrets.

        Args:
            line: One JSON document.
            start: The byte from which on there may be a secret; below zero is the first.
        """
        start = start if start > 0 else 0  # noqa: FURB136 -- `max` takes as long as a search
        if not (_DASHED(line, start) or _UNDERSCORED(line, start) or _CAPITAL(line, start) or _BEARER(line, start)):
            for text in self._known:
                if line.find(text, start) >= 0:  # faster than `in`, which asks first whether it is a number
                    break
            else:
                return line
        return msgspec.json.encode(self._walk(msgspec.json.decode(line)))

    def text(self, text: str) -> str:
        """Return plain text without secrets."""
        for secret in self._texts:
            text = text.replace(secret, MARK)
        return _KEY.sub(MARK, text)

    def _walk(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self._walk(item) for key, item in cast("dict[str, Any]", value).items()}
        if isinstance(value, list):
            return [self._walk(item) for item in cast("Sequence[Any]", value)]
        return value


class _Clean(dict[str | None, int]):
    """Looks through an id when it comes for the first time; few come often."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def __missing__(self, name: str | None) -> int:
        if len(self) >= REMEMBERED:
            self.clear()
        found = len("null") if name is None else len(name) if self._redact.text(name) == name else _NOWHERE
        self[name] = found
        return found


def _forms(secret: str) -> set[str]:
    # As it is, inside a JSON text (the arguments of a tool call), and in an address.
    return {secret, msgspec.json.encode(secret)[1:-1].decode(), quote(secret, safe="")}
