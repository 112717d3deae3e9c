"""Trust: this content at this place, and nothing else."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from llmgine_cli.errors import StorageError
from llmgine_cli.trust import TrustStore


@pytest.fixture
def store(tmp_path: Path) -> TrustStore:
    return TrustStore(tmp_path / "trust")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "engines").mkdir(parents=True)
    (folder / "tools").mkdir()
    (folder / "engines" / "one.py").write_text("one = 1\n")
    (folder / "tools" / "two.py").write_text("two = 2\n")
    (folder / "llmgine.toml").write_text("model = 'a:b'\n")
    return folder


def states(store: TrustStore, project: Path) -> dict[str, str]:
    return {status.path.name: status.state for status in store.status(project)}


def test_nothing_is_trusted_at_first(store: TrustStore, project: Path) -> None:
    assert states(store, project) == {"llmgine.toml": "new", "one.py": "new", "two.py": "new"}
    assert not store.is_trusted(project / "engines" / "one.py")


def test_what_was_trusted_is(store: TrustStore, project: Path) -> None:
    store.trust([project / "engines" / "one.py"])
    assert store.is_trusted(project / "engines" / "one.py")
    assert states(store, project) == {"llmgine.toml": "new", "one.py": "trusted", "two.py": "new"}


def test_it_is_remembered_by_another_store_in_the_same_folder(store: TrustStore, project: Path, tmp_path: Path) -> None:
    store.trust([project / "engines" / "one.py"])
    assert TrustStore(tmp_path / "trust").is_trusted(project / "engines" / "one.py")
    assert not TrustStore(tmp_path / "elsewhere").is_trusted(project / "engines" / "one.py")


def test_the_default_place_is_the_state_directory(project: Path, home: Path) -> None:
    TrustStore().trust([project / "llmgine.toml"])
    assert TrustStore(home / "state" / "trust").is_trusted(project / "llmgine.toml")


def test_any_change_takes_it_away_and_the_old_content_brings_it_back(store: TrustStore, project: Path) -> None:
    file = project / "engines" / "one.py"
    store.trust([file])
    file.write_text("one = 1 \n")
    assert not store.is_trusted(file)
    assert states(store, project)["one.py"] == "changed"
    file.write_text("one = 1\n")
    assert store.is_trusted(file)


def test_the_same_content_elsewhere_is_not_trusted(store: TrustStore, project: Path) -> None:
    store.trust([project / "engines" / "one.py"])
    (project / "tools" / "one.py").write_text("one = 1\n")
    assert not store.is_trusted(project / "tools" / "one.py")


def test_what_the_user_was_shown_is_trusted_even_if_the_file_has_changed_since(
    store: TrustStore, project: Path
) -> None:
    file = project / "engines" / "one.py"
    [shown] = [status for status in store.status(project) if status.path == file]
    file.write_text("evil = 1\n")
    store.remember(shown.path, shown.content)
    assert not store.is_trusted(file)
    assert store.is_trusted(file, b"one = 1\n")


def test_content_that_was_read_is_what_is_judged(store: TrustStore, project: Path) -> None:
    file = project / "engines" / "one.py"
    store.trust([file])
    assert not store.is_trusted(file, b"evil = 1\n")


def test_a_link_is_judged_by_where_it_leads(store: TrustStore, project: Path) -> None:
    (project / "engines" / "link.py").symlink_to(project / "engines" / "one.py")
    store.trust([project / "engines" / "link.py"])
    assert store.is_trusted(project / "engines" / "one.py")


def test_a_link_out_of_the_folder_is_never_followed(store: TrustStore, project: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("secret = 1\n")
    (project / "engines" / "link.py").symlink_to(outside)
    store.trust([outside])
    [status] = [status for status in store.status(project) if status.path == outside]
    assert (status.state, status.content) == ("outside", b"")


def test_a_folder_that_is_a_link_out_is_never_followed(store: TrustStore, project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "three.py").write_text("three = 3\n")
    (project / "engines" / "one.py").unlink()
    (project / "engines").rmdir()
    (project / "engines").symlink_to(other)
    assert states(store, project)["three.py"] == "outside"


def test_a_project_reached_through_a_link_is_the_same_project(store: TrustStore, project: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(project)
    store.trust([tmp_path / "alias" / "engines" / "one.py"])
    assert states(store, project)["one.py"] == "trusted"
    assert states(store, tmp_path / "alias")["one.py"] == "trusted"


def test_only_what_could_be_loaded_is_listed(store: TrustStore, project: Path) -> None:
    (project / "engines" / "_helper.py").write_text("")
    (project / "engines" / ".hidden.py").write_text("")
    (project / "engines" / "notes.txt").write_text("")
    (project / "engines" / "folder.py").mkdir()
    os.mkfifo(project / "engines" / "pipe.py")
    assert states(store, project).keys() == {"llmgine.toml", "one.py", "two.py"}


def test_a_loop_of_links_is_no_file(store: TrustStore, project: Path) -> None:
    (project / "engines" / "loop.py").symlink_to(project / "engines" / "loop.py")
    assert "loop.py" not in states(store, project)


def test_revoking_a_folder_forgets_all_below_and_nothing_else(store: TrustStore, project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text("")
    store.trust([other, *(status.path for status in store.status(project))])
    gone = store.revoke([project])
    assert {path.name for path in gone} == {"llmgine.toml", "one.py", "two.py"}
    assert list(store.trusted()) == [other]
    assert not store.is_trusted(project / "engines" / "one.py")


def test_what_is_trusted_is_listed_with_what_became_of_it(store: TrustStore, project: Path) -> None:
    store.trust(status.path for status in store.status(project))
    (project / "llmgine.toml").write_text("changed = 1")
    (project / "tools" / "two.py").unlink()
    assert {path.name: state for path, state in store.trusted().items()} == {
        "llmgine.toml": "changed",
        "one.py": "trusted",
        "two.py": "gone",
    }


def test_records_are_private(store: TrustStore, project: Path, tmp_path: Path) -> None:
    store.trust([project / "llmgine.toml"])
    [record] = (tmp_path / "trust").iterdir()
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert stat.S_IMODE(record.parent.stat().st_mode) == 0o700
    assert json.loads(record.read_text()).keys() == {"path", "sha256"}


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"null", b'{"path": 1, "sha256": 2}', b"\xff\xfe"])
def test_a_damaged_record_trusts_nothing_and_breaks_nothing(
    store: TrustStore, project: Path, tmp_path: Path, damage: bytes
) -> None:
    store.trust([project / "llmgine.toml"])
    [record] = (tmp_path / "trust").iterdir()
    record.write_bytes(damage)
    assert not store.is_trusted(project / "llmgine.toml")
    assert store.trusted() == {}
    store.trust([project / "llmgine.toml"])
    assert store.is_trusted(project / "llmgine.toml")


def test_a_record_of_another_file_trusts_nothing(store: TrustStore, project: Path, tmp_path: Path) -> None:
    store.trust([project / "llmgine.toml"])
    [record] = (tmp_path / "trust").iterdir()
    record.write_text(json.dumps({**json.loads(record.read_text()), "path": "/somewhere/else"}))
    assert not store.is_trusted(project / "llmgine.toml")


def test_a_folder_that_cannot_be_written_is_told(project: Path, tmp_path: Path) -> None:
    (tmp_path / "trust").write_text("in the way")
    with pytest.raises(StorageError, match="cannot write to"):
        TrustStore(tmp_path / "trust").trust([project / "llmgine.toml"])


def test_a_file_that_is_not_there_cannot_be_trusted(store: TrustStore, project: Path) -> None:
    with pytest.raises(StorageError, match="cannot read"):
        store.trust([project / "missing.py"])
    assert not store.is_trusted(project / "missing.py")


def test_two_processes_that_trust_at_the_same_time_lose_nothing(store: TrustStore, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from llmgine_cli.trust import TrustStore\n"
        "store = TrustStore(Path(sys.argv[1]))\n"
        "files = sorted(Path(sys.argv[2]).glob(sys.argv[3]))\n"
        "sys.stdin.readline()\n"
        "for file in files: store.trust([file])\n"
    )
    files = tmp_path / "files"
    files.mkdir()
    for number in range(100):
        (files / f"{number:03}.py").write_text(str(number))
    # Both write the files that end in 5; each writes files of its own.
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "trust"), str(files), pattern], stdin=subprocess.PIPE
        )
        for pattern in ("*[0-5].py", "*[5-9].py")
    ]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write(b"\n")
        worker.stdin.flush()
    for worker in workers:
        worker.communicate(timeout=60)
        assert worker.returncode == 0
    assert all(store.is_trusted(file) for file in files.iterdir())
    assert len(list((tmp_path / "trust").iterdir())) == 100


def test_a_name_that_is_not_utf8_can_be_trusted(store: TrustStore, project: Path) -> None:
    file = Path(os.fsdecode(os.fsencode(project) + b"/engines/\xff.py"))
    file.write_text("x = 1\n")
    store.trust([file])
    assert store.is_trusted(file)
    assert file in store.trusted()
