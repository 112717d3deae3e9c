"""Waiting for a fact instead of for a time."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE = 60.0  # seconds; a safety net, not an expectation


def wait_until(fact: Callable[[], T]) -> T:
    """Return what `fact` returns, as soon as that is true."""
    end = time.monotonic() + PATIENCE
    while not (found := fact()):
        if time.monotonic() > end:
            raise TimeoutError(f"{fact} never became true")
        time.sleep(0.005)
    return found


def logged(home: Path, event_type: str | None = None) -> list[dict[str, Any]]:
    """All events in the logs below an LLMGINE_HOME, oldest first; of one type, if named."""
    files = sorted((home / "state" / "logs").glob("events_*.jsonl"))
    events = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return [event for event in events if event_type in (None, event["event_type"])]
