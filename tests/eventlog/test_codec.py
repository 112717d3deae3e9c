"""Any message as one JSON line, and back to its own type."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import inf
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmgine_cli.bus import Command, CommandFinished, CommandStarted, Event, UnknownEvent
from llmgine_cli.errors import ProviderError, RateLimitedError
from llmgine_cli.eventlog.codec import decode, encode
from llmgine_cli.eventlog.lines import BadLineError
from llmgine_cli.eventlog.plain import Opaque
from llmgine_cli.eventlog.redact import MARK, Redactor
from llmgine_cli.llm.events import LLMCallFinished, LLMCallStarted, MessageAdded
from llmgine_cli.llm.messages import File, Image, Message, ModelOptions, Reasoning, Text, ToolCall, ToolResult
from llmgine_cli.llm.stream import Reply, Usage
from tests.support.messages import Access, Colour, Corner, Everything, Fetch, Order, Pair, Place, Pong, Slotted


def back(message: Any) -> Any:
    line = encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    return decode(line)


def test_a_line_is_laid_out_as_designed() -> None:
    event = Pong(event_id="e1", time_ns=1_795_476_664_123_456_789, session_id="s1", metadata={"k": [1]}, text="hi\n")

    assert encode(event) == (
        b'{"v":1,"event_type":"Pong","event_id":"e1","timestamp":"2026-11-23T23:31:04.123456789Z",'
        b'"session_id":"s1","parent_id":null,"metadata":{"k":[1]},"text":"hi\\n"}\n'
    )


def test_a_command_has_its_own_type_and_id_in_the_line() -> None:
    line = json.loads(encode(Fetch(command_id="c1", url="x")))

    assert (line["v"], line["command_type"], line["command_id"], line["url"]) == (1, "Fetch", "c1", "x")
    assert "event_type" not in line


@pytest.mark.parametrize(
    "message",
    [
        Fetch(url="https://example.org", tries=0, session_id="s", parent_id="p"),
        Slotted(number=7),
        CommandStarted(command=Fetch(url="x", metadata={"a": None})),
        CommandFinished(command_type="Fetch", success=False, error="é\0", error_type="E", duration_ms=0.25),
        MessageAdded(message=Message("user", (Text("a"), Image(media_type="image/png", data=b"\x89PNG")))),
        MessageAdded(message=Message("user", (File(name="f", media_type="application/pdf", data=b"%PDF"),))),
        MessageAdded(
            message=Message(
                "assistant", (Reasoning(text="hm", signature="s"), ToolCall(id="1", name="t", arguments="{broken"))
            )
        ),
        MessageAdded(message=Message("tool", (ToolResult(call_id="1", name="t", content="", is_error=True),))),
        LLMCallStarted(model="m", history=2, tools=("t",), options=ModelOptions(temperature=0, extra={"a": {"b": 1}})),
        LLMCallStarted(model="m", history=2, options=ModelOptions(temperature=0.5, top_p=inf)),
        LLMCallFinished(
            call_id="c",
            model="m",
            reply=Reply(message=Message("assistant", ()), finish_reason="stop", usage=Usage(input_tokens=1)),
            duration_ms=1,
        ),
        Everything(error=None, command=Fetch(url="x"), event=Pong(text="inner"), commands=(Fetch(url="y"),)),
        Everything(order=Order(item="tea", when=datetime(2026, 11, 23, tzinfo=UTC))),
        Everything(places=(Place("a", Path("/x"), Place("b", Path("y"))),), by_name={"k": Place("c", Path("z"))}),
        Everything(table={1: [Path("a")], -2: []}, pair=Pair(1, "x"), both=("a", Path("b")), fixed=frozenset({1})),
        Everything(colour=Colour.BLUE, corner=Corner.RIGHT, access=Access.READ | Access.WRITE),
        Everything(anything={"nested": [1, "two", None, {"three": 3.5}]}),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_comes_back_in_its_own_type_with_all_that_was_in_it(message: Event | Command[Any]) -> None:
    found = back(message)

    assert type(found) is type(message)
    assert found == message


TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=20)
JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
PATHS = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=10).map(Path)
COMMANDS = st.builds(Fetch, url=TEXT, tries=st.integers(), metadata=st.dictionaries(TEXT, JSONISH, max_size=2))
PONGS = st.builds(Pong, text=TEXT, session_id=st.none() | TEXT, parent_id=st.none() | TEXT)
PARTS = st.one_of(
    st.builds(Text, TEXT),
    st.builds(Image, media_type=TEXT, data=st.none() | st.binary(max_size=20)),
    st.builds(ToolCall, id=TEXT, name=TEXT, arguments=TEXT),
    st.builds(ToolResult, call_id=TEXT, name=TEXT, content=TEXT, is_error=st.booleans()),
)
EVENTS = st.builds(
    Everything,
    time_ns=st.integers(min_value=-(10**21), max_value=10**21),
    metadata=st.dictionaries(TEXT, JSONISH, max_size=3),
    text=TEXT,
    number=st.integers() | st.sampled_from([2**64, -(2**70), 10**300]),
    real=st.floats(allow_nan=False),
    maybe=st.none() | st.floats(allow_nan=False),
    yes=st.booleans(),
    data=st.binary(max_size=30),
    path=PATHS,
    colour=st.sampled_from(Colour),
    corner=st.sampled_from(Corner),
    access=st.sampled_from(Access),
    when=st.none() | st.datetimes(timezones=st.just(UTC)),
    day=st.none() | st.dates(),
    span=st.timedeltas(timedelta(-1000), timedelta(1000)),
    ident=st.none() | st.uuids(),
    price=st.decimals(allow_nan=False),
    names=st.sets(TEXT, max_size=3),
    fixed=st.frozensets(st.integers(), max_size=3),
    row=st.lists(st.integers(), max_size=3).map(tuple),
    both=st.tuples(TEXT, PATHS),
    reals=st.lists(st.floats(allow_nan=False), max_size=3),
    table=st.dictionaries(st.integers(), st.lists(PATHS, max_size=2), max_size=2),
    places=st.lists(st.builds(Place, TEXT, PATHS), max_size=2).map(tuple),
    message=st.none() | st.builds(Message, st.just("user"), st.lists(PARTS, max_size=3).map(tuple)),
    command=st.none() | COMMANDS | st.builds(Fetch, url=TEXT),
    event=st.none() | PONGS,
    commands=st.lists(COMMANDS, max_size=2).map(tuple),
    anything=JSONISH,
)


@given(EVENTS)
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_any_event_comes_back_as_it_was(event: Everything) -> None:
    assert back(event) == event


def test_not_a_number_comes_back_as_it_was() -> None:
    found = back(Everything(real=float("nan"), maybe=float("-inf"), reals=[float("inf"), float("nan"), 1.0]))

    assert repr((found.real, found.maybe, found.reals)) == "(nan, -inf, [inf, nan, 1.0])"


class Reading(msgspec.Struct, tag_field="kind", tag="reading"):
    """A struct of a user's own, with numbers in it."""

    value: float
    series: list[float] = []
    inner: "Reading | Row | None" = None


class Row(msgspec.Struct, tag="row", rename="camel"):
    """Its fields have other names in the line."""

    at_most: float


class Short(msgspec.Struct, array_like=True, tag=True):
    """A list in the line."""

    first: float
    second: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Measured(Event):
    reading: Reading | Row | Short
    all: tuple[Reading | Row, ...] = ()


@pytest.mark.parametrize(
    "reading",
    [
        Reading(1.5, [2.5]),
        Reading(inf, [-inf, 1.0], Reading(-inf, inner=Reading(0.0))),
        Row(-inf),
        Short(1.0, 2.0),
        Short(inf, -inf),
    ],
    ids=repr,
)
def test_what_is_no_number_in_json_comes_back_inside_a_struct_too(reading: Reading | Row | Short) -> None:
    event = Measured(reading=reading, all=(Reading(inf), Reading(1.0)))

    assert back(event) == event


class Narrower(Pong):
    """Without the decorator, what it says of its fields is for a type checker only."""

    text: int  # type: ignore[assignment]


def test_a_class_derived_without_the_decorator_has_the_fields_of_its_base() -> None:
    event = Narrower(text="a")

    assert type(back(event)) is Narrower
    assert back(event) == event


@dataclass(frozen=True, kw_only=True)
class Unset(Event):
    """A field that nobody has set."""

    late: str = field(init=False)
    other: int = 1


def test_a_field_that_cannot_be_read_says_so_in_the_line() -> None:
    line = json.loads(encode(Unset()))

    assert line["late"] == {"$repr": "<reading it raised AttributeError>", "type": "builtins.AttributeError"}
    assert line["other"] == 1


ODD = st.text(alphabet=st.characters(), max_size=20)  # lone surrogates among them, as stdin gives under C.UTF-8


@given(
    st.recursive(
        st.none() | st.floats() | ODD | st.binary(max_size=5) | st.complex_numbers() | st.just(object()) | st.just(int),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.none() | st.integers() | ODD | st.tuples(st.integers(), ODD), inner, max_size=3)
            | st.tuples(inner)
        ),
        max_leaves=8,
    ),
    ODD,
)
def test_no_value_is_too_odd_to_be_logged(value: Any, text: str) -> None:
    found = back(Everything(anything=value, text=text, metadata={text: value}, session_id=text))

    assert type(found) is Everything
    assert found.text == text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def test_a_lone_surrogate_becomes_the_replacement_character() -> None:
    assert back(Pong(text="a\udc80b")).text == "a\ufffdb"


class Stubborn:
    """A value that cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


@dataclass(frozen=True, kw_only=True)
class Holding(Event):
    thing: Stubborn
    other: Any = None


def test_what_json_cannot_hold_is_kept_as_its_marked_repr() -> None:
    found = back(Holding(thing=Stubborn(), other=range(3)))

    assert found.thing == Opaque("<Stubborn: its repr raised RuntimeError>", f"{__name__}.Stubborn")
    assert found.other == {"$repr": "range(0, 3)", "type": "builtins.range"}
    assert back(found) == found


def test_a_value_that_contains_itself_is_cut_there() -> None:
    ring: list[Any] = [1]
    ring.append(ring)

    assert back(Everything(anything=ring)).anything == [
        1,
        {"$repr": "<list: contains itself, or is too deep>", "type": "builtins.list"},
    ]


def test_a_very_deep_value_is_cut_and_the_event_kept() -> None:
    deep: Any = "bottom"
    for _ in range(5000):
        deep = [deep]

    assert type(back(Everything(anything=deep, text="kept"))) is Everything


def test_exceptions_come_back_with_what_they_knew() -> None:
    error = back(Everything(error=RateLimitedError("slow down", provider="openai", status=429, retry_after=2.5))).error

    assert type(error) is RateLimitedError
    assert isinstance(error, ProviderError)
    assert (str(error), error.status, error.retry_after, error.hint) == ("slow down", 429, 2.5, None)
    assert repr(back(Everything(error=FileNotFoundError(2, "gone", "x"))).error) == "FileNotFoundError(2, 'gone')"


def test_an_exception_nobody_knows_makes_the_event_unknown_and_loses_nothing() -> None:
    line = json.loads(encode(Everything(error=ValueError("x"))))
    line["error"]["$exception"] = "NeverHeardOfError"

    found = decode(json.dumps(line).encode())

    assert isinstance(found, UnknownEvent)
    assert found.data["error"]["args"] == ["x"]


def test_a_type_nobody_knows_comes_back_as_unknown_with_its_data_and_is_written_as_it_was() -> None:
    line = (
        b'{"v":1,"event_type":"Nobody","event_id":"e","timestamp":"2026-11-23T23:31:04.000000001Z",'
        b'"session_id":"s","parent_id":"p","metadata":{"m":1},"x":[1,{"y":null}]}\n'
    )

    found = decode(line)

    assert found == UnknownEvent(
        event_id="e",
        time_ns=1_795_476_664_000_000_001,
        session_id="s",
        parent_id="p",
        metadata={"m": 1},
        type_name="Nobody",
        data={"x": [1, {"y": None}]},
    )
    assert encode(found) == line


def test_a_command_nobody_knows_inside_an_event_loses_nothing() -> None:
    line = encode(CommandStarted(command=Fetch(url="kept"))).replace(b'"Fetch"', b'"Fetched"')

    found = decode(line)

    assert isinstance(found, UnknownEvent)
    assert found.type_name == "CommandStarted"
    assert found.data["command"]["url"] == "kept"


@pytest.mark.parametrize(
    "change",
    [{"text": 5}, {"text": None}, {"metadata": 5, "text": {}}],
    ids=["another type", "null", "an object"],
)
def test_fields_that_no_longer_fit_come_back_as_unknown(change: dict[str, Any]) -> None:
    found = decode(json.dumps(json.loads(encode(Pong(text="x"))) | change).encode())

    assert isinstance(found, UnknownEvent)
    assert found.type_name == "Pong"
    assert found.data == {"text": change["text"]}


def test_a_field_that_is_missing_takes_its_default_or_makes_the_event_unknown() -> None:
    fetch = json.loads(encode(Fetch(url="x", tries=9)))
    del fetch["tries"]
    pong = json.loads(encode(Pong(text="x")))
    del pong["text"]

    assert decode(json.dumps(fetch).encode()).tries == 3  # type: ignore[attr-defined]
    assert isinstance(decode(json.dumps(pong).encode()), UnknownEvent)


def test_fields_a_newer_version_added_are_tolerated() -> None:
    event = Pong(text="x")
    line = json.loads(encode(event)) | {"v": 7, "colour": "red"}

    assert decode(json.dumps(line).encode()) == event


def test_fields_named_as_the_lines_own_are_kept_apart() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Clash(Event):
        v: int
        event_type: str

    event = Clash(v=5, event_type="mine")

    assert json.loads(encode(event))["event_type"] == "Clash"
    assert back(event) == event


def test_fields_the_class_fills_in_itself_come_back() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Counted(Event):
        text: str
        length: int = field(init=False, default=0)

        def __post_init__(self) -> None:
            object.__setattr__(self, "length", len(self.text))

    found = back(Counted(text="four"))

    assert (type(found), found.length) == (Counted, 4)


def test_of_two_classes_of_one_name_the_one_that_fits_is_taken() -> None:
    def make(kind: type) -> type[Event]:
        @dataclass(frozen=True, kw_only=True)
        class Twin(Event):
            value: kind  # type: ignore[valid-type]

        return Twin

    first, second = make(int), make(str)

    assert type(back(first(value=1))) is first  # type: ignore[call-arg]
    assert type(back(second(value="a"))) is second  # type: ignore[call-arg]


def test_a_field_whose_type_cannot_be_resolved_keeps_its_plain_value_and_the_others_their_types() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Local(Event):
        value: "NotDefinedAnywhere"  # type: ignore[name-defined] # noqa: F821
        path: "Path"

    event = Local(value=[1, "a"], path=Path("b"))

    assert back(event) == event


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\0\0\0\0",
        b"null",
        b"[1]",
        b"{}",
        b'{"v":1,"event_type":"Pong"}',
        b'{"v":1,"event_type":5,"timestamp":"2026-11-23T23:31:04Z"}',
        b'{"v":1,"event_type":"Pong","timestamp":"soon"}',
        b'{"v":1,"event_type":"Pong","timestamp":"2026-11-23T23:31:04Z","parent_id":[1]}',
        b'{"v":1,"event_type":"Pong","timestamp":"2026-11-23T23:31:04Z","command":{"command_id":{}}}',
        b'{"v":1,"event_type":"Pong","timestamp":"2026-11-23T23:31:04Z","text":"\xff"}',
        b'{"v":1,"event_type":"Pong","timestamp":"2026-11-23T23:31:04Z","te',
        b'{"v":' + b"[" * 100_000,
        b"{'single': 'quotes'}",
        "\ufeff{}".encode("utf-16"),
    ],
)
def test_a_line_that_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises(BadLineError):
        decode(line)


@given(st.binary(max_size=200))
def test_no_garbage_makes_reading_raise_anything_else(line: bytes) -> None:
    with pytest.raises(BadLineError):
        decode(line)


def test_secrets_are_redacted_wherever_they_come_from() -> None:
    secret = "hunter2-hunter2"
    event = Everything(
        text=secret,
        path=Path("/") / secret,
        metadata={secret: secret},
        error=ValueError(f"bad key {secret}"),
        command=Fetch(url=f"https://x/?key={secret}"),
        message=Message("user", (Text(f"my key: {secret}"),)),
        by_name={"x": Place(secret, Path(secret))},
        anything=[{"deep": (secret,)}],
    )

    line = encode(event, Redactor([secret]))

    assert secret.encode() not in line
    found = decode(line)
    assert isinstance(found, Everything)
    assert found.text == MARK
    assert found.path == Path("/") / MARK
    assert isinstance(found.command, Fetch)
    assert found.command.url == f"https://x/?key={MARK}"


@pytest.mark.parametrize("width", range(0, 40, 3))
def test_a_secret_at_the_very_beginning_of_the_metadata_is_found(width: int) -> None:
    secret = "hunter2-hunter2"
    short = Pong(
        event_id="e" * width, time_ns=-(10**20), session_id=None, parent_id=None, metadata={secret: 1}, text=""
    )

    assert secret.encode() not in encode(short, Redactor([secret]))


@pytest.mark.parametrize("field_name", ["session_id", "parent_id"])
@pytest.mark.parametrize("secret", ["hunter2-hunter2", "gsk" + "_" + "0123456789abcdef" * 3])
def test_a_secret_in_an_id_is_redacted_each_time(field_name: str, secret: str) -> None:
    redact = Redactor(["hunter2-hunter2"])
    for _ in range(2):
        ids: dict[str, Any] = {field_name: f"nightly {secret}"}
        found = decode(encode(Pong(text="x", **ids), redact))
        assert getattr(found, field_name) == f"nightly {MARK}"


def test_a_date_and_a_decimal_are_written_as_one_would_write_them() -> None:
    ident = UUID(int=1)
    line = json.loads(encode(Everything(day=date(2026, 1, 2), price=Decimal("1.10"), ident=ident, path=Path("a/b"))))

    assert (line["day"], line["price"], line["ident"], line["path"]) == ("2026-01-02", "1.10", str(ident), "a/b")


def test_a_message_that_was_replaced_keeps_its_id() -> None:
    event = Pong(text="a")

    assert back(replace(event, text="b")).event_id == event.event_id
