"""A bus that remembers, and a subscriber that does."""

from typing import Any, TypeVar

from llmgine_cli.bus import Bus, Command, CommandStarted, Event, Leftovers

E = TypeVar("E", bound=Event)


class Recorder:
    """A subscriber that keeps what it is given.

    Args:
        bus: Where to listen.
        kind: To what; default: to everything.
        session_id: In which session; default: in all.
        first: Keep an event before others act on it.

    Attributes:
        events: What it was given, in order.
    """

    def __init__(
        self, bus: Bus, kind: type[Event] = Event, *, session_id: str | None = None, first: bool = False
    ) -> None:
        self.events: list[Event] = []
        bus.subscribe(kind, self.events.append, session_id=session_id, first=first)

    @property
    def names(self) -> list[str]:
        """The class names of the events, in order."""
        return [type(event).__name__ for event in self.events]

    def only(self, kind: type[E]) -> list[E]:
        """Return the events of a class, in order."""
        return [event for event in self.events if isinstance(event, kind)]


class RecordingBus(Bus):
    """A real bus that keeps every event published on it, before anybody acts on it.

    Args:
        leftovers: As for `Bus`.

    Attributes:
        events: All events, in the order in which they were published.
    """

    def __init__(self, *, leftovers: Leftovers | None = None) -> None:
        super().__init__(leftovers=leftovers)
        self._recorder = Recorder(self, first=True)
        self.events = self._recorder.events

    @property
    def names(self) -> list[str]:
        """The class names of the events, in order."""
        return self._recorder.names

    @property
    def commands(self) -> list[Command[Any]]:
        """The commands whose execution began, in order."""
        return [event.command for event in self.only(CommandStarted)]

    def only(self, kind: type[E]) -> list[E]:
        """Return the events of a class, in order."""
        return self._recorder.only(kind)
