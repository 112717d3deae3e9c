"""The sessions of a folder, and the cache that may only ever save time."""

import os
from pathlib import Path

import pytest

from llmgine_cli.bus import SessionEnded, SessionStarted
from llmgine_cli.errors import StorageError
from llmgine_cli.eventlog.codec import encode
from llmgine_cli.eventlog.queries import summaries
from llmgine_cli.eventlog.queries.summaries import Listed, Summaries, Wanted, sessions
from llmgine_cli.llm.events import LLMCallStarted
from tests.support.messages import Pong

SECOND = 1_000_000_000
NOON = 1_795_521_600 * SECOND  # 2026-11-24 12:00 UTC
ALL = Wanted()
PADDING = b" " * (1 << 20) + b"\n"


def add(folder: Path, hour: int, session: str, *, model: str = "m:x", text: str = "", padding: int = 0) -> Path:
    """Write the log of a session that began at this hour of the day and lasted a minute."""
    folder.mkdir(exist_ok=True)
    begin = NOON + (hour - 12) * 3600 * SECOND
    events = (
        SessionStarted(session_id=session, time_ns=begin),
        LLMCallStarted(session_id=session, model=model, history=1, time_ns=begin + SECOND),
        Pong(session_id=session, text=text, time_ns=begin + SECOND),
        SessionEnded(session_id=session, time_ns=begin + 60 * SECOND, duration_ms=60_000),
    )
    path = folder / f"events_20261124T{hour:02}0000.000000Z_{session}.jsonl"
    path.write_bytes(b"".join(map(encode, events)) + PADDING * padding)
    os.utime(path, ns=(begin + 60 * SECOND, begin + 60 * SECOND))
    return path


def listed(folder: Path, wanted: Wanted = ALL, cache: Path | None = None) -> list[str]:
    return [one.summary.session for one in found(folder, wanted, cache)]


def found(folder: Path, wanted: Wanted = ALL, cache: Path | None = None) -> list[Listed]:
    def refuse(error: StorageError) -> None:
        raise error

    return list(sessions(folder, wanted, Summaries(folder, cache), unreadable=refuse))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "logs"


def test_the_latest_is_first_and_what_is_outside_is_no_session(folder: Path) -> None:
    for hour, session in ((9, "b"), (8, "c"), (10, "a"), (11, "@outside-1")):
        add(folder, hour, session)

    assert listed(folder) == ["a", "b", "c"]
    assert listed(folder / "none") == []


def test_sessions_are_chosen_by_time_model_text_and_file(folder: Path) -> None:
    add(folder, 8, "early", model="openai:gpt-4o", text="Grüße an alle")
    path = add(folder, 10, "late", model="local:x", text="bye")

    assert listed(folder, Wanted(since_ns=NOON - 4 * 3600 * SECOND + 60 * SECOND)) == ["late", "early"]
    assert listed(folder, Wanted(since_ns=NOON - 4 * 3600 * SECOND + 61 * SECOND)) == ["late"]
    assert listed(folder, Wanted(until_ns=NOON - 2 * 3600 * SECOND)) == ["early"]
    assert listed(folder, Wanted(until_ns=NOON - 2 * 3600 * SECOND + 1)) == ["late", "early"]
    assert listed(folder, Wanted(model="GPT")) == ["early"]
    assert listed(folder, Wanted(query="grÜSSe")) == []
    assert listed(folder, Wanted(query="grÜße")) == ["early"]
    assert listed(folder, Wanted(path=path)) == ["late"]
    assert listed(folder, Wanted(since_ns=NOON)) == []


def test_a_file_elsewhere_is_listed_by_its_path(folder: Path, tmp_path: Path) -> None:
    path = add(folder, 8, "far").rename(tmp_path / "kept.jsonl")

    assert listed(folder, Wanted(path=path)) == ["far"]


def test_only_as_many_are_read_as_are_asked_for(folder: Path) -> None:
    for hour in range(5):
        add(folder, hour, f"s{hour}")
    looked: list[int] = []
    some = sessions(
        folder, Wanted(), Summaries(folder, None), unreadable=lambda _: None, progress=lambda at, _: looked.append(at)
    )

    assert next(some).summary.session == "s4"
    assert looked == [0]


def test_an_unreadable_file_is_told_and_the_rest_is_listed(folder: Path) -> None:
    add(folder, 8, "good")
    bad = add(folder, 9, "bad")
    bad.unlink()
    bad.symlink_to("/proc/self/mem")  # a file that opens and cannot be read, for root as well
    told: list[str] = []
    shown = sessions(folder, Wanted(), Summaries(folder, None), unreadable=lambda error: told.append(str(error)))

    assert [one.summary.session for one in shown] == ["good"]
    assert told == [f"cannot read {bad}: Input/output error"]


def test_what_only_looks_like_a_log_is_passed_over(folder: Path) -> None:
    add(folder, 8, "good")
    (folder / "events_20261124T090000.000000Z_folder.jsonl").mkdir()
    loop = folder / "events_20261124T100000.000000Z_loop.jsonl"
    loop.symlink_to(loop)
    (folder / "events_20261124T110000.000000Z_gone.jsonl").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "events_20261124T120000.000000Z_pipe.jsonl")

    assert listed(folder) == ["good"]


def test_the_cache_is_kept_when_much_was_read_and_used_while_nothing_changed(folder: Path, tmp_path: Path) -> None:
    path = add(folder, 8, "one", padding=5)
    cache = tmp_path / "cache"
    assert listed(folder, cache=cache) == ["one"]
    (kept,) = (cache / "logs").iterdir()
    assert kept.stat().st_mode & 0o077 == 0

    # The same size and time of change, other content: what is told now comes from the cache.
    status = path.stat()
    path.write_bytes(path.read_bytes().replace(b'"one"', b'"two"'))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert listed(folder, cache=cache) == ["one"]

    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert listed(folder, cache=cache) == ["two"]
    with path.open("ab") as file:
        file.write(encode(SessionStarted(session_id="three", time_ns=NOON)))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert listed(folder, cache=cache) == ["three"]


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x93\x01\x02", None])
def test_a_cache_that_is_gone_or_broken_is_made_anew(folder: Path, tmp_path: Path, content: bytes | None) -> None:
    add(folder, 8, "one", padding=5)
    cache = tmp_path / "cache"
    found(folder, cache=cache)
    (kept,) = (cache / "logs").iterdir()
    whole = kept.read_bytes()
    if content is None:
        kept.unlink()
    else:
        kept.write_bytes(content)

    assert listed(folder, cache=cache) == ["one"]
    assert kept.read_bytes() == whole


def test_of_files_that_are_gone_nothing_is_kept(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    old = add(folder, 8, "old", padding=5)
    found(folder, cache=cache)
    old.unlink()
    add(folder, 9, "new", padding=5)
    found(folder, cache=cache)

    (kept,) = (cache / "logs").iterdir()
    assert b"old" not in kept.read_bytes()


def test_little_is_read_faster_than_a_cache_and_none_is_made(folder: Path, tmp_path: Path) -> None:
    add(folder, 8, "one")
    found(folder, cache=tmp_path / "cache")

    assert not (tmp_path / "cache").exists()
    assert summaries.WORTH < 5 << 20  # what the tests above write is more


def test_a_cache_that_cannot_be_written_does_no_harm(folder: Path, tmp_path: Path) -> None:
    add(folder, 8, "one", padding=5)
    (tmp_path / "cache").write_text("a file")

    assert listed(folder, cache=tmp_path / "cache") == ["one"]
