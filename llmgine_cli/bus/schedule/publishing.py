"""A schedule whose events are published on a bus when they are due."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from llmgine_cli.bus.messages import Event, HandlerFailed, UnknownEvent
from llmgine_cli.bus.schedule.entry import Entry
from llmgine_cli.bus.schedule.scheduler import Scheduler
from llmgine_cli.bus.schedule.store import ScheduleStore
from llmgine_cli.bus.schedule.terms import Terms
from llmgine_cli.errors import BusError

if TYPE_CHECKING:
    from llmgine_cli.bus.bus import Bus
    from llmgine_cli.bus.schedule.clock import Clock


@dataclass(frozen=True, kw_only=True)
class ScheduledEventFailed(Event):
    """An event that was scheduled has failed for good; it stays in the schedule as failed.

    Attributes:
        about_type: The class name of the event.
        about_id: Its id.
        attempts: How often it was tried.
        error: Why the last attempt failed.
    """

    about_type: str
    about_id: str
    attempts: int
    error: str


def scheduler_for(
    bus: "Bus",
    path: Path,
    *,
    encode: Callable[[Event], bytes],
    decode: Callable[[bytes], object],
    terms: Terms | None = None,
    clock: "Clock | None" = None,
) -> Scheduler:
    """Return a scheduler that publishes what is due on a bus, and give it to the bus for `Bus.schedule`.

    A subscriber that raises makes the attempt a failed one: the event is published again, with the same id, to all.

    Args:
        bus: Where to publish.
        path: The file of the schedule.
        encode: Makes bytes of an event.
        decode: Makes an event of the bytes; an `UnknownEvent` where its class is not loaded.
        terms: How patient it is.
        clock: What time it is.
    """

    async def publish(event: Event, _: Entry) -> None:
        failures: list[HandlerFailed] = []

        def note(failure: HandlerFailed) -> None:
            if failure.about_id == event.event_id:
                failures.append(failure)

        subscription = bus.subscribe(HandlerFailed, note)
        try:
            await bus.publish(event)
        finally:
            subscription.cancel()
        if failures:
            raise BusError(f"{failures[0].handler} failed: {failures[0].error}")

    async def tell(entry: Entry, reason: str, delay: float | None) -> None:
        if delay is None:
            await bus.publish(
                ScheduledEventFailed(about_type=entry.type, about_id=entry.id, attempts=entry.attempts, error=reason)
            )

    scheduler = Scheduler(
        ScheduleStore(path, clock=clock),
        publish,
        encode=encode,
        decode=decode,
        takes_unknown=lambda: bus.has_subscriber(UnknownEvent),
        failed=tell,
        terms=terms,
    )
    bus.keep_schedule(lambda: scheduler)
    return scheduler
