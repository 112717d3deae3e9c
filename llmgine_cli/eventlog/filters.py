"""Which events are wanted, compiled so that lines that cannot be among them are never decoded.

A filter has two sides. `matches` is the exact answer for a decoded record. `spans` goes over raw bytes and leaves out
only lines of which it is certain: JSON may be written in other ways than ours (with blanks, other orders, escapes for
letters that need none), and whatever may be such a line is let through, to be decoded and asked.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

import msgspec

from llmgine_cli.errors import UsageError
from llmgine_cli.eventlog.lines import VERSION
from llmgine_cli.eventlog.readable import readable
from llmgine_cli.eventlog.record import Record
from llmgine_cli.eventlog.times import to_text

Data: TypeAlias = bytearray | bytes
Span: TypeAlias = tuple[int, int]

_HEAD = rb'\{"v":%d,"(?:event|command)_type":"' % VERSION
_CLOCK = re.compile(
    _HEAD + rb'[^"\\]*","(?:event|command)_id":"[^"\\]*",'
    rb'"timestamp":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z)"'
)
# What divides a text whose case does not count into parts of which the bytes are known: i, s and k are the same as
# letters outside ASCII then (the Turkish ones, the long s, the sign of the kelvin).
_UNSURE = re.compile(r"[^\x20-\x7e]|[iskISK]")
_TOKEN = re.compile(  # of a regular expression: an escape, a set, a count, or one character
    r"\\(?:x..|u.{4}|U.{8}|N\{[^}]*\}|\d+|.)|\[\^?\]?(?:\\.|[^\]\\])*\]|\{[^}]*\}|.", re.DOTALL
)
_PLAIN = frozenset(" _-/:,;=<>@#%&!\"'~`")
_ASCII_ESCAPE = rb"\u00"  # how JSON may write any ASCII character
_ANY_ESCAPE = rb"\u"


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which events are wanted; what is not given does not matter.

    Attributes:
        types: Names of event types or how they begin, in any case: `llmcall` is all that happens to calls of models.
        without: Names of event types that are not wanted, whole.
        session: The session's id.
        since_ns: The earliest time, nanoseconds since 1970.
        until_ns: The first time that is too late.
        model: The model that the event names, `provider:model`, or a part of it, in any case.
        text: What must be in one of the event's readable texts (see `readable`), or in its line if `raw`.
        regex: Whether `text` is a regular expression.
        ignore_case: Whether case does not count in `text`.
        raw: Whether `text` is looked for in the whole line as it stands in the log.
    """

    types: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    session: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    model: str | None = None
    text: str = ""
    regex: bool = False
    ignore_case: bool = False
    raw: bool = False

    def __post_init__(self) -> None:
        try:
            _ = self.pattern
        except re.error as error:
            raise UsageError(
                f"{self.text!r} is no regular expression: {error}", hint="leave --regex out to look for the text itself"
            ) from error

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What is looked for in texts."""
        flags = (re.IGNORECASE if self.ignore_case else 0) | re.MULTILINE
        return re.compile(self.text if self.regex else re.escape(self.text), flags)

    def matches(self, record: Record) -> bool:
        """Whether this is one of the events that are wanted."""
        if self.session is not None and record.session_id != self.session:
            return False
        if self._types and not record.type.casefold().startswith(self._types):
            return False
        if record.type in self.without:
            return False
        if self.since_ns is not None and record.time_ns < self.since_ns:
            return False
        if self.until_ns is not None and record.time_ns >= self.until_ns:
            return False
        if self.model is not None and self.model.lower() not in str(record.data.get("model", "")).lower():
            return False
        return not self.text or any(self.pattern.search(text) for text in self.texts(record))

    def texts(self, record: Record) -> Iterator[str]:
        """Yield the texts of an event that are searched."""
        return iter((record.line.decode(),)) if self.raw else readable(record.data)

    def spans(self, data: Data, end: int) -> Iterator[Span]:
        """Yield where the lines are that may be wanted: begin and end in `data`, without the newline.

        Args:
            data: Whole lines.
            end: How many bytes of it count.
        """
        head = _any if self._head is None else self._head.match
        clock, needles = self._clock, self._needles
        zeros = data.find(b"\0", 0, end) >= 0
        if not (zeros or clock or needles):
            yield from _lines(data, end, head)
            return
        for begin, stop in _holding(data, end, needles[0]) if needles else _lines(data, end, _any if zeros else head):
            if not all(one.within(data, begin, stop) for one in needles[1:]):
                continue
            # Zeros are where a machine stopped while it wrote: what is behind them does not begin where it seems to.
            if (zeros and data.find(b"\0", begin, stop) >= 0) or (
                head(data, begin) and not (clock and _mistimed(clock, data, begin))
            ):
                yield begin, stop

    @property
    def is_narrow(self) -> bool:
        """Whether it leaves out many events, as a rule: whether looking for the others is most of the work."""
        return bool(self.types or self.text or self.model or self.session) or self._clock is not None

    @cached_property
    def _types(self) -> tuple[str, ...]:
        return tuple(name.casefold() for name in self.types)

    @cached_property
    def _head(self) -> re.Pattern[bytes] | None:
        if not self.types or not all(name.isascii() for name in self.types):
            return None
        names = b"|".join(re.escape(name).encode() for name in self.types)
        # Left out is a line of ours of another type, if that has only letters that need no closer look.
        return re.compile(rb'(?!%s(?!(?i:%s))[A-Za-z0-9_]*")' % (_HEAD, names))

    @cached_property
    def _needles(self) -> "tuple[_Needle, ...]":
        """What the bytes of a line must hold, the rarest first."""
        found: list[_Needle] = []
        if self.raw and self.text and not self.regex and not self.ignore_case:
            found.append(_Needle(self.text.encode(errors="surrogatepass")))
        elif self.text and not self.raw:
            literal = required_literal(self.text) if self.regex else self.text
            found += _needle(literal, ignore_case=self.ignore_case)
        if self.session is not None:
            found += _needle(self.session, ignore_case=False)
        if self.model is not None:
            found += _needle(self.model, ignore_case=True)
        return tuple(found)

    @cached_property
    def _clock(self) -> tuple[bytes, bytes] | None:
        """The times between which a line may stand, as text that compares as they do; None if they do not matter."""
        if self.since_ns is None and self.until_ns is None:
            return None
        since = "" if self.since_ns is None else to_text(self.since_ns)
        until = "~" if self.until_ns is None else to_text(self.until_ns)
        if isinstance(since, int) or isinstance(until, int):  # in no calendar
            return None
        return since.encode(), until.encode()


class _Needle(NamedTuple):
    """Bytes that a line must hold, unless it holds one of the escapes, behind which anything may be.

    Attributes:
        part: The bytes; in lower case if case does not count.
        ignore_case: Whether the line's ASCII letters are made lower first.
        escapes: What JSON could have written in place of them.
    """

    part: bytes
    ignore_case: bool = False
    escapes: tuple[bytes, ...] = ()

    def within(self, data: Data, begin: int, stop: int) -> bool:
        if self.ignore_case:
            line = bytes(data[begin:stop]).lower()
            return self.part in line or any(escape in line for escape in self.escapes)
        return any(data.find(part, begin, stop) >= 0 for part in (self.part, *self.escapes))


def _needle(text: str, *, ignore_case: bool) -> list[_Needle]:
    """Return what must be in the bytes of a line that has this text in a JSON string; nothing if anything may be."""
    if ignore_case:
        text = max(_UNSURE.split(text), key=len).lower()
    try:
        part = msgspec.json.encode(text)[1:-1]
    except UnicodeEncodeError:  # half a character: no line of UTF-8 has it but as an escape
        return []
    if not part:
        return []
    escapes = [_ASCII_ESCAPE if text.isascii() else _ANY_ESCAPE]
    if "/" in text:
        escapes.append(rb"\/")
    return [_Needle(part, ignore_case, tuple(escapes))]


def required_literal(pattern: str) -> str:
    """Return the longest text that every match of a regular expression has; empty where that is hard to say."""
    if "|" in pattern or "(?" in pattern:
        return ""
    best, run, depth = "", "", 0
    for symbol in _TOKEN.findall(pattern):
        if depth == 0 and (symbol.isalnum() or symbol in _PLAIN):
            run += symbol
            continue
        if symbol in {"?", "*"} or symbol.startswith("{"):
            run = run[:-1]  # the last character need not be there
        depth += (symbol == "(") - (symbol == ")")
        best, run = max(best, run, key=len), ""
    return max(best, run, key=len)


def _mistimed(clock: tuple[bytes, bytes], data: Data, begin: int) -> bool:
    found = _CLOCK.match(data, begin)
    return found is not None and not clock[0] <= found[1] < clock[1]


def _any(_: Data, __: int) -> bool:
    return True


def _lines(data: Data, end: int, head: Callable[[Data, int], object]) -> Iterator[Span]:
    """Yield all lines that begin as wanted."""
    find, begin = data.find, 0
    while begin < end:
        stop = find(b"\n", begin, end)
        if stop < 0:
            stop = end
        if head(data, begin):
            yield begin, stop
        begin = stop + 1


def _holding(data: Data, end: int, needle: _Needle) -> Iterator[Span]:
    """Yield the lines that may hold a text: found by it, so that the others cost nothing each."""
    if needle.ignore_case:
        data = bytes(data[:end]).lower()
    parts = (needle.part, *needle.escapes)
    hits = [data.find(part, 0, end) for part in parts]
    while (hit := min((hit for hit in hits if hit >= 0), default=-1)) >= 0:
        stop = data.find(b"\n", hit, end)
        if stop < 0:
            stop = end
        yield data.rfind(b"\n", 0, hit) + 1, stop
        hits = [
            data.find(part, stop, end) if 0 <= found < stop else found for part, found in zip(parts, hits, strict=True)
        ]
