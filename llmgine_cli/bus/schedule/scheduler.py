"""Runs what is due: sleeps until the next moment, takes an entry, has it delivered, and says what came of it.

An entry is held by a lease that a thread of its own renews while the delivery runs, so that a handler that blocks the
event loop does not lose it. When a process dies, its leases end, and another one delivers the same event, with the same
id, again. So an event is delivered once, and again only if nobody can know whether it was.
"""

import asyncio
import contextvars
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from llmgine_cli.bus.ids import new_id
from llmgine_cli.bus.messages import Event, UnknownEvent
from llmgine_cli.bus.schedule.entry import Entry
from llmgine_cli.bus.schedule.heart import Heart
from llmgine_cli.bus.schedule.store import ScheduleStore
from llmgine_cli.bus.schedule.terms import GiveUpError, HaltError, Terms, due
from llmgine_cli.bus.schedule.wake import LOOK_AGAIN, Bell
from llmgine_cli.errors import BusClosedError, LlmgineError

logger = logging.getLogger("llmgine_cli.bus")

Deliver: TypeAlias = Callable[[Event, Entry], Awaitable[None]]
Failed: TypeAlias = Callable[[Entry, str, float | None], Awaitable[None]]

_TICK = 0.001  # seconds; the least one sleeps


class Scheduler:
    """Keeps events until they are due and then has them delivered; one of any number on the same store.

    Args:
        store: Where they are kept.
        deliver: Is given what is due. What it raises is a failed attempt; `GiveUpError`: the last one.
        encode: Makes bytes of an event.
        decode: Makes an event of the bytes; an `UnknownEvent` where its class is not loaded here.
        queue: Which entries are ours.
        takes_unknown: Whether events of a class that is not loaded here are delivered; otherwise they wait for a
            process that knows them.
        failed: Called for each attempt that failed, with the reason and the seconds until the next one; None: there is
            none, it has failed for good.
        terms: How patient it is.
    """

    def __init__(
        self,
        store: ScheduleStore,
        deliver: Deliver,
        *,
        encode: Callable[[Event], bytes],
        decode: Callable[[bytes], object],
        queue: str = "events",
        takes_unknown: Callable[[], bool] = lambda: False,
        failed: Failed | None = None,
        terms: Terms | None = None,
    ) -> None:
        self.store = store
        self.queue = queue
        self.owner = new_id()
        self.terms = terms or Terms()
        self._deliver = deliver
        self._encode = encode
        self._decode = decode
        self._takes_unknown = takes_unknown
        self._tell_failed = failed
        self._left: set[str] = set()  # types that nobody here knows, until the next look
        self._told: set[str] = set()  # those of them that were told
        self._running: set[asyncio.Task[None]] = set()
        self._held: set[int] = set()  # the numbers of the entries they deliver
        self._task: asyncio.Task[None] | None = None
        self._broken: BaseException | None = None
        self._wake = asyncio.Event()
        self._stopping = False

    # -- keeping

    async def schedule(self, event: Event, *, at: datetime | None = None, after: float | None = None) -> str:
        """Keep an event until it is due, begin to fire what is due in this process too, and return its id.

        Args:
            event: Any event that can be logged can be kept.
            at: When, by the wall clock; aware. What is past fires at once.
            after: Or in how many seconds.

        Raises:
            UsageError: Neither or both were given, or they are no moment.
            BusError: The event is in the schedule already.
            StorageError: It could not be kept.
        """
        await asyncio.to_thread(self.keep, event, at=at, after=after)
        if not self._stopping:
            self.start()
        return event.event_id

    def keep(self, event: Event, *, at: datetime | None = None, after: float | None = None) -> int:
        """As `schedule`, but wait for the disk here, fire nothing, and return the number of the entry."""
        moment, seconds = due(at, after)
        return self.store.add(
            self._encode(event),
            event_id=event.event_id,
            event_type=event.type_name if isinstance(event, UnknownEvent) else type(event).__name__,
            queue=self.queue,
            at=moment,
            after=seconds,
        )

    async def cancel(self, event_id: str) -> bool:
        """Have an event never fire; say whether that could still be done.

        Raises:
            StorageError: The schedule cannot be read or written.
        """
        entry = await asyncio.to_thread(self.store.find, event_id)
        return entry is not None and await asyncio.to_thread(self.store.cancel, entry.number)

    async def entries(self) -> list[Entry]:
        """Return what is kept and not finished, the first due first.

        Raises:
            StorageError: The schedule cannot be read.
        """
        return await asyncio.to_thread(self.store.entries, states=("waiting", "running"), queue=self.queue)

    # -- firing

    def start(self) -> None:
        """Fire what is due, what came due while nothing ran included, and go on. Harmless the second time."""
        if self._task is None:
            self._stopping = False
            # A context of its own: what is fired must not seem to come from the handler that called this.
            self._task = asyncio.create_task(self._run_aside(), name="schedule", context=contextvars.Context())

    def stop(self) -> None:
        """Take nothing more; what is being delivered goes on."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Fire what is due and go on until `stop`. Cancelled, it stops what is being delivered and puts it back.

        Raises:
            StorageError: The schedule cannot be read or written.
        """
        bell = Bell(self.store.bells, asyncio.get_running_loop(), self._wake.set)
        most = self.terms.look_again if bell.works else min(LOOK_AGAIN, self.terms.look_again)
        try:
            async with self._delivering():
                await asyncio.to_thread(self.store.forget_old)
                while not (self._stopping or self._broken):
                    self._wake.clear()  # before the look: what comes after it wakes us
                    if not await self._take():
                        await self._sleep(most)
        finally:
            bell.close()

    async def run_due(self) -> None:
        """Fire what is due now, and return when all of it has been delivered.

        Raises:
            StorageError: The schedule cannot be read or written.
        """
        async with self._delivering():
            while await self._take() or self._running:
                if self._running:
                    await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    async def aclose(self) -> None:
        """Take nothing more, wait for what is being delivered, and close the store. Harmless the second time."""
        self.stop()
        if self._task is not None:
            await self._task
            self._task = None
        self.store.close()

    # -- inside

    async def _run_aside(self) -> None:
        """Run in a task of nobody's: what is wrong with the store is told once, and may pass."""
        told = ""
        while not self._stopping:
            try:
                await self.run()
            except LlmgineError as error:
                if str(error) != told:
                    told = str(error)
                    logger.error("the schedule stands still: %s", error)  # noqa: TRY400 -- the message says it all
                self._broken = None
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self.terms.look_again)

    @asynccontextmanager
    async def _delivering(self) -> AsyncGenerator[None]:
        """Keep the leases while deliveries run; at the end wait for them, or stop them if we are stopped."""
        heart = Heart(self.store, self.owner, self._held, self.terms.lease)
        try:
            yield
            while self._running:
                await asyncio.wait(self._running)
            if self._broken is not None:
                raise self._broken
        finally:
            for task in self._running:  # each puts its entry back itself
                task.cancel()
            if self._running:
                await _through(asyncio.wait(set(self._running)))
            await _through(asyncio.to_thread(heart.stop))

    async def _sleep(self, most: float) -> None:
        seconds = None
        if len(self._running) < self.terms.together:
            seconds = await asyncio.to_thread(self.store.wait, self.queue, without=sorted(self._left))
        # Timers may be a little early, and then one looks again.
        timeout = most if seconds is None else min(max(seconds, _TICK), most)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), timeout)
        if timeout == most:
            self._left.clear()  # a class may have been loaded since

    async def _take(self) -> bool:
        """Begin to deliver one entry, if there is one and room for it."""
        if self._stopping or self._broken or len(self._running) >= self.terms.together:
            return False
        # An entry that was taken just when we are stopped must be known, to be put back.
        taking = asyncio.ensure_future(asyncio.to_thread(self._lease))
        try:
            entry = await asyncio.shield(taking)
        except asyncio.CancelledError:
            if (entry := await taking) is not None:
                await asyncio.to_thread(self.store.put_back, entry.number, self.owner)
            raise
        if entry is None:
            for dead in await asyncio.to_thread(self.store.bury, self.queue, most=self.terms.attempts):
                await self._tell(dead, dead.error or "")
            return False
        self._held.add(entry.number)
        task = asyncio.create_task(self._handle(entry), name=f"schedule {entry.number}")
        self._running.add(task)
        task.add_done_callback(self._ended)
        return True

    def _lease(self) -> Entry | None:
        terms = self.terms
        return self.store.lease(
            self.queue, self.owner, seconds=terms.lease, most=terms.attempts, without=sorted(self._left)
        )

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()
        error = None if task.cancelled() else task.exception()
        if error is not None:  # what a delivery raises is written down; that this failed is another matter
            self._broken = error

    async def _handle(self, entry: Entry) -> None:
        error: Exception | None = None
        try:
            event = self._decoded(entry)
            if isinstance(event, UnknownEvent) and not self._takes_unknown():
                await self._leave(entry)
                return
            await self._deliver(event, entry)
        except asyncio.CancelledError:
            await _through(asyncio.to_thread(self.store.put_back, entry.number, self.owner))
            raise
        except (BusClosedError, HaltError) as halt:
            await _through(asyncio.to_thread(self.store.put_back, entry.number, self.owner))
            if halt.__cause__ is not None:
                raise halt.__cause__ from None
            return
        except Exception as raised:  # noqa: BLE001 -- whatever a delivery raises is a failed attempt, and is told
            error = raised
        finally:
            self._held.discard(entry.number)
        await _through(self._settle(entry, error))

    def _decoded(self, entry: Entry) -> Event:
        try:
            event = self._decode(entry.event)
        except Exception as error:
            raise GiveUpError(f"it cannot be read: {error}") from error
        if not isinstance(event, Event):
            raise GiveUpError(f"{entry.type} is no event")
        return event

    async def _settle(self, entry: Entry, error: Exception | None) -> None:
        """Write down what came of an attempt."""
        store, number, owner = self.store, entry.number, self.owner
        if error is None:
            ours = await asyncio.to_thread(store.finish, number, owner)
        else:
            reason = str(error) or type(error).__name__
            if isinstance(error, GiveUpError) or entry.attempts >= self.terms.attempts:
                delay = None
                ours = await asyncio.to_thread(store.finish, number, owner, error=reason)
            else:
                delay = self.terms.delay * 2 ** (entry.attempts - 1)
                ours = await asyncio.to_thread(store.put_back, number, owner, error=reason, after=delay)
            if ours:
                await self._tell(entry, reason, delay)
        if not ours:
            logger.warning("the lease of %s %s was lost: it may be delivered twice", entry.type, entry.id)

    async def _leave(self, entry: Entry) -> None:
        self._left.add(entry.type)
        await _through(asyncio.to_thread(self.store.put_back, entry.number, self.owner))
        if entry.type not in self._told:
            self._told.add(entry.type)
            logger.warning("%s is due, and nobody here knows what it is: it waits for a process that does", entry.type)

    async def _tell(self, entry: Entry, reason: str, delay: float | None = None) -> None:
        what = "has failed for good" if delay is None else f"failed, and is tried again in {delay:g} s"
        logger.warning("%s %s after %d attempts: %s", entry.type, what, entry.attempts, reason)
        if self._tell_failed is not None:
            await self._tell_failed(entry, reason, delay)


T = TypeVar("T")


async def _through(work: Coroutine[Any, Any, T]) -> T:
    """Do something to the end, even if we are cancelled meanwhile; then be cancelled."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
