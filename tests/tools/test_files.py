"""Looking at files: what is shown, and that nothing else is."""

import os
import sys
from pathlib import Path

import pytest

from llmgine_cli.errors import ToolError
from llmgine_cli.toolkit.tool import Tool
from tests.support.shipped import shipped_tools

files = shipped_tools("files")
read_file, list_directory, search_text = files.read_file, files.list_directory, files.search_text


@pytest.fixture(autouse=True)
def folder(home: Path) -> Path:
    """A working folder with something in it."""
    here = Path.cwd()
    (here / "notes.txt").write_text("one\ntwo\nthree\nfour and two\n")
    (here / "src").mkdir()
    (here / "src" / "main.py").write_text("import os\n\ntwo = 2\n")
    (here / "src" / "deep").mkdir()
    (here / "src" / "deep" / "data.csv").write_text("two,2\n")
    (here / ".hidden").write_text("two\n")
    (here.parent / "outside.txt").write_text("two\n")
    return here


def refusal(function: object, *args: object, **kwargs: object) -> str:
    assert callable(function)
    with pytest.raises(ToolError) as caught:
        function(*args, **kwargs)
    return f"{caught.value.message} | {caught.value.hint}"


# -- where one may look


@pytest.mark.parametrize("path", ["../outside.txt", "src/../../outside.txt", "/etc/passwd", "~/x", "/", ".."])
def test_nothing_outside_of_the_working_folder_is_opened(path: str) -> None:
    for function in (read_file, list_directory):
        assert "is outside of what may be looked into" in refusal(function, path)
    assert "is outside of what may be looked into" in refusal(search_text, "x", path)


def test_what_is_outside_is_not_even_said_to_exist() -> None:
    there, not_there = refusal(read_file, "../outside.txt"), refusal(read_file, "../nothing.txt")
    assert there.replace("outside.txt", "") == not_there.replace("nothing.txt", "")


def test_links_that_lead_out_are_refused_and_not_followed(folder: Path) -> None:
    (folder / "link.txt").symlink_to(folder.parent / "outside.txt")
    (folder / "way").symlink_to(folder.parent)
    (folder / "loop").symlink_to(folder)
    assert "is outside" in refusal(read_file, "link.txt")
    assert "is outside" in refusal(read_file, "way/outside.txt")
    assert "is outside" in refusal(list_directory, "way")
    assert "outside.txt:" not in search_text("two")
    assert "link.txt" not in search_text("two")
    listed = list_directory(depth=10)
    assert f"link.txt -> {folder.parent / 'outside.txt'}" in listed
    assert listed.count("notes.txt") == 1


def test_a_link_that_stays_inside_is_followed(folder: Path) -> None:
    (folder / "again.txt").symlink_to("notes.txt")
    assert read_file("again.txt") == read_file("notes.txt")


def test_further_folders_may_be_looked_into_when_the_user_says_so(folder: Path) -> None:
    more = folder.parent / "more"
    more.mkdir()
    (more / "there.txt").write_text("two\n")
    roots = [str(more)]
    assert read_file("../more/there.txt", roots=roots) == "two\n"
    assert list_directory(str(more), roots=roots) == "there.txt  4 bytes"
    assert search_text("two", str(more), roots=roots) == f"{more / 'there.txt'}:1: two"
    assert read_file("notes.txt", 1, 1, roots=roots) == "one\n"
    assert "is outside" in refusal(read_file, "../outside.txt", roots=roots)


def test_where_one_may_look_is_for_the_user_to_set_and_not_for_the_model() -> None:
    for function in (read_file, list_directory, search_text):
        tool = Tool.from_function(function)
        assert set(tool.settings) == {"roots"}
        assert "roots" not in tool.parameters["properties"]
        assert tool.effect == "read"


@pytest.mark.parametrize(
    "name", [".env", ".ENV", ".env.local", "server.pem", "id_ed25519", ".netrc", "credentials.json", ".ssh/config"]
)
def test_secrets_are_not_opened(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("two = secret\n")
    (folder / "harmless.txt").symlink_to(name)
    for path in (name, "harmless.txt"):
        assert "may hold secrets; it is not opened" in refusal(read_file, path)
        assert "may hold secrets; it is not opened" in refusal(search_text, "two", path)
    assert "secret" not in search_text("two")


@pytest.mark.parametrize("name", [".env.example", "id_ed25519.pub", "keys.txt", "environment"])
def test_what_only_sounds_like_a_secret_is_opened(folder: Path, name: str) -> None:
    (folder / name).write_text("fine")
    assert read_file(name) == "fine"


def test_a_name_of_a_link_that_is_a_secret_is_not_opened_wherever_it_leads(folder: Path) -> None:
    (folder / ".env").symlink_to("notes.txt")
    assert "may hold secrets" in refusal(read_file, ".env")


# -- read_file


def test_a_file_is_read_whole_or_in_lines() -> None:
    assert read_file("notes.txt") == "one\ntwo\nthree\nfour and two\n"
    assert read_file("notes.txt", 2, 3) == "two\nthree\n"
    assert read_file("notes.txt", 4) == "four and two\n"
    assert read_file("notes.txt", 3, 99) == "three\nfour and two\n"


@pytest.mark.parametrize(
    ("path", "lines", "said"),
    [
        ("notes.txt", (5, None), "notes.txt has only 4 lines"),
        ("notes.txt", (0, None), "lines are counted from 1"),
        ("notes.txt", (3, 2), "end_line 2 comes before start_line 3"),
        ("note.txt", (1, None), "there is no note.txt | did you mean notes.txt?"),
        ("src", (1, None), "src is no file | list_directory lists a folder"),
        ("no/where.txt", (1, None), "there is no no/where.txt | there is no folder no either"),
        ("a\0b", (1, None), "is no path"),
        ("~nobody-of-that-name/x", (1, None), "is no path"),
        ("x" * 5000, (1, None), "is no path: File name too long"),
    ],
)
def test_what_cannot_be_read_is_told_why(path: str, lines: tuple[int, int | None], said: str) -> None:
    assert said in refusal(read_file, path, *lines)


def test_a_binary_file_is_refused(folder: Path) -> None:
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\0\0")
    assert "picture.png is not text (8 bytes)" in refusal(read_file, "picture.png")


def test_what_is_not_utf_8_is_shown_as_well_as_it_can_be(folder: Path) -> None:
    (folder / "latin.txt").write_bytes("café\n".encode("latin-1"))
    assert read_file("latin.txt") == "caf\ufffd\n\n[what is not UTF-8 is shown as \ufffd]"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_are_understood(folder: Path, encoding: str) -> None:
    (folder / "marked.txt").write_bytes("€\n".encode(encoding))
    assert read_file("marked.txt") == "€\n"


def test_an_empty_file_says_so(folder: Path) -> None:
    (folder / "empty").touch()
    assert read_file("empty") == "[the file is empty]"


def test_a_long_file_comes_in_pieces_that_follow_each_other(folder: Path) -> None:
    lines = [f"line {number}: {'x' * 100}\n" for number in range(1, 2001)]
    (folder / "long.txt").write_text("".join(lines))
    read: list[str] = []
    start = 1
    while start <= len(lines):
        text, _, note = read_file("long.txt", start).partition("\n[")
        shown = (text + "\n" if note else text).splitlines(keepends=True)
        shown = [line for line in shown if line != "\n"]
        read += shown
        start += len(shown)
        assert not note or f"go on with start_line={start}]" in note
    assert read == lines


def test_one_endless_line_is_cut(folder: Path) -> None:
    (folder / "minified.js").write_text("x" * 200_000)
    text = read_file("minified.js")
    assert text == "x" * files.TEXT_LIMIT + "\n[cut: the line has 200,000 characters]"


def test_a_file_larger_than_memory_allows_is_refused(folder: Path) -> None:
    with (folder / "huge.log").open("wb") as stream:
        stream.truncate(files.FILE_LIMIT + 1)
    assert "is larger than 20,000,000 bytes" in refusal(read_file, "huge.log")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_a_pipe_that_nobody_writes_to_does_not_hang(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert "pipe is no file" in refusal(read_file, "pipe")
    assert "pipe" not in search_text("two")


# -- list_directory


def test_a_folder_is_listed_folders_first() -> None:
    assert list_directory() == "src/\nnotes.txt  27 bytes"
    assert list_directory("src", depth=2) == "deep/\ndeep/data.csv  6 bytes\nmain.py  19 bytes"
    assert ".hidden  4 bytes" in list_directory(hidden=True)


def test_a_pattern_finds_files_at_every_level() -> None:
    assert list_directory(depth=3, glob="*.csv") == "src/deep/data.csv  6 bytes"
    assert list_directory(depth=3, glob="src/*.py") == "src/main.py  19 bytes"
    assert list_directory(glob="*.rs") == "[nothing there]"


def test_a_listing_without_end_is_cut(folder: Path) -> None:
    (folder / "many").mkdir()
    for number in range(files.ENTRY_LIMIT + 5):
        (folder / "many" / f"{number:05}").touch()
    lines = list_directory("many").split("\n")
    assert len(lines) == files.ENTRY_LIMIT + 1
    assert lines[-1].startswith("[cut after 1,000 entries")


def test_what_cannot_be_listed_is_told_why() -> None:
    assert "notes.txt is no folder" in refusal(list_directory, "notes.txt")
    assert "depth is 0" in refusal(list_directory, depth=0)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_named(folder: Path) -> None:
    (folder / "locked").mkdir(mode=0)
    assert "locked/[cannot be listed: Permission denied]" in list_directory(depth=2)


# -- search_text


def test_text_is_found_with_file_and_line() -> None:
    assert search_text("two") == (
        "notes.txt:2: two\nnotes.txt:4: four and two\nsrc/main.py:3: two = 2\nsrc/deep/data.csv:1: two,2"
    )
    assert search_text("two", "src/deep") == "src/deep/data.csv:1: two,2"
    assert search_text("two", "notes.txt", max_results=9) == "notes.txt:2: two\nnotes.txt:4: four and two"
    assert search_text("two", glob="*.py") == "src/main.py:3: two = 2"


@pytest.mark.parametrize("regex", [False, True])
def test_capitals_count_unless_told_otherwise(regex: bool) -> None:
    assert search_text("TWO", regex=regex).startswith("[nothing found in ")
    assert "notes.txt:2: two" in search_text("TWO", regex=regex, ignore_case=True)


def test_plain_text_is_no_pattern_and_a_regular_expression_is(folder: Path) -> None:
    (folder / "dots.txt").write_text("t.o\n")
    assert search_text("t.o") == "dots.txt:1: t.o"
    assert search_text("^t.o$", "notes.txt", regex=True) == "notes.txt:2: two"
    assert search_text("^$", regex=True) == "src/main.py:2: "


def test_lines_around_are_shown_once_each(folder: Path) -> None:
    assert search_text("three", "notes.txt", context=1) == (
        "notes.txt-2- two\nnotes.txt:3: three\nnotes.txt-4- four and two"
    )
    assert search_text("two", "notes.txt", context=1) == (
        "notes.txt-1- one\nnotes.txt:2: two\nnotes.txt-3- three\nnotes.txt:4: four and two"
    )
    (folder / "far.txt").write_text("x\n1\n2\n3\nx\n")
    assert search_text("x", "far.txt", context=1) == "far.txt:1: x\nfar.txt-2- 1\n--\nfar.txt-4- 3\nfar.txt:5: x"


def test_the_number_of_results_is_bounded(folder: Path) -> None:
    (folder / "many.txt").write_text("two\n" * 1000)
    found = search_text("two", "many.txt", max_results=3)
    assert found == "many.txt:1: two\nmany.txt:2: two\nmany.txt:3: two\n[stopped after 3 results; there may be more]"
    assert len(search_text("two", max_results=500)) < 100_000


def test_a_long_line_is_cut(folder: Path) -> None:
    (folder / "minified.js").write_text("two" + "x" * 100_000)
    assert len(search_text("two", "minified.js")) < 500


def test_binary_large_and_generated_files_are_left_out(folder: Path) -> None:
    (folder / "binary").write_bytes(b"two\0")
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "x.js").write_text("two")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("two")
    with (folder / "huge.log").open("wb") as stream:
        stream.truncate(files.FILE_LIMIT + 1)
    found = search_text("two")
    assert {line.split(":")[0] for line in found.splitlines()[:-1]} == {
        "notes.txt", "src/main.py", "src/deep/data.csv",
    }  # fmt: skip
    assert found.endswith("\n[not searched: 1 files larger than 20,000,000 bytes]")


@pytest.mark.parametrize("regex", [False, True])
def test_the_one_file_that_was_asked_for_is_not_left_out_silently(folder: Path, regex: bool) -> None:
    (folder / "binary").write_bytes(b"two\0")
    assert "binary is not text" in refusal(search_text, "two", "binary", regex=regex)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"pattern": ""}, "pattern is empty"),
        ({"pattern": "x", "context": 11}, "context is 11"),
        ({"pattern": "x", "max_results": 0}, "max_results is 0"),
        ({"pattern": "x", "path": "nowhere"}, "there is no nowhere"),
        ({"pattern": "(", "regex": True}, "the pattern is not a regular expression: missing ), unterminated"),
        ({"pattern": "(" * 5000 + ")" * 5000, "regex": True}, "the pattern is not a regular expression"),
    ],
)
def test_a_search_that_cannot_be_is_told_why(arguments: dict[str, object], said: str) -> None:
    assert said in refusal(search_text, **arguments)


def test_a_regular_expression_that_never_ends_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SECONDS", 0.5)
    (folder / "evil.txt").write_text("a" * 60 + "!\n")
    assert "the search took longer than 0.5 s" in refusal(search_text, "^(a+)+$", "evil.txt", regex=True)
