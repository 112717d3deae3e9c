"""A file of the cache is written whole, for the user alone, or leaves nothing behind."""

import stat
from pathlib import Path

from llmgine_cli.llm.kept import keep


def test_it_is_for_the_user_alone_and_takes_the_place_of_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "it"
    assert keep(path, b"earlier")
    assert keep(path, b"later")
    assert path.read_bytes() == b"later"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["it"]


def test_where_a_folder_is_in_its_place_nothing_is_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "it"
    path.mkdir(parents=True)
    assert not keep(path, b"content")
    assert [file.name for file in path.parent.iterdir()] == ["it"]


def test_where_no_folder_can_be_made_it_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder would be")
    assert not keep(tmp_path / "cache" / "it", b"content")
