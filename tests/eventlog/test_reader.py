"""Which logs there are, and their events from either end, whatever has happened to the file."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgine_cli.errors import NotFoundError, UsageError
from llmgine_cli.eventlog import names
from llmgine_cli.eventlog.blocks import BLOCK
from llmgine_cli.eventlog.codec import encode
from llmgine_cli.eventlog.filters import Filter
from llmgine_cli.eventlog.reader import LogReader, files, find, is_whole, latest
from llmgine_cli.eventlog.writer import EventLog
from llmgine_cli.llm.events import LLMCallFailed, StatusChanged
from llmgine_cli.llm.messages import assistant
from tests.support.messages import Pong


def pong(number: int, *, size: int = 0, session_id: str | None = "s") -> bytes:
    return encode(Pong(text=f"{number}" + "x" * size, session_id=session_id))


def numbers(reader: LogReader) -> list[str]:
    return [record.data["text"].rstrip("x") for record in reader]


def write(folder: Path, name: str, content: bytes = b"", *, modified: int = 0) -> Path:
    path = folder / name
    path.write_bytes(content)
    os.utime(path, ns=(modified, modified))
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "events_20261123T000000.000000Z_s.jsonl"


def test_files_are_sorted_by_the_time_they_were_begun(tmp_path: Path) -> None:
    for name in ("events_20261124T000000.000000Z_b.jsonl", "events_20261123T000000.000001Z_c_d.jsonl", "notes.txt"):
        write(tmp_path, name)
    write(tmp_path, "events_20261123T000000.000000Z_z.jsonl")

    assert [file.session for file in files(tmp_path)] == ["z", "c_d", "b"]


def test_no_folder_means_no_logs(tmp_path: Path) -> None:
    assert files(tmp_path / "none") == []
    assert latest(tmp_path / "none") is None


def test_the_latest_session_is_the_one_written_to_last_and_never_what_is_outside(tmp_path: Path) -> None:
    resumed = write(tmp_path, "events_20261101T000000.000000Z_old.jsonl", modified=10**18)
    write(tmp_path, "events_20261123T000000.000000Z_new.jsonl", modified=10**17)
    write(tmp_path, "events_20261124T000000.000000Z_@outside-0123.jsonl", modified=10**18 + 10**10)

    assert latest(tmp_path) == resumed


def test_a_session_is_found_by_id_by_a_part_of_it_and_by_path(tmp_path: Path) -> None:
    one = write(tmp_path, "events_20261123T000000.000000Z_18ead0941bde801700000f204c3.jsonl")
    two = write(tmp_path, "events_20261123T000001.000000Z_18ead0942bde801700000f204c4.jsonl")

    assert find(tmp_path, "18ead0941bde801700000f204c3") == one
    assert find(tmp_path, "18ead0942") == two
    assert find(tmp_path, "f204c3") == one
    assert find(tmp_path, str(two)) == two


@pytest.mark.parametrize("part", ["1", "18e", "4c3", "ead"])
def test_a_part_of_an_id_that_nearly_any_has_finds_nothing(tmp_path: Path, part: str) -> None:
    write(tmp_path, "events_20261123T000000.000000Z_18ead0941bde801700000f204c3.jsonl")

    with pytest.raises(UsageError, match=f"'{part}' is too short for a part of an id: 4 characters or more"):
        find(tmp_path, part)


def test_a_whole_id_or_name_may_be_short(tmp_path: Path) -> None:
    short = write(tmp_path, "events_20261123T000000.000000Z_e.jsonl")
    other = write(tmp_path, "events_20261123T000001.000000Z_18ead0941bde801700000f204c3.jsonl")
    names.record(tmp_path, "4c3", other)

    assert find(tmp_path, "e") == short
    assert find(tmp_path, "4c3") == other


def test_what_is_whole_is_a_name_an_id_or_a_path_but_no_part(tmp_path: Path) -> None:
    path = write(tmp_path, "events_20261123T000000.000000Z_18ead0941bde801700000f204c3.jsonl")
    names.record(tmp_path, "work", path)

    assert [is_whole(tmp_path, name, path) for name in ("work", "18ead0941bde801700000f204c3", str(path))] == [True] * 3
    assert not is_whole(tmp_path, "00f204c3", path)


def test_a_session_with_an_odd_name_is_found_by_that_name(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.write(Pong(text="x", session_id="my chat/1"))

    assert find(tmp_path, "my chat/1") == log.path("my chat/1")


def test_a_part_that_several_sessions_have_is_refused_with_their_names(tmp_path: Path) -> None:
    for session in ("chat-a", "chat-b"):
        write(tmp_path, f"events_20261123T000000.000000Z_{session}.jsonl")

    with pytest.raises(UsageError) as caught:
        find(tmp_path, "chat")

    assert caught.value.hint == "the latest: chat-b (2026-11-23 00:00), chat-a (2026-11-23 00:00)"


def test_an_unknown_session_names_the_near_miss(tmp_path: Path) -> None:
    write(tmp_path, "events_20261123T000000.000000Z_morning.jsonl")

    with pytest.raises(NotFoundError) as caught:
        find(tmp_path, "mornign")

    assert caught.value.hint == "did you mean morning?"


def test_bad_lines_anywhere_are_skipped_and_counted_and_later_ones_kept(log: Path) -> None:
    log.write_bytes(
        pong(1)
        + b"garbage\n"
        + pong(2)
        + b"\0" * 100
        + b"\n"
        + b"\xff\xfe\xfa\n"
        + b'{"v":1,"event_type":"Pong"}\n'
        + b"\n"
        + pong(3)
        + b"\0" * 4096
        + pong(4)
        + pong(5)[:30]
    )
    forward, backward = LogReader(log), LogReader(log)

    assert numbers(forward) == ["1", "2", "3", "4"]
    assert [record.data["text"] for record in backward.backwards()] == ["4", "3", "2", "1"]
    assert forward.skipped == backward.skipped == 4


def test_a_whole_line_behind_a_torn_one_is_kept(log: Path) -> None:
    log.write_bytes(pong(1) + pong(2)[:-20] + pong(3) + pong(4))
    reader = LogReader(log)

    assert numbers(reader) == ["1", "3", "4"]
    assert reader.skipped == 1


def test_a_log_cut_anywhere_in_its_last_two_lines_keeps_all_that_is_whole(log: Path) -> None:
    lines = [pong(number) for number in range(4)]
    content = b"".join(lines)
    for cut in range(len(content) - len(lines[-1]) - len(lines[-2]), len(content) + 1):
        log.write_bytes(content[:cut])
        reader = LogReader(log)
        whole = sum(cut >= len(b"".join(lines[:count])) - 1 for count in range(1, 5))
        torn = cut - len(b"".join(lines[:whole]))

        assert numbers(reader) == [str(number) for number in range(whole)]
        assert reader.skipped == int(torn > 0)
        assert [record.data["text"] for record in LogReader(log).backwards()] == numbers(reader)[::-1]


@given(st.lists(st.sampled_from([0, 1, 100, BLOCK - 200, BLOCK, 3 * BLOCK]), max_size=8), st.booleans())
@settings(max_examples=60, deadline=None)
def test_reading_backwards_gives_the_same_events(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], ended: bool
) -> None:
    path = tmp_path_factory.mktemp("logs") / "log.jsonl"
    content = b"".join(pong(number, size=size) for number, size in enumerate(sizes))
    path.write_bytes(content if ended else content[:-1])

    assert list(LogReader(path).backwards()) == list(LogReader(path))[::-1]


def test_the_tail_of_a_big_file_reads_only_its_end(log: Path) -> None:
    log.write_bytes(b"".join(pong(number) for number in range(20)))
    with log.open("r+b") as file:  # 64 GiB that are not there: reading them would take minutes
        file.seek(64 * 1024**3)
        file.write(b"\n" + b"".join(pong(number) for number in range(20, 25)))

    found = list(LogReader(log).tail(3))

    assert [record.data["text"] for record in found] == ["22", "23", "24"]


def test_the_tail_counts_only_what_matches(log: Path) -> None:
    failed = LLMCallFailed(
        session_id="s", call_id="c", model="m", error="e", error_type="E", partial=assistant(""), duration_ms=1
    )
    status = StatusChanged(session_id="t", status="busy")
    log.write_bytes(encode(failed) + pong(1) + encode(status) + pong(2) + pong(3))
    reader = LogReader(log)

    assert [record.type for record in reader.tail(5, Filter(types=("llmcall", "STATUS")))] == [
        "LLMCallFailed",
        "StatusChanged",
    ]
    assert [record.data["text"] for record in reader.tail(2, Filter(types=("Pong",)))] == ["2", "3"]
    assert [record.type for record in reader.tail(5, Filter(session="t"))] == ["StatusChanged"]
    assert list(reader.tail(0)) == []


def test_the_tail_can_end_earlier_than_the_file(log: Path) -> None:
    first = pong(1) + pong(2)
    log.write_bytes(first + pong(3))

    assert [record.data["text"] for record in LogReader(log).tail(1, end=len(first))] == ["2"]


def test_an_empty_file_has_no_events(log: Path) -> None:
    log.touch()

    assert list(LogReader(log)) == list(LogReader(log).backwards()) == []
