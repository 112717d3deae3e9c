"""Names of sessions: given, taken over, found again."""

import shutil
import threading
from pathlib import Path

import pytest

from llmgine_cli.errors import UsageError
from llmgine_cli.eventlog import names
from llmgine_cli.eventlog.reader import find
from llmgine_cli.eventlog.writer import EventLog
from llmgine_cli.llm.events import SessionNamed


def named(folder: Path, session_id: str, *given: str) -> Path:
    """A session that was given these names, one after the other."""
    log = EventLog(folder)
    for name in given:
        log.write(SessionNamed(session_id=session_id, name=name))
    log.close()
    path = log.path(session_id)
    assert path is not None
    return path


@pytest.mark.parametrize("name", ["work", "a", "2026-11-23", "v1.2_rc", "x" * 64, "deadbeef"])
def test_such_a_name_can_be_given(name: str) -> None:
    assert names.check(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "-c", ".hidden", "a b", "a/b", "a\\b", "ä", "a\n", "x" * 65, "18ead0941bde801700000f204c3"]
)
def test_such_a_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        names.check(name)


def test_a_session_is_found_by_its_name(tmp_path: Path) -> None:
    path = named(tmp_path, "s", "work")
    assert names.lookup(tmp_path, "work") == find(tmp_path, "work") == path
    assert names.lookup(tmp_path, "play") is None
    assert names.name_of(tmp_path, path) == "work"


def test_a_name_goes_before_an_id(tmp_path: Path) -> None:
    named(tmp_path, "work", "play")
    other = named(tmp_path, "s", "work")
    assert find(tmp_path, "work") == other


def test_the_last_one_who_takes_a_name_has_it_and_a_session_has_one_name(tmp_path: Path) -> None:
    named(tmp_path, "a", "work")
    path = named(tmp_path, "b", "play", "work")
    assert names.everything(tmp_path) == {"work": path.name}


def test_the_name_of_a_session_that_was_removed_is_free(tmp_path: Path) -> None:
    named(tmp_path, "s", "work").unlink()
    assert names.lookup(tmp_path, "work") is None
    assert names.everything(tmp_path) == {}


def test_the_index_is_made_again_from_the_logs(tmp_path: Path) -> None:
    named(tmp_path, "a", "work")
    b = named(tmp_path, "b", "first", "work")
    c = named(tmp_path, "c", "play")
    with c.open("ab") as file:
        file.write(b'\0\0\n{"v":1,"event_type":"SessionNamed","name":"../../evil","timestamp":"2026"}\n{"torn')
    before = names.everything(tmp_path)
    shutil.rmtree(tmp_path / "names")
    assert names.lookup(tmp_path, "work") == b
    assert names.everything(tmp_path) == before == {"play": c.name, "work": b.name}


def test_a_name_given_after_the_index_was_removed_does_not_hide_the_earlier_ones(tmp_path: Path) -> None:
    a = named(tmp_path, "a", "work")
    shutil.rmtree(tmp_path / "names")
    b = named(tmp_path, "b", "play")
    assert names.everything(tmp_path) == {"play": b.name, "work": a.name}


def test_an_entry_that_leads_elsewhere_names_nothing(tmp_path: Path) -> None:
    named(tmp_path, "s", "work")
    (tmp_path / "secret.jsonl").touch()
    (tmp_path / "names" / "work").write_text("../secret.jsonl")
    (tmp_path / "names" / "play").write_bytes(b"\xff\xfe")
    assert names.lookup(tmp_path, "work") is None
    assert names.everything(tmp_path) == {}


def test_many_who_name_at_once_lose_no_name(tmp_path: Path) -> None:
    workers = [threading.Thread(target=named, args=(tmp_path, f"s{index}", f"n{index}")) for index in range(20)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(names.everything(tmp_path)) == sorted(f"n{index}" for index in range(20))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_folder_without_logs_has_no_names_and_gets_no_index(tmp_path: Path) -> None:
    assert names.lookup(tmp_path / "none", "work") is None
    assert names.everything(tmp_path / "none") == {}
    assert not (tmp_path / "none").exists()


def test_a_name_that_looks_like_a_key_is_refused_without_showing_it() -> None:
    key = "sk-proj-0123456789abcdef0123456789"
    with pytest.raises(UsageError) as caught:
        names.check(key)
    assert key not in str(caught.value) + str(caught.value.hint)
