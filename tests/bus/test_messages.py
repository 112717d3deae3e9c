import asyncio
import inspect
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import FrozenInstanceError, dataclass, field, fields, make_dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgine_cli.bus import Bus, Command, CommandResult, Event, UnknownEvent, new_id
from llmgine_cli.bus.quickinit import MANY

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Chirp(Event):
    text: str


@dataclass(frozen=True, kw_only=True)
class LoudChirp(Chirp):
    volume: int = 11


@dataclass(frozen=True, kw_only=True)
class Peep(Command[str]):
    text: str


def test_ids_sort_in_the_order_in_which_they_were_made() -> None:
    made = [new_id() for _ in range(10_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert {len(one) for one in made} == {27}


def test_ids_made_in_one_tick_of_a_coarse_clock_are_unique_and_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1)
    made = [new_id() for _ in range(1_000)]
    assert made == sorted(set(made))


def test_ids_are_unique_across_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        batches = list(pool.map(lambda _: [new_id() for _ in range(2_000)], range(8)))
    assert len({one for batch in batches for one in batch}) == 16_000
    assert all(batch == sorted(batch) for batch in batches)


def test_ids_of_another_process_have_another_tail() -> None:
    code = "from llmgine_cli.bus import new_id; print(new_id())"
    theirs = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert theirs[-6:] != new_id()[-6:]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_ids_of_a_forked_process_have_another_tail() -> None:
    mine = new_id()
    reader, writer = multiprocessing.Pipe(duplex=False)
    child = os.fork()
    if child == 0:
        writer.send(new_id())
        os._exit(0)
    theirs = reader.recv()
    os.waitpid(child, 0)
    assert theirs[-6:] != mine[-6:]
    assert theirs > mine


def test_a_message_cannot_be_changed_and_neither_can_that_of_a_user() -> None:
    for message in (Event(), Chirp(text="a"), LoudChirp(text="a"), Peep(text="a")):
        for one in fields(message):
            with pytest.raises(FrozenInstanceError):
                setattr(message, one.name, "changed")


def test_messages_take_keywords_only() -> None:
    with pytest.raises(TypeError):
        Chirp("text")  # type: ignore[call-arg]


def test_a_users_message_has_the_base_fields_filled_in() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    chirp = LoudChirp(text="hi")
    assert (chirp.text, chirp.volume, chirp.session_id, chirp.parent_id, chirp.metadata) == ("hi", 11, None, None, {})
    assert before <= chirp.timestamp <= datetime.now(UTC) + timedelta(milliseconds=1)
    assert chirp.timestamp.tzinfo is UTC
    assert chirp.message_id == chirp.event_id != LoudChirp(text="hi").event_id
    peep = Peep(text="x")
    assert peep.message_id == peep.command_id


def test_messages_do_not_share_their_metadata() -> None:
    assert Chirp(text="a").metadata is not Chirp(text="b").metadata


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=4_000_000_000 * 10**9))
def test_the_timestamp_is_the_time_to_the_microsecond(time_ns: int) -> None:
    exact = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_ns // 1000)
    assert Event(time_ns=time_ns).timestamp == exact


def test_an_unknown_event_keeps_its_name_and_data() -> None:
    event = UnknownEvent(type_name="Gone", data={"a": 1})
    assert (event.type_name, event.data) == ("Gone", {"a": 1})


def test_unwrap_gives_the_result_or_raises_the_error() -> None:
    assert CommandResult(success=True, result=0, command_id="c", duration_ms=1).unwrap() == 0
    failed: CommandResult[int] = CommandResult(success=False, error=KeyError("k"), command_id="c", duration_ms=1)
    with pytest.raises(KeyError):
        failed.unwrap()


# -- messages of which many are made have another `__init__`; nobody may notice


def make_many(make: Callable[[], T]) -> T:
    """Make so many that the class has its quick `__init__`, and return one more."""
    slow = type(make()).__init__
    for _ in range(MANY):
        make()
    made = make()
    assert type(made).__init__ is not slow
    return made


def test_the_quick_init_has_the_signature_of_the_slow_one() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Fresh(Chirp):
        tags: list[str] = field(default_factory=list)
        volume: int = 11

    slow = inspect.signature(Fresh)
    make_many(lambda: Fresh(text="a"))
    quick = inspect.signature(Fresh)
    assert str(quick) == str(slow)
    assert [(one.kind, one.annotation) for one in quick.parameters.values()] == [
        (one.kind, one.annotation) for one in slow.parameters.values()
    ]
    for wrong in ({}, {"text": "a", "colour": "red"}):
        with pytest.raises(TypeError, match=r"Fresh\.__init__\(\)"):
            Fresh(**wrong)  # type: ignore[arg-type]


def test_what_the_quick_init_makes_is_what_the_slow_one_makes() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Fresh(Chirp):
        tags: list[str] = field(default_factory=list)
        volume: int = 11

    slow = Fresh(text="a")
    quick = make_many(lambda: Fresh(text="a"))
    assert vars(slow).keys() == vars(quick).keys()
    assert list(vars(slow)) == list(vars(quick))
    assert (quick.text, quick.tags, quick.volume, quick.metadata, quick.session_id) == ("a", [], 11, {}, None)
    assert quick.tags is not Fresh(text="a").tags
    assert replace(quick, volume=slow.volume) == quick
    assert replace(quick, text="b") != quick
    assert hash_of_all(replace(slow)) == hash_of_all(slow)
    assert copy(quick) == quick
    assert slow.event_id < quick.event_id < Fresh(text="a").event_id
    assert int(quick.event_id[:16], 16) == quick.time_ns
    given = Fresh(
        text="a", event_id="e", time_ns=-5, session_id="s", parent_id="p", metadata={"k": 1}, tags=["t"], volume=1
    )
    assert (given.event_id, given.time_ns, given.session_id, given.parent_id) == ("e", -5, "s", "p")
    assert (given.metadata, given.tags, given.volume) == ({"k": 1}, ["t"], 1)
    assert len(Fresh(text="a", time_ns=-5).event_id) == 27
    with pytest.raises(FrozenInstanceError):
        quick.text = "b"  # type: ignore[misc]


def hash_of_all(message: Chirp) -> int:
    return hash(tuple(str(getattr(message, one.name)) for one in fields(message)))


def test_a_class_derived_from_a_quick_one_is_made_whole() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Base(Event):
        text: str

    make_many(lambda: Base(text="a"))

    @dataclass(frozen=True, kw_only=True)
    class Derived(Base):
        more: int

    class Undecorated(Derived):
        pass

    made = make_many(lambda: Undecorated(text="a", more=1))
    assert type(made) is Undecorated
    assert (made.text, made.more) == ("a", 1)
    assert "__init__" not in vars(Undecorated)
    assert vars(Derived)["__init__"] is not vars(Base)["__init__"]


def test_slots_and_positional_fields_stay_what_they_are() -> None:
    @dataclass(frozen=True, kw_only=True, slots=True)
    class Slotted(Event):
        number: int

    @dataclass(frozen=True)
    class Positional(Event):
        left: int
        right: int = 2

    slotted = make_many(lambda: Slotted(number=1))
    assert slotted.number == 1
    assert "number" not in vars(slotted)
    made = make_many(lambda: Positional(1))
    assert (made.left, made.right) == (1, 2)
    assert (Positional(3, 4).left, Positional(3, right=4).right) == (3, 4)


@pytest.mark.parametrize("name", ["_values", "_now", "_moment", "_unset", "_self", "values", "self", "time", "cls"])
def test_a_field_may_have_any_name(name: str) -> None:
    kind: Any = make_dataclass("Named", [(name, str)], bases=(Event,), frozen=True, kw_only=True)
    for _ in range(MANY * 2):
        assert getattr(kind(**{name: "kept"}), name) == "kept"


def test_a_class_may_have_another_clock() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Dated(Event):
        time_ns: int = field(default_factory=lambda: 5)

    made = make_many(Dated)
    assert (made.time_ns, len(made.event_id)) == (5, 27)


def test_a_class_that_makes_something_of_its_fields_stays_as_it_is() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Checked(Event):
        text: str

        def __post_init__(self) -> None:
            if not self.text:
                raise ValueError("empty")

    @dataclass(frozen=True, kw_only=True)
    class Derives(Event):
        text: str
        length: int = field(init=False, default=-1)

        def __post_init__(self) -> None:
            object.__setattr__(self, "length", len(self.text))
            super().__post_init__()

    @dataclass(frozen=True, kw_only=True)
    class Computed(Event):
        text: str
        made: list[int] = field(init=False, default_factory=list)

    class HandWritten(Chirp):
        def __init__(self, text: str) -> None:
            super().__init__(text=text.upper())

    for _ in range(MANY * 2):
        with pytest.raises(ValueError, match="empty"):
            Checked(text="")
        assert Derives(text="abc").length == 3
        assert Computed(text="a").made == []
        assert HandWritten("a").text == "A"
        with pytest.raises(TypeError, match="made"):
            Computed(text="a", made=[1])  # type: ignore[call-arg]


def test_a_quick_event_knows_where_it_was_made() -> None:
    make_many(lambda: LoudChirp(text="a"))

    async def scenario() -> LoudChirp:
        async with Bus().session("s"):
            return LoudChirp(text="a")

    assert asyncio.run(scenario()).session_id == "s"
