"""A turn of the tool loop beside agents of other frameworks: ``python -m tests.benchmarks tools``.

Each contestant is measured in a process and an environment of its own; see `tool_contestant`.
"""

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.benchmarks import peers
from tests.benchmarks.timing import clean_environment

HERE = Path(__file__).parent
# Case → contestant → the share of its time that we may take.
TARGETS: dict[str, dict[str, float]] = {
    case: {"httpx2": 2.0, "openai-sdk": 0, "pydantic-ai": 0.20, "openai-agents": 0.15} for case in ("later", "fresh")
}
NAMES = {"later": "a turn with a tool, after 20 exchanges", "fresh": "a turn with a tool, the first"}
HEADER = """\
| what | llmgine, ms | beside | its ms | ratio | target | |
|---|--:|---|--:|--:|--:|---|
"""


def run(bench: Path, ours: Path, *, rounds: int) -> str:
    """Measure everybody in turn, and return the table.

    Args:
        bench: Where the peers are installed, on first use.
        ours: The folder of our own programs.
        rounds: How often each is measured; the medians count.
    """
    homes = {
        "httpx2": ours,
        "llmgine": ours,
        "openai-sdk": ours,
        "pydantic-ai": peers.environment(bench, "pydantic-ai", "pydantic-ai-slim[openai]"),
        "openai-agents": peers.environment(bench, "openai-agents", "openai-agents"),
    }
    found: dict[str, list[dict[str, float]]] = {name: [] for name in homes}
    with serving() as base_url:
        for count in range(rounds):
            for name, home in homes.items():
                print(f"measuring the tool loop: {name}, {count + 1} of {rounds}", file=sys.stderr)
                found[name].append(measure(home, name, base_url))
    return table({name: median(times) for name, times in found.items()})


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Start the model in a process of its own; give its base URL."""
    command = [sys.executable, str(HERE / "tool_server.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment()) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.terminate()


def measure(home: Path, name: str, base_url: str, *, turns: int = 200) -> dict[str, float]:
    """Return the times of one contestant, case by case, in milliseconds."""
    command = [str(home / "python"), str(HERE / "tool_contestant.py"), name, base_url, str(turns)]
    with tempfile.TemporaryDirectory() as folder:
        env = {**clean_environment(), "LLMGINE_HOME": folder}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=env, cwd=folder, timeout=300)
    times: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return times


def median(times: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each case."""
    return {case: statistics.median(row[case] for row in times) for case in times[0]}


def table(times: Mapping[str, Mapping[str, float]]) -> str:
    """Return the comparisons as a markdown table."""
    return HEADER + "".join(
        row(case, name, times["llmgine"][case], times[name][case], target)
        for case, targets in TARGETS.items()
        for name, target in targets.items()
    )


def row(case: str, name: str, ours: float, theirs: float, target: float) -> str:
    """Return one line of the table; a target of 0 is none."""
    ratio = ours / theirs
    mark = "" if not target else "reached" if ratio <= target else "**missed**"
    wanted = f"≤ {target:.2f}" if target else ""
    return f"| {NAMES[case]} | {ours:.2f} | {name} | {theirs:.2f} | {ratio:.2f} | {wanted} | {mark} |\n"
