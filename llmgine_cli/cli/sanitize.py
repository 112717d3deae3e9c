"""The one place where text from models, tools and files is made safe for a terminal.

C0 controls (but newline and tab), ESC, DEL, C1, bidirectional overrides and Unicode tag characters become visible.
The table has no state, so text may be cut anywhere between two calls. In JSON they become its own escapes.
"""

import re
from collections.abc import Iterable

_ESCAPED = (
    *(code for code in range(0x20) if code not in (0x09, 0x0A)),
    0x7F,
    *range(0x80, 0xA0),
    0x061C,
    0x200E,
    0x200F,
    *range(0x2028, 0x202F),
    *range(0x2066, 0x206A),
    0xFEFF,
)


def _picture(code: int) -> str:
    if code < 0x20:
        return chr(0x2400 + code)  # the control pictures: ESC becomes ␛
    if code == 0x7F:
        return "␡"
    return f"<U+{code:04X}>"


_TAGS = range(0xE0000, 0xE0080)
_TABLE: dict[int, str] = {code: _picture(code) for code in (*_ESCAPED, *_TAGS)}
# A lone carriage return moves the cursor; before a newline it is only a foreign line end. Both are dropped.
_TABLE[0x0D] = ""


def _ranges(codes: Iterable[int]) -> str:
    """Return the inside of a set of a regular expression: ranges, for each character of a text is held against all."""
    ranges: list[list[int]] = []
    for code in sorted(codes):
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"{re.escape(chr(first))}-{re.escape(chr(last))}" for first, last in ranges)


_UNSAFE = f"[{_ranges([*_TABLE, *range(0xD800, 0xE000)])}]"


def visible(text: str) -> str:
    """Return the text with everything that could drive a terminal replaced by something that can be seen."""
    return text.translate(_TABLE)


def safe_json(document: str) -> str:
    """Return a JSON document with everything that could drive a terminal written as an escape: it is the same JSON.

    Lone surrogates, which UTF-8 cannot say, are escaped as well.
    """
    if document.isascii() and document.isprintable():
        return document  # as most lines of a log are; looking at each letter takes a hundred times as long
    return re.sub(_UNSAFE, _escaped, document)


def _escaped(found: "re.Match[str]") -> str:
    import json

    return json.dumps(found[0])[1:-1]
