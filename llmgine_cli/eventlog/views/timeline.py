"""When things really happened: the clock on the wall can be set while a session runs, and the log has its times.

Events stand in the log in the order in which they happened, and what has an end says how long it took, by a clock that
nobody sets. From both a timeline is made on which nothing runs backwards. Time in which the machine slept does not
count: no clock of ours saw it.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple, cast

from llmgine_cli.eventlog.reader import Record

TOLERANCE = 50.0  # milliseconds by which the two clocks may differ without one having been set,
DRIFT = 0.01  # and the share of a time by which they may drift apart
MOST_STEPS = 100  # corrections; a log that says nonsense all over is not worth more


class Stretch(NamedTuple):
    """From one event of the log to a later one, and how long that took.

    Attributes:
        first: Number of the event at which it began.
        last: Number of the event at which it ended.
        duration_ms: As the program measured it.
    """

    first: int
    last: int
    duration_ms: float


def timeline(records: Sequence[Record]) -> list[float]:
    """Return when each event happened, milliseconds after the first one; never less than the one before."""
    times = [record.time_ns / 1_000_000 for record in records]
    steps = [*([0.0] if times else []), *(later - earlier for earlier, later in pairwise(times))]
    return corrected(steps, stretches(records))


def corrected(steps: Sequence[float], known: Iterable[Stretch]) -> list[float]:
    """Return the moments that these steps lead to, with steps of the clock taken out.

    Args:
        steps: Milliseconds from the event before to each event, as the clock on the wall had it.
        known: How long it really took from some events to others.
    """
    gaps = [max(0.0, step) for step in steps]
    moments = list(accumulate(gaps))
    corrections = 0
    for first, last, duration in sorted(known, key=lambda stretch: stretch.last - stretch.first):
        surplus = moments[last] - moments[first] - duration
        if abs(surplus) <= TOLERANCE + DRIFT * duration or corrections >= MOST_STEPS:
            continue
        inside = range(first + 1, last + 1)
        if not inside:
            continue
        if surplus > 0:  # the clock was set forward, where the longest pause is
            at = max(inside, key=gaps.__getitem__)
            gaps[at] = max(0.0, gaps[at] - surplus)
        else:  # it was set back, where it ran backwards; or where the longest pause is
            at = min(inside, key=lambda number: (min(0.0, steps[number]), -gaps[number]))
            gaps[at] -= surplus
        moments = list(accumulate(gaps))
        corrections += 1
    return moments


def stretches(records: Iterable[Record]) -> list[Stretch]:
    """Return what the log says of how long things took."""
    begun: dict[str, int] = {}
    found: list[Stretch] = []
    for number, record in enumerate(records):
        data = record.data
        if starts := started_id(record):
            begun[starts] = number
        ended = begun.pop(finished_id(record), None)
        duration: Any = data.get("duration_ms")
        if ended is not None and isinstance(duration, int | float) and duration >= 0:
            found.append(Stretch(ended, number, float(duration)))
    return found


def started_id(record: Record) -> str:
    """Return the id of what begins with this event; empty when nothing does."""
    match record.type:
        case "CommandStarted":
            command: Any = record.data.get("command")
            begun: Any = cast("dict[str, Any]", command).get("command_id") if isinstance(command, dict) else None
        case "LLMCallStarted":
            begun = record.data.get("event_id")
        case "ToolCallStarted":
            begun = f"tool of {record.parent_id}"
        case _:
            return ""
    return str(begun or "")


def finished_id(record: Record) -> str:
    """Return the id of what ends with this event; empty when nothing does."""
    match record.type:
        case "CommandFinished":
            ended: Any = record.parent_id
        case "LLMCallFinished" | "LLMCallFailed" | "LLMCallInterrupted":
            ended = record.data.get("call_id")
        case "LLMAttemptFailed":  # what it ends has no beginning of its own in the log
            ended = record.data.get("event_id")
        case "ToolCallFinished":
            ended = f"tool of {record.parent_id}"
        case _:
            return ""
    return str(ended or "")
