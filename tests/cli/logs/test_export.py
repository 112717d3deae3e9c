"""`llmgine logs export`: a session for others to read."""

import json
import os
import resource
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from llmgine_cli.llm.events import HistoryRewound
from llmgine_cli.llm.messages import assistant
from tests.support.program import PROGRAM, Program
from tests.support.session import Session
from tests.support.terminal import Terminal


@pytest.fixture
def session(home: Path) -> Session:
    session = Session(home / "state" / "logs")
    turn = session.prompt("hi", 0)
    session.answered(turn, session.ask(turn, 0, tools=("clock",)), "It is **noon**.", 100, 100)
    session.finish(turn, 100, 100)
    session.end(100)
    return session


@pytest.mark.usefixtures("session")
def test_markdown_is_what_one_gets(cli: Program) -> None:
    done = cli("logs", "export")

    assert done.stdout.startswith("# hi\n\n- **Session:** morning\n")
    assert done.stdout.endswith("\n\nIt is **noon**.\n")
    assert done.stdout == cli("logs", "export", "morning", "--format", "md").stdout
    assert (done.stderr, done.code) == ("", 0)


@pytest.mark.usefixtures("session")
def test_a_page_is_one_file(cli: Program) -> None:
    page = cli("logs", "export", "--format", "html").stdout

    assert page.startswith("<!doctype html>\n")
    assert "It is <strong>noon</strong>." in page
    assert page.endswith("</html>\n")


def test_lines_are_those_of_the_log_without_what_is_torn(cli: Program, session: Session) -> None:
    whole = session.path.read_bytes()
    torn = whole[: whole.index(b"\n") // 2]
    session.path.write_bytes(b"\0\0\0" + torn + b"\n\xff\xfe\n" + whole + torn)

    done = cli("logs", "export", "--format", "jsonl")

    assert done.stdout_bytes == whole
    assert done.stderr == "warning: 3 bad lines skipped\n"


def test_lines_cannot_drive_the_terminal_and_are_still_the_same_json(cli: Program, session: Session) -> None:
    session.say(assistant("\x1b[2J\x9b\u202e"), 200)

    done = cli("logs", "export", "--format", "jsonl")

    assert not {"\x1b", "\x9b", "\u202e"} & set(done.stdout)
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["message"]["parts"][0]["text"] == "\x1b[2J\x9b\u202e"


@pytest.mark.usefixtures("session")
def test_a_request_is_one_document(cli: Program) -> None:
    assert json.loads(cli("logs", "export", "--format", "openai").stdout) == {
        "model": "echo",
        "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "It is **noon**."}],
        "tools": [{"type": "function", "function": {"name": "clock"}}],
    }


def test_a_request_of_nothing_is_none(cli: Program, session: Session) -> None:
    session.write(HistoryRewound, 200, kept=0)

    done = cli("logs", "export", "--format", "openai")

    assert done.stderr == "llmgine: nothing is left of what was said in this session (md and html have all of it)\n"
    assert done.code == 2


def test_a_format_that_is_none_is_told(cli: Program) -> None:
    done = cli("logs", "export", "--format", "pdf")

    assert "'md', 'html', 'jsonl', 'openai'" in done.stderr
    assert done.code == 2


@pytest.mark.usefixtures("session")
def test_a_file_is_written_as_a_redirection_would(cli: Program) -> None:
    before = os.umask(0o027)
    try:
        done = cli("logs", "export", "-o", "out.md")
    finally:
        os.umask(before)

    assert Path("out.md").read_text(encoding="utf-8") == cli("logs", "export", "-o", "-").stdout
    assert stat.S_IMODE(Path("out.md").stat().st_mode) == 0o640
    assert (done.stdout, done.stderr) == ("", "written to out.md\n")


@pytest.mark.usefixtures("session")
def test_a_file_that_is_there_is_kept_unless_forced(cli: Program) -> None:
    Path("my file.md").write_text("mine")
    Path("my file.md").chmod(0o600)

    done = cli("logs", "export", "-o", "my file.md")

    assert done.stderr == "llmgine: my file.md is there already (--force overwrites it: -o 'my file.md' --force)\n"
    assert done.code == 2
    assert Path("my file.md").read_text() == "mine"

    assert cli("logs", "export", "-o", "my file.md", "--force").code == 0
    assert Path("my file.md").read_text().startswith("# hi\n")
    assert stat.S_IMODE(Path("my file.md").stat().st_mode) == 0o600


@pytest.mark.usefixtures("session")
def test_a_link_goes_on_pointing_to_its_file(cli: Program, tmp_path: Path) -> None:
    Path("link.md").symlink_to(tmp_path / "far.md")

    assert cli("logs", "export", "-o", "link.md").code == 0
    assert Path("link.md").is_symlink()
    assert (tmp_path / "far.md").read_text().startswith("# hi\n")


@pytest.mark.usefixtures("session")
def test_a_device_is_written_to(cli: Program) -> None:
    done = cli("logs", "export", "-o", "/dev/stderr")

    assert done.stderr.startswith("# hi\n")
    assert cli("logs", "export", "-o", "/dev/null").code == 0
    assert Path("/dev/null").is_char_device()


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(
    ("path", "reason"),
    [("no/such/out.md", "No such file or directory"), (".", "Is a directory"), ("x" * 300, "File name too long")],
)
def test_a_file_that_cannot_be_written_is_told(cli: Program, path: str, reason: str) -> None:
    done = cli("logs", "export", "-o", path)

    assert done.stderr == f"llmgine: cannot write {path}: {reason}\n"
    assert done.code == 6
    assert list(Path().iterdir()) == []


def limited(size: int) -> Callable[[], None]:
    """A disk on which files end at this many bytes."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.mark.usefixtures("no_bytecode")
@pytest.mark.parametrize("before", [None, "mine"])
def test_on_a_full_disk_it_is_not_written_at_all(session: Session, before: str | None) -> None:
    session.say(assistant("long " * 20_000), 200)
    if before is not None:
        Path("out.md").write_text(before)

    done = subprocess.run(
        [PROGRAM, "logs", "export", "-o", "out.md", "--force"],
        preexec_fn=limited(8192),
        capture_output=True,
        text=True,
    )

    assert done.stderr == "llmgine: cannot write out.md: File too large\n"
    assert done.returncode == 6
    assert [path.name for path in Path().iterdir()] == ([] if before is None else ["out.md"])
    assert before is None or Path("out.md").read_text() == before


@pytest.mark.usefixtures("session")
def test_on_a_full_device_stdout_says_so() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([PROGRAM, "logs", "export"], stdout=full, stderr=subprocess.PIPE, text=True)

    assert done.stderr == "llmgine: the output could not be written: No space left on device\n"
    assert done.returncode == 6


def test_what_is_written_to_a_terminal_cannot_drive_it(session: Session) -> None:
    session.say(assistant("\x1b]0;title\x07 \x9b31m"), 200)

    for kind in ("md", "html", "jsonl", "openai"):
        with Terminal([str(PROGRAM), "logs", "export", "--format", kind]) as terminal:
            assert terminal.wait_end() == 0
        assert b"title" in terminal.raw
        assert b"\x1b]" not in terminal.raw
        assert "\x9b" not in terminal.raw.decode()
