"""The schedule: events that are kept on disk and published when they are due."""

from llmgine_cli.bus.schedule.clock import Clock
from llmgine_cli.bus.schedule.publishing import ScheduledEventFailed, scheduler_for
from llmgine_cli.bus.schedule.scheduler import GiveUpError, HaltError, Scheduler, Terms
from llmgine_cli.bus.schedule.store import Entry, ScheduleStore

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
