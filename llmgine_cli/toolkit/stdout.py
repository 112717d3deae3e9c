"""Keep what a tool prints away from stdout, where only the answer belongs: it is taken line by line.

The standard redirection is one for the whole process and gets into a muddle when tools run side by side. Here the code
that writes is told by its context, which threads made by `invoke` and tasks inherit. A thread that a tool starts itself
and a child process that inherits the descriptor are not covered.
"""

import io
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO, cast

if TYPE_CHECKING:
    from typing_extensions import Buffer

Write = Callable[[str], None]

_inside: ContextVar[TextIO | None] = ContextVar("llmgine_inside_tool", default=None)
_change = threading.Lock()


def to_stderr(text: str) -> None:
    """Write lines to stderr with nothing in them that could drive a terminal: for programs without a front end."""
    try:
        sys.stderr.write("".join(map(_harmless, text)))
        sys.stderr.flush()
    except OSError:
        pass  # stderr has gone; the tool's result matters more


def _harmless(letter: str) -> str:
    return letter if letter.isprintable() or letter in "\t\n" else letter.encode("unicode_escape").decode("ascii")


class _Lines(io.RawIOBase):
    """Passes on whole lines of what is written."""

    def __init__(self, write: Write) -> None:
        self._pass_on = write
        self._rest = b""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return sys.stderr.fileno()  # for a child process, which writes there itself

    def write(self, data: "Buffer", /) -> int:
        given = bytes(data)
        whole, end, rest = given.rpartition(b"\n")
        if end:
            self._tell(self._rest + whole + end)
            self._rest = rest
        else:
            self._rest += given
        return len(given)

    def finish(self) -> None:
        """Pass on what had no line end, with one."""
        if self._rest:
            self._tell(self._rest + b"\n")
            self._rest = b""

    def _tell(self, data: bytes) -> None:
        self._pass_on(data.decode("utf-8", "replace").replace("\r\n", "\n"))


class _Router:
    """Stands in for `sys.stdout` while a tool runs: takes lines of code inside one, the real stdout for all others."""

    def __init__(self, real: TextIO) -> None:
        self.real = real
        self.users = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(_inside.get() or self.real, name)


@contextmanager
def away_from_stdout(write: Write = to_stderr) -> Generator[None]:
    """Within this block, and in what inherits its context, lines written to `sys.stdout` are given to `write`."""
    router = _enter()
    lines = _Lines(write)
    as_text = io.TextIOWrapper(cast("BinaryIO", lines), "utf-8", "backslashreplace", newline="\n", write_through=True)
    token = _inside.set(as_text)
    try:
        yield
    finally:
        _inside.reset(token)
        _leave(router)
        lines.finish()


def _enter() -> _Router:
    with _change:
        now: Any = sys.stdout
        router: _Router = now if isinstance(now, _Router) else _Router(now)
        router.users += 1
        sys.stdout = cast("TextIO", router)
        return router


def _leave(router: _Router) -> None:
    with _change:
        router.users -= 1
        now: Any = sys.stdout
        if not router.users and now is router:
            sys.stdout = router.real
