"""A story on stdout: rendered and coloured on a terminal, plain text with its markdown untouched in a pipe."""

import os
import shutil
import sys
from datetime import datetime
from typing import TYPE_CHECKING

from llmgine_cli.cli.common import Cli
from llmgine_cli.cli.sanitize import visible
from llmgine_cli.cli.screen.panels import RESULT_LINES
from llmgine_cli.cli.screen.spinner import clip
from llmgine_cli.cli.wrapping import wrap
from llmgine_cli.eventlog.describe import duration, tokens
from llmgine_cli.eventlog.views.story import CallFacts, Item, Mark, Said, Story, ToolUse, Trouble, plain_text
from llmgine_cli.llm.signature import signature

if TYPE_CHECKING:
    from llmgine_cli.cli.screen.markdown import MarkdownStream

MOST_LINES = 4 * RESULT_LINES  # lines of a result, of thoughts or of what a tool printed
MOST_LETTERS = 2000  # and letters, for a result may be one line
_ROLES = {"system": "33", "user": "36", "assistant": "32"}


class Telling:
    """Prints a story item by item.

    Args:
        cli: How to print.
        full: Whether long results and thoughts are printed whole.
    """

    def __init__(self, cli: Cli, *, full: bool) -> None:
        dumb = os.environ.get("TERM", "") in {"", "dumb"} and sys.platform != "win32"
        self._terminal = sys.stdout.isatty() or cli.color == "always"
        self._wraps = sys.stdout.isatty()
        self._rendered = self._terminal and not dumb
        self._styled = cli.styled()
        self._cli = cli
        self._full = full
        self._stream: MarkdownStream | None = None
        self._day = ""
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # an emoji on a Latin-1 terminal

    def head(self, story: Story) -> None:
        """Print what the session was, in two lines."""
        when = moment(story.started_ns)
        self._day = when[:10]
        title = f"session {story.session_id}" if story.session_id else "outside any session"
        self._line(visible(f"{title} · {story.name}" if story.name else title), "1")
        self._line(f"{when} · {summary(story)}", "2")

    def show(self, item: Item) -> None:
        """Print the next item, below a blank line."""
        self._line("")
        match item:
            case Said():
                self._said(item)
            case ToolUse():
                self._tool(item)
            case Trouble():
                self._trouble(item)
            case Mark():
                self._line(f"── {item.text} · {self._time(item.time_ns)}", "2")

    def _said(self, said: Said) -> None:
        role = said.message.role
        notes = [note for note, is_so in (("aside", said.aside), ("taken back", said.undone)) if is_so]
        title = f"── {role}" + (f" ({', '.join(notes)})" if notes else "")
        facts = facts_line(said.facts) if said.facts else ""
        rest = " · ".join(part for part in (self._time(said.time_ns), facts) if part)
        dim = said.undone
        self._line(title, "2" if dim else f"1;{_ROLES.get(role, '1')}", f" · {rest}")
        if said.reasoning:
            self._block(said.reasoning, "2;3", "thoughts")
        text = plain_text(said.message)
        if said.reasoning and text:
            self._line("")
        if text:
            self._text(text, rendered=role == "assistant" and not dim, style="2" if dim else "")
        if said.tools and (text or said.reasoning):
            self._line("")
        for use in said.tools:
            self._tool(use, dim=dim)

    def _text(self, text: str, *, rendered: bool, style: str = "") -> None:
        text = visible(text)
        if not (rendered and self._rendered):
            for line in text.split("\n"):
                self._line(line.expandtabs() if self._wraps else line, style)
            return
        for row in self._rows(text):
            sys.stdout.write(f"{row}\n")

    def _rows(self, text: str) -> list[str]:
        """Render markdown; what cannot be rendered is shown as it is."""
        from llmgine_cli.cli.screen.markdown import MarkdownStream

        stream = self._stream = self._stream or MarkdownStream(self._cli.console())
        try:
            stream.feed(text)
            return stream.close()
        except Exception as error:  # noqa: BLE001 -- what two libraries make of a stranger's text is not worth an answer
            self._cli.detail(f"the answer cannot be rendered: {type(error).__name__}: {error}")
            self._stream = None
            return text.split("\n")

    def _tool(self, use: ToolUse, *, dim: bool = False) -> None:
        """Print a call as the chat shows it, and what came of it below."""
        result = use.result
        failed = result is not None and result.is_error
        sign, colour = ("✗", "31") if failed else ("?", "33") if result is None else ("✓", "32")
        took = "refused" if use.denied else "" if use.duration_ms is None else duration(use.duration_ms)
        called = signature(use.call)
        called = visible(" ".join(called.split())) if self._full or not self._terminal else clip(called, self._width())
        head = [self._paint(sign, "2" if dim else colour), self._paint(called, "2" if dim else "1")]
        sys.stdout.write(" ".join([*head, *([self._paint(took, "2")] if took else [])]) + "\n")  # cut, not broken
        if use.printed.strip():
            self._block(use.printed, "2", "what it printed", indent="  │ ")
        if result is None:
            self._line("  no result: the log ends before there was one", "33")
        elif result.content.strip():
            self._block(result.content, "31" if failed and not dim else "2", "the result", indent="  ")

    def _trouble(self, trouble: Trouble) -> None:
        sign, colour = ("✗", "31") if trouble.kind == "failed" else ("■", "33")
        after = f" after {duration(trouble.duration_ms)}" if trouble.duration_ms is not None else ""
        text = " ".join(visible(trouble.text).split())
        self._line(f"{sign} {text}", colour, f"{after} · {self._time(trouble.time_ns)}")
        if trouble.partial is not None and (text := plain_text(trouble.partial)):
            self._block(text, "2", "what had come", indent="  ")

    def _block(self, text: str, style: str, what: str, indent: str = "") -> None:
        """Print text of which not all may matter, and how much was left out."""
        text = text.strip("\n")
        shown = text if self._full else "\n".join(text[:MOST_LETTERS].split("\n")[:MOST_LINES])
        for line in visible(shown).expandtabs(4).split("\n"):
            self._line(line, style, indent=indent)
        if left := len(text) - len(shown):
            lines = text.count("\n") - shown.count("\n")
            amount = f"{lines} more lines" if lines > 1 else f"{left} more characters"
            self._line(f"{indent}… {amount} of {what} (--full shows all)", "2;3")

    def _width(self) -> int:
        return max(20, shutil.get_terminal_size().columns - 12)

    def _time(self, time_ns: int) -> str:
        """The time of day; with the date when that is another than before."""
        when = moment(time_ns)
        day, self._day = self._day, when[:10]
        return when if day != self._day else when[11:]

    def _line(self, text: str, style: str = "", dim: str = "", *, indent: str = "") -> None:
        """Print a line, on a terminal broken between words; `dim` is what follows in it and matters less."""
        rows = [text + dim]
        if self._wraps:
            rows = wrap(text + dim, max(20, shutil.get_terminal_size().columns - len(indent)))
        left = len(text)  # of what has the style
        for row in rows:
            styled, rest = row[:left], row[left:]
            left = max(0, left - len(row) - 1)  # a break takes the place of a blank
            sys.stdout.write((self._paint(indent + styled, style) + self._paint(rest, "2")).rstrip(" ") + "\n")

    def _paint(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if style and text and self._styled else text


def moment(time_ns: int) -> str:
    """Return date and time to the second, where the reader is."""
    try:
        return f"{datetime.fromtimestamp(time_ns // 1_000_000_000).astimezone():%Y-%m-%d %H:%M:%S}"
    except (OverflowError, ValueError, OSError):
        return "????-??-?? ??:??:??"  # a year that no calendar has


def summary(story: Story) -> str:
    """Say in one line what a session was."""
    usage = story.usage
    given = f"{_count(usage.input_tokens)} token{'' if usage.input_tokens == 1 else 's'} in"
    used = f"{given}, {_count(usage.output_tokens)} out" if story.calls else ""
    turns = f"{story.turns} turn{'' if story.turns == 1 else 's'}" if story.turns else ""
    parts = (visible(story.engine), visible(", ".join(story.models)), story.state if story.turns else "", turns, used)
    return " · ".join([*(part for part in parts if part), duration(story.duration_ms)])


def facts_line(facts: CallFacts) -> str:
    """Say in one line how an answer came to be."""
    parts = [visible(facts.model), duration(facts.duration_ms)]
    if facts.usage.output_tokens is not None:
        parts.append(tokens(_count(facts.usage.input_tokens), facts.usage.output_tokens))
    if facts.speed is not None:
        parts.append(str(facts.speed))
    if facts.finish_reason not in (None, "stop", "tool_calls"):
        parts.append(f"stopped by: {visible(str(facts.finish_reason))}")
    return " · ".join(parts)


def _count(tokens: int | None) -> str:
    return "unknown" if tokens is None else str(tokens)
