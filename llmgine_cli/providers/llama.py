"""Starts and stops the process that serves a GGUF file; `llama_child.py` is what runs in it."""

import asyncio
import contextlib
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from llmgine_cli.errors import ProviderError, UsageError

CONTEXT = 8192  # tokens; the server lowers it to what the model was trained for, more would cost memory
_MAGIC = b"GGUF"


class LlamaServer:
    """A running server.

    Attributes:
        path: The GGUF file it serves.
        address: As `http://127.0.0.1:40123`.
        key: What a request has to carry as its bearer token; random.
    """

    def __init__(self, path: Path, address: str, key: str, process: "subprocess.Popen[str]") -> None:
        self.path = path
        self.address = address
        self.key = key
        self._process = process

    @classmethod
    async def start(cls, path: Path, *, name: str) -> Self:
        """Load a model and serve it; cancelling stops the loading at once.

        Args:
            path: A GGUF file.
            name: What the model calls itself in its answers.

        Raises:
            UsageError: The file cannot be read, or is no GGUF file.
            ProviderError: llama.cpp cannot load it.
        """
        _look_at(path)
        key = secrets.token_urlsafe(32)
        process = _spawn()
        try:
            wanted = {"path": str(path), "name": name, "key": key, "context": CONTEXT, "threads": _cores()}
            # The key goes through a pipe: arguments and environment of a process can be read by others.
            answer = await asyncio.to_thread(_ask, process, json.dumps(wanted))
            if not answer:
                code = await asyncio.to_thread(process.wait)
                raise ProviderError(
                    f"llama.cpp gave up while it loaded {path} (exit {code})",
                    provider="local",
                    hint="the machine may have too little memory for this model; try a smaller one",
                )
            if "error" in answer:
                raise ProviderError(
                    f"llama.cpp cannot load {path} ({answer['error']})",
                    provider="local",
                    hint="the file is damaged, or of a kind that this version of xllamacpp does not know",
                )
        except BaseException:
            _kill(process)
            raise
        return cls(path, answer["address"], key, process)

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

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


def _ask(process: "subprocess.Popen[str]", line: str) -> dict[str, Any]:
    """Send the one line and wait for the other; an empty answer means that the process has gone."""
    if process.stdin is None or process.stdout is None:  # they are pipes, which the type does not say
        return {}
    with contextlib.suppress(OSError):
        process.stdin.write(line + "\n")
        process.stdin.flush()
    said = process.stdout.readline()
    return json.loads(said) if said else {}


def _kill(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _cores() -> int:
    """How many processors this process may use, which in a container are fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
