"""`llmgine logs list | search | stats | prune`: what a person and what a script gets."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from llmgine_cli.bus import CommandStarted, SessionEnded, SessionStarted
from llmgine_cli.engine import Prompt
from llmgine_cli.eventlog.codec import encode
from llmgine_cli.eventlog.writer import EventLog
from llmgine_cli.llm.events import (
    ConversationOpened,
    LLMCallFailed,
    LLMCallFinished,
    LLMCallStarted,
    MessageAdded,
    ReplyGrew,
    SessionNamed,
    StatusChanged,
)
from llmgine_cli.llm.messages import ToolCall, ToolResult, assistant, user
from llmgine_cli.llm.stream import Reply, Usage
from llmgine_cli.toolkit.messages import ToolCallFinished
from tests.support.program import PROGRAM, Program
from tests.support.terminal import Terminal

SECOND = 1_000_000_000
NOON = 1_795_521_600 * SECOND  # 2026-11-24 12:00 UTC


@pytest.fixture
def folder(home: Path) -> Path:
    return home / "state" / "logs"


def talk(
    folder: Path,
    session: str,
    *,
    hour: int = 12,
    text: str = "What time is it?",
    model: str = "openai:gpt-4o",
    ended: bool = True,
    error: str | None = None,
) -> Path:
    """Write a session with a call of a model and of a tool, which began at this hour of 2026-11-24."""
    folder.mkdir(parents=True, exist_ok=True)
    now = NOON + (hour - 12) * 3600 * SECOND
    call = ToolCall(id="1", name="look", arguments="{}")
    result = ToolResult(call_id="1", name="look", content="the harbour lies still")
    reply = Reply(
        message=assistant("It is noon."), finish_reason="stop", usage=Usage(input_tokens=1000, output_tokens=200)
    )
    events = [
        SessionStarted(session_id=session, time_ns=now),
        CommandStarted(session_id=session, time_ns=now, command=Prompt(text=text)),
        MessageAdded(session_id=session, time_ns=now + 1, message=user(text)),
        LLMCallStarted(session_id=session, time_ns=now + 2, model=model, history=1),
        LLMCallFinished(
            session_id=session, time_ns=now + SECOND, call_id="c", model=model, reply=reply, duration_ms=1000,
            first_token_ms=250,
        ),
        MessageAdded(session_id=session, time_ns=now + SECOND, message=reply.message),
        ToolCallFinished(session_id=session, time_ns=now + 2 * SECOND, call=call, result=result, duration_ms=20),
        *([SessionEnded(session_id=session, time_ns=now + 3 * SECOND, error=error, duration_ms=3000)] if ended else []),
    ]  # fmt: skip
    path = folder / f"events_20261124T{hour:02}0000.000000Z_{session}.jsonl"
    path.write_bytes(b"".join(map(encode, events)))
    os.utime(path, ns=(now, now + 3 * SECOND))
    return path


def first_column(text: str) -> list[str]:
    return [row.split("\t")[0] for row in text.splitlines()]


def test_list_tells_when_who_how_much_and_how_it_ended(cli: Program, folder: Path) -> None:
    talk(folder, "morning", hour=9)
    talk(folder, "broken", hour=10, model="mine:x", error="boom", text="Line one\nline\ttwo")
    talk(folder, "cut", hour=11, model="local:smollm2-135m", ended=False)

    done = cli("logs", "list")

    assert done.stdout.splitlines() == [
        "cut\t2026-11-24 11:00\tinterrupted\t1\t1.2k\t$0.00\t2.00 s\tlocal:smollm2-135m\t\tPrompt\tWhat time is it?",
        "broken\t2026-11-24 10:00\tfailed\t1\t1.2k\tunknown\t3.00 s\tmine:x\t\tPrompt\tLine one line two",
        "morning\t2026-11-24 09:00\tfinished\t1\t1.2k\t$0.0045\t3.00 s\topenai:gpt-4o\t\tPrompt\tWhat time is it?",
    ]
    assert (done.stderr, done.code) == ("", 0)


def test_list_as_json(cli: Program, folder: Path) -> None:
    path = talk(folder, "broken", model="mine:x", error="boom")

    (told,) = json.loads(cli("logs", "list", "--json").stdout)

    assert told == {
        "session": "broken", "name": "", "title": "What time is it?", "engine": "Prompt", "models": ["mine:x"],
        "turns": 1, "calls": 1, "tools": 1, "input_tokens": 1000, "output_tokens": 200, "price": None, "unpriced": 1,
        "duration_ms": 3000.0, "error": "boom", "skipped": 0, "started": "2026-11-24T12:00:00.000000000Z",
        "ended": "2026-11-24T12:00:03.000000000Z", "state": "failed", "path": str(path), "bytes": path.stat().st_size,
    }  # fmt: skip


def test_list_filters(cli: Program, folder: Path) -> None:
    talk(folder, "early", hour=9, text="about whales")
    talk(folder, "late", hour=10, model="local:x")

    for words, sessions in {
        ("-n", "1"): ["late"],
        ("-n", "0"): ["late", "early"],
        ("--since", "2026-11-24T09:30"): ["late"],
        ("--until", "2026-11-24T09:30"): ["early"],
        ("--since", "2026-11-24", "--until", "2026-11-24"): ["late", "early"],
        ("--until", "2026-11-23"): [],
        ("--model", "GPT"): ["early"],
        ("-q", "WHALES"): ["early"],
        ("--session", "arly"): ["early"],
    }.items():
        done = cli("logs", "list", *words)
        assert first_column(done.stdout) == sessions, words
        assert done.code == 0
    assert cli("logs", "list", "-q", "nothing of the kind").stderr == "no such session\n"
    assert cli("logs", "list", "--since", "soon").code == 2
    assert "the earlier one" in cli("logs", "list", "--since", "now", "--until", "1d").stderr


def test_list_where_nothing_was_ever_logged(cli: Program, folder: Path) -> None:
    done = cli("logs", "list")

    assert (done.stdout, done.code) == ("", 0)
    assert done.stderr == f"no sessions yet in {folder}: run something first\n"
    assert json.loads(cli("logs", "list", "--json").stdout) == []


@pytest.mark.parametrize("cols", [60, 80, 200])
def test_list_on_a_terminal_is_a_row_each_within_its_width(folder: Path, cols: int) -> None:
    talk(
        folder, "18ead9b56d176dc000000385972", hour=9, text="東京 is far " * 30, model="openrouter:some/very-long-name"
    )
    talk(folder, "18ead9b56d176dc00000038597a", hour=10, text="\x1b[31m[bold]x[/nope]")

    with Terminal([str(PROGRAM), "logs", "list"], cols=cols) as terminal:
        assert terminal.wait_end() == 0
        rows = terminal.screen().splitlines()

    assert len(rows) == 3
    assert rows[1].startswith("0038597a  ")
    assert rows[2].startswith("00385972  ")
    assert "finished" in rows[1]
    assert ("$0.0045" in rows[1]) == (cols == 200)
    assert "[bold]x[/nope]" in rows[1]
    assert "\x1b[31m[bold]" not in terminal.raw.decode()


def test_search_finds_what_was_said_and_done(cli: Program, folder: Path) -> None:
    talk(folder, "morning", hour=9)
    talk(folder, "evening", hour=20, text="Is the harbour\nstill there?")

    done = cli("logs", "search", "harbour")

    assert done.stdout.splitlines() == [
        "evening\t2026-11-24 20:00:00\tCommandStarted\t:\tIs the harbour",
        "evening\t2026-11-24 20:00:02\tToolCallFinished\t:\tthe harbour lies still",
        "morning\t2026-11-24 09:00:02\tToolCallFinished\t:\tthe harbour lies still",
    ]
    assert (done.stderr, done.code) == ("", 0)


def test_search_filters_and_ways_to_look(cli: Program, folder: Path) -> None:
    talk(folder, "morning", hour=9)
    talk(folder, "evening", hour=20)

    for words, sessions in {
        ("harbour", "--session", "morn"): ["morning"],
        ("HARBOUR",): [],
        ("-i", "HARBOUR"): ["evening", "morning"],
        ("-E", "^the h.*ll$"): ["evening", "morning"],
        ("h.rbour",): [],
        ("noon", "--type", "message"): ["evening", "morning"],
        ("harbour", "--type", "message"): [],
        ("noon", "--model", "gpt", "--since", "19:00"): ["evening"] if time.gmtime().tm_mday == 24 else None,
        ("harbour", "--until", "2026-11-24T10:00"): ["morning"],
        ("harbour", "-n", "1"): ["evening"],
        ("ToolCallFinished",): [],
        ("ToolCallFinished", "--raw"): ["evening", "morning"],
        ("-C", "1", "harbour", "--session", "morning"): ["morning"] * 3,
    }.items():
        if sessions is not None:
            assert first_column(cli("logs", "search", *words).stdout) == sessions, words


def test_search_that_finds_nothing_is_no_failure(cli: Program, folder: Path) -> None:
    talk(folder, "morning")

    done = cli("logs", "search", "nothing of the kind")

    assert (done.stdout, done.stderr, done.code) == ("", "nothing found\n", 0)
    assert cli("logs", "search", "").code == 2
    assert "no regular expression" in cli("logs", "search", "-E", "a(").stderr


def test_search_as_json_is_a_line_an_event(cli: Program, folder: Path) -> None:
    path = talk(folder, "morning")

    (line,) = cli("logs", "search", "--json", "-C", "1", "harbour").stdout.splitlines()

    told: dict[str, Any] = json.loads(line)
    assert (told["session"], told["path"]) == ("morning", str(path))
    assert told["matches"] == [{"text": "the harbour lies still", "spans": [[4, 11]]}]
    assert told["event"]["result"]["content"] == "the harbour lies still"
    assert [event["event_type"] for event in told["before"] + told["after"]] == ["MessageAdded", "SessionEnded"]


@pytest.mark.parametrize("cols", [40, 80])
def test_search_on_a_terminal_marks_what_was_found_even_far_along_a_line(folder: Path, cols: int) -> None:
    talk(folder, "morning", text="x" * 500 + " needle 東京 " + "y\x1b[2J" * 500)

    with Terminal([str(PROGRAM), "logs", "search", "needle"], cols=cols) as terminal:
        assert terminal.wait_end() == 0
        rows = terminal.screen().splitlines()

    assert rows[0].startswith("── session morning · 2026-11-24")
    assert len(rows) == 2
    assert rows[1].startswith("12:00:00 CommandStarted")
    assert "needle" in rows[1]
    assert b"\x1b[1;31mneedle" in terminal.raw
    assert b"\x1b[2J" not in terminal.raw


def test_stats_add_up(cli: Program, folder: Path) -> None:
    talk(folder, "a", hour=9)
    talk(folder, "b", hour=10, model="mine:x")
    EventLog(folder).write(
        LLMCallFailed(
            session_id="c", call_id="c", model="mine:x", error="slow down", error_type="RateLimitedError",
            partial=assistant(""), duration_ms=5, time_ns=NOON,
        )
    )  # fmt: skip

    told = json.loads(cli("logs", "stats", "--json").stdout)

    assert told["sessions"] == 3
    assert (told["total"]["calls"], told["total"]["failed"], told["total"]["price"]) == (3, 1, None)
    assert {row["model"]: (row["calls"], row["price"], row["unpriced_calls"]) for row in told["model"]} == {
        "mine:x": (2, None, 1),
        "openai:gpt-4o": (1, 0.0045, 0),
    }
    assert told["model"][1]["duration_ms"] == {"p50": 1000.0, "p90": 1000.0, "p99": 1000.0}
    assert told["model"][1]["first_token_ms"]["p50"] == 250.0
    assert [(row["tool"], row["calls"]) for row in told["tool"]] == [("look", 2)]
    assert [(row["day"], row["calls"]) for row in told["day"]] == [("2026-11-24", 3)]
    assert told["errors"] == [{"where": "mine:x", "kind": "RateLimitedError", "count": 1}]

    rows = cli("logs", "stats").stdout.splitlines()
    assert rows[1] == "model\topenai:gpt-4o\t1\t\t\t1k\t200\t$0.0045" + "\t1.00 s" * 3 + "\t250 ms" * 3
    assert rows[-1] == "error\tmine:x\tRateLimitedError\t1"
    assert first_column(cli("logs", "stats", "--by", "tool", "--session", "a").stdout) == ["tool"]
    assert cli("logs", "stats", "--since", "2026-12-24").stderr == "nothing to count\n"
    assert cli("logs", "stats", "--by", "moon").code == 2


@pytest.mark.parametrize("cols", [40, 80, 200])
def test_stats_on_a_terminal_are_tables_with_bars_within_its_width(folder: Path, cols: int) -> None:
    talk(folder, "a")
    talk(folder, "b", model="mine:" + "long-name-" * 9)

    with Terminal([str(PROGRAM), "logs", "stats"], cols=cols, rows=50) as terminal:
        assert terminal.wait_end() == 0
        rows = terminal.screen().splitlines()

    headings = [row.split()[0] for row in rows if "calls" in row]
    assert headings == ["model", "tool", "day"]
    assert "openai:gpt-4o" in "\n".join(rows) or cols == 40
    assert "█" in "".join(rows)
    assert "…" not in "".join(row for row in rows if "p50" in row)


def test_prune_without_a_terminal_only_shows_what_would_go(cli: Program, folder: Path) -> None:
    path, young = talk(folder, "old", hour=1), talk(folder, "young", hour=2)
    size = path.stat().st_size

    done = cli("logs", "prune", "--keep", "1")

    assert done.stdout == f"old\t2026-11-24 01:00\t{size / 1000:.3g} kB\n"
    assert "would delete 1 session" in done.stderr
    assert "--yes" in done.stderr
    assert path.exists()
    assert json.loads(cli("logs", "prune", "--keep", "1", "--json").stdout)["deleted"] is False
    assert path.exists()

    done = cli("logs", "prune", "--keep", "1", "--yes", "--json")
    told = json.loads(done.stdout)
    assert (told["deleted"], told["bytes"], [file["session"] for file in told["files"]]) == (True, size, ["old"])
    assert not path.exists()
    assert young.exists()
    assert cli("logs", "prune", "--keep", "1", "--yes").stderr == "nothing to delete\n"


def test_prune_wants_to_know_what_may_go(cli: Program, folder: Path) -> None:
    path = talk(folder, "old")

    assert cli("logs", "prune", "--yes").code == 2
    assert cli("logs", "prune", "--older-than", "long", "--yes").code == 2
    assert path.exists()


@pytest.mark.parametrize(("answer", "left"), [("n\r", True), ("y\r", False)])
def test_prune_on_a_terminal_asks_first(folder: Path, answer: str, left: bool) -> None:
    path = talk(folder, "old")
    os.utime(path, ns=(1, 1))

    with Terminal([str(PROGRAM), "logs", "prune", "--older-than", "30d"]) as terminal:
        terminal.wait_for("Delete 1 session")
        assert path.exists()
        terminal.send(answer)
        assert terminal.wait_end() == 0

    assert path.exists() == left
    assert ("deleted 1 session" in terminal.screen()) == (not left)


def test_prune_leaves_a_session_that_is_being_written(folder: Path) -> None:
    import fcntl

    path = talk(folder, "busy")
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert Program()("logs", "prune", "--keep", "0", "--yes").stderr == "nothing to delete\n"
        (told,) = json.loads(Program()("logs", "list", "--json").stdout)
    assert told["state"] == "finished"  # an end is written: what holds the file is about to begin anew
    assert path.exists()


@pytest.mark.parametrize("command", ["list", "stats", "search harbour"])
def test_an_unreadable_file_is_named_once_and_the_rest_is_shown(cli: Program, folder: Path, command: str) -> None:
    talk(folder, "good")
    bad = folder / "events_20261124T130000.000000Z_bad.jsonl"
    bad.symlink_to("/proc/self/mem")  # opens, and cannot be read, not even by root

    done = cli("logs", *command.split())

    assert done.stderr == f"warning: cannot read {bad}: Input/output error\n"
    assert "good" in done.stdout or "gpt-4o" in done.stdout
    assert done.code == 0


@pytest.mark.parametrize("command", ["list", "stats", "search harbour", "tail"])
def test_head_ends_every_query_quietly(folder: Path, command: str) -> None:
    for hour in range(20):
        talk(folder, f"s{hour}", hour=hour)

    done = subprocess.run(
        f"'{PROGRAM}' logs {command} | head -1; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
    )

    assert done.stdout.splitlines()[-1] in {b"0", b"141"}
    assert b"Traceback" not in done.stderr


def test_tail_takes_the_same_filters(cli: Program, folder: Path) -> None:
    talk(folder, "morning", hour=9)

    assert "LLMCallStarted" in cli("logs", "tail", "--model", "gpt").stdout
    assert "SessionStarted" not in cli("logs", "tail", "--model", "gpt").stdout
    assert len(cli("logs", "tail", "--since", "2026-11-24T09:00:02").stdout.splitlines()) == 2
    assert cli("logs", "tail", "--since", "2027-11-24").stderr == "no such events in this session\n"


def both(cli: Program, name: str) -> tuple[tuple[str, float], tuple[str, float]]:
    """State and milliseconds of a session, as the listing and as its page have them."""
    (listed,) = json.loads(cli("logs", "list", "--session", name, "--json").stdout)
    shown = json.loads(cli("logs", "show", name, "--json").stdout)["session"]
    return (listed["state"], listed["duration_ms"]), (shown["state"], shown["duration_ms"])


def test_a_session_that_was_killed_has_one_time_and_one_state_wherever_it_is_shown(cli: Program, folder: Path) -> None:
    path = talk(folder, "killed", ended=False)
    grew = ReplyGrew(session_id="killed", time_ns=NOON + 4 * SECOND, call_id="d", text="half")
    with path.open("ab") as file:
        file.write(encode(grew))
    assert both(cli, "killed") == (("interrupted", 4000.0),) * 2

    later = NOON + 3600 * SECOND
    with path.open("ab") as file:
        file.write(encode(SessionStarted(session_id="killed", time_ns=later)))
        file.write(encode(CommandStarted(session_id="killed", time_ns=later, command=Prompt(text="on"))))
        file.write(encode(StatusChanged(session_id="killed", time_ns=later + 2 * SECOND, status="busy")))
    assert both(cli, "killed") == (("interrupted", 6000.0),) * 2


@pytest.mark.parametrize(
    ("error", "state"), [("CancelledError", "interrupted"), ("SystemExit", "interrupted"), ("boom", "failed")]
)
def test_what_was_stopped_did_not_fail(cli: Program, folder: Path, error: str, state: str) -> None:
    talk(folder, "ended", error=error)

    assert both(cli, "ended") == ((state, 3000.0),) * 2


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_an_idle_chat_whose_terminal_was_closed_is_interrupted(cli: Program, number: signal.Signals) -> None:
    with Terminal([str(PROGRAM), "chat", "-m", "echo:echo"]) as terminal:
        terminal.wait_for("Ctrl-D leaves")
        terminal.send("well\r")
        terminal.wait_until(lambda: terminal.everything().count("well") > 1, "an answer")
        terminal.signal(number)
        terminal.wait_end()

    (listed,) = json.loads(cli("logs", "list", "--json").stdout)
    assert (listed["state"], listed["error"]) == ("interrupted", None)


def test_a_file_without_an_event_is_no_session_and_bad_lines_are_told(cli: Program, folder: Path) -> None:
    talk(folder, "good")
    (folder / "events_20261124T130000.000000Z_noise.jsonl").write_bytes(bytes(range(128, 256)) + b"\n{oops\n")
    (folder / "events_20261124T140000.000000Z_empty.jsonl").touch()

    done = cli("logs", "list")

    assert first_column(done.stdout) == ["good"]
    assert (done.stderr, done.code) == ("warning: 2 bad lines skipped\n", 0)


def test_a_listing_begins_with_what_the_user_said_first_wherever_that_stands(cli: Program, folder: Path) -> None:
    path = talk(folder, "template", text="")
    said = [
        SessionStarted(session_id="template", time_ns=NOON),
        CommandStarted(session_id="template", time_ns=NOON, command=Prompt(text="")),
        MessageAdded(session_id="template", time_ns=NOON, message=user("Is this\n code right?")),
    ]
    path.write_bytes(b"".join(map(encode, said)))
    fork = folder / "events_20261124T150000.000000Z_fork.jsonl"
    said = [
        SessionStarted(session_id="fork", time_ns=NOON),
        MessageAdded(session_id="fork", time_ns=NOON, message=user("the first question")),
        CommandStarted(session_id="fork", time_ns=NOON, command=Prompt(text="the second")),
    ]
    fork.write_bytes(b"".join(map(encode, said)))

    listed = json.loads(cli("logs", "list", "--json").stdout)

    assert [one["title"] for one in listed] == ["the first question", "Is this code right?"]


@pytest.mark.parametrize("cols", [80, 200])
def test_the_name_of_a_session_comes_before_what_it_cost_and_nothing_but_its_words_is_cut(
    cli: Program, folder: Path, cols: int
) -> None:
    path = talk(folder, "18ead9b56d176dc000000385972", text="Where does the river that we saw rise? " * 9)
    with path.open("ab") as file:
        file.write(encode(SessionNamed(session_id="18ead9b56d176dc000000385972", name="a-trip-to-the-north")))
        file.write(
            encode(
                ConversationOpened(
                    session_id="18ead9b56d176dc000000385972", engine="single_pass", model="openai:gpt-4o"
                )
            )
        )

    with Terminal([str(PROGRAM), "logs", "list", "-n", "2"], cols=cols) as terminal:
        assert terminal.wait_end() == 0
        head, row = terminal.screen().splitlines()

    assert "a-trip-to-the-north  " in row
    assert "Where does the" in row
    assert ("price" in head, "$0.0045" in row) == (cols == 200,) * 2
    assert row.count("…") == 1  # what it begins with


def test_stats_by_one_thing_are_that_table_alone(cli: Program, folder: Path) -> None:
    path = talk(folder, "one")
    failed = LLMCallFailed(
        session_id="one", call_id="c", model="mine:x", error="no", error_type="E", partial=assistant(""), duration_ms=1
    )
    with path.open("ab") as file:
        file.write(encode(failed))

    assert [row.split("\t")[0] for row in cli("logs", "stats", "--by", "tool").stdout.splitlines()] == ["tool"]
    assert "error\tmine:x" in cli("logs", "stats").stdout
    with Terminal([str(PROGRAM), "logs", "stats", "--by", "tool"]) as terminal:
        assert terminal.wait_end() == 0
        assert "errors" not in terminal.screen()
