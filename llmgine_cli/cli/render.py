"""What the user sees of a run: the answer on stdout, and on stderr what is going on.

The `Screen` listens on the bus and hands each event to the part that shows it. Only one part owns the cursor at a time.
"""

import asyncio
from collections.abc import Callable

from llmgine_cli.bus import Bus, Event
from llmgine_cli.cli.answer import Answer, PlainAnswer
from llmgine_cli.cli.common import Cli
from llmgine_cli.errors import StorageError
from llmgine_cli.llm.events import LLMCallFailed, LLMCallFinished, LLMCallInterrupted, TextChunk


class Screen:
    """Shows what happens on a bus.

    Args:
        cli: Says what the user wants to see.
        raw: Pass the answer's control characters on as they are, unrendered.
    """

    def __init__(self, cli: Cli, *, raw: bool = False) -> None:
        self._cli = cli
        self._answer: Answer = PlainAnswer(raw=raw)
        self._call_id = ""
        self._broken: OSError | None = None
        self.wrote = False

    def attach(self, bus: Bus) -> None:
        """Listen on the bus."""
        bus.subscribe(TextChunk, self._on_text)
        for ending in (LLMCallFinished, LLMCallFailed, LLMCallInterrupted):
            bus.subscribe(ending, self._on_call_ended)

    def show(self, text: str) -> None:
        """Show a text as the answer, as an engine returned it that did not stream."""
        self._output(lambda: self._answer.write(text))
        self.wrote = True

    async def finish(self) -> None:
        """End the answer and leave the terminal as it was found. The screen can be used again afterwards.

        Raises:
            BrokenPipeError: Whoever read stdout has gone.
            StorageError: Stdout could not be written for another reason, such as a full disk.
        """
        self._output(self._answer.close)
        if isinstance(self._broken, BrokenPipeError):
            raise self._broken
        if self._broken is not None:
            raise StorageError(f"the answer could not be written: {self._broken.strerror or self._broken}")

    def _on_text(self, chunk: TextChunk) -> None:
        def write() -> None:
            if chunk.call_id != self._call_id:
                self._answer.separate()
                self._call_id = chunk.call_id
            self._answer.write(chunk.text)

        self._output(write)
        self.wrote = True

    def _on_call_ended(self, _: Event) -> None:
        self._output(self._answer.separate)

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
