"""Spans drawn below each other over one axis of time, so that one sees what took long and what ran side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from llmgine_cli.cli.sanitize import visible
from llmgine_cli.cli.screen.spinner import clip
from llmgine_cli.eventlog.describe import duration
from llmgine_cli.eventlog.views.trace import Span, SpanKind, busy, flat
from llmgine_cli.llm.messages import ToolCall
from llmgine_cli.llm.signature import signature

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

NUMBERS, OWN = 17, 9  # columns of how long and which share; of the time of its own, where there is room
ROOMY = 60  # columns
LONGEST_IDLE = 0.05  # share of the busy time; a longer pause between two turns is cut out of the axis
_STYLES: dict[SpanKind, str] = {
    "turn": "cyan",
    "model": "magenta",
    "attempt": "magenta",
    "tool": "yellow",
    "approval": "blue",
    "question": "blue",
    "command": "cyan",
}


@dataclass(frozen=True)
class Signs:
    """What bars are made of."""

    thread: str  # a turn: what happens in it has bars of its own
    waiting: str  # for the first token
    asking: str  # for the user
    running: str
    tiny: str
    endless: str
    failed: str


BLOCKS = Signs("─", "░", "▒", "█", "▏", "▶", "✗")
ASCII = Signs("-", ".", "~", "#", "|", ">", "x")


class Waterfall:
    """Draws spans.

    Args:
        roots: Those at the top, in order; at least one.
    """

    def __init__(self, roots: Sequence[Span]) -> None:
        self._roots = roots
        self._turns = {span.id: number for number, span in enumerate(_turns(roots), 1)}
        stretches = busy(roots)
        self._busy = sum(end - begin for begin, end in stretches)
        self._axis = _Axis(stretches, self._busy * LONGEST_IDLE)

    def summary(self) -> str:
        """Say in one line where the time went."""
        turns = len(self._turns)
        models = [span for _, span in flat(self._roots) if span.kind == "model"]
        waited = sum(span.first_token_ms or 0.0 for span in models)
        parts = [f"{turns} turn{'' if turns == 1 else 's'} in {duration(self._busy)}"]
        named: tuple[tuple[SpanKind, str], ...] = (("model", "models"), ("tool", "tools"), ("approval", "approvals"))
        for kind, name in named:
            if stretches := busy(self._roots, kind):
                parts.append(f"{name} {duration(sum(end - begin for begin, end in stretches))}")
        if waited:
            parts.append(f"{duration(waited)} until first tokens")
        return " · ".join(parts)

    def rows(self) -> Iterator[str]:
        """Return plain rows for `cut` and `awk`: kind, name, start, duration, share, time of its own, outcome."""
        for depth, span in flat(self._roots):
            outcome = _outcome(span) or "ok"
            cells = (
                span.kind,
                "  " * depth + " ".join(self._name(span).split()),
                duration(span.start_ms),
                duration(span.duration_ms),
                self._share(span),
                duration(span.self_ms),
                outcome,
            )
            yield "\t".join(" ".join(cell.split()) if number != 1 else cell for number, cell in enumerate(cells))

    def draw(self, console: "Console", *, blocks: bool) -> None:
        """Draw the picture.

        Args:
            console: As wide as the picture may be.
            blocks: Whether the terminal has block characters.
        """
        signs = BLOCKS if blocks else ASCII
        width = max(32, console.width)
        roomy = width >= ROOMY
        numbers = NUMBERS + (OWN if roomy else 0)
        names = min(60, max(10, (width - numbers) * 2 // 5))
        for row in self._picture(signs, names, width - numbers - names - 2, own=roomy):
            console.print(row, no_wrap=True, overflow="crop", crop=True)

    def _picture(self, signs: Signs, names: int, bars: int, *, own: bool) -> "Iterator[Text]":
        from rich.text import Text

        scale = duration(self._axis.length)
        axis = f"0{scale:>{max(1, bars - 1)}}"
        heading = f"{'':{names}} {axis[:bars]} {'took':>10} {'share':>5}" + (f" {'self':>8}" if own else "")
        yield Text(heading.rstrip(), "dim")
        waits = False
        reached = self._roots[0].start_ms
        for depth, span in flat(self._roots):
            if depth == 0:
                if span.start_ms - reached > self._axis.longest:
                    yield Text(f"{duration(span.start_ms - reached)} later", "dim italic")
                reached = max(reached, span.end_ms)
            waits = waits or span.first_token_ms is not None
            yield self._row(span, depth, signs, names, bars, own=own)
        if waits:
            said = f"{signs.waiting} until the first token  {signs.running} coming, running  {signs.asking} asking you"
            yield Text(f"{'':{names}} {said}", "dim")
        if any(not span.ended for _, span in flat(self._roots)):
            yield Text(f"{signs.endless} no end in the log: the program was killed there, or it still runs", "dim")

    def _row(self, span: Span, depth: int, signs: Signs, names: int, bars: int, *, own: bool) -> "Text":
        from rich.text import Text

        failed = bool(span.error)
        style = "red" if failed else _STYLES[span.kind]
        name = "  " * min(depth, names // 8) + (f"{signs.failed} " if failed else "") + self._name(span)
        took = ("" if span.ended else ">") + duration(span.duration_ms)
        return Text.assemble(
            (_padded(clip_end(name, names), names), "red" if failed else "bold" if span.kind == "turn" else ""),
            " ",
            (self._bar(span, signs, bars), style),
            f" {took:>10} ",
            (f"{self._share(span):>5}" + (f" {duration(span.self_ms):>8}" if own else ""), "dim"),
        )

    def _bar(self, span: Span, signs: Signs, bars: int) -> str:
        """Return the bar with blanks around it, `bars` columns in all."""
        scale = bars / (self._axis.length or 1.0)
        begin = min(bars - 1, int(self._axis.place(span.start_ms) * scale))
        end = min(bars, max(begin, round(self._axis.place(span.end_ms) * scale)))
        length = end - begin
        if length == 0:
            bar = signs.tiny if span.ended else signs.endless
        else:
            first, sign = _phases(span, signs)
            waited = min(length, round(first / span.duration_ms * length)) if span.duration_ms else 0
            early = signs.waiting if span.kind in ("model", "attempt") else signs.asking
            bar = early * waited + sign * (length - waited)
            bar = bar if span.ended else bar[:-1] + signs.endless
        return (" " * begin + bar)[:bars].ljust(bars)

    def _name(self, span: Span) -> str:
        if span.id in self._turns:
            return visible(f"{self._turns[span.id]} {span.name}")
        if span.kind == "tool" and "arguments" in span.attributes:
            call = ToolCall(id="", name=span.name, arguments=str(span.attributes["arguments"]))
            return visible(signature(call))
        return visible(span.name)

    def _share(self, span: Span) -> str:
        return f"{100 * span.duration_ms / self._busy:.0f}%" if self._busy else "-"


class _Axis:
    """Places moments on an axis from which long pauses are cut out.

    Args:
        stretches: When something ran, in order, in milliseconds.
        longest: The longest pause that is drawn, milliseconds.
    """

    def __init__(self, stretches: Sequence[tuple[float, float]], longest: float) -> None:
        self.longest = longest
        self._cuts: list[tuple[float, float]] = []  # from when on, how much is cut out in all
        cut = stretches[0][0]
        self._cuts.append((stretches[0][0], cut))
        for (_, before), (begin, _) in pairwise(stretches):
            if begin - before > longest:
                cut += begin - before
                self._cuts.append((begin, cut))
        self.length = stretches[-1][1] - cut

    def place(self, moment: float) -> float:
        """Return where a moment is on the axis, milliseconds from its beginning."""
        from bisect import bisect_right

        number = bisect_right(self._cuts, (moment, float("inf"))) - 1
        return moment - self._cuts[max(0, number)][1]


def clip_end(text: str, room: int) -> str:
    """Cut a text to so many columns, blanks at its beginning kept."""
    indent = len(text) - len(text.lstrip(" "))
    return " " * indent + clip(text, max(1, room - indent))


def _padded(text: str, width: int) -> str:
    from rich.cells import cell_len

    return text + " " * max(0, width - cell_len(text))


def _turns(roots: Sequence[Span]) -> list[Span]:
    return [span for span in roots if span.kind == "turn"]


def _phases(span: Span, signs: Signs) -> tuple[float, str]:
    """Return how long a span waited before it ran, milliseconds, and the sign for when it ran."""
    if span.kind == "model":
        return span.first_token_ms or 0.0, signs.running
    if span.kind == "attempt":  # nothing came of it
        return span.duration_ms, signs.running
    if span.kind == "tool":
        asked = any(child.kind == "approval" for child in span.children)
        return (float(span.attributes.get("ran_after_ms", span.duration_ms)) if asked else 0.0), signs.running
    if span.kind in ("approval", "question"):
        return 0.0, signs.asking
    return 0.0, signs.thread


def _outcome(span: Span) -> str:
    """Say what went wrong; nothing when nothing did."""
    if not span.ended:
        return "no end"
    if span.error is None:
        return ""
    return span.error if span.error in ("denied", "interrupted", "cancelled") else "failed"
