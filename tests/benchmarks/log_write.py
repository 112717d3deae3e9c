"""How many events a second reach the disk, each by a write of its own: ``python -m tests.benchmarks.log_write``.

Beside the event log run what one would write oneself. The floor encodes a ready object with msgspec and hands it to
`os.write`: it looks for no secrets, knows no types of its own and keeps no file per session. All take turns in small
batches, in one process, and the time is the processor's own: what else runs on the machine counts as little as it can.
"""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonlines
import msgspec
from pydantic import TypeAdapter

from llmgine_cli.eventlog.writer import EventLog
from llmgine_cli.llm.events import LLMCallFinished, MessageAdded
from llmgine_cli.llm.messages import Message, assistant
from llmgine_cli.llm.stream import Reply, Usage

BATCH = 500  # events
ROUNDS = 60
OURS, FLOOR = "llmgine event log", "msgspec + os.write"
TEXT = "A sentence of an answer, as models give them, neither long nor short. " * 3

Event = MessageAdded | LLMCallFinished
Write = Callable[[Event], object]


def events(count: int = BATCH) -> list[Event]:
    """Return half messages, half finished calls, as a conversation has them."""
    ids = {"session_id": "18ead0941bde801700000f204c3", "parent_id": "18ead0941bde801700001f204c3"}
    message: Message = assistant(TEXT)
    reply = Reply(
        message=message, finish_reason="stop", model="gpt-5-mini", usage=Usage(input_tokens=512, output_tokens=64)
    )
    made: list[Event] = []
    for _ in range(count // 2):
        made.append(MessageAdded(message=message, **ids))  # type: ignore[arg-type]
        made.append(
            LLMCallFinished(call_id=ids["parent_id"], model="openai:gpt-5-mini", reply=reply, duration_ms=812.5, **ids)  # type: ignore[arg-type]
        )
    return made


class Contestants:
    """Everybody who writes events as lines, each into a file of its own.

    Args:
        folder: Where the files are.
    """

    def __init__(self, folder: Path) -> None:
        self._log = EventLog(folder / "ours", secrets=["a-key-that-is-known-0123456789"])
        self._encode = msgspec.json.Encoder().encode
        self._files = [(folder / name).open("ab", buffering=0) for name in ("floor", "pydantic", "json")]
        self._floor, self._pydantic, self._json = (file.fileno() for file in self._files)
        self._lines = jsonlines.open(folder / "jsonlines", "a", flush=True)
        self._adapter = TypeAdapter(dict[str, Any])
        self.all: dict[str, Write] = {
            OURS: self._log.write,
            FLOOR: lambda event: os.write(self._floor, self._encode(event) + b"\n"),
            "pydantic + os.write": lambda event: os.write(
                self._pydantic, self._adapter.dump_json(msgspec.to_builtins(event)) + b"\n"
            ),
            "jsonlines": lambda event: self._lines.write(msgspec.to_builtins(event)),
            "json + os.write": lambda event: os.write(
                self._json, json.dumps(msgspec.to_builtins(event)).encode() + b"\n"
            ),
        }

    def close(self) -> None:
        """Close all files."""
        self._log.close()
        self._lines.close()
        for file in self._files:
            file.close()


def measure(rounds: int, folder: Path) -> dict[str, float]:
    """Return the nanoseconds that an event takes, by who writes it: the medians of all batches."""
    taken: dict[str, list[float]] = {}
    contestants = Contestants(folder)
    for _ in range(rounds):
        batch = events()
        for name, write in contestants.all.items():
            start = time.process_time_ns()
            for event in batch:
                write(event)
            taken.setdefault(name, []).append((time.process_time_ns() - start) / len(batch))
    contestants.close()
    return {name: statistics.median(each) for name, each in taken.items()}


def table(taken: dict[str, float]) -> str:
    """Return what was measured as a markdown table."""
    rows = ["| event → disk | µs an event | events/s | of the floor |", "|---|--:|--:|--:|"]
    rows += [
        f"| {name} | {each / 1000:.2f} | {1e9 / each:,.0f} | {taken[FLOOR] / each:.2f} |"
        for name, each in taken.items()
    ]
    return "\n".join(rows)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        print(table(measure(ROUNDS, Path(place))))
