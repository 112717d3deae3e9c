"""Waiting for a fact in the running event loop."""

import asyncio
from collections.abc import Callable


async def until(fact: Callable[[], bool]) -> None:
    """Give the other tasks turns until something is so; the test's own time limit ends what never comes."""
    while not fact():  # noqa: ASYNC110 -- most facts have no event to wait for
        await asyncio.sleep(0)
