"""How a bus or a session comes to rest: wait for what is going on, and keep what could not be done in time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from llmgine_cli.bus.mailbox import Mailbox
from llmgine_cli.bus.messages import Undelivered
from llmgine_cli.bus.traffic import Traffic

Leftovers: TypeAlias = Callable[[Sequence[Undelivered]], None]
"""Keeps what mailboxes still held when their time was over. Must not wait for anything."""

logger = logging.getLogger("llmgine_cli.bus")


@dataclass(frozen=True, kw_only=True)
class Closing:
    """What came of closing a bus.

    Attributes:
        stuck: The tasks and mailbox handlers that were still at work at the deadline, and were cancelled.
        undelivered: The events that mailboxes still held.
    """

    stuck: tuple[str, ...] = ()
    undelivered: tuple[Undelivered, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether all that was published and executed was done."""
        return not self.stuck and not self.undelivered


async def in_time(seconds: float | None, waiting: Awaitable[None]) -> bool:
    """Wait for something, at most that long (None: for ever); return whether it came."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            await waiting
    except TimeoutError:
        if not limit.expired():
            raise
        return False
    return True


async def settle(mailboxes: Sequence[Mailbox], traffic: Traffic, rested: Callable[[], bool]) -> None:
    """Wait until mailboxes are at rest and everybody who listens was told of what they had no room for."""
    for mailbox in mailboxes:
        mailbox.wake()
    await traffic.until(rested)
    for mailbox in mailboxes:
        await mailbox.tell_drops()
    await traffic.until(rested)


def leave_behind(mailboxes: Sequence[Mailbox], why: str, leftovers: Leftovers | None) -> tuple[Undelivered, ...]:
    """Close mailboxes; what they still held is told, handed to the leftovers, and returned."""
    held: list[Undelivered] = []
    for mailbox in mailboxes:
        found = list(mailbox.undelivered())
        if found:
            logger.error("%s: %s; events it leaves: %d", why, mailbox.name, len(found))
        held += found
        mailbox.close()
    if held and leftovers is not None:
        try:
            leftovers(held)
        except Exception:
            logger.exception(
                "the events that were left could not be kept: %s", [event.event.event_id for event in held]
            )
    return tuple(held)
