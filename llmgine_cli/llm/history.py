"""The conversation so far. What is in it is on the bus, and therefore in the event log."""

from collections.abc import Iterable
from itertools import takewhile

from llmgine_cli.bus import Bus
from llmgine_cli.llm.events import HistoryRewound, MessageAdded, SystemChanged
from llmgine_cli.llm.messages import Message, with_all_results


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

    async def change_system(self, message: Message) -> None:
        """Begin with this system message, in place of the one there is. Nothing is told when that changes nothing."""
        if not self._messages:
            await self.add(message)
        elif self._messages[0] != message:
            await self._bus.publish(SystemChanged(message=message))
            put_first(self._messages, message)

    async def rewind(self, kept: int) -> None:
        """Forget all messages but the first `kept`. Nothing is told when that changes nothing."""
        if kept < len(self._messages):
            await self._bus.publish(HistoryRewound(kept=kept))
            del self._messages[kept:]

    async def answer_open_calls(self, why: str) -> None:
        """Give tool calls that have no result one that says why; see `with_all_results`."""
        whole = with_all_results(self._messages, why)
        pairs = zip(whole, self._messages, strict=False)
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        await self.rewind(same)
        await self.add(*whole[same:])

    async def clear(self) -> None:
        """Forget everything, the system message too."""
        await self.rewind(0)


def put_first(messages: list[Message], system: Message) -> None:
    """Put a system message before all others, in place of the one that is there."""
    messages[: 1 if messages and messages[0].role == "system" else 0] = [system]
