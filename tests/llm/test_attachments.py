"""What a file becomes in a message."""

import os
from pathlib import Path

import pytest

from llmgine_cli.errors import UsageError
from llmgine_cli.llm.attachments import part_of, read_file, sniff
from llmgine_cli.llm.messages import File, Image, Text
from tests.support.pictures import GIF, JPEG, PDF, PNG, WEBP, png


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "image/png"),
        (JPEG, "image/jpeg"),
        (GIF, "image/gif"),
        (WEBP, "image/webp"),
        (PDF, "application/pdf"),
        ("Grüße\n".encode(), "text/plain"),
        (b"", "text/plain"),
        (b"RIFF\x1a\x00\x00\x00WAVEfmt ", None),
        (b"text and \0 more", None),
        ("Grüße".encode("latin-1"), None),
        ("hi".encode("utf-16"), None),
    ],
)
def test_what_a_file_is_its_content_says(data: bytes, kind: str | None) -> None:
    assert sniff(data) == kind


def test_the_name_of_a_file_does_not_count(tmp_path: Path) -> None:
    file = tmp_path / "photo.txt"
    file.write_bytes(PNG)
    assert read_file(file) == Image(media_type="image/png", data=PNG, name="photo.txt")


def test_a_pdf_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "paper.pdf"
    file.write_bytes(PDF)
    assert read_file(file) == File(name="paper.pdf", media_type="application/pdf", data=PDF)


def test_text_is_quoted_with_its_name_and_kept_apart_from_what_follows() -> None:
    assert part_of("\ufeffone\ntwo\n".encode(), name="notes.txt") == Text(
        '<file name="notes.txt">\none\ntwo\n</file>\n\n'
    )


def test_a_name_cannot_end_the_quotation() -> None:
    part = part_of(b"x", name='a"><b>.txt')
    assert isinstance(part, Text)
    assert part.text.startswith('<file name="a&quot;&gt;&lt;b&gt;.txt">\n')


def test_the_user_may_say_what_it_is() -> None:
    assert part_of(b"\0\1", name="scan", media_type="image/tiff") == Image(
        media_type="image/tiff", data=b"\0\1", name="scan"
    )
    assert part_of(PDF, name="p", media_type="text/plain") == part_of(PDF, name="p", media_type="text/x-pdf")


@pytest.mark.parametrize("kind", ["", "pdf", "image/", "image/png; q=1", "a/b\nc"])
def test_a_type_that_is_none_is_told(kind: str) -> None:
    with pytest.raises(UsageError, match="is no media type"):
        part_of(b"x", name="x", media_type=kind)


def test_what_nobody_can_tell_is_refused_with_the_way_out(tmp_path: Path) -> None:
    file = tmp_path / "song.mp3"
    file.write_bytes(b"ID3\x04\0\0")
    with pytest.raises(UsageError) as caught:
        read_file(file)
    assert caught.value.message.startswith("the attachment song.mp3 is neither a picture")
    assert "--attachment-type song.mp3" in (caught.value.hint or "")


def test_one_that_is_too_large_is_told_with_both_sizes(tmp_path: Path) -> None:
    file = tmp_path / "large.png"
    file.write_bytes(png(2_500_000))
    with pytest.raises(UsageError) as caught:
        read_file(file, limit=1_000_000)
    assert caught.value.message == f"the attachment {file} has 2.5 MB, and the limit is 1.0 MB"
    assert "limits.attachment_mb" in (caught.value.hint or "")


def test_one_of_just_the_limit_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "x.txt"
    file.write_bytes(b"x" * 100)
    assert isinstance(read_file(file, limit=100), Text)
    with pytest.raises(UsageError, match="has 100 bytes, and the limit is 99 bytes"):
        read_file(file, limit=99)


def test_a_device_without_end_is_not_read_without_end() -> None:
    with pytest.raises(UsageError, match=r"/dev/zero is larger|has"):
        read_file(Path("/dev/zero"), limit=1000)


@pytest.mark.parametrize("name", ["gone.png", ".", "a\0b"])
def test_what_cannot_be_read_is_told(name: str) -> None:
    with pytest.raises(UsageError, match="cannot read the attachment"):
        read_file(Path(name))


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(UsageError, match="the attachment empty is empty"):
        read_file(tmp_path / "empty")


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, PNG)
    os.close(writing)
    try:
        part = read_file(Path(f"/dev/fd/{reading}"))
    finally:
        os.close(reading)
    assert isinstance(part, Image)
    assert part.data == PNG
