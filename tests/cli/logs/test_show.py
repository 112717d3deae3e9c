"""`llmgine logs show`: the conversation as a person reads it."""

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from llmgine_cli.llm.events import HistoryRewound, LLMCallFailed, LLMCallInterrupted
from llmgine_cli.llm.messages import Message, Reasoning, Text, assistant, system
from tests.support.program import PROGRAM, Program
from tests.support.session import MODEL, Session, call
from tests.support.terminal import Terminal

SUM = call("calculate", "1", {"expression": "2+2"})
ANSWER = "# Sums\n\nIt is **four**.\n\n```python\n2 + 2\n```"


@pytest.fixture
def folder(home: Path) -> Path:
    return home / "state" / "logs"


def sums(folder: Path, result: str = "4", session_id: str = "morning") -> Session:
    session = Session(folder, session_id)
    session.say(system("Be kind."), 0)
    turn = session.prompt("2+2?", 0)
    message = Message("assistant", (Reasoning(text="Two and two."), Text("Let me see."), SUM))
    session.answered(turn, session.ask(turn, 0), message, 400, 400, first=100, reason="tool_calls")
    session.tool_done(session.tool(turn, SUM, 400), SUM, result, 420, 20)
    session.answered(turn, session.ask(turn, 420), ANSWER, 1000, 580, first=90)
    session.finish(turn, 1000, 1000)
    session.end(1010)
    return session


def test_a_pipe_gets_the_whole_conversation_with_its_markdown_untouched(cli: Program, folder: Path) -> None:
    sums(folder)

    done = cli("logs", "show")

    assert done.stdout == (
        "session morning\n"
        "2026-11-24 12:00:00 · Prompt · echo:echo · finished · 1 turn · 18 tokens in, 10 out · 1.01 s\n"
        "\n── system · 12:00:00\nBe kind.\n"
        "\n── user · 12:00:00\n2+2?\n"
        "\n── assistant · 12:00:00 · echo:echo · 400 ms · 9 → 5 tokens · 16.7 tokens/s\nTwo and two.\n\nLet me see.\n\n"
        '✓ calculate(expression="2+2") 20 ms\n  4\n'
        "\n── assistant · 12:00:01 · echo:echo · 580 ms · 9 → 5 tokens · 10.2 tokens/s\n# Sums\n\nIt is **four**.\n\n"
        "```python\n2 + 2\n```\n"
    )
    assert (done.stderr, done.code) == ("", 0)


def test_a_terminal_gets_it_rendered(cli: Program, folder: Path) -> None:
    sums(folder)

    with Terminal([str(PROGRAM), "logs", "show"]) as terminal:
        assert terminal.wait_end() == 0

    picture = terminal.everything()
    assert "It is four." in picture
    assert "```" not in picture
    assert "# Sums" not in picture
    assert b"\x1b[1;36m\xe2\x94\x80\xe2\x94\x80 user" in terminal.raw


def test_without_colour_a_terminal_still_gets_it_rendered(cli: Program, folder: Path) -> None:
    sums(folder)

    with Terminal([str(PROGRAM), "logs", "show"], env={"NO_COLOR": "1"}) as terminal:
        assert terminal.wait_end() == 0

    assert "It is four." in terminal.everything()
    assert not {b"\x1b[31m", b"\x1b[1;36m", b"\x1b[38", b"\x1b[2m"} & {
        terminal.raw[at : at + size] for at in range(len(terminal.raw)) for size in (4, 5, 7)
    }


def test_a_pager_gets_colours_when_asked_for(cli: Program, folder: Path) -> None:
    sums(folder)

    done = cli("logs", "show", "--color", "always")

    assert "\x1b[1;36m── user\x1b[0m" in done.stdout
    assert "```" not in done.stdout


def test_long_results_are_shortened_with_how_much_is_left_out(cli: Program, folder: Path) -> None:
    sums(folder, "\n".join(f"row {number}" for number in range(100)))

    short, full = cli("logs", "show").stdout, cli("logs", "show", "--full").stdout

    assert "row 11" in short
    assert "row 12" not in short
    assert "  … 88 more lines of the result (--full shows all)\n" in short
    assert "row 99" in full
    assert "more lines" not in full


def test_a_result_of_one_endless_line_is_shortened_too(cli: Program, folder: Path) -> None:
    sums(folder, "x" * 5000)

    assert "  … 3000 more characters of the result (--full shows all)\n" in cli("logs", "show").stdout


def test_what_was_taken_back_is_dim_and_says_so(cli: Program, folder: Path) -> None:
    session = sums(folder)
    session.write(HistoryRewound, 1100, kept=1)

    done = cli("logs", "show", "--color", "always")

    assert "\x1b[2m── user (taken back)\x1b[0m" in done.stdout
    assert "\x1b[2mIt is **four**.\x1b[0m" in done.stdout
    assert "── the last 3 messages were taken back · 12:00:01" in done.stdout
    assert "\x1b[1;33m── system\x1b[0m" in done.stdout


def test_an_interruption_is_marked_with_what_had_come(cli: Program, folder: Path) -> None:
    session = Session(folder)
    turn = session.prompt("hi", 0)
    asked = session.ask(turn, 0)
    partial = Message("assistant", (Text("hel"),))
    session.write(LLMCallInterrupted, 1500, turn, call_id=asked, model=MODEL, partial=partial, duration_ms=1500)

    done = cli("logs", "show")

    assert "■ the answer was interrupted after 1.50 s · 12:00:01\n  hel\n" in done.stdout
    assert "■ the log ends here: the program was killed, or it still runs · 12:00:01\n" in done.stdout


def test_the_date_is_told_where_it_changes(cli: Program, folder: Path) -> None:
    session = Session(folder)
    session.prompt("today", 0)
    session.prompt("tomorrow", 86_400_000)

    assert "── user · 12:00:00\ntoday" in (text := cli("logs", "show").stdout)
    assert "── user · 2026-11-25 12:00:00\ntomorrow" in text


def test_events_shows_every_event_as_tail_does(cli: Program, folder: Path) -> None:
    session = sums(folder)
    lines = session.path.read_bytes().count(b"\n")

    assert cli("logs", "show", "--events").stdout == cli("logs", "tail", "-n", "1000").stdout
    assert cli("logs", "show", "--events").stdout.count("\n") == lines
    assert cli("logs", "show", "--events", "--json").stdout_bytes == session.path.read_bytes()


def test_json_is_one_document(cli: Program, folder: Path) -> None:
    sums(folder)

    found = json.loads(cli("logs", "show", "--json").stdout)

    assert found["session"] == {
        "id": "morning",
        "name": None,
        "started": "2026-11-24T12:00:00.000000000Z",
        "duration_ms": 1010.0,
        "engine": "Prompt",
        "models": ["echo:echo"],
        "state": "finished",
        "turns": 1,
        "calls": 2,
        "usage": {
            "input_tokens": 18,
            "output_tokens": 10,
            "cached_tokens": None,
            "cache_write_tokens": None,
            "reasoning_tokens": None,
        },
        "skipped_lines": 0,
    }
    assert [message["role"] for message in found["messages"]] == ["system", "user", "assistant", "assistant"]
    assert found["messages"][2]["reasoning"] == "Two and two."
    assert found["messages"][2]["tool_calls"][0]["result"] == "4"
    assert found["messages"][3]["first_token_ms"] == 90
    assert found["problems"] == []


def test_nothing_in_it_can_drive_the_terminal(cli: Program, folder: Path) -> None:
    evil = "\x1b]0;title\x07 \x9b31m \u202e [bold]x[/nope]"
    session = Session(folder)
    session.prompt(evil, 0)
    session.say(assistant(evil), 0)
    session.tool_done(session.tool(None, call(evil, "1", {evil: evil}), 10), call(evil), evil, 20, 10, is_error=True)

    for words in ((), ("--color", "always"), ("--json",), ("--events",), ("--full", "--color", "always")):
        done = cli("logs", "show", *words)
        assert done.code == 0
        assert not {"\x07", "\x9b", "\u202e"} & set(done.stdout + done.stderr)
        assert "\x1b]" not in done.stdout
        assert "[bold]x[/nope]" in done.stdout


def test_a_session_may_be_named_by_its_id_a_part_of_it_or_its_file(cli: Program, folder: Path) -> None:
    session = sums(folder)
    sums(folder, session_id="evening")
    os.utime(session.path, (1, 1))

    assert cli("logs", "show").stdout.startswith("session evening\n")
    for name in ("morning", "morn", str(session.path)):
        assert cli("logs", "show", name).stdout.startswith("session morning\n")


COMMANDS = [
    ("show",),
    ("show", "--events"),
    ("trace",),
    ("replay", "--speed", "max"),
    ("export", "--format", "html"),
    ("export", "--format", "jsonl"),
    ("export", "--format", "openai"),
]


@pytest.mark.parametrize("words", COMMANDS[:1], ids=" ".join)
def test_where_there_is_no_session_yet_it_says_what_to_do(cli: Program, folder: Path, words: tuple[str, ...]) -> None:
    done = cli("logs", *words)

    assert done.stdout == ""
    assert done.stderr == f"llmgine: there are no sessions in {folder} yet (run something first, or say --dir FOLDER)\n"
    assert done.code == 2


@pytest.mark.parametrize("words", COMMANDS[2:4], ids=" ".join)
def test_an_unknown_session_names_the_near_miss(cli: Program, folder: Path, words: tuple[str, ...]) -> None:
    sums(folder)

    done = cli("logs", *words, "mourning")

    assert done.stderr == "llmgine: no session named 'mourning' (did you mean morning?)\n"
    assert done.code == 2


GARBAGE = (b"", b"\0" * 5000, os.urandom(3000))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_file_of_garbage_is_no_log(cli: Program, tmp_path: Path, words: tuple[str, ...]) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"not\na\nlog\n")

    done = cli("logs", *words, file)

    assert done.stdout == ""
    assert done.stderr.startswith(f"llmgine: {file} ")
    assert done.stderr.count("\n") == 1
    assert done.code == 6


@pytest.mark.parametrize("garbage", GARBAGE, ids=["empty", "NULs", "noise"])
def test_neither_is_one_without_a_single_event(cli: Program, tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / "events.jsonl").write_bytes(garbage)

    done = cli("logs", "show", tmp_path / "events.jsonl")

    assert (done.stdout, done.stderr.count("\n"), done.code) == ("", 1, 6)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_bad_lines_are_counted_and_the_rest_is_shown(cli: Program, folder: Path, words: tuple[str, ...]) -> None:
    session = sums(folder)
    session.raw(b'{"v":1,"event_type":"Mess')

    done = cli("logs", *words)

    assert "warning: 1 bad line skipped\n" in done.stderr
    assert done.stdout
    assert done.code == 0


@pytest.mark.parametrize("words", [*COMMANDS[:2], *COMMANDS[4:6]], ids=" ".join)
def test_a_reader_that_goes_away_ends_it_quietly(folder: Path, words: tuple[str, ...]) -> None:
    session = Session(folder)
    for number in range(2000):
        session.say(assistant(f"message {number} " + "x" * 100), number)
    program = shlex.join([str(PROGRAM), "logs", *words])

    done = subprocess.run(
        ["bash", "-c", f"{program} | head -1; echo ${{PIPESTATUS[0]}}"], capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[-1] == "141"
    assert "Traceback" not in done.stderr


def test_lines_are_broken_between_words_on_a_terminal(folder: Path) -> None:
    session = Session(folder)
    words = "a vessel of ordinary length sails along " * 6
    turn = session.prompt(words, 0)
    asked = session.ask(turn, 0)
    failed = {"model": MODEL, "error": words, "error_type": "ProviderError", "partial": assistant(words)}
    session.write(LLMCallFailed, 210, turn, call_id=asked, duration_ms=10, **failed)
    session.finish(turn, 210, 10, error=words)

    with Terminal([str(PROGRAM), "logs", "show"]) as terminal:
        assert terminal.wait_end() == 0
        shown = terminal.everything()

    assert all(len(line) < 80 for line in shown.splitlines())
    assert " ".join(shown.split()).count(words.strip()) == 3
    known = {*words.split()}
    body = shown.split("user")[1].split("echo")[0]
    assert known <= {*body.split()}
