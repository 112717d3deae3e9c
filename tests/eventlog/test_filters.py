# ruff: noqa: RUF001 -- letters that look like others are what is tested here
"""A filter gives the same events with its look at the bytes as without, whoever wrote the log and whatever hit it."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgine_cli.errors import UsageError
from llmgine_cli.eventlog.codec import encode
from llmgine_cli.eventlog.filters import Filter, required_literal
from llmgine_cli.eventlog.reader import LogReader, Record
from llmgine_cli.llm.events import LLMCallFailed, LLMCallStarted, MessageAdded, StatusChanged
from llmgine_cli.llm.messages import assistant, user
from tests.support.messages import Pong

NOON = 1_795_521_600_000_000_000  # 2026-11-24 12:00 UTC

TEXTS = (
    "plain words", "Größe naïve", "東京 😀", "a/b/c", 'say "yes"', "back\\slash", "two\nlines", "\x1b[31mred",
    "ſecret Kelvin",
    "SSL Kit", "İstanbul ıssız", "tab\there", "<b>&'</b>", "\x7f\u2028", "",
)  # fmt: skip
LINES: list[bytes] = [
    encode(event)
    for index, text in enumerate(TEXTS)
    for event in (
        MessageAdded(session_id="s", message=user(text), time_ns=NOON + index),
        Pong(session_id="other/é", text=text, time_ns=NOON + index * 1_000_000_000),
        StatusChanged(session_id=None, status=text, time_ns=-index * 10**18),
        LLMCallStarted(session_id="s", model="openai:gpt-4o", history=1, time_ns=NOON),
        LLMCallFailed(
            session_id="s", call_id="c", model="Örtlich:ſkip/It", error=text, error_type="E", partial=assistant(""),
            duration_ms=1,
        ),
    )
]  # fmt: skip


def hidden(document: str) -> str:
    """Write every character of a JSON document's strings as an escape, keys and all."""

    def escaped(found: re.Match[str]) -> str:
        units = json.loads(found[0]).encode("utf-16-be", "surrogatepass").hex()
        return '"' + "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)) + '"'

    return re.sub(r'"(?:[^"\\]|\\.)*"', escaped, document)


WRITERS: dict[str, Callable[[bytes], bytes]] = {
    "ours": bytes,
    "python": lambda line: json.dumps(json.loads(line)).encode() + b"\n",
    "compact": lambda line: json.dumps(json.loads(line), separators=(",", ":")).encode() + b"\n",
    "sorted": lambda line: json.dumps(json.loads(line), sort_keys=True, ensure_ascii=False).encode() + b"\n",
    "slashes": lambda line: line.replace(b"/", b"\\/"),
    "windows": lambda line: line[:-1] + b"\r\n",
    "escaped": lambda line: hidden(json.dumps(json.loads(line), separators=(",", ":"))).encode() + b"\n",
    "html": lambda line: line.replace(b"<", b"\\u003c").replace(b"&", b"\\u0026"),
}
FILTERS = (
    *(Filter(text=text, ignore_case=case) for text in TEXTS if text for case in (False, True)),
    *(Filter(text=text.swapcase(), ignore_case=True) for text in TEXTS if text),
    *(Filter(text=part) for part in ("/", '"', "\\", "ö", "e n", "no such text")),
    *(Filter(text=part, regex=True) for part in ("wo?rds", "^two$", "[SK]it", r"\x53SL", "a|東", "(na)?ïve", "lines$")),
    Filter(text="ISTANBUL", ignore_case=True),
    Filter(text="secret kelvin", ignore_case=True),
    Filter(text="OTHER/É", ignore_case=True, raw=True),
    Filter(text='"session_id":"s"', raw=True),
    Filter(types=("llmcall",)),
    Filter(types=("PONG", "Status")),
    Filter(types=("ſtatus",)),
    Filter(session="other/é"),
    Filter(session="s", types=("message",), text="words"),
    Filter(model="GPT"),
    Filter(model="ſKIP/i"),
    Filter(since_ns=NOON),
    Filter(until_ns=NOON + 3),
    Filter(since_ns=NOON + 2, until_ns=NOON + 5_000_000_000),
    Filter(since_ns=-(10**30)),
    Filter(until_ns=10**30),
    Filter(until_ns=0),
)  # fmt: skip


def lines(records: list[Record]) -> list[bytes]:
    return [record.line for record in records]


def same_both_ways(path: Path, wanted: Filter) -> None:
    exact = [record for record in LogReader(path) if wanted.matches(record)]
    assert list(LogReader(path).matching(wanted)) == exact
    assert list(LogReader(path).backwards(None, wanted))[::-1] == exact
    assert list(LogReader(path).tail(3, wanted)) == exact[-3:]


@pytest.mark.parametrize("writer", WRITERS)
def test_whoever_wrote_the_lines_what_matches_is_found(tmp_path: Path, writer: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join(map(WRITERS[writer], LINES)))
    assert len(list(LogReader(path))) == len(LINES)

    for wanted in FILTERS:
        same_both_ways(path, wanted)


def test_the_filters_of_this_test_find_something() -> None:
    records = list(LogReader(Path()).records(LINES))
    found = [sum(map(wanted.matches, records)) for wanted in FILTERS]
    nothing = [wanted.text for count, wanted in zip(found, FILTERS, strict=True) if not count]
    assert nothing == [
        "Größe naïve".swapcase(),
        "İstanbul ıssız".swapcase(),
        "no such text",
    ]  # these have other lengths
    assert all(count < len(LINES) for count, wanted in zip(found, FILTERS, strict=True) if wanted.text)


@given(st.lists(st.sampled_from(LINES), max_size=6), st.data())
def test_whatever_has_hit_the_file_what_is_whole_and_matches_is_found(
    tmp_path_factory: pytest.TempPathFactory, chosen: list[bytes], data: st.DataObject
) -> None:
    hurt = [data.draw(st.sampled_from([bytes, _torn, _with_zeros, _garbage]))(line) for line in chosen]
    path = tmp_path_factory.mktemp("logs") / "log.jsonl"
    path.write_bytes(b"".join(hurt))

    for wanted in (Filter(types=("pong",)), Filter(since_ns=NOON), Filter(text="words"), Filter(session="s")):
        same_both_ways(path, wanted)


def _torn(line: bytes) -> bytes:
    return line[: len(line) // 2] + b"\n"


def _with_zeros(line: bytes) -> bytes:
    return line[: len(line) // 2] + b"\0" * 5000  # and the next line right behind


def _garbage(_: bytes) -> bytes:
    return b"\xff\xfe{]\n\n"


@pytest.mark.parametrize(
    ("pattern", "literal"),
    [
        ("timeout", "timeout"), ("time ?out", "time"), ("colou?r", "colo"), ("a{2}bc", "bc"), (r"\x41lso", "lso"),
        (r"\d+ errors", " errors"), ("(one) two", " two"), ("one|two", ""), ("(?i)one", ""), ("[abc]+de", "de"),
        ("[]x]yz", "yz"), ("ab*c", "a"), (r"\u0041b", "b"), (r"\N{BULLET}xy", "xy"), (r"\101x", "x"), ("x.y", "x"),
        ("(a(b)c)de", "de"), ("a*?bc", "bc"), ("größer", "größer"), ("^$", ""),
    ],
)  # fmt: skip
def test_what_every_match_of_a_pattern_has(pattern: str, literal: str) -> None:
    assert required_literal(pattern) == literal


@given(st.from_regex(r"([a-c]|\\d|\.|\(a\)|\[ab\]|[a-c]\?|[a-c]\*|[a-c]\{0,2\}|\^|\$){0,8}", fullmatch=True), st.data())
def test_no_match_is_without_it(pattern: str, data: st.DataObject) -> None:
    assert required_literal(pattern) in data.draw(st.from_regex(pattern))


def test_what_is_no_regular_expression_is_said() -> None:
    with pytest.raises(UsageError, match="'a\\(' is no regular expression"):
        Filter(text="a(", regex=True)
    Filter(text="a(")


def test_lines_that_cannot_match_are_never_decoded(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    bad = b'{"v":1,"event_type":"Pong","event_id":"x","timestamp":"2026-11-24T12:00:00.000000000Z","session_id":"s",}\n'
    path.write_bytes(bad * 5 + LINES[0])

    for wanted in (Filter(types=("message",)), Filter(text="plain"), Filter(until_ns=NOON), Filter(since_ns=NOON + 1)):
        reader = LogReader(path)
        list(reader.matching(wanted))
        assert reader.skipped == 0
    everything = LogReader(path)
    list(everything)
    assert everything.skipped == 5
