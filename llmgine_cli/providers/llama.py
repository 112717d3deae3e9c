"""Starts and stops the process that serves a GGUF file; `llama_child.py` is what runs in it."""

import asyncio
import contextlib
import json
import os
import secrets
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from llmgine_cli.errors import ProviderError, UsageError
from llmgine_cli.providers.weights import Habits

CONTEXT = 8192  # tokens; the server lowers it to what the model was trained for, more would cost memory
MOST_THREADS = 16  # more cores than a model of a laptop's size can feed from memory
PING = 1  # seconds between two signs of life while it reads a long prompt
_MAGIC = b"GGUF"


class LlamaServer:
    """A server for one model, loading from the moment it is made.

    Args:
        path: A GGUF file.
        name: What the model calls itself in its answers.
        habits: What holds for requests that do not say.
        embedding: Whether it is to make vectors, not answers.

    Attributes:
        path: The file.
        key: What a request has to carry as its bearer token; random.

    Raises:
        UsageError: The file cannot be read, or is no GGUF file.
    """

    def __init__(self, path: Path, *, name: str, habits: Habits | None = None, embedding: bool = False) -> None:
        _look_at(path)
        self.path = path
        self.key = secrets.token_urlsafe(32)
        self._process = _spawn()
        # The key goes through a pipe: arguments and environment of a process can be read by others.
        _tell(
            self._process,
            {
                "path": str(path),
                "name": name,
                "key": self.key,
                "context": CONTEXT,
                "threads": _threads(),
                "ping": PING,
                "habits": asdict(habits or Habits()),
                "embedding": embedding,
            },
        )

    async def ready(self) -> str:
        """Wait until the model is loaded, and return the server's address, as `http://127.0.0.1:40123`.

        Cancelling ends the process.

        Raises:
            ProviderError: llama.cpp cannot load it.
        """
        try:
            answer = await asyncio.to_thread(_hear, self._process)
        except BaseException:
            self.stop()
            raise
        if address := answer.get("address"):
            return address
        self.stop()
        if "error" in answer:
            raise ProviderError(
                f"llama.cpp cannot load {self.path} ({answer['error']})",
                provider="local",
                hint="the file is damaged, or of a kind that this version of xllamacpp does not know",
            )
        raise self.gone()

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def ended(self, *, within: float) -> bool:
        """Whether the process is gone within these seconds: a dying one closes its connections a moment before."""
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            return False
        return True

    def gone(self) -> ProviderError:
        """Return the error to raise when the process has ended by itself."""
        return ProviderError(
            f"llama.cpp died with {self.path.name} (exit status {self._process.wait()})",
            provider="local",
            hint="the machine may have too little memory for this model; try a smaller one",
        )

    def stop(self) -> None:
        """End the process. Harmless the second time."""
        _kill(self._process)


def _look_at(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise UsageError(f"cannot read the model {path}: {error.strerror}") from error
    if magic != _MAGIC:
        raise UsageError(f"{path} is no GGUF file", hint="local models are files in llama.cpp's format, as NAME.gguf")


def _spawn() -> "subprocess.Popen[str]":
    # -P: a module in the working folder must not be imported in place of the real one. A session of its own: Ctrl-C in
    # the terminal ends a turn of the chat, not the model.
    return subprocess.Popen(
        [sys.executable, "-P", str(Path(__file__).with_name("llama_child.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        start_new_session=True,
    )


def _tell(process: "subprocess.Popen[str]", wanted: dict[str, Any]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(OSError):  # it is gone already, which `ready` will tell
            process.stdin.write(json.dumps(wanted) + "\n")
            process.stdin.flush()


def _hear(process: "subprocess.Popen[str]") -> dict[str, str]:
    """Wait for the answer; an empty one means that the process has gone."""
    said = process.stdout.readline() if process.stdout is not None else ""
    return json.loads(said) if said else {}


def _kill(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _threads() -> int:
    """How many threads may compute: one core fewer than this process may use, since others want to run as well.

    The threads wait for each other, spinning, at every layer: where one of them has lost its core, all stand still.
    On a machine with two cores and something else to do, two threads gave 3 tokens a second and one gave 30.
    """
    # In a container there are fewer cores than the machine has.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores - 1, MOST_THREADS))
