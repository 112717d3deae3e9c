"""The blocks of a markdown text: where they begin, and how each looks by itself."""

import re
from typing import Any, Self

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import ListElement, Markdown, TableElement
from rich.table import Table

from llmgine_cli.cli.screen.code import THEME, CodeStream, WholeCode
from llmgine_cli.cli.screen.painter import Painter

LISTS = ("ordered_list_open", "bullet_list_open")
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_STYLED = ("<kbd>", "</kbd>")
# Renders as nothing, but Rich then leaves a blank row before what follows, as after any block.
_SOMETHING = Token("html_block", "", 0)


class NumberedList(ListElement):
    """A numbered list that may go on from items that are final already."""

    @classmethod
    def create(cls, markdown: Markdown, token: Token) -> Self:  # noqa: ARG003 -- Rich calls it so
        """Make the list; `reserve` is the highest number that the column of numbers was made for so far."""
        made = cls(token.type, int(token.attrs.get("start", 1)))
        made.reserve = int(token.meta.get("reserve", 0))
        return made

    def __init__(self, list_type: str, list_start: int | None) -> None:
        super().__init__(list_type, list_start)
        self.reserve = 0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render item by item, as Rich does, but never narrower than before."""
        first = 1 if self.list_start is None else self.list_start
        last = max(self.reserve, first + len(self.items))
        for number, item in enumerate(self.items, first):
            yield from item.render_number(console, options, number, last)


class FoldedTable(TableElement):
    """A table of which nothing is left out: a word that is wider than its column goes on in the next row."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render it as Rich does, but whole."""
        for made in super().__rich_console__(console, options):
            if isinstance(made, Table):
                for column in made.columns:
                    column.overflow = "fold"
            yield made


class Block(Markdown):
    """One block, or some in a row, rendered as if it stood below others.

    Args:
        tokens: The block, as markdown-it parsed it.
        gap: Whether the block above wants a blank row below itself.
    """

    elements = Markdown.elements | {
        "ordered_list_open": NumberedList,
        "table_open": FoldedTable,
        "fence": WholeCode,
        "code_block": WholeCode,
    }

    def __init__(self, tokens: list[Token], *, gap: bool) -> None:
        super().__init__("", code_theme=THEME, hyperlinks=False)
        self.parsed = [_SOMETHING, *tokens] if gap else tokens


class Outline:
    """Finds blocks."""

    def __init__(self) -> None:
        # As rich.markdown.Markdown does it, but HTML is text; the second one only looks for where blocks begin.
        self._full = MarkdownIt().enable(["strikethrough", "table"]).disable("html_block")
        self._coarse = MarkdownIt().enable("table").disable(["inline", "html_block"])

    def last(self, lines: list[str]) -> Token | None:
        """Return the token that opens the last block of these lines; its `map` says where it begins."""
        tokens = self._coarse.parse("\n".join(lines), {})
        return next((token for token in reversed(tokens) if token.level == 0 and token.nesting >= 0), None)

    def blocks(self, lines: list[str], references: dict[str, Any]) -> list[list[Token]]:
        """Return the tokens of each block.

        Args:
            lines: Their source.
            references: What links refer to; what is defined in these lines is added.
        """
        blocks: list[list[Token]] = []
        for token in self._full.parse("\n".join(lines), references):
            if token.level == 0 and token.nesting >= 0:
                blocks.append([])
            for before, child in zip([None, *(token.children or ())], token.children or (), strict=False):
                _keep(child, before)
            blocks[-1].append(token)
        return blocks


def _keep(token: Token, before: Token | None) -> None:
    """Keep what Rich would leave out of a line of text: where the model began a new line, and what looks like HTML."""
    broken = before is not None and before.type == "hardbreak"
    if broken and token.type == "softbreak":  # one end of a line, written twice
        token.type, token.content = "text", ""
    elif broken and token.type == "text":
        token.content = token.content.lstrip(" ")
    elif token.type == "softbreak" or (token.type == "html_inline" and _BREAK.fullmatch(token.content)):
        token.type, token.tag = "hardbreak", "br"
    elif token.type == "html_inline" and token.content not in _STYLED:
        token.type = "text"


class Fence:
    """A code block that was opened and not closed yet.

    Args:
        token: What markdown-it made of it.
        opening: The line that opens it.
        painter: Makes rows.
    """

    def __init__(self, token: Token, opening: str, painter: Painter) -> None:
        self._indent = re.compile(f" {{0,{len(opening) - len(opening.lstrip(' '))}}}")
        self._closing = re.compile(rf" {{0,3}}{re.escape(token.markup)}{re.escape(token.markup[0])}*[ \t]*$")
        self._marker = token.markup[0]
        self._code = CodeStream(painter, token.info.partition(" ")[0])

    @classmethod
    def opened_by(cls, token: Token, lines: list[str], painter: Painter) -> Self | None:
        """Return the fence if this block is one that is still open."""
        if token.type != "fence":
            return None
        begin, end = token.map or [0, 0]
        fence = cls(token, lines[begin], painter)
        return None if any(fence.closed_by(line) for line in lines[begin + 1 : end]) else fence

    def closed_by(self, line: str) -> bool:
        """Whether this line ends the code."""
        return self._closing.match(line) is not None

    def add(self, lines: list[str]) -> list[str]:
        """Take lines of code and return the rows that are final."""
        return self._code.add([self._indent.sub("", line, count=1) for line in lines])

    def preview(self, line: str) -> list[str]:
        """Return the rows below the final ones, with an incomplete line, unless that may become the closing fence."""
        return self._code.preview("" if not line.strip(f" {self._marker}") else self._indent.sub("", line, count=1))

    def close(self) -> list[str]:
        """Return the rows that end the block."""
        return self._code.close()
