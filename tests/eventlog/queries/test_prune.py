"""Old files go, young ones, the latest ones and those in use stay."""

import fcntl
import os
from pathlib import Path

import pytest

from llmgine_cli.errors import StorageError
from llmgine_cli.eventlog.queries.prune import Old, old, remove

DAY = 86_400_000_000_000
NOW = 1_795_521_600_000_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sessions that were written to 0 to 4 days ago, the one that began first last, and what is outside any."""
    for age, session in enumerate(("e", "d", "c", "b", "a")):
        write(tmp_path, session, age)
    write(tmp_path, "@outside-0", 3)
    (tmp_path / "notes.txt").write_text("mine")
    return tmp_path


def write(folder: Path, session: str, age: int) -> None:
    path = folder / f"events_20261123T00000{ord(session[-1]) % 10}.000000Z_{session}.jsonl"
    path.write_bytes(b"x" * 10)
    os.utime(path, ns=(NOW, NOW - age * DAY))


def names(found: list[Old]) -> list[str]:
    return [one.file.session for one in found]


def test_what_was_not_written_to_for_so_long_goes_the_oldest_first(folder: Path) -> None:
    assert names(old(folder, before_ns=NOW - 2 * DAY, keep=None)) == ["a", "@outside-0", "b"]
    assert names(old(folder, before_ns=NOW - 3 * DAY, keep=None)) == ["a"]


def test_the_latest_so_many_sessions_stay(folder: Path) -> None:
    assert names(old(folder, before_ns=None, keep=2)) == ["a", "b", "c"]
    assert names(old(folder, before_ns=None, keep=9)) == []
    assert names(old(folder, before_ns=None, keep=0)) == ["a", "b", "c", "d", "e"]


def test_both_together_take_only_what_both_allow(folder: Path) -> None:
    assert names(old(folder, before_ns=NOW - 2 * DAY, keep=4)) == ["a", "@outside-0"]
    assert names(old(folder, before_ns=NOW - 4 * DAY, keep=0)) == []


def test_what_is_being_written_never_goes(folder: Path) -> None:
    (one,) = old(folder, before_ns=NOW - 3 * DAY, keep=None)
    descriptor = os.open(one.file.path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        assert old(folder, before_ns=NOW - 3 * DAY, keep=None) == []
        assert not remove(one)
    finally:
        os.close(descriptor)
    assert remove(one)
    assert not one.file.path.exists()


def test_what_was_written_to_meanwhile_stays(folder: Path) -> None:
    (one,) = old(folder, before_ns=NOW - 3 * DAY, keep=None)
    with one.file.path.open("ab") as file:
        file.write(b"more")

    assert not remove(one)
    assert one.file.path.exists()


def test_what_is_gone_already_is_gone(folder: Path) -> None:
    (one,) = old(folder, before_ns=NOW - 3 * DAY, keep=None)
    one.file.path.unlink()

    assert remove(one)


def test_a_link_goes_and_what_it_leads_to_stays(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    precious = tmp_path_factory.mktemp("elsewhere") / "precious.jsonl"
    precious.write_bytes(b"x")
    os.utime(precious, ns=(NOW, NOW - 9 * DAY))
    link = folder / "events_20261101T000000.000000Z_link.jsonl"
    link.symlink_to(precious)
    os.utime(link, ns=(NOW, NOW - 9 * DAY), follow_symlinks=False)
    (one,) = old(folder, before_ns=NOW - 5 * DAY, keep=None)

    assert remove(one)
    assert not link.is_symlink()
    assert precious.exists()


def test_what_cannot_be_deleted_is_an_error(folder: Path) -> None:
    (one,) = old(folder, before_ns=NOW - 3 * DAY, keep=None)
    one.file.path.unlink()
    one.file.path.mkdir()
    os.utime(one.file.path, ns=(NOW, one.modified_ns))

    with pytest.raises(StorageError, match="cannot delete"):
        remove(one)
