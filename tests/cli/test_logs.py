"""`llmgine logs`: what happened, readable at a glance."""

import asyncio
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from llmgine_cli.bus import Bus, CommandFinished
from llmgine_cli.engine import Prompt
from llmgine_cli.eventlog.codec import encode
from llmgine_cli.eventlog.reader import files
from llmgine_cli.eventlog.writer import EventLog
from llmgine_cli.llm.events import LLMCallFailed, MessageAdded, ReplyGrew, StatusChanged
from llmgine_cli.llm.messages import assistant, user
from tests.support.messages import Pong
from tests.support.program import PROGRAM, Program
from tests.support.terminal import Terminal

NOON = 1_795_521_600_000_000_000  # 2026-11-24 12:00 UTC


@pytest.fixture
def folder(home: Path) -> Path:
    return home / "state" / "logs"


async def talk(folder: Path, *, session_id: str = "morning", text: str = "What time is it?") -> Path:
    bus, log = Bus(), EventLog(folder)
    log.attach(bus)

    async def answer(prompt: Prompt) -> None:
        await bus.publish(MessageAdded(message=user(prompt.text), time_ns=NOON))
        await bus.publish(MessageAdded(message=assistant("Noon.\nHigh noon.")))

    async with bus.session(session_id) as session:
        session.register(Prompt, answer)
        await session.execute(Prompt(text=text))
    log.close()
    path = log.path(session_id)
    assert path is not None
    return path


async def test_tail_shows_time_type_and_meaning_nested(cli: Program, folder: Path) -> None:
    await talk(folder)

    done = cli("logs", "tail")

    rows = done.stdout.splitlines()
    assert [row[25:].rstrip() for row in rows if "Session" not in row and "Finished" not in row] == [
        "┌ CommandStarted        Prompt · What time is it?",
        "│ MessageAdded          user: What time is it?",
        "│ MessageAdded          assistant: Noon. High noon.",
    ]
    assert rows[2].startswith("2026-11-24 12:00:00.000  │ MessageAdded")
    assert rows[0].endswith("  SessionStarted")
    assert done.stderr.startswith("── session morning · ")
    assert done.code == 0


async def test_the_time_is_the_readers_own(cli: Program, folder: Path) -> None:
    await talk(folder)

    assert "2026-11-24 07:00:00.000" in cli("logs", "tail", env={"TZ": "EST5"}).stdout


async def test_a_pipe_gets_no_colour_and_the_whole_text(cli: Program, folder: Path) -> None:
    await talk(folder, text="long " * 100)

    done = cli("logs", "tail", "--type", "MessageAdded", "-n", "2", env={"COLUMNS": "80"})

    assert "\x1b" not in done.stdout + done.stderr
    assert done.stdout.splitlines()[0].count("long") == 100


async def test_n_is_how_many_events(cli: Program, folder: Path) -> None:
    await talk(folder)

    assert "SessionEnded" in cli("logs", "tail", "-n", "1").stdout
    assert len(cli("logs", "tail", "-n", "3").stdout.splitlines()) == 3
    assert cli("logs", "tail", "-n", "0").stdout == ""
    assert cli("logs", "tail", "-n", "-1").code == 2


async def test_a_tail_that_begins_inside_a_command_knows_how_deep_it_is(cli: Program, folder: Path) -> None:
    await talk(folder)

    assert [row[25:26] for row in cli("logs", "tail", "-n", "3").stdout.splitlines()] == ["│", "└", "S"]


async def test_json_prints_the_lines_as_they_stand_in_the_log(cli: Program, folder: Path) -> None:
    path = await talk(folder)

    done = cli("logs", "tail", "--json")

    assert done.stdout_bytes == path.read_bytes()
    assert done.stderr == ""


def test_json_cannot_drive_the_terminal_and_is_still_the_same_json(cli: Program, folder: Path) -> None:
    text = "\x1b]0;title\x07 \x9b31m \u202e\u2066 \U000e0041 \x7f é 東京 😀"
    EventLog(folder).write(Pong(text=text, session_id="s"))

    done = cli("logs", "tail", "--json")

    assert json.loads(done.stdout)["text"] == text
    assert not set("\x1b\x07\x9b\u202e\u2066\U000e0041\x7f") & set(done.stdout)
    assert "é 東京 😀" in done.stdout


def test_text_in_the_log_cannot_drive_the_terminal(cli: Program, folder: Path) -> None:
    EventLog(folder).write(StatusChanged(status="\x1b[2J\x9b31m\u202e[bold]x[/bold][/nope]", session_id="s\x1b[1m"))

    for done in (cli("logs", "tail"), cli("logs", "tail", "--color", "always")):
        assert done.code == 0
        assert not {"\x9b", "\u202e"} & set(done.stdout + done.stderr)
        assert "\x1b[2J" not in done.stdout
        assert "\x1b[1m" not in done.stderr
        assert "[bold]x[/bold][/nope]" in done.stdout


async def test_type_takes_names_in_any_case_and_how_they_begin(cli: Program, folder: Path) -> None:
    await talk(folder)

    assert len(cli("logs", "tail", "--type", "messageadded").stdout.splitlines()) == 2
    assert len(cli("logs", "tail", "--type", "command", "--type", "Session").stdout.splitlines()) == 4
    assert len(cli("logs", "tail", "--type", "command,session").stdout.splitlines()) == 4


async def test_a_type_that_never_happened_names_the_near_miss(cli: Program, folder: Path) -> None:
    await talk(folder)

    done = cli("logs", "tail", "--type", "MessageAded")

    assert done.stdout == ""
    assert done.stderr == "no event of type MessageAded in this session (did you mean MessageAdded?)\n"
    assert done.code == 0


async def test_session_takes_an_id_a_part_of_it_or_a_path(cli: Program, folder: Path) -> None:
    path = await talk(folder, session_id="morning")
    await talk(folder, session_id="evening")

    for name in ("morning", "morn", str(path)):
        assert "session morning" in cli("logs", "tail", "--session", name).stderr
    assert "session evening" in cli("logs", "tail").stderr


async def test_an_unknown_session_is_an_error_with_a_near_miss(cli: Program, folder: Path) -> None:
    await talk(folder)

    done = cli("logs", "tail", "--session", "mornign")

    assert done.code == 2
    assert done.stderr == "llmgine: no session named 'mornign' (did you mean morning?)\n"


def test_no_events_yet_is_said_and_is_no_failure(cli: Program, folder: Path) -> None:
    done = cli("logs", "tail")

    assert (done.stdout, done.code) == ("", 0)
    assert done.stderr == f"no events yet in {folder}: run something first\n"


async def test_bad_lines_are_skipped_and_told(cli: Program, folder: Path) -> None:
    path = await talk(folder)
    path.write_bytes(b"\xff\xfe\n" + path.read_bytes() + b"\0\0\n{torn")

    done = cli("logs", "tail")

    assert len(done.stdout.splitlines()) == 6
    assert "warning: 2 bad lines skipped" in done.stderr


async def test_dir_looks_into_another_folder(cli: Program, tmp_path: Path) -> None:
    await talk(tmp_path / "elsewhere")

    assert "SessionStarted" in cli("logs", "tail", "--dir", tmp_path / "elsewhere").stdout


async def test_path_prints_the_folder_or_the_file(cli: Program, folder: Path) -> None:
    path = await talk(folder)

    assert cli("logs", "path").stdout == f"{folder}\n"
    assert cli("logs", "path", "--session", "morning").stdout == f"{path}\n"
    assert cli("logs", "path", "morning").stdout == f"{path}\n"
    assert cli("logs", "path", "morning", "--session", "morning").code == 2
    assert cli("logs", "path", "--session", "nobody").code == 2


def start(*arguments: str | Path) -> subprocess.Popen[bytes]:
    return Program().start("logs", "tail", "-f", "--json", *arguments)


def next_text(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    text: str = json.loads(process.stdout.readline())["text"]
    return text


def test_follow_goes_on_across_sessions_and_files(folder: Path) -> None:
    log = EventLog(folder)
    for text in ("oldest", "old"):
        log.write(Pong(text=text, session_id="a"))
    with start("-n", "1") as process:
        seen = [next_text(process)]
        for session, text in (("a", "one"), ("b", "two"), ("a", "three")):
            log.write(Pong(text=text, session_id=session))
            seen.append(next_text(process))
        process.send_signal(signal.SIGINT)

        assert seen == ["old", "one", "two", "three"]
        assert process.wait() == 130
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_follow_waits_where_nothing_was_ever_logged(folder: Path) -> None:
    with start() as process:
        EventLog(folder).write(Pong(text="first", session_id="a"))

        assert next_text(process) == "first"
        process.send_signal(signal.SIGINT)


def test_follow_with_a_session_tells_of_no_other(folder: Path) -> None:
    log = EventLog(folder)
    log.write(Pong(text="old", session_id="a"))
    with start("--session", "a") as process:
        assert next_text(process) == "old"
        log.write(Pong(text="other", session_id="b"))
        log.write(Pong(text="new", session_id="a"))

        assert next_text(process) == "new"
        process.send_signal(signal.SIGINT)


def test_follow_ends_quietly_when_its_reader_goes_even_if_nothing_happens(folder: Path) -> None:
    EventLog(folder).write(Pong(text="old", session_id="a"))
    with start() as process:
        assert next_text(process) == "old"
        assert process.stdout is not None
        process.stdout.close()

        assert process.wait() == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_head_ends_a_tail_quietly(folder: Path) -> None:
    log = EventLog(folder)
    for number in range(5000):
        log.write(Pong(text=f"{number} " + "x" * 100, session_id="s"))

    done = subprocess.run(
        f"{shlex.quote(str(PROGRAM))} logs tail -n 5000 | head -1; echo ${{PIPESTATUS[@]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
    )

    assert done.stderr.decode().startswith("── session s · ")
    assert done.stderr.count(b"\n") == 1
    assert done.stdout.splitlines()[-1] in {b"0 0", b"141 0"}  # as any filter: it left, or SIGPIPE ended it


@pytest.mark.parametrize("cols", [80, 200])
async def test_on_a_terminal_every_event_is_one_coloured_row(folder: Path, cols: int) -> None:
    await talk(folder, text="東京 is a long way " * 20)
    log = EventLog(folder)
    log.write(CommandFinished(session_id="morning", command_type="P", success=False, error="x" * 300, duration_ms=1))
    failed = assistant("half an answer")
    log.write(
        LLMCallFailed(
            session_id="morning", call_id="c", model="m", error="boom", error_type="E", partial=failed, duration_ms=1
        )
    )

    with Terminal([str(PROGRAM), "logs", "tail"], cols=cols) as terminal:
        assert terminal.wait_end() == 0
        rows = terminal.screen().splitlines()

    assert len(rows) == 9
    assert rows[0].startswith("── session morning")
    assert rows[2].endswith("…")
    assert "Prompt · 東京 is a long way" in rows[2]
    assert rows[7].endswith("…")
    assert b"\x1b[31m" in terminal.raw  # errors are red
    assert "half an answer" in rows[8]


async def test_no_color_is_respected_on_a_terminal(folder: Path) -> None:
    await talk(folder)

    with Terminal([str(PROGRAM), "logs", "tail"], env={"NO_COLOR": "1"}) as terminal:
        terminal.wait_end()

    assert b"\x1b[3" not in terminal.raw
    assert "MessageAdded" in terminal.screen()


async def test_ctrl_c_in_a_terminal_ends_following(folder: Path) -> None:
    await talk(folder)

    with Terminal([str(PROGRAM), "logs", "tail", "-f"]) as terminal:
        terminal.wait_for("SessionEnded")
        await talk(folder, session_id="evening")
        terminal.wait_for("session evening")
        terminal.send("\x03")
        assert terminal.wait_end() == 130

    assert "Traceback" not in terminal.everything()


def test_what_run_does_can_be_read(cli: Program, folder: Path) -> None:
    cli("run", "-m", "echo:echo", "hello there")

    shown = cli("logs", "tail").stdout

    assert len(files(folder)) == 1
    for word in ("SessionStarted", "Prompt · hello there", "LLMCallStarted", "LLMCallFinished", "SessionEnded"):
        assert word in shown


@pytest.mark.parametrize("module", ["pydantic_settings", "rich.markdown", "httpx2", "prompt_toolkit"])
def test_a_tail_of_a_named_folder_imports_no_more_than_it_needs(tmp_path: Path, module: str) -> None:
    asyncio.run(talk(tmp_path / "logs"))
    code = (
        "import sys, os\n"
        "sys.argv = ['llmgine', 'logs', 'tail', '--dir', sys.argv[1]]\n"
        "from llmgine_cli.cli import app\n"
        "app._run(sys.argv[1:])\n"
        f"sys.exit({module!r} in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "logs")], capture_output=True, env={**os.environ})

    assert b"SessionStarted" in done.stdout
    assert done.returncode == 0


async def test_pieces_of_answers_are_shown_only_when_they_are_asked_for(cli: Program, folder: Path) -> None:
    path = await talk(folder)
    with path.open("ab") as file:
        for _ in range(5):
            file.write(encode(ReplyGrew(session_id="morning", call_id="c", text="half")))

    rows = cli("logs", "tail", "-n", "2").stdout.splitlines()

    assert len(rows) == 2
    assert "SessionEnded" in rows[1]
    assert cli("logs", "tail", "-n", "3", "--type", "ReplyGrew").stdout.count("ReplyGrew") == 3
    assert cli("logs", "tail", "-n", "3", "--json").stdout.count("ReplyGrew") == 3
