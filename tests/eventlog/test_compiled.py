"""The code made for a class writes what the slow way writes, and steps aside where it cannot."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmgine_cli.bus import Event
from llmgine_cli.eventlog.codec import decode, encode, encoders
from llmgine_cli.eventlog.lines import VERSION
from llmgine_cli.eventlog.plain import message_fields
from llmgine_cli.eventlog.redact import MARK, Redactor
from llmgine_cli.llm.events import LLMCallFinished
from llmgine_cli.llm.messages import Message, Text, ToolCall
from llmgine_cli.llm.stream import Reply
from tests.support.messages import Everything, Fetch, Pong, Slotted

KEY = "gsk" + "_" + "0123456789abcdef" * 3
SECRET = "hunter2-hunter2"


def slowly(message: Any, redact: Redactor) -> Any:
    """Return the object of the line, made without any code of its own, each text redacted by itself."""

    def walked(value: Any) -> Any:
        if isinstance(value, dict):
            return {redact.text(key): walked(item) for key, item in value.items()}
        if isinstance(value, list):
            return [walked(item) for item in value]
        return redact.text(value) if isinstance(value, str) else value

    return walked(json.loads(msgspec.json.encode({"v": VERSION, **message_fields(message)})))


TEXTS = st.lists(
    st.one_of(
        st.sampled_from(
            [KEY, SECRET, KEY[:20], f'{{"k":"\\n{KEY}"}}', "Bearer " + "ab0" * 8, "\n", '"', "\\", " ", "é"]
        ),
        st.text(alphabet=st.characters(), max_size=3),  # lone surrogates among them
    ),
    max_size=3,
).map("".join)
IDS = st.none() | TEXTS
FLOATS = st.floats() | st.integers()
EVENTS = st.one_of(
    st.builds(
        Everything,
        event_id=TEXTS,
        session_id=IDS,
        parent_id=IDS,
        time_ns=st.integers(-(10**21), 10**21) | st.integers(0, 10**10),
        metadata=st.dictionaries(TEXTS, st.one_of(TEXTS, FLOATS, st.lists(TEXTS, max_size=2)), max_size=2),
        text=TEXTS,
        real=FLOATS,
        maybe=st.none() | FLOATS,
        names=st.sets(TEXTS, max_size=1),
        command=st.none() | st.builds(Fetch, url=TEXTS, command_id=TEXTS),
        message=st.none() | st.builds(Message, st.just("user"), st.tuples(st.builds(Text, TEXTS))),
        anything=st.dictionaries(TEXTS, TEXTS, max_size=1),
    ),
    st.builds(
        LLMCallFinished,
        event_id=TEXTS,
        call_id=TEXTS,
        model=TEXTS,
        reply=st.builds(
            Reply,
            message=st.builds(
                Message, st.just("assistant"), st.tuples(st.builds(ToolCall, id=TEXTS, name=TEXTS, arguments=TEXTS))
            ),
            finish_reason=st.just("stop"),
        ),
        duration_ms=FLOATS,
        first_token_ms=st.none() | FLOATS,
    ),
    st.builds(Slotted, session_id=IDS, number=st.integers()),
)


@given(EVENTS)
@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])
def test_every_event_becomes_the_line_that_the_slow_way_makes_of_it_and_no_key_stays(event: Event) -> None:
    redact = Redactor([SECRET])

    line = encoders(redact)[type(event)](event)

    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line) == slowly(event, redact)
    assert SECRET.encode() not in line


@pytest.mark.parametrize("attribute", ["event_id", "session_id", "parent_id"])
@pytest.mark.parametrize("secret", [KEY, SECRET, "AKIA" + "IOSFODNN7EXAMPLE"])
def test_a_key_in_any_id_is_redacted(attribute: str, secret: str) -> None:
    event = replace(Pong(text="x"), **{attribute: secret})  # type: ignore[arg-type]

    assert json.loads(encode(event, Redactor([SECRET])))[attribute] == MARK


class Doubled:
    """A field that reads as something else than what was set."""

    def __get__(self, message: object, _: object = None) -> Any:
        return None if message is None else message.__dict__["value"] * 2

    def __set__(self, message: object, value: Any) -> None:
        message.__dict__["value"] = value


@dataclass(frozen=True, kw_only=True)
class Twice(Event):
    value: Any = Doubled()


def test_a_field_that_is_a_descriptor_is_written_as_it_reads() -> None:
    assert json.loads(encode(Twice(value=4)))["value"] == 8


@dataclass(frozen=True, kw_only=True)
class Stamped(Event):
    kind: str = field(init=False, default="fixed")


@dataclass(frozen=True, kw_only=True)
class WithFunction(Event):
    call: Callable[[int], str]


def test_a_field_whose_value_is_the_class_s_is_written() -> None:
    assert json.loads(encode(Stamped()))["kind"] == "fixed"


def test_a_class_with_annotations_that_cannot_be_compared_is_written_the_slow_way() -> None:
    assert json.loads(encode(WithFunction(call=str)))["call"]["type"] == "builtins.type"


class Ready(msgspec.Struct):
    part: msgspec.Raw


@dataclass(frozen=True, kw_only=True)
class Holding(Event):
    ready: Ready


@pytest.mark.parametrize(
    "part",
    [
        f'["{KEY}"]'.encode(),
        b'["gs\\u006b' + KEY[3:].encode() + b'"]',
        b'"\xff' + KEY.encode(),
        b'["broken ' + KEY.encode(),
    ],
)
def test_a_key_in_json_that_was_there_ready_is_redacted_even_if_it_is_none(part: bytes) -> None:
    line = encode(Holding(ready=Ready(msgspec.Raw(part))), Redactor())

    assert KEY not in json.dumps(json.loads(line))
    assert type(decode(line)).__name__ in {"Holding", "UnknownEvent"}


def test_a_line_leaves_nothing_behind_in_memory() -> None:
    write = encoders(Redactor([SECRET]))[Pong]
    event = Pong(text="x" * 100)
    for _ in range(100):
        write(event)
    before = sys.getallocatedblocks()
    for _ in range(10_000):
        write(event)

    assert sys.getallocatedblocks() - before < 1000  # one for each line would be 10,000
