"""A code block that grows: each line is coloured and final as soon as it is complete."""

from pygments.token import Comment, String  # type: ignore[import-untyped]  # has no types of its own
from rich.padding import Padding
from rich.segment import Segment, Segments
from rich.syntax import Syntax
from rich.text import Text

from llmgine_cli.cli.screen.painter import Painter

THEME = "monokai"
# A line's colours depend on what stands above it (a string that began there), but lexing everything again for each line
# would take quadratic time. So lines above a safe place to begin are forgotten, or all of them when there is none.
CONTEXT = 120
CONTEXT_MOST = 600


class CodeStream:
    """Renders the lines of one code block, with the look of `rich.markdown.CodeBlock`.

    Args:
        painter: Makes rows.
        language: As written after the opening fence; an unknown one is plain text.
    """

    def __init__(self, painter: Painter, language: str) -> None:
        self._painter = painter
        self._syntax = Syntax("", language or "text", theme=THEME, word_wrap=True)
        self._background = Syntax.get_theme(THEME).get_background_style()
        self._above: list[str] = []
        self._blank: list[str] = []
        self._empty = True

    def add(self, lines: list[str]) -> list[str]:
        """Take complete lines and return the rows that are final. Blank lines wait: at the end they do not count."""
        ready = [*self._blank, *lines]
        self._blank = []
        while ready and not ready[-1].strip():
            self._blank.insert(0, ready.pop())
        if not ready:
            return []
        rows = self._rows(ready, top=self._empty)
        self._empty = False
        self._above += ready
        self._forget()
        return rows

    def preview(self, line: str) -> list[str]:
        """Return the rows that go below the final ones while this line is incomplete; they end the block."""
        return self._rows([*self._blank, line] if line.strip() else [], top=self._empty, bottom=True)

    def close(self) -> list[str]:
        """Return the rows that end the block."""
        return self._rows([""] if self._empty else [], top=self._empty, bottom=True)

    def _rows(self, lines: list[str], *, top: bool = False, bottom: bool = False) -> list[str]:
        console = self._painter.console
        width = max(1, self._painter.width - 2)
        options = console.options.update(width=width, height=None, justify="left")
        segments: list[Segment] = []
        for line in self._coloured(lines):
            for row in console.render_lines(line, options, style=self._background):
                segments += [*row, Segment.line()]
        return self._painter.rows(
            Padding(Segments(segments), pad=(int(top), 1, int(bottom), 1), style=self._background)
        )

    def _coloured(self, lines: list[str]) -> list[Text]:
        if not lines:
            return []
        code = "\n".join([*self._above, *lines]).expandtabs(4) + "\n"
        coloured = self._syntax.highlight(code).split("\n", allow_blank=True)
        first = len(self._above)
        return list(coloured[first : first + len(lines)])

    def _forget(self) -> None:
        if len(self._above) >= CONTEXT:
            safe = self._safe_start()
            if safe == 0 and len(self._above) >= CONTEXT_MOST:
                safe = len(self._above)
            del self._above[:safe]

    def _safe_start(self) -> int:
        """The last line that begins at the margin and not inside a string or comment."""
        lexer = self._syntax.lexer
        if lexer is None:
            return len(self._above)
        number, safe, fresh = 0, 0, False
        for kind, text in lexer.get_tokens("\n".join(self._above)):
            if fresh and text[:1].strip():
                safe = number
            number += text.count("\n")
            fresh = text.endswith("\n") and kind not in String and kind not in Comment.Multiline
        return safe
