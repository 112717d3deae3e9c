"""What was heard on a bus."""

from typing import TypeVar

from llmgine_cli.bus import Bus, Event

E = TypeVar("E", bound=Event)


class Heard:
    """A subscriber that keeps what it is given.

    Args:
        bus: Where to listen.
        kind: To what; default: to everything.
        session_id: In which session; default: in all.
    """

    def __init__(self, bus: Bus, kind: type[Event] = Event, *, session_id: str | None = None) -> None:
        self.events: list[Event] = []
        bus.subscribe(kind, self.events.append, session_id=session_id)

    @property
    def names(self) -> list[str]:
        """The class names of the events, in order."""
        return [type(event).__name__ for event in self.events]

    def only(self, kind: type[E]) -> list[E]:
        """The events of a class, in order."""
        return [event for event in self.events if isinstance(event, kind)]
