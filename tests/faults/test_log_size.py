"""Logs of the size that the years bring: 20,000 sessions, a gigabyte in one file, lines of 50 MB."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmgine_cli.bus import SessionEnded, SessionStarted
from llmgine_cli.eventlog.codec import encode
from llmgine_cli.llm.events import MessageAdded, SystemChanged
from llmgine_cli.llm.messages import assistant, system, user
from tests.benchmarks.biglog import Story
from tests.support.messages import Pong

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells the memory of a process since it began"
)

MEGABYTE = 1 << 20
SESSIONS = 20_000
ROOM = 3 << 30  # bytes
CODE = """
import re, resource, sys
from pathlib import Path
from llmgine_cli.cli import app
code = app._run(sys.argv[1:])
sys.stdout.flush()
own = int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
sys.stderr.write(f"\\npeak {max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)}")
sys.exit(code)
"""
READ = """
import sys
from pathlib import Path
from llmgine_cli.cli import app
code = app._run(sys.argv[1:])
sys.stdout.flush()
sys.stderr.write(Path("/proc/self/io").read_text().split()[1])
sys.exit(code)
"""


def ran(*words: str | Path) -> tuple[list[str], int]:
    """Run the program; return the lines it printed and the most memory that it had, or a process it began, in bytes."""
    done = subprocess.run([sys.executable, "-c", CODE, *map(str, words)], capture_output=True, check=False)
    told = done.stderr.decode()
    assert done.returncode == 0, told
    peak = re.search(r"\npeak (\d+)$", told)
    assert peak, told
    return done.stdout.decode().splitlines(), int(peak[1]) * 1024


# -- many files


def session_id(number: int) -> str:
    return f"{0x18E9_0000_0000_0000 + number:016x}{number:011x}"


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A folder with 20,000 small sessions, and one with 20 of the same kind."""
    pattern = session_id(0)
    events = (
        SessionStarted(session_id=pattern),
        SystemChanged(session_id=pattern, message=system("be brief")),
        MessageAdded(session_id=pattern, message=user(f"question of {pattern}")),
        MessageAdded(session_id=pattern, message=assistant(f"answer to {pattern}")),
        SessionEnded(session_id=pattern, duration_ms=5),
    )
    template = b"".join(map(encode, events))
    base = tmp_path_factory.mktemp("crowd")
    few, many = base / "few", base / "many"
    for folder, count in ((few, 20), (many, SESSIONS)):
        folder.mkdir()
        for number in range(count):
            name = session_id(number)
            started = f"20261124T{number // 3600:02}{number // 60 % 60:02}{number % 60:02}.000000Z"
            (folder / f"events_{started}_{name}.jsonl").write_bytes(template.replace(pattern.encode(), name.encode()))
    yield few, many
    shutil.rmtree(base)


@pytest.mark.parametrize(
    "words", [("list", "-n", "20"), ("tail", "--json"), ("tail", "--json", "--session", "SESSION")]
)
def test_among_20_000_sessions_a_question_is_answered_in_the_memory_that_it_takes_among_20(
    crowd: tuple[Path, Path], words: tuple[str, ...]
) -> None:
    few, many = crowd
    peaks: list[int] = []
    for folder, name in ((few, session_id(15)), (many, session_id(SESSIONS - 5))):
        lines, peak = ran("logs", *(name if word == "SESSION" else word for word in words), "--dir", folder)
        peaks.append(peak)
        if words[0] == "list":
            assert len(lines) == 20
        else:
            assert [json.loads(line)["event_type"] for line in lines][-1] == "SessionEnded"
        if "--session" in words:
            assert {json.loads(line)["session_id"] for line in lines} == {name}
    assert peaks[1] - peaks[0] < 40 * MEGABYTE, peaks  # 2 KB for each file's name and place


def test_among_20_000_sessions_one_is_gone_on_with(crowd: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    peaks: list[int] = []
    for folder, name in zip(crowd, (session_id(7), session_id(12_345)), strict=True):
        monkeypatch.setenv("LLMGINE_LOG__DIR", str(folder))
        lines, peak = ran("run", "-m", "echo:echo", "--session", name, "and now?")
        assert lines == ["and now?"]
        peaks.append(peak)
        (path,) = folder.glob(f"*_{name}.jsonl")
        assert path.read_bytes().count(b'"MessageAdded"') == 4
    assert peaks[1] - peaks[0] < 40 * MEGABYTE, peaks


# -- a large file


@pytest.fixture(scope="module")
def gigabyte(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a log of 1 GB, in which five events of a type stand a fifth of it apart."""
    base = tmp_path_factory.mktemp("gigabyte")
    if shutil.disk_usage(base).free < ROOM:
        pytest.skip(f"less than {ROOM >> 30} GB are free in {base}")
    story, parts, size = Story(), list[bytes](), 0
    while size < 10 * MEGABYTE:
        for event in story.session(40):
            parts.append(encode(event))
            size += len(parts[-1])
    block = b"".join(parts)
    with (base / "events_20261124T120000.000000Z_big.jsonl").open("wb") as file:
        for number in range(100):
            file.write(block)
            if number % 20 == 0:
                file.write(encode(Pong(session_id="big", text=f"rare {number}")))
    yield base
    shutil.rmtree(base)


def test_the_end_of_a_log_of_1_gb_is_read_from_the_end(gigabyte: Path) -> None:
    lines, peak = ran("logs", "tail", "--json", "-n", "20", "--dir", gigabyte)
    assert len(lines) == 20
    assert json.loads(lines[-1])["event_type"] == "SessionEnded"
    assert peak < 150 * MEGABYTE


def test_what_is_rare_in_a_log_of_1_gb_is_found_in_little_memory(gigabyte: Path) -> None:
    lines, peak = ran("logs", "tail", "--json", "-n", "5", "--type", "Pong", "--dir", gigabyte)
    assert [json.loads(line)["text"] for line in lines] == [f"rare {number}" for number in range(0, 100, 20)]
    assert peak < 150 * MEGABYTE


def test_a_log_of_1_gb_is_searched_and_counted_in_little_memory(gigabyte: Path) -> None:
    lines, peak = ran("logs", "search", "--json", "rare", "--dir", gigabyte)
    assert [json.loads(line)["event"]["text"] for line in lines] == [f"rare {number}" for number in range(0, 100, 20)]
    assert peak < 150 * MEGABYTE

    lines, peak = ran("logs", "stats", "--json", "--by", "model", "--dir", gigabyte)
    assert json.loads("".join(lines))["total"]["calls"] % 100 == 0
    assert peak < 150 * MEGABYTE


def test_only_the_end_of_a_log_is_read_for_its_last_events(gigabyte: Path) -> None:
    command = [sys.executable, "-c", READ, "logs", "tail", "--json", "-n", "20", "--dir", str(gigabyte)]
    done = subprocess.run(command, capture_output=True, check=True)
    assert int(done.stderr.split()[-1]) < 50 * MEGABYTE


# -- long lines


@pytest.fixture(scope="module")
def long_lines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a log that has a line of 50 MB in the middle and one at the end."""
    base = tmp_path_factory.mktemp("long")
    giant = "x" * 50_000_000
    events = (
        SessionStarted(session_id="long"),
        MessageAdded(session_id="long", message=user("the question")),
        MessageAdded(session_id="long", message=assistant(giant + " needle")),
        MessageAdded(session_id="long", message=user("another question")),
        Pong(session_id="long", text=giant),
    )
    with (base / "events_20261124T120000.000000Z_long.jsonl").open("wb") as file:
        for event in events:
            file.write(encode(event))
    yield base
    shutil.rmtree(base)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("list",), "the question"),
        (("tail",), "another question"),
        (("tail", "--json", "-n", "2"), '"Pong"'),
        (("search", "needle"), "needle"),
        (("search", "another"), "another question"),
        (("show", "long"), "another question"),
    ],
)
def test_lines_of_50_mb_are_in_nobodys_way(long_lines: Path, words: tuple[str, ...], wanted: str) -> None:
    lines, peak = ran("logs", *words, "--dir", long_lines)
    assert any(wanted in line for line in lines), [line[:200] for line in lines]
    assert peak < 1000 * MEGABYTE
