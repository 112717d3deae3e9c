"""How a tool call looks on stderr: what was called, with what, and what came of it, in two or three lines."""

import shutil

from llmgine_cli.cli.common import Cli
from llmgine_cli.cli.sanitize import visible
from llmgine_cli.cli.screen.spinner import clip
from llmgine_cli.cli.wrapping import wrap
from llmgine_cli.llm.signature import signature
from llmgine_cli.toolkit.messages import ToolCallFinished

RESULT_LINES = 3
VERBOSE_LINES = 40


def panel(cli: Cli, event: ToolCallFinished, *, full: bool = False) -> str:
    """Return the lines for a tool call that is over, coloured if stderr is; `--verbose` shows more of the result.

    Args:
        cli: Whose stderr.
        event: What became of the call.
        full: Whether to leave nothing out, of the arguments neither.
    """
    width = max(20, shutil.get_terminal_size().columns)
    styled = cli.styled(stderr=True)
    failed = event.result.is_error
    sign = "✗" if failed else "✓"
    took = "refused" if event.denied else _duration(event.duration_ms)
    called = visible(signature(event.call)) if full else clip(signature(event.call), width - len(took) - 5)
    lines = event.result.content.strip().splitlines()
    most = len(lines) if full else VERBOSE_LINES if cli.verbose else RESULT_LINES
    if failed and not full:  # what to do about it may stand at the end
        lines = [part for line in lines for part in wrap(visible(line), width - 3)]
    shown = [visible(line) if full or cli.verbose else clip(line, width - 3) for line in lines[:most]]
    if len(lines) > most:
        shown.append(f"… {len(lines) - most} more lines")
    colour = "31" if failed else "2"
    head = _paint(f"{sign} ", "31" if failed else "32", styled) + _paint(called, "1", styled)
    body = "".join(f"  {_paint(line, colour, styled)}\n" for line in shown)
    return f"{head} {_paint(took, '2', styled)}\n{body}"


def _duration(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def _paint(text: str, code: str, styled: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if styled else text
