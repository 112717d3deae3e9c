"""Attachments that no log speaks of."""

import os
from pathlib import Path

import pytest

from llmgine_cli.eventlog.queries.orphans import YOUNG, forget, orphans
from llmgine_cli.llm.messages import Image, Message
from tests.support.pictures import png
from tests.support.session import Session


def attach(logs: Path, session_id: str, size: int) -> tuple[Session, Path]:
    """A session with a picture, and where its bytes are; the picture is old."""
    before = set((logs / "attachments").glob("*"))
    session = Session(logs, session_id)
    session.say(Message("user", (Image(media_type="image/png", data=png(size)),)), at=1)
    (file,) = set((logs / "attachments").glob("*")) - before
    age(file)
    return session, file


def age(file: Path) -> None:
    status = file.stat()
    os.utime(file, (status.st_atime - 2 * YOUNG, status.st_mtime - 2 * YOUNG))


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return tmp_path / "logs"


def test_what_a_log_speaks_of_is_none(logs: Path) -> None:
    attach(logs, "a", 10_000)
    assert orphans(logs) == []


def test_what_only_leaving_logs_speak_of_is_one(logs: Path) -> None:
    leaving, file = attach(logs, "a", 10_000)
    attach(logs, "b", 20_000)
    (found,) = orphans(logs, without=[leaving.path])
    assert (found.path, found.size) == (file, file.stat().st_size)
    leaving.path.unlink()
    assert forget(found)
    assert not file.exists()
    assert forget(found), "somebody else was quicker"
    assert orphans(logs) == []


def test_a_young_one_stays_for_an_event_may_be_about_to_name_it(logs: Path) -> None:
    session, file = attach(logs, "a", 10_000)
    session.path.unlink()
    (found,) = orphans(logs)
    Session(logs, "b").say(Message("user", (Image(media_type="image/png", data=png(10_000)),)), at=1)
    assert not forget(found), "another session has named it meanwhile"
    assert file.exists()


def test_what_a_crash_left_half_written_goes_too_and_strange_files_stay(logs: Path) -> None:
    folder = logs / "attachments"
    folder.mkdir(parents=True)
    for name in (".new-1-abc", "notes.txt"):
        (folder / name).write_text("x")
        age(folder / name)
    assert [orphan.path.name for orphan in orphans(logs)] == [".new-1-abc"]


def test_a_digest_across_two_blocks_of_a_long_log_is_seen(logs: Path) -> None:
    session, file = attach(logs, "a", 10_000)
    line = session.path.read_bytes().splitlines()[-1]
    at = line.index(b'"digest":"')
    for shift in (1, 10, 40, 73):
        # The digest begins so many bytes before the end of the first block.
        session.path.write_bytes(b" " * ((1 << 20) - at - shift) + line + b"\n")
        assert orphans(logs) == [], shift
    assert file.exists()


def test_without_attachments_no_log_is_read(logs: Path) -> None:
    logs.mkdir()
    assert orphans(logs) == []
