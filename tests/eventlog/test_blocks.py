"""Blocks of whole lines, from either end, whatever the lengths of the lines."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgine_cli.errors import StorageError
from llmgine_cli.eventlog.blocks import BLOCK, FIRST, Block, backward, forward, opened

LENGTHS = st.lists(
    st.sampled_from([0, 1, 7, 500, FIRST - 1, FIRST, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK]), max_size=7
)


def file_of(folder: Path, content: bytes) -> Path:
    path = folder / "log.jsonl"
    path.write_bytes(content)
    return path


def lines_of(lengths: list[int]) -> list[bytes]:
    return [bytes([97 + number % 26]) * length for number, length in enumerate(lengths)]


@given(LENGTHS, st.booleans())
def test_both_ways_give_every_byte_once_at_its_place(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], ended: bool
) -> None:
    content = b"\n".join(lines_of(lengths)) + (b"\n" if ended else b"")
    path = file_of(tmp_path_factory.mktemp("logs"), content)
    with opened(path) as file:
        onward = [(block.offset, bytes(block.data[: block.end])) for block in forward(file)]
        back = [(block.offset, bytes(block.data[: block.end])) for block in backward(file, len(content))][::-1]

    for blocks in (onward, back):
        assert b"".join(data for _, data in blocks) == content
        assert all(content[offset : offset + len(data)] == data for offset, data in blocks)
        assert all(offset == 0 or content[offset - 1 : offset] == b"\n" for offset, _ in blocks)


def test_reading_can_begin_and_end_in_the_middle(tmp_path: Path) -> None:
    path = file_of(tmp_path, b"one\ntwo\nthree\n")
    with opened(path) as file:
        assert [bytes(block.data[: block.end]) for block in forward(file, 4)] == [b"two\nthree\n"]
        assert [bytes(block.data[: block.end]) for block in backward(file, 8)] == [b"one\ntwo\n"]


@pytest.mark.parametrize("length", [300_000, 2_000_000])
@pytest.mark.parametrize("ended", [True, False])
def test_a_line_that_no_event_can_be_is_left_out_and_told(tmp_path: Path, length: int, ended: bool) -> None:
    path = file_of(tmp_path, b"before\n" + b"\0" * length + (b"\nafter\n" if ended else b""))
    with opened(path) as file:
        onward = [kept(block) for block in forward(file, longest=200_000)]
        back = [kept(block) for block in backward(file, path.stat().st_size, longest=200_000)]

    lines = [b"before", b"after"] if ended else [b"before"]
    assert [line for data, _ in onward for line in data.split()] == lines
    assert [line for data, _ in reversed(back) for line in data.split()] == lines
    assert sum(dropped for _, dropped in onward) == 1
    assert sum(dropped for _, dropped in back) == 1


def kept(block: Block) -> tuple[bytes, int]:
    return bytes(block.data[: block.end]), block.dropped


def test_what_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(StorageError, match=f"cannot read {path}"), opened(path) as file:
            list(forward(file))
