"""Run programs side by side and say how long each takes: interleaved, warmed up, medians."""

import contextlib
import os
import pty
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

TIMEOUT = 300  # seconds; a safety net


@dataclass(frozen=True)
class Contestant:
    """A program, how it is called, and what its output must hold to count."""

    name: str
    command: tuple[str, ...]
    expects: str = ""
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    terminal: bool = False  # a pseudo-terminal instead of a pipe
    first_byte: bool = False  # the time to the first byte on stdout instead of to the end


@dataclass(frozen=True)
class Result:
    """What one contestant took, in seconds, run by run."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one, in seconds."""
        return statistics.median(self.seconds)


def race(contestants: Sequence[Contestant], *, rounds: int, folder: Path) -> dict[str, Result]:
    """Run everybody in turn, again and again, after one round of warming up that does not count.

    Args:
        contestants: Who runs; in each round in this order.
        rounds: How often each is measured.
        folder: The working folder of all of them.
    """
    times: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    for count in range(rounds + 1):
        for contestant in contestants:
            seconds = measure(contestant, folder)
            if count:
                times[contestant.name].append(seconds)
    return {name: Result(name, tuple(seconds)) for name, seconds in times.items()}


def measure(contestant: Contestant, folder: Path) -> float:
    """Run a program once and return the seconds from its start to its end, or to its first byte on stdout.

    Raises:
        RuntimeError: When it fails or its output is not the expected one: then its time means nothing.
    """
    env = {**clean_environment(), **contestant.env}
    start = time.perf_counter()
    if contestant.first_byte:
        seconds, code, output = until_first_byte(contestant.command, env, folder)
    else:
        run = on_terminal if contestant.terminal else into_pipe
        code, output = run(contestant.command, env, folder)
        seconds = time.perf_counter() - start
    if code or contestant.expects not in output:
        raise RuntimeError(f"{contestant.name} ended with {code}: {' '.join(contestant.command)}\n{output[-2000:]}")
    return seconds


def clean_environment() -> dict[str, str]:
    """Return this process's variables without those that would make Python slow or a program find somebody's keys.

    Without PYTHONDONTWRITEBYTECODE above all: with it every start compiles what a user's second start finds compiled.
    """
    foreign = {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONPATH", "NO_COLOR", "FORCE_COLOR"}
    return {
        name: value
        for name, value in os.environ.items()
        if name not in foreign and not name.upper().endswith(("_API_KEY", "_BASE_URL", "_PROXY"))
    }


def into_pipe(command: Sequence[str], env: Mapping[str, str], folder: Path) -> tuple[int, str]:
    """Run with the output in a pipe; return exit code and output."""
    done = subprocess.run(
        command,
        env=env,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT,
        check=False,
    )
    return done.returncode, done.stdout.decode(errors="replace")


def until_first_byte(command: Sequence[str], env: Mapping[str, str], folder: Path) -> tuple[float, int, str]:
    """Run with stdout in a pipe; return the seconds to its first byte, exit code and output."""
    start = time.perf_counter()
    with subprocess.Popen(
        command, env=env, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout
        begin = os.read(process.stdout.fileno(), 1)
        seconds = time.perf_counter() - start
        rest = process.stdout.read()
    return seconds, process.returncode, (begin + rest).decode(errors="replace")


def on_terminal(command: Sequence[str], env: Mapping[str, str], folder: Path) -> tuple[int, str]:
    """Run on a pseudo-terminal of 80 by 24; return exit code and output."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        env={**env, "COLUMNS": "80", "LINES": "24", "TERM": "xterm-256color"},
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    parts: list[bytes] = []
    with contextlib.suppress(OSError):  # Linux's way to say that the other side has closed
        while part := os.read(ours, 65_536):
            parts.append(part)
    os.close(ours)
    return process.wait(TIMEOUT), b"".join(parts).decode(errors="replace")
