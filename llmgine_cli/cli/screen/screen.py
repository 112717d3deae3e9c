"""What the user sees of a run: the answer on stdout, and on stderr what is going on.

The `Screen` listens on the bus and hands each event to the part that shows it: the answer, the spinner, the tool
panels, the model's thoughts. All of them may be on one terminal, so only one part owns the cursor at a time.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from llmgine_cli.bus import Bus, Event
from llmgine_cli.cli.common import Cli, as_plain
from llmgine_cli.cli.sanitize import visible
from llmgine_cli.cli.screen.answer import Answer, PlainAnswer, RenderedAnswer
from llmgine_cli.cli.screen.attempts import next_step, why_not
from llmgine_cli.cli.screen.panels import panel
from llmgine_cli.cli.screen.spinner import Spinner
from llmgine_cli.cli.wrapping import fitted
from llmgine_cli.errors import InvalidAnswerError, StorageError
from llmgine_cli.llm.events import (
    LLMAttemptFailed,
    LLMCallFailed,
    LLMCallFinished,
    LLMCallInterrupted,
    LLMCallStarted,
    ReasoningChunk,
    StatusChanged,
    TextChunk,
)
from llmgine_cli.structured.shape import Shape
from llmgine_cli.toolkit.messages import ToolCallFinished, ToolCallStarted, ToolPrinted


class Screen:
    """Shows what happens on a bus.

    Args:
        cli: Says what the user wants to see.
        raw: Pass the answer on as it is, neither rendered nor made safe.
        answer: Whether the answer is shown while it comes; without, only what goes on beside it.
        reasoning: Whether to show the model's thoughts, on stderr; default: under `--verbose`.
        width: The most columns to render the answer in; default: all there are.
        tools_in_full: Whether to show calls of tools and their results without leaving anything out.
    """

    def __init__(
        self,
        cli: Cli,
        *,
        raw: bool = False,
        answer: bool = True,
        reasoning: bool | None = None,
        width: int | None = None,
        tools_in_full: bool = False,
    ) -> None:
        dumb = os.environ.get("TERM", "") in {"", "dumb"} and sys.platform != "win32"
        rendered = sys.stdout.isatty() and not dumb and not raw
        terminal = sys.stderr.isatty() and not dumb
        styled = cli.styled(stderr=True)
        self.cli = cli
        self._shows_answer = answer
        self._raw = raw
        self._tools_in_full = tools_in_full
        self._answer: Answer = RenderedAnswer(cli, width=width) if rendered else PlainAnswer(raw=raw)
        self._spinner = Spinner(enabled=terminal and not cli.quiet, styled=styled)
        self._thoughts = _Thoughts(styled=styled) if (cli.verbose if reasoning is None else reasoning) else None
        self._terminal = terminal
        self._panel_above = False
        self._status = ""
        self._running: dict[str, str] = {}
        self._call_id = ""
        self._broken: OSError | None = None
        self._held: list[str] | None = None

    def attach(self, bus: Bus) -> None:
        """Listen on the bus."""
        bus.subscribe(LLMCallStarted, self._on_call_started)
        bus.subscribe(LLMAttemptFailed, self._on_attempt_failed)
        bus.subscribe(ReasoningChunk, self._on_reasoning)
        bus.subscribe(TextChunk, self._on_text)
        for ending in (LLMCallFinished, LLMCallFailed, LLMCallInterrupted):
            bus.subscribe(ending, self._on_call_ended)
        bus.subscribe(ToolCallStarted, self._on_tool_started)
        bus.subscribe(ToolPrinted, self._on_tool_printed)
        bus.subscribe(ToolCallFinished, self._on_tool_finished)
        bus.subscribe(StatusChanged, self._on_status)

    def await_form(self, shape: Shape | None) -> None:
        """Show no answer while it comes if it must have a form; `show_result` shows it once that is known."""
        self._shows_answer = self._shows_answer and shape is None

    def show_result(self, result: Any) -> None:
        """Show what an engine returned, unless it was on the screen while it came, as a `Reply` was.

        A text is shown as an answer, one that was held to a form as its JSON, an object with a `__rich__` method as it
        draws itself, other things as JSON.

        Raises:
            BrokenPipeError: Whoever reads stdout has gone.
            StorageError: Stdout cannot be written for another reason, such as a full disk.
        """
        from llmgine_cli.llm.stream import Reply
        from llmgine_cli.structured.holding import Structured
        from llmgine_cli.structured.shape import plain

        if result is None or isinstance(result, Reply):
            return
        self._clear()
        if isinstance(result, Structured):
            if self._raw:
                self._write_plain(result.reply.text)
                return
            result = plain(result.value)
            if isinstance(result, str):  # it was asked for as JSON
                self._output(lambda: self.cli.json(result))
                self._raise_if_broken()
                return
        if isinstance(result, str) or hasattr(result, "__rich__"):
            if isinstance(result, str) or not sys.stdout.isatty():
                self._output(lambda: self._answer.write(str(result)))
                self._output(self._answer.close)
            else:
                self._output(lambda: self.cli.console().print(result))
        else:
            self._output(lambda: self.cli.json(as_plain(result)))
        self._raise_if_broken()

    def show_code(self, code: str) -> None:
        """Show a block of code as it is, for a program or a file; but controls in it are made visible, unless raw.

        Raises:
            BrokenPipeError: Whoever reads stdout has gone.
            StorageError: Stdout cannot be written for another reason, such as a full disk.
        """
        self._clear()
        self._write_plain(code)

    def show_unfit(self, error: BaseException) -> None:
        """Show an answer that has not the form that was asked for, if the user wants it raw; of other errors nothing.

        Raises:
            BrokenPipeError: Whoever reads stdout has gone.
            StorageError: Stdout cannot be written for another reason, such as a full disk.
        """
        if self._raw and isinstance(error, InvalidAnswerError):
            self._write_plain(error.answer)

    def _write_plain(self, text: str) -> None:
        plain = PlainAnswer(raw=self._raw)
        self._output(lambda: plain.write(text))
        self._output(plain.close)
        self._raise_if_broken()

    async def finish(self) -> None:
        """End the answer and leave the terminal as it was found. The screen can be used again afterwards.

        Raises:
            BrokenPipeError: Whoever read stdout has gone.
            StorageError: Stdout could not be written for another reason, such as a full disk.
        """
        self._status = ""
        self._running.clear()
        self._clear()
        self._output(self._answer.close)
        self._raise_if_broken()

    def _raise_if_broken(self) -> None:
        if isinstance(self._broken, BrokenPipeError):
            raise self._broken
        if self._broken is not None:
            raise StorageError(
                f"the answer could not be written: {self._broken.strerror or self._broken}",
                hint="it is in the event log",
            )

    @property
    def broken(self) -> bool:
        """Whether stdout can no longer be written."""
        return self._broken is not None

    def show_line(self, line: str) -> None:
        """Write a line to stderr, beside whatever else is on the terminal; `--quiet` leaves it out."""
        if not self.cli.quiet:
            self._aside(visible(line) + "\n")
            self._show_status()

    @contextmanager
    def paused(self) -> Generator[None]:
        """Let somebody else have the terminal; what would be written meanwhile on stderr comes afterwards."""
        self._clear()
        self._held = []
        try:
            yield
        finally:
            held, self._held = self._held, None
            for text in held:
                self._aside(text)
            self._show_status()

    # -- the model

    def _on_call_started(self, _: LLMCallStarted) -> None:
        if self._shows_answer and isinstance(self._answer, RenderedAnswer):
            # The request goes out first; what the answer will need is imported while the model thinks.
            loop = asyncio.get_running_loop()
            loop.call_later(0.01, threading.Thread(target=self._answer.prepare, daemon=True).start)
        self._show_status(otherwise="thinking")

    def _on_attempt_failed(self, event: LLMAttemptFailed) -> None:
        if not self.cli.quiet:
            self._aside(fitted(visible(f"{why_not(event)}; {next_step(event)}")) + "\n")
        self._show_status(otherwise=next_step(event, waits=False))

    def _on_reasoning(self, chunk: ReasoningChunk) -> None:
        if self._thoughts is not None and self._held is None:
            self._spinner.hide()
            self._thoughts.write(chunk.text)

    def _on_text(self, chunk: TextChunk) -> None:
        if not self._shows_answer:
            return
        self._clear()
        if self._panel_above and self._answer.empty and chunk.text.strip():
            _to_stderr("\n")
        self._panel_above = False
        if chunk.call_id != self._call_id:
            self._output(self._answer.separate)
            self._call_id = chunk.call_id
        self._output(lambda: self._answer.write(chunk.text))

    def _on_call_ended(self, _: Event) -> None:
        self._clear()
        self._output(self._answer.separate)

    # -- tools and engines

    def _on_tool_started(self, event: ToolCallStarted) -> None:
        self._running[event.call.id] = event.call.name
        self._show_status()

    def _on_tool_printed(self, event: ToolPrinted) -> None:
        if not self.cli.quiet:
            self._aside(visible(event.text))
            self._show_status()

    def _on_tool_finished(self, event: ToolCallFinished) -> None:
        self._running.pop(event.call.id, None)
        if not self.cli.quiet:
            self._aside(panel(self.cli, event, full=self._tools_in_full))
        self._show_status()

    def _on_status(self, event: StatusChanged) -> None:
        self._status = event.status
        self._show_status()

    # -- who owns the cursor

    def _show_status(self, otherwise: str = "") -> None:
        """Say what runs: tools, else what the engine says, else `otherwise`."""
        calling = f"calling {', '.join(self._running.values())}" if self._running else ""
        if self._held is not None:
            return
        if text := calling or self._status or otherwise:
            self._spinner.show(text)
        else:
            self._spinner.hide()

    def _clear(self) -> None:
        self._spinner.hide()
        if self._thoughts is not None:
            self._thoughts.end()

    def _aside(self, text: str) -> None:
        """Write whole lines to stderr."""
        if self._held is not None:
            self._held.append(text)
            return
        self._clear()
        self._output(self._answer.separate)
        _to_stderr(text)
        self._panel_above = self._terminal

    def _output(self, action: Callable[[], None]) -> None:
        """Write to stdout; when that cannot be done any more, stop the run instead of letting the model talk on."""
        if self._broken is not None:
            return
        try:
            action()
        except OSError as error:
            self._broken = error
            if task := asyncio.current_task():
                task.cancel()


class _Thoughts:
    """The model's reasoning, dim, on stderr."""

    def __init__(self, *, styled: bool) -> None:
        self._styled = styled
        self._open = False
        self._at_margin = True

    def write(self, text: str) -> None:
        text = visible(text)
        if not self._open and not text.strip():
            return
        self._open = True
        self._at_margin = text.endswith("\n")
        _to_stderr(f"\x1b[2;3m{text}\x1b[0m" if self._styled else text)

    def end(self) -> None:
        if self._open:
            _to_stderr("\n" if self._at_margin else "\n\n")
        self._open = False


def _to_stderr(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        pass  # stderr has gone; the answer matters more
