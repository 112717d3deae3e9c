"""The conversation so far. What is in it is on the bus, and therefore in the event log."""

from collections.abc import Iterable

from llmgine_cli.bus import Bus
from llmgine_cli.llm.events import HistoryCleared, MessageAdded
from llmgine_cli.llm.messages import Message


class History:
    """An ordered list of messages that tells the bus when it grows.

    Args:
        bus: Where `MessageAdded` is published.
        messages: What was said before (from a log); not published again.
    """

    def __init__(self, bus: Bus, messages: Iterable[Message] = ()) -> None:
        self._bus = bus
        self._messages = list(messages)

    @property
    def messages(self) -> tuple[Message, ...]:
        """All messages, oldest first."""
        return tuple(self._messages)

    async def add(self, *messages: Message) -> None:
        """Append messages, each told as an event before it counts."""
        for message in messages:
            await self._bus.publish(MessageAdded(message=message))
            self._messages.append(message)

    async def clear(self) -> None:
        """Forget everything."""
        await self._bus.publish(HistoryCleared())
        self._messages.clear()
