"""What docs/bus.md promises, whatever happens in whatever order."""

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from llmgine_cli.bus import Bus, Command, Event, Overflow, Session, Subscription
from llmgine_cli.errors import BusError, DuplicateHandlerError, NoHandlerError
from tests.support.loop import until


@dataclass(frozen=True, kw_only=True)
class Tick(Event):
    publisher: int
    number: int


@dataclass(frozen=True, kw_only=True)
class Tock(Tick):
    pass


@dataclass(frozen=True, kw_only=True)
class Ask(Command[str]):
    pass


@dataclass(frozen=True)
class Listener:
    """How somebody listens: inline or with a mailbox, and how often it pauses in handling an event."""

    kind: type[Tick]
    mailbox: int | None
    pauses: int


listeners = st.builds(
    Listener, st.sampled_from([Tick, Tock]), st.one_of(st.none(), st.integers(1, 4)), st.integers(0, 3)
)
publishers = st.lists(st.lists(st.tuples(st.sampled_from([Tick, Tock]), st.integers(0, 2)), max_size=8), max_size=4)


@settings(max_examples=150)
@given(st.lists(listeners, max_size=5), publishers)
def test_nobody_misses_hears_twice_or_hears_out_of_order_what_a_publisher_said(
    who: list[Listener], said: list[list[tuple[type[Tick], int]]]
) -> None:
    heard = asyncio.run(conversation(who, said))
    for index, listener in enumerate(who):
        for publisher, script in enumerate(said):
            numbers = [tick.number for tick in heard[index] if tick.publisher == publisher]
            assert numbers == [number for number, (kind, _) in enumerate(script) if issubclass(kind, listener.kind)]


async def conversation(who: list[Listener], said: list[list[tuple[type[Tick], int]]]) -> dict[int, list[Tick]]:
    """Let everybody publish at the same time; return what each listener heard."""
    bus = Bus()
    heard: dict[int, list[Tick]] = defaultdict(list)

    def subscribe(index: int, listener: Listener) -> None:
        async def handle(tick: Tick) -> None:
            await turns(listener.pauses)
            heard[index].append(tick)

        bus.subscribe(listener.kind, handle, mailbox=listener.mailbox)

    async def publish(publisher: int) -> None:
        for number, (kind, pauses) in enumerate(said[publisher]):
            await turns(pauses)
            await bus.publish(kind(publisher=publisher, number=number))

    for index, listener in enumerate(who):
        subscribe(index, listener)
    await asyncio.gather(*(publish(publisher) for publisher in range(len(said))))
    assert (await bus.aclose()).complete
    return heard


async def turns(count: int) -> None:
    """Let the others run so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


@settings(max_examples=150)
@given(
    st.integers(1, 4),
    st.sampled_from(["wait", "drop_oldest"]),
    st.lists(st.integers(0, 3), max_size=25),
    st.lists(st.integers(0, 24), max_size=8),
)
def test_with_publishers_cancelled_at_any_moment_what_was_taken_is_handled_or_counted_as_dropped(
    size: int, overflow: Overflow, pauses: list[int], cancelled: list[int]
) -> None:
    async def scenario() -> None:
        bus = Bus()
        heard: list[int] = []

        async def handle(tick: Tick) -> None:
            await asyncio.sleep(0)
            heard.append(tick.number)

        subscription = bus.subscribe(Tick, handle, mailbox=size, overflow=overflow)
        tasks: list[asyncio.Task[None]] = []
        for number, pause in enumerate(pauses):
            tasks.append(asyncio.create_task(bus.publish(Tick(publisher=0, number=number))))
            await turns(pause)
            if number in cancelled:
                tasks[number // 2].cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert (await bus.aclose()).complete
        taken = {number for number, outcome in enumerate(outcomes) if outcome is None}
        assert len(heard) == len(set(heard)), "no duplicate"
        assert heard == sorted(heard), "in the order in which they were published"
        if overflow == "wait":
            assert taken <= set(heard)
        assert len(taken) <= len(heard) + subscription.dropped <= len(pauses)

    asyncio.run(scenario())


class BusMachine(RuleBasedStateMachine):
    """Sessions, handlers and subscribers come and go in any order; a model says who must answer and who must hear."""

    names = st.sampled_from(["a", "b", "c"])
    scopes = st.sampled_from([None, "a", "b", "c"])

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.bus = Bus()
        self.sessions: dict[str, Session] = {}
        self.handlers: set[str | None] = set()
        self.places: dict[int, tuple[str | None, Subscription]] = {}
        self.heard: Counter[int] = Counter()
        self.count = 0

    def teardown(self) -> None:
        async def end() -> None:
            for session in self.sessions.values():
                await session.__aexit__(None, None, None)
            assert list(self.bus._tables) == [None]
            assert (await self.bus.aclose()).complete
            assert asyncio.all_tasks() == {asyncio.current_task()}

        self.loop.run_until_complete(end())
        self.loop.close()

    @rule(name=names)
    def open_or_close(self, name: str) -> None:
        async def toggle() -> None:
            if name in self.sessions:
                await self.sessions.pop(name).__aexit__(None, None, None)
                self.handlers.discard(name)
                self.places = {key: place for key, place in self.places.items() if place[0] != name}
            else:
                self.sessions[name] = await self.bus.session(name).__aenter__()

        self.loop.run_until_complete(toggle())

    @rule(name=names)
    def open_twice(self, name: str) -> None:
        async def again() -> None:
            if name in self.sessions:
                try:
                    await self.bus.session(name).__aenter__()
                except BusError:
                    return
                raise AssertionError("a session was open twice")

        self.loop.run_until_complete(again())

    @rule(scope=scopes)
    def register(self, scope: str | None) -> None:
        if scope is not None and scope not in self.sessions:
            return
        try:
            self.bus.register(Ask, lambda command: f"handler of {scope}", session_id=scope)
        except DuplicateHandlerError:
            assert scope in self.handlers
        else:
            assert scope not in self.handlers
            self.handlers.add(scope)

    @rule(scope=scopes)
    def unregister(self, scope: str | None) -> None:
        self.bus.unregister(Ask, session_id=scope)
        self.handlers.discard(scope)

    @rule(scope=scopes, mailbox=st.one_of(st.none(), st.integers(1, 2)), first=st.booleans())
    def subscribe(self, scope: str | None, mailbox: int | None, first: bool) -> None:
        if scope is not None and scope not in self.sessions:
            return
        key = self.count = self.count + 1

        def handle(tick: Tick) -> None:
            self.heard[key] += 1

        self.places[key] = (scope, self.bus.subscribe(Tick, handle, session_id=scope, mailbox=mailbox, first=first))

    @precondition(lambda self: self.places)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.places)))
        self.places.pop(key)[1].cancel()

    @rule(scope=scopes)
    def execute(self, scope: str | None) -> None:
        async def ask() -> str | None:
            try:
                return (await self.bus.execute(Ask(session_id=scope))).unwrap()
            except NoHandlerError:
                return None

        answer = self.loop.run_until_complete(ask())
        expected = next((one for one in (scope, None) if one in self.handlers), "nobody")
        assert answer == (None if expected == "nobody" else f"handler of {expected}")

    @rule(scope=scopes, times=st.integers(1, 3))
    def publish(self, scope: str | None, times: int) -> None:
        async def tell() -> None:
            for number in range(times):
                await self.bus.publish(Tick(publisher=0, number=number, session_id=scope))
            await until(lambda: self.bus._traffic.idle)

        self.heard.clear()
        self.loop.run_until_complete(tell())
        assert self.heard == {key: times for key, (where, _) in self.places.items() if where in {None, scope}}

    @invariant()
    def nothing_is_kept_for_what_is_not_there(self) -> None:
        assert set(self.bus._tables) == {None, *self.sessions}
        assert self.bus._traffic.idle


TestBusMachine = BusMachine.TestCase
TestBusMachine.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
