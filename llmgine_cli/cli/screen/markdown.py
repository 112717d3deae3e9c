"""Markdown that arrives in pieces, rendered in linear time.

Blocks (paragraphs, lists, tables, …) that are complete are rendered once and for all. Only the last one may still
change, and of a long one only what is still on the screen:

* a code block is final line by line;
* a list is final item by item once it is taller than the screen;
* anything else is final row by row once it is taller than the screen, except a table, whose columns may yet grow.

What stands there in the end is what the whole text at once would have looked like, but for what cannot be helped: a
link whose reference is defined after it, and bold that is closed more than a screen after it was opened.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, takewhile
from typing import Any

from markdown_it.token import Token
from rich.console import Console

from llmgine_cli.cli.screen.blocks import LISTS, Block, Fence, Outline
from llmgine_cli.cli.screen.painter import Painter

_INVISIBLE = re.compile(r"\x1b\[[0-9;]*m|\s")


@dataclass
class OpenBlock:
    """What is final already of the last block.

    Attributes:
        above: Rows that it begins with and that never count, such as the blank one above a list.
        shown: Rows after those that are final.
        letters: How many letters are in them, to find the place again at another width.
        seen: The rows that were not final when it was last looked at.
        number: The number of its first item, when it is a list whose first items are final and forgotten.
        reserve: The highest number its column of numbers was made for.
        moved: Whether the width has changed since the rows were counted.
    """

    above: int = 0
    shown: int = 0
    letters: int = 0
    seen: Sequence[str] = ()
    number: int | None = None
    reserve: int = 0
    moved: bool = False

    def rest(self, rows: list[str]) -> list[str]:
        """Leave out the rows that are final."""
        rows = rows[self.above :]
        if self.moved:
            totals = accumulate(_letters(row) for row in rows)
            self.shown = sum(1 for _ in takewhile(lambda total: total <= self.letters, totals)) if self.letters else 0
            self.moved = False
        return rows[self.shown :]

    def overflow(self, rows: list[str], room: int) -> list[str]:
        """Make rows final that do not fit and have not changed since last time; return them."""
        surplus = zip(rows[: max(0, len(rows) - room)], self.seen, strict=False)
        final = [row for row, _ in takewhile(lambda pair: pair[0] == pair[1], surplus)]
        self.shown += len(final)
        self.letters += sum(map(_letters, final))
        return final


class MarkdownStream:
    """Turns pieces of markdown into rows.

    Args:
        console: Says what the terminal can do.
        width: The most columns to use; default: all there are.
    """

    def __init__(self, console: Console, *, width: int | None = None) -> None:
        self.painter = Painter(console, width=width)
        self._outline = Outline()
        self._references: dict[str, Any] = {}
        self._pieces: list[str] = []
        self._unfinished = ""
        self._lines: list[str] = []
        self._fence: Fence | None = None
        self._gap = False
        self._open = OpenBlock()

    def feed(self, text: str) -> None:
        """Take the next piece. It costs nothing until `update`."""
        self._pieces.append(text)

    def update(self, room: int) -> tuple[list[str], list[str]]:
        """Return the rows that have become final, and all that may still change.

        Args:
            room: How many rows that may still change can be shown.
        """
        self._open.moved |= self.painter.resize()
        *lines, self._unfinished = "".join([self._unfinished, *self._pieces]).split("\n")
        self._pieces.clear()
        self._lines += lines
        final = self._settle()
        if self._fence:
            return final, self._fence.preview(self._unfinished)
        blocks = self._outline.blocks([*self._lines, self._unfinished], _copy(self._references))
        rows = self._render(blocks)
        if len(rows) > room and blocks[0][0].type != "table_open":
            items = self._drop_items(blocks[0], len(rows) - room)
            rows = rows[len(items) :]
            overflow = self._open.overflow(rows, room)
            rows = rows[len(overflow) :]
            final += items + overflow
        self._open.seen = rows
        return final, rows

    def close(self) -> list[str]:
        """Return the last rows, all of them final; ready for another text afterwards."""
        self._open.moved |= self.painter.resize()
        self._lines += "".join([self._unfinished, *self._pieces]).split("\n")
        self._pieces.clear()
        self._unfinished = ""
        final = self._settle()
        if self._fence:
            final += self._fence.close()
            self._fence = None
        final += self._commit(self._lines)
        self._lines, self._gap, self._references = [], False, {}
        return final

    # -- what is complete

    def _settle(self) -> list[str]:
        """Make all blocks final but the last."""
        final: list[str] = []
        while True:
            if self._fence:
                final += self._continue(self._fence)
            if self._fence:
                return final
            last = self._outline.last(self._lines)
            if last is None or last.map is None:
                return final
            begin = last.map[0]
            fence = Fence.opened_by(last, self._lines, self.painter)
            final += self._commit(self._lines[:begin])
            del self._lines[:begin]
            if fence is None:
                return final
            final += [""] if self._gap else []
            self._gap, self._fence = True, fence
            del self._lines[0]

    def _continue(self, fence: Fence) -> list[str]:
        end = next((number for number, line in enumerate(self._lines) if fence.closed_by(line)), None)
        final = fence.add(self._lines[:end])
        if end is not None:
            final += fence.close()
            self._fence = None
        del self._lines[: None if end is None else end + 1]
        return final

    def _commit(self, lines: list[str]) -> list[str]:
        blocks = self._outline.blocks(lines, self._references)
        rows = self._render(blocks)
        if blocks:
            self._gap = blocks[-1][0].type != "hr"
            self._open = OpenBlock()
        return rows

    def _render(self, blocks: list[list[Token]]) -> list[str]:
        rows: list[str] = []
        gap = self._gap
        for number, block in enumerate(blocks):
            if number == 0 and self._open.number is not None:
                block[0].attrs["start"] = self._open.number
                block[0].meta["reserve"] = self._open.reserve
            painted = self.painter.rows(Block(block, gap=gap))
            rows += painted if number else self._open.rest(painted)
            gap = block[0].type != "hr"
        return rows

    # -- what is too tall

    def _drop_items(self, block: list[Token], surplus: int) -> list[str]:
        """Make those items of a list final that need not stay on the screen, and forget them."""
        if block[0].type not in LISTS:
            return []
        final: list[str] = []
        starts = [number for number, token in enumerate(block) if token.type == "list_item_open" and token.level == 1]
        number = int(block[0].attrs.get("start", 1))
        reserve = max(self._open.reserve, number + len(starts))
        forget = 0
        for start, following in pairwise(starts):
            line = (block[following].map or [0])[0]
            self._open.number, self._open.reserve = number, reserve
            rows = self._render([[block[0], *block[start:following], block[-1]]])
            if line >= len(self._lines) or len(final) + len(rows) > surplus:
                break
            final += rows
            forget, number = line, number + 1
            self._open = OpenBlock(above=1, number=number, reserve=reserve)
        self._open.number = number
        del self._lines[:forget]
        return final


def _letters(row: str) -> int:
    return len(_INVISIBLE.sub("", row))


def _copy(references: dict[str, Any]) -> dict[str, Any]:
    """A definition that is not complete yet must not count for good."""
    return {"references": dict(references.get("references", {}))}
