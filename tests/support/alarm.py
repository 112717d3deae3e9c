"""A program with a schedule, for tests that kill it: `python -m tests.support.alarm FILE WHAT …`.

Each event that fires is a line in `FILE.rang`, written in one step: its text, its id, and the process.

* `add N SECONDS`: keep N events that are due in so many seconds, say so on stdout, and end.
* `work`: fire what is due and go on; a `lease` after it is that of a lease in seconds.
* `drain`: fire what is due now and end.
* `hang`: fire, and never come back from the first handler.
"""

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from llmgine_cli.bus import Bus, Event
from llmgine_cli.bus.schedule import Terms, scheduler_for
from llmgine_cli.eventlog.codec import decode, encode


@dataclass(frozen=True, kw_only=True)
class Alarm(Event):
    """What is scheduled."""

    text: str


async def main(path: Path, what: str, *numbers: str) -> None:
    """Do what is asked for."""
    bus = Bus()
    terms = Terms(lease=float(numbers[0]) if numbers and what != "add" else 30.0, delay=0.0)
    scheduler = scheduler_for(bus, path, encode=encode, decode=decode, terms=terms)

    async def rang(event: Alarm) -> None:
        line = f"{event.text} {event.event_id} {os.getpid()}\n"
        descriptor = os.open(path.with_suffix(".rang"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, line.encode())
        os.close(descriptor)
        if what == "hang":
            await asyncio.Event().wait()

    bus.subscribe(Alarm, rang)
    if what == "add":
        for number in range(int(numbers[0])):
            scheduler.keep(Alarm(text=str(number)), after=float(numbers[1]))
        sys.stdout.write("kept\n")
        sys.stdout.flush()
    elif what == "drain":
        await scheduler.run_due()
    else:
        await scheduler.run()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
