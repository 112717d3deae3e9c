"""What a tool prints, told on the bus while it runs."""

import asyncio
from contextlib import suppress
from contextvars import copy_context

from llmgine_cli.bus import Bus
from llmgine_cli.errors import BusClosedError
from llmgine_cli.llm.messages import ToolCall
from llmgine_cli.toolkit.messages import ToolPrinted
from llmgine_cli.toolkit.stdout import to_stderr


class Printing:
    """Publishes the lines that a tool prints, in their order.

    Args:
        bus: Where `ToolPrinted` is published.
        call: The call in which they are printed.
    """

    def __init__(self, bus: Bus, call: ToolCall) -> None:
        self._bus = bus
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._context = copy_context()
        self._waiting: list[str] = []
        self._telling: asyncio.Task[None] | None = None

    def write(self, text: str) -> None:
        """Take whole lines; from any thread."""
        with suppress(RuntimeError):  # a tool that was given up may print when the loop is long closed
            # Not in the context of the tool: what those print who hear of it is not the tool's.
            self._loop.call_soon_threadsafe(self._take, text, context=self._context)

    async def finish(self) -> None:
        """Wait until all that was taken is told."""
        if self._telling is not None:
            await self._telling

    def _take(self, text: str) -> None:
        self._waiting.append(text)
        if self._telling is None or self._telling.done():
            self._telling = self._loop.create_task(self._tell())

    async def _tell(self) -> None:
        while self._waiting:
            text = "".join(self._waiting)  # a tool that prints fast makes few events, not many
            self._waiting.clear()
            event = ToolPrinted(call=self._call, text=text)
            if not self._bus.has_subscriber(ToolPrinted, session_id=event.session_id):
                to_stderr(text)
            with suppress(BusClosedError):
                await self._bus.publish(event)
