"""The real program in a process of its own, and what came of it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("llmgine")
TIMEOUT = 120.0  # seconds; a safety net against hanging, not an expectation


@dataclass(frozen=True)
class Completed:
    """What a finished program left: both streams as bytes and as text, and its exit code."""

    stdout_bytes: bytes
    stderr_bytes: bytes
    code: int

    @property
    def stdout(self) -> str:
        """Standard output as text, newlines untouched."""
        return self.stdout_bytes.decode("utf-8", "surrogateescape")

    @property
    def stderr(self) -> str:
        """Standard error as text, newlines untouched."""
        return self.stderr_bytes.decode("utf-8", "surrogateescape")


class Program:
    """Runs `llmgine` as installed beside this interpreter, in the environment that the test has at that moment."""

    def __init__(self, command: tuple[str, ...] = (str(PROGRAM),)) -> None:
        """Take the words that start the program; the arguments of a call come after them."""
        self.command = command

    def __call__(
        self,
        *arguments: str | Path,
        input: str | bytes | None = None,  # noqa: A002 -- subprocess.run calls it so
        env: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        timeout: float = TIMEOUT,
    ) -> Completed:
        """Run to the end.

        Args:
            arguments: The words after `llmgine`.
            input: What it reads from stdin; default: nothing.
            env: Variables to set, or with None to remove.
            cwd: Where it runs; default: where the test is.
            timeout: Seconds until it is killed and the test fails.
        """
        data = input.encode() if isinstance(input, str) else input
        done = subprocess.run(
            [*self.command, *map(str, arguments)],
            input=data or b"",
            capture_output=True,
            env=environment(env),
            cwd=cwd,
            timeout=timeout,
            check=False,
            start_new_session=True,  # without the terminal of whoever runs the tests: nobody is there to be asked
        )
        return Completed(done.stdout, done.stderr, done.returncode)

    def start(
        self,
        *arguments: str | Path,
        env: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        """Start and return at once, in a process group of its own; the caller ends it (`with` closes its pipes)."""
        return subprocess.Popen(
            [*self.command, *map(str, arguments)],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=environment(env),
            cwd=cwd,
            start_new_session=True,
        )


def environment(changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """The environment of this process with some variables set, or with None removed."""
    merged = {**os.environ, **(changes or {})}
    return {name: value for name, value in merged.items() if value is not None}
