"""Gives the events to a sink in a thread of its own: one that is slow, blocks or hangs slows and stops nobody."""

import asyncio
import inspect
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, cast

from llmgine_cli.bus import Bus, Event
from llmgine_cli.eventlog.codec import decode, encode
from llmgine_cli.sinks import Handler, SinkContext, said

WAITING = 10_000  # events; when more wait, the oldest are dropped
DEADLINE = 2.0  # seconds that a sink has at the end to finish what it was given

logger = logging.getLogger("llmgine_cli.sinks")


class Worker:
    """A sink that hands each logged event, without secrets, to a handler in a thread.

    Args:
        context: Who it is, and whom to tell.
        handler: Its `handle(event)` and, if there is one, its `close()` may be plain or async.
        waiting: How many events may wait.
        deadline: Seconds to wait for it at the end.
    """

    def __init__(
        self, context: SinkContext, handler: Handler, *, waiting: int = WAITING, deadline: float = DEADLINE
    ) -> None:
        self._context = context
        self._handler = handler
        self._deadline = deadline
        self._waiting: deque[Event] = deque(maxlen=waiting)
        self._wake = threading.Event()
        self._closing = False
        self._dropped = 0
        self._failed = False
        self._home: asyncio.AbstractEventLoop | None = None  # where the bus is, and those who are told
        self._loop: asyncio.AbstractEventLoop | None = None  # the thread's own, for a handler that is async
        self._ended = asyncio.Event()
        # A daemon: one that hangs for good must not keep the program from leaving.
        self._thread = threading.Thread(target=self._run, name=f"sink {context.name}", daemon=True)

    def attach(self, bus: Bus) -> None:
        """Take every logged event from now on."""
        bus.subscribe(Event, self._take)

    async def aclose(self) -> None:
        """Wait until all was handled, but not for ever. Harmless the second time."""
        if self._home is None or self._closing:
            self._closing = True
            return
        self._closing = True
        self._wake.set()
        try:
            async with asyncio.timeout(self._deadline):
                await self._ended.wait()
        except TimeoutError:
            left = f"; {len(self._waiting)} events were left" if self._waiting else ""
            self._context.tell(
                f"sink {self._context.name!r} was not done within {self._deadline:g} s, and is left behind{left}"
            )

    def _take(self, event: Event) -> None:
        if not event.logged or self._closing:
            return
        if self._home is None:
            self._home = asyncio.get_running_loop()
            self._thread.start()
        if len(self._waiting) == self._waiting.maxlen:
            if not self._dropped:
                self._context.tell(f"sink {self._context.name!r} is too slow: the oldest events that wait are dropped")
            self._dropped += 1
        self._waiting.append(event)
        self._wake.set()

    # -- in the thread

    def _run(self) -> None:
        while True:
            try:
                event = self._waiting.popleft()
            except IndexError:
                if self._closing:
                    break
                self._wake.wait()
                self._wake.clear()
                continue
            self._call(f"on {type(event).__name__}", partial(self._handle, event))
        close: Callable[[], object] | None = getattr(self._handler, "close", None)
        if close is not None:
            self._call("at its end", close)
        if self._loop is not None:
            self._loop.close()
        self._at_home(self._ended.set)

    def _handle(self, event: Event) -> object:
        return self._handler.handle(self._clean(event))

    def _clean(self, event: Event) -> Event:
        line = encode(event).rstrip(b"\n")
        clean = self._context.redact(line)
        if clean == line:
            return event
        return cast("Event", decode(clean))

    def _call(self, when: str, work: Callable[[], object]) -> None:
        try:
            outcome = work()
            if inspect.isawaitable(outcome):
                self._loop = self._loop or asyncio.new_event_loop()
                self._loop.run_until_complete(_awaited(outcome))
        except (Exception, SystemExit) as error:  # a stranger's code may raise anything, and stops nobody
            logger.log(
                logging.DEBUG if self._failed else logging.WARNING,
                "sink %r failed %s",
                self._context.name,
                when,
                exc_info=error,
            )
            if not self._failed:
                self._failed = True
                self._at_home(self._context.tell, f"sink {self._context.name!r} failed {when}: {said(error)}")

    def _at_home(self, function: Callable[..., object], *arguments: Any) -> None:
        with suppress(RuntimeError):  # the program did not wait for us, and its loop is closed
            if self._home is not None:
                self._home.call_soon_threadsafe(function, *arguments)


async def _awaited(outcome: Awaitable[object]) -> None:
    await outcome
