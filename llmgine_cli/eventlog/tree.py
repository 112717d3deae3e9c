"""Where an event stands in the tree of commands, drawn as guides in front of it.

::

    ┌ CommandStarted   Prompt
    │ MessageAdded     user: …
    │ ┌ CommandStarted   CallTool
    │ │ ToolCallStarted
    │ └ CommandFinished  CallTool
    └ CommandFinished  Prompt
"""

from typing import Any, cast

from llmgine_cli.eventlog.record import Record

OPEN, CLOSE, BAR, BELOW = "┌ ", "└ ", "│ ", "╰ "
DEEPEST = 12  # levels that are drawn; what is deeper stands at the deepest
REMEMBERED = 4096  # commands and events that may still get children


class Tree:
    """Learns who is whose parent while events go by, in the order of the log."""

    def __init__(self) -> None:
        self._commands: dict[str, int] = {}  # id of a command → how deep what happens in it stands
        self._events: dict[str, int] = {}  # id of an event → how deep it stands

    def guides(self, record: Record) -> str:
        """Return what is drawn in front of this event, and remember it for its children."""
        parent = record.parent_id
        command: Any = record.data.get("command")
        if record.type == "CommandStarted" and isinstance(command, dict):
            started = cast("dict[str, Any]", command)
            depth, _ = self._place(started.get("parent_id"))
            _remember(self._commands, started.get("command_id"), depth + 1)
            return _bars(depth) + OPEN
        if record.type == "CommandFinished" and parent is not None:
            return _bars(self._commands.pop(parent, 1) - 1) + CLOSE
        depth, below = self._place(parent)
        _remember(self._events, record.data.get("event_id"), depth)
        return _bars(depth) + (BELOW if below else "")

    def _place(self, parent: str | None) -> tuple[int, bool]:
        """Return how deep a child of this parent stands, and whether the parent is an event."""
        if parent is None:
            return 0, False
        if parent in self._events:
            return self._events[parent], True
        # A parent that was never seen is a command that began before the first line that is shown.
        return self._commands.setdefault(parent, 1), False


def _bars(depth: int) -> str:
    return BAR * min(depth, DEEPEST)


def _remember(depths: dict[str, int], key: Any, depth: int) -> None:
    depths[str(key)] = depth
    if len(depths) > REMEMBERED:
        del depths[next(iter(depths))]
