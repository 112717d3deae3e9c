"""The message bus: commands with one handler, events with many, scoped by sessions. See docs/bus.md."""

from llmgine_cli.bus.bus import Bus
from llmgine_cli.bus.closing import Closing, Leftovers
from llmgine_cli.bus.ids import new_id
from llmgine_cli.bus.mailbox import Overflow
from llmgine_cli.bus.messages import (
    Command,
    CommandFinished,
    CommandResult,
    CommandRetried,
    CommandStarted,
    Event,
    EventsDropped,
    HandlerFailed,
    SessionEnded,
    SessionStarted,
    Undelivered,
    UnknownEvent,
)
from llmgine_cli.bus.middleware import Middleware, Next, retry, time_limit, timing
from llmgine_cli.bus.session import Session
from llmgine_cli.bus.table import Subscription

__all__ = [
    "Bus",
    "Closing",
    "Command",
    "CommandFinished",
    "CommandResult",
    "CommandRetried",
    "CommandStarted",
    "Event",
    "EventsDropped",
    "HandlerFailed",
    "Leftovers",
    "Middleware",
    "Next",
    "Overflow",
    "Session",
    "SessionEnded",
    "SessionStarted",
    "Subscription",
    "Undelivered",
    "UnknownEvent",
    "new_id",
    "retry",
    "time_limit",
    "timing",
]
