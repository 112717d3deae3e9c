import multiprocessing
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, dataclass, fields
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgine_cli.bus import Command, CommandResult, Event, UnknownEvent, new_id


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
        for field in fields(message):
            with pytest.raises(FrozenInstanceError):
                setattr(message, field.name, "changed")


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
