"""Finds what was said and done: events with a text in them, and what happened around them."""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from llmgine_cli.eventlog.crew import ALONE, Crew
from llmgine_cli.eventlog.filters import Filter
from llmgine_cli.eventlog.reader import LogReader
from llmgine_cli.eventlog.record import Record

if TYPE_CHECKING:
    import re

REMEMBERED = 64  # texts that are not told again: an answer stands in the call's end and in the conversation


class Passage(NamedTuple):
    """A line of a text in which something was found.

    Attributes:
        text: The line.
        spans: Where in it: begin and end, in characters.
    """

    text: str
    spans: tuple[tuple[int, int], ...]


class Hit(NamedTuple):
    """An event in which something was found.

    Attributes:
        record: The event.
        passages: The lines with what was found.
        before: Events right before it that have not been told yet, if they were asked for.
        after: Events right after it up to the next one that is found.
    """

    record: Record
    passages: tuple[Passage, ...]
    before: tuple[Record, ...] = ()
    after: tuple[Record, ...] = ()


class Search:
    """Searches one file.

    Args:
        path: The file.
        wanted: What is looked for, and in which events.
        context: How many events before and after each one are wanted as well.
        crew: Who looks through a large file.
    """

    def __init__(self, path: Path, wanted: Filter, context: int = 0, crew: Crew = ALONE) -> None:
        self._reader = LogReader(path, crew)
        self._wanted = wanted
        self._context = context

    @property
    def skipped(self) -> int:
        """How many bad lines have been met among those that had to be decoded."""
        return self._reader.skipped

    def __iter__(self) -> Iterator[Hit]:
        """Yield what is found, the earliest first. What was found right before, word for word, is not found again.

        Raises:
            StorageError: The file cannot be read.
        """
        hits = self._hits()
        if not self._context:
            yield from (Hit(record, found) for record, found in hits)
            return
        told = -1  # up to where events have been told
        coming = next(hits, None)
        while coming is not None:
            record, found = coming
            coming = next(hits, None)
            before = self._before(record, told)
            after = self._after(record, None if coming is None else coming[0].offset)
            told = (after[-1] if after else record).offset
            yield Hit(record, found, before, after)

    def _hits(self) -> Iterator[tuple[Record, tuple[Passage, ...]]]:
        earlier: deque[int] = deque(maxlen=REMEMBERED)
        for record in self._reader.matching(self._wanted):
            texts = [text for text in self._wanted.texts(record) if self._wanted.pattern.search(text)]
            new = [text for text in texts if hash(text) not in earlier]
            earlier.extend(map(hash, new))
            if new:
                yield record, tuple(passage for text in new for passage in passages(text, self._wanted.pattern))

    def _before(self, record: Record, told: int) -> tuple[Record, ...]:
        earlier = LogReader(self._reader.path).backwards(record.offset)
        found = [one for one in islice(earlier, self._context) if one.offset > told]
        return tuple(found[::-1])

    def _after(self, record: Record, coming: int | None) -> tuple[Record, ...]:
        later = LogReader(self._reader.path).matching(Filter(), record.offset + len(record.line))
        found = islice(later, self._context)
        return tuple(one for one in found if coming is None or one.offset < coming)


def passages(text: str, pattern: "re.Pattern[str]") -> Iterator[Passage]:
    """Yield the lines of a text in which a pattern is found; what is found over several lines is told by its first."""
    begin, spans = 0, list[tuple[int, int]]()
    end = -1
    for found in pattern.finditer(text):
        if found.start() > end:
            if spans:
                yield Passage(text[begin:end], tuple(spans))
            begin, spans = text.rfind("\n", 0, found.start()) + 1, []
            end = text.find("\n", found.start())
            end = len(text) if end < 0 else end
        spans.append((found.start() - begin, min(found.end(), end) - begin))
    if spans:
        yield Passage(text[begin:end], tuple(spans))
