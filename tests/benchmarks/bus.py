"""The bus beside its peers, beside the floor of awaiting the handlers directly: ``python -m tests.benchmarks bus``.

Each contestant is measured in a process and an environment of its own; see `bus_contestant`.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.benchmarks import peers
from tests.benchmarks.timing import clean_environment

SCRIPT = Path(__file__).with_name("bus_contestant.py")
# What upstream needs to be imported, of all that it asks for: a web server and four clients of chat services among it.
UPSTREAM = ("--no-deps", "llmgine==0.0.1", "typing-extensions", "python-dotenv", "SQLAlchemy", "pydantic",
            "pydantic-core", "annotated-types", "typing-inspection", "greenlet")  # fmt: skip

HEADER = """\
| what | llmgine, µs | beside | its µs | quicker by | target | |
|---|--:|---|--:|--:|--:|---|
"""
# Case → contestant → how much quicker than it we are to be at least; below 1: how close we are to come.
TARGETS: dict[str, dict[str, float]] = {
    "publish 1": {"floor": 0.35, "blinker": 1, "pyee": 1, "bubus": 1, "upstream": 1},
    "publish 10": {"floor": 0.6, "blinker": 1, "pyee": 1, "bubus": 1, "upstream": 1},
    "publish 100": {"floor": 0.6, "blinker": 1, "pyee": 1, "bubus": 1, "upstream": 1},
    "execute": {"floor": 0, "blinker": 0.6, "upstream": 10},
    "execute heard": {"blinker": 0.6},
    "make": {"floor": 0, "bubus": 1, "upstream": 1},
}
NAMES = {
    "publish 1": "publish → handled, 1 subscriber",
    "publish 10": "publish → handled, 10 subscribers",
    "publish 100": "publish → handled, 100 subscribers",
    "execute": "execute → result",
    "execute heard": "execute → result, start and finish heard",
    "make": "make an event",
}

Times = Mapping[str, Mapping[str, float]]


def run(bench: Path, ours: Path, *, rounds: int) -> str:
    """Measure everybody in turn, and return the table.

    Args:
        bench: Where the peers are installed, on first use.
        ours: The folder of our own programs.
        rounds: How often each is measured; the medians count.
    """
    homes = {
        "floor": ours,
        "llmgine": ours,
        "blinker": peers.environment(bench, "blinker", "blinker"),
        "pyee": peers.environment(bench, "pyee", "pyee"),
        "bubus": peers.environment(bench, "bubus", "bubus"),
        "upstream": peers.environment(bench, "upstream", *UPSTREAM),
    }
    found: dict[str, list[dict[str, float]]] = {name: [] for name in homes}
    for count in range(rounds):
        for name, home in homes.items():
            print(f"measuring the bus: {name}, {count + 1} of {rounds}", file=sys.stderr)
            found[name].append(measure(home, name))
    medians = {name: median(times) for name, times in found.items()}
    return table(medians)


def measure(home: Path, name: str) -> dict[str, float]:
    """Return the times of one contestant, case by case, in microseconds."""
    command = [str(home / "python"), str(SCRIPT), name]
    with tempfile.TemporaryDirectory() as folder:  # upstream leaves a database where it is run
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, env=clean_environment(), timeout=300, cwd=folder
        )
    times: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return times


def median(times: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the median of each case."""
    rows = list(times)
    return {case: statistics.median(row[case] for row in rows) for case in rows[0]}


def table(times: Times) -> str:
    """Return the comparisons as a markdown table."""
    return HEADER + "".join(
        row(case, name, times["llmgine"][case], times[name][case], target)
        for case, targets in TARGETS.items()
        for name, target in targets.items()
        if case in times[name]
    )


def row(case: str, name: str, ours: float, theirs: float, target: float) -> str:
    """Return one line of the table; a target of 0 is none."""
    ratio = theirs / ours
    mark = "" if not target else "reached" if ratio >= target else "**missed**"
    wanted = f"≥ {target:g}" if target else ""
    return f"| {NAMES[case]} | {ours:.2f} | {name} | {theirs:.2f} | {ratio:.2f} | {wanted} | {mark} |\n"
