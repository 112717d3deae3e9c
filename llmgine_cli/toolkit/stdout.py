"""Keep what a tool prints away from stdout, where only the answer belongs: it goes to stderr.

The standard redirection is one for the whole process and gets into a muddle when tools run side by side. Here the code
that writes is told by its context, which threads made by `invoke` and tasks inherit. A thread that a tool starts itself
and a child process that inherits the descriptor are not covered.
"""

import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TextIO, cast

_inside: ContextVar[bool] = ContextVar("llmgine_inside_tool", default=False)
_change = threading.Lock()


class _Router:
    """Stands in for `sys.stdout` while a tool runs: stderr for code inside one, the real stdout for all others."""

    def __init__(self, real: TextIO) -> None:
        self.real = real
        self.users = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr if _inside.get() else self.real, name)


@contextmanager
def away_from_stdout() -> Generator[None]:
    """Within this block, and in what inherits its context, whatever is written to `sys.stdout` goes to stderr."""
    router = _enter()
    token = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(token)
        _leave(router)


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
