"""The schedule: events that are kept on disk and published when they are due."""

from llmgine_cli.bus.schedule.clock import Clock
from llmgine_cli.bus.schedule.entry import Entry
from llmgine_cli.bus.schedule.publishing import ScheduledEventFailed, scheduler_for
from llmgine_cli.bus.schedule.scheduler import Scheduler
from llmgine_cli.bus.schedule.store import ScheduleStore
from llmgine_cli.bus.schedule.terms import GiveUpError, HaltError, Terms

__all__ = [
    "Clock",
    "Entry",
    "GiveUpError",
    "HaltError",
    "ScheduleStore",
    "ScheduledEventFailed",
    "Scheduler",
    "Terms",
    "scheduler_for",
]
