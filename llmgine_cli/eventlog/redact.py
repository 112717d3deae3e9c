"""Keys never reach the log: known ones are replaced wherever they stand, and so is whatever is shaped like one.

Almost no line has a secret in it, so the search must be cheap: one pass over the encoded line, for everything that may
be one at once, by the engine for regular expressions that pydantic has with it. It looks at many bytes in a step, where
`re` would take longer for each shape than the line takes to be written. Only a line that may have something is taken
apart.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property
from typing import Any, ClassVar, cast
from urllib.parse import quote

import msgspec

MARK = "[redacted]"
SHORTEST = 8  # characters; a shorter "key" is a placeholder such as "none", and would black out ordinary words
_BEGINNING = 48  # characters of a known secret by which a line is suspected; a key can be a whole file
_TOGETHER = 500  # texts in one pattern; of some thousand it would be larger than the engine takes

# What makes a line suspect, or a text, in the syntax of Rust's `regex`. It may be too much, never too little: all that
# `_KEY` finds in a text is in the line as it is, for JSON escapes none of these characters.
_SUSPECT = (
    r"(?:sk-|xai-|gsk_|hf_|gh[pousr]_|github_pat_|AIza|A[KS]IA)[0-9A-Za-z_-]{16}"
    r"|earer (?:[ \t-\r]|\\[nrtf]|\\u00[01].)*(?:[0-9A-Za-z_.~+=-]|\\?/){16}"
    r"|PRIVATE KEY-----"
)
_ESCAPE = r"\\u00[2-7]"  # a stranger may write any character in escapes
_ANY_ESCAPE = r"\\u"
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
    """

    # Further patterns that make a line suspect, for those that have more to take out of it.
    also: ClassVar[tuple[str, ...]] = ()

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {secret.strip().encode(errors="replace").decode() for secret in secrets}
        written = {form for secret in known if len(secret) >= SHORTEST for form in _forms(secret)}
        self._texts = sorted(written, key=len, reverse=True)

    def __call__(self, line: bytes) -> bytes:
        """Return one JSON document without secrets, and with the newline at its end if it has one.

        Raises:
            ValueError: It is no JSON, or no UTF-8, and may have a secret in it.
        """
        if not self.suspects(line) and (line.isascii() or line.decode()):  # what is no UTF-8 was not searched
            return line
        # Written anew even if nothing was replaced: of two fields of one name only the last is seen here.
        clean = msgspec.json.encode(self._walk(msgspec.json.decode(line)))
        return clean + b"\n" if line.endswith(b"\n") else clean

    def text(self, text: str) -> str:
        """Return plain text without secrets."""
        for secret in self._texts:
            text = text.replace(secret, MARK)
        return _KEY.sub(MARK, text)

    @cached_property
    def suspects(self) -> Callable[[bytes], bool]:
        """Says whether there may be a secret in a line; of one that is no UTF-8 it knows nothing, and says no."""
        as_json = {msgspec.json.encode(text)[1:-1].decode() for text in self._texts}
        known = {*self._texts, *as_json, *(text.replace("/", r"\/") for text in as_json)}
        escapes = _ESCAPE if all(text.isascii() for text in known) else _ANY_ESCAPE
        return _finder(_SUSPECT, escapes, *self.also, known=known)

    @cached_property
    def _suspects_text(self) -> Callable[[str], bool]:
        return _finder(_SUSPECT, known=self._texts)

    def _walk(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value) if self._suspects_text(value) else value
        if isinstance(value, dict):
            return {self._walk(key): self._walk(item) for key, item in cast("dict[str, Any]", value).items()}
        if isinstance(value, list):
            return [self._walk(item) for item in cast("Sequence[Any]", value)]
        return value


def _finder(*patterns: str, known: Collection[str]) -> Callable[[Any], bool]:
    """Return what says of a text, or of bytes, whether they are UTF-8 in which one of these may be found.

    Args:
        patterns: Patterns.
        known: Texts.
    """
    from pydantic_core import SchemaValidator

    beginnings = [*patterns, *sorted({_literal(text[:_BEGINNING]) for text in known})]
    first, *others = [
        SchemaValidator(
            {"type": "str", "pattern": "|".join(beginnings[at : at + _TOGETHER]), "regex_engine": "rust-regex"}
        ).isinstance_python
        for at in range(0, len(beginnings), _TOGETHER)
    ]
    if not others:
        return first
    return lambda text: first(text) or any(find(text) for find in others)


def _literal(text: str) -> str:
    """Return the pattern of a text."""
    return "".join(each if each.isascii() and each.isalnum() else f"\\x{{{ord(each):x}}}" for each in text)


def _forms(secret: str) -> set[str]:
    # As it is, inside a JSON text (the arguments of a tool call; some escape what is not ASCII), and in an address.
    return {secret, msgspec.json.encode(secret)[1:-1].decode(), json.dumps(secret)[1:-1], quote(secret, safe="")}
