"""How fast and how many at a time a provider is asked."""

import asyncio

import pytest

from llmgine_cli.llm.pace import Pace
from tests.support.clock import Clock


async def begin(pace: Pace, clock: Clock, times: int) -> list[float]:
    """Begin so many requests at once; return when each began, in seconds from the first moment."""
    start, begun = clock.now, list[float]()

    async def one() -> None:
        async with pace.turn():
            begun.append(clock.now - start)

    await asyncio.gather(*(one() for _ in range(times)))
    return begun


async def test_without_limits_nobody_waits() -> None:
    clock = Clock()
    assert await begin(Pace(clock=clock, sleep=clock.sleep), clock, 5) == [0] * 5
    assert clock.slept == []


async def test_no_more_requests_begin_within_any_sixty_seconds_than_allowed() -> None:
    clock = Clock()
    pace = Pace(requests_per_minute=3, clock=clock, sleep=clock.sleep)
    assert await begin(pace, clock, 2) == [0, 0]
    clock.now += 50
    assert await begin(pace, clock, 3) == [0, 10, 10]  # the first two fall out of the minute
    assert await begin(pace, clock, 1) == [50]


async def test_a_caller_that_goes_away_while_it_waits_takes_nobodys_place() -> None:
    clock, never = Clock(), asyncio.Event()

    async def forever(_: float) -> None:
        await never.wait()

    pace = Pace(requests_per_minute=1, clock=clock, sleep=forever)
    async with pace.turn():
        pass
    waiting = asyncio.create_task(pace.turn().__aenter__())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    clock.now += 60
    async with pace.turn():
        pass


async def test_no_more_requests_are_under_way_than_allowed() -> None:
    pace = Pace(max_concurrency=2)
    under_way, most = 0, 0
    go = asyncio.Event()

    async def one() -> None:
        nonlocal under_way, most
        async with pace.turn():
            under_way += 1
            most = max(most, under_way)
            await go.wait()
            under_way -= 1

    tasks = [asyncio.create_task(one()) for _ in range(6)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert under_way == 2
    go.set()
    await asyncio.gather(*tasks)
    assert most == 2


async def test_a_place_is_free_again_when_a_request_fails() -> None:
    pace = Pace(max_concurrency=1)
    for _ in range(3):
        with pytest.raises(ValueError, match="boom"):
            async with pace.turn():
                raise ValueError("boom")


async def test_slowing_down_holds_everybody_back_and_a_shorter_time_does_not_shorten_a_longer_one() -> None:
    clock = Clock()
    pace = Pace(clock=clock, sleep=clock.sleep)
    pace.slow_down(9)
    pace.slow_down(3)
    assert pace.delay == 9
    assert await begin(pace, clock, 3) == [9, 9, 9]
    assert pace.delay == 0
