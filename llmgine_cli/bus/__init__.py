"""The message bus: commands with one handler, events with many, scoped by sessions."""

from llmgine_cli.bus.bus import Bus, Subscription
from llmgine_cli.bus.messages import (
    Command,
    CommandFinished,
    CommandResult,
    CommandStarted,
    Event,
    HandlerFailed,
    SessionEnded,
    SessionStarted,
    UnknownEvent,
    new_id,
)
from llmgine_cli.bus.session import Session

__all__ = [
    "Bus",
    "Command",
    "CommandFinished",
    "CommandResult",
    "CommandStarted",
    "Event",
    "HandlerFailed",
    "Session",
    "SessionEnded",
    "SessionStarted",
    "Subscription",
    "UnknownEvent",
    "new_id",
]
