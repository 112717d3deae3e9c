"""Pieces of a file: together they are the file, and each begins where a line does."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgine_cli.eventlog.blocks import BLOCK, FIRST, next_line, opened
from llmgine_cli.eventlog.pieces import Piece, pieces

LENGTHS = st.lists(st.sampled_from([0, 1, 7, 500, FIRST - 1, FIRST, BLOCK + 1, 3 * BLOCK]), max_size=9)


@given(LENGTHS, st.booleans(), st.integers(1, 2 * BLOCK))
def test_together_they_are_the_file_and_each_begins_a_line(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], ended: bool, size: int
) -> None:
    content = b"\n".join(b"x" * length for length in lengths) + (b"\n" if ended else b"")
    path = tmp_path_factory.mktemp("logs") / "log.jsonl"
    path.write_bytes(content)
    with opened(path) as file:
        found = pieces(file, size)

    assert found[0].begin == 0
    assert found[-1].end is None
    assert [one.begin for one in found[1:]] == [one.end for one in found[:-1]]
    for begin, end in found[:-1]:
        assert end is not None
        assert end - begin >= size
        assert content[end - 1 : end] == b"\n"
        assert b"\n" not in content[begin + size : end - 1]  # it ends as soon as it may


def test_a_file_smaller_than_a_piece_is_one(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"")
    with opened(path) as file:
        assert pieces(file, 100) == [Piece(0, None)]
        path.write_bytes(b"one\ntwo\n")
        assert pieces(file, 100) == [Piece(0, None)]
        assert pieces(file, 1, 4) == [Piece(4, None)]


def test_what_is_divided_can_begin_and_end_in_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"one\ntwo\nthree\nfour\n")
    with opened(path) as file:
        assert pieces(file, 3, 4, 14) == [Piece(4, 8), Piece(8, 14)]


def test_where_a_line_begins_is_found_from_any_place(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"a\n" + b"b" * 300_000 + b"\nlast")
    with opened(path) as file:
        assert next_line(file, 1) == next_line(file, 2) == 2
        assert next_line(file, 3) == next_line(file, 300_003) == 300_003
        assert next_line(file, 300_004) is None
        assert next_line(file, 10**9) is None
