"""`llmgine logs trace`: where the time went, drawn."""

import json
from pathlib import Path

import pytest

from llmgine_cli.llm.messages import Message
from tests.support.program import PROGRAM, Program
from tests.support.session import Session, call
from tests.support.terminal import Terminal

SUM, TIME = call("calculate", "1", {"expression": "2+2"}), call("clock", "2")
HOUR = 3_600_000


@pytest.fixture
def folder(home: Path) -> Path:
    return home / "state" / "logs"


@pytest.fixture
def session(folder: Path) -> Session:
    session = Session(folder)
    turn = session.prompt("2+2, and when?", 0)
    message = Message("assistant", (SUM, TIME))
    session.answered(turn, session.ask(turn, 0), message, 300, 300, first=150, reason="tool_calls")
    one = session.tool(turn, SUM, 300, runs=False)
    question = session.asked(one, SUM, 300)
    two = session.tool(turn, TIME, 300)
    session.tool_done(two, TIME, "noon", 600, 300)
    session.approved(one, question, SUM, 600, 300)
    session.tool_done(one, SUM, "division by zero", 900, 600, ran=300, is_error=True)
    session.answered(turn, session.ask(turn, 900), "four", 1000, 100)
    session.finish(turn, 1000, 1000)
    return session


def drawn(*words: str, cols: int = 80, **env: str) -> list[str]:
    with Terminal([str(PROGRAM), "logs", "trace", *words], cols=cols, env=env) as terminal:
        assert terminal.wait_end() == 0
    return terminal.everything().splitlines()


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("cols", [40, 80, 200])
def test_bars_stand_over_one_axis_at_any_width(cols: int) -> None:
    rows = drawn(cols=cols)
    bars = {row.replace("✗", "").split()[0][:3]: row for row in rows if "%" in row}

    assert all(len(row) <= cols for row in rows)
    assert max(len(row) for row in rows if "%" in row) >= cols - 1
    turn, calculate, clock = bars["1"], bars["cal"], bars["clo"]
    begin, end = turn.index("─"), turn.rindex("─")
    # Both tools begin together, one waits for the user and goes on when the other has ended.
    assert "✗ cal" in calculate
    assert clock.index("█") == calculate.index("▒")
    assert abs(clock.rindex("█") + 1 - calculate.index("█")) <= 1
    assert begin < clock.index("█") < clock.rindex("█") < calculate.rindex("█") < end
    assert abs(calculate.count("▒") - calculate.count("█")) <= 1


@pytest.mark.usefixtures("session")
def test_waiting_for_the_first_token_looks_other_than_the_answer() -> None:
    row = next(row for row in drawn(cols=200) if "echo:echo" in row)

    assert row.count("░") == row.count("█") > 5


@pytest.mark.usefixtures("session")
def test_a_terminal_without_block_characters_gets_letters() -> None:
    rows = drawn(PYTHONIOENCODING="ascii")

    assert any("...." in row and "####" in row for row in rows)
    assert any("~~~~" in row for row in rows)
    assert not any({"█", "░", "▒", "─"} & set(row) for row in rows)


def test_what_has_no_end_is_drawn_open_and_marked(folder: Path) -> None:
    session = Session(folder)
    turn = session.prompt("hi", 0)
    session.ask(turn, 100)
    session.say(Message("user", ()), 1000)

    rows = drawn()

    assert any(row.startswith("1 hi") and "▶" in row and ">1.00 s" in row for row in rows)
    assert "▶ no end in the log: the program was killed there, or it still runs" in rows


def test_a_pause_between_turns_is_cut_out_of_the_axis(folder: Path) -> None:
    session = Session(folder)
    for at in (0, HOUR):
        turn = session.prompt("hi", at)
        session.answered(turn, session.ask(turn, at), "hello", at + 100, 100)
        session.finish(turn, at + 100, 100)

    rows = drawn()

    assert any(row.startswith("60 min 0 s later") for row in rows)
    one, two = (row for row in rows if "─" in row)
    assert "50%" in one
    assert abs(one.rindex("─") + 1 - two.index("─")) <= 1


def test_a_name_cannot_drive_the_terminal_or_break_the_rows(cli: Program, folder: Path) -> None:
    session = Session(folder)
    turn = session.prompt("\x1b[2J\u202e\nsecond line [bold]x[/nope]\t東京" * 3, 0)
    session.finish(turn, 10, 10)

    rows = drawn()
    done = cli("logs", "trace")

    assert sum("100%" in row for row in rows) == 1
    assert all(len(row) <= 80 for row in rows)
    assert done.stdout.count("\n") == 1
    assert not {"\x1b", "\u202e"} & set(done.stdout)


@pytest.mark.usefixtures("session")
def test_a_pipe_gets_plain_rows(cli: Program) -> None:
    done = cli("logs", "trace", env={"COLUMNS": "40"})

    assert [row.split("\t") for row in done.stdout.splitlines()] == [
        ["turn", "1 2+2, and when?", "0.00 ms", "1.00 s", "100%", "0.00 ms", "ok"],
        ["model", "  echo:echo", "0.00 ms", "300 ms", "30%", "300 ms", "ok"],
        ["tool", '  calculate(expression="2+2")', "300 ms", "600 ms", "60%", "300 ms", "failed"],
        ["approval", "    approval", "300 ms", "300 ms", "30%", "300 ms", "ok"],
        ["tool", "  clock()", "300 ms", "300 ms", "30%", "300 ms", "ok"],
        ["model", "  echo:echo", "900 ms", "100 ms", "10%", "100 ms", "ok"],
    ]
    assert (done.stderr, done.code) == ("", 0)


@pytest.mark.usefixtures("session")
def test_json_has_the_spans(cli: Program) -> None:
    found = json.loads(cli("logs", "trace", "--json").stdout)

    turn, model, *_ = found["spans"]
    assert (found["session_id"], found["busy_ms"]) == ("morning", 1000)
    assert model == {
        "id": model["id"],
        "parent": turn["id"],
        "name": "echo:echo",
        "kind": "model",
        "start": "2026-11-24T12:00:00.000000000Z",
        "start_ms": 0,
        "duration_ms": 300,
        "self_ms": 300,
        "first_token_ms": 150,
        "ended": True,
        "error": None,
        "attributes": {"model": "echo:echo", "input_tokens": 9, "output_tokens": 5, "finish_reason": "tool_calls"},
    }


def test_a_session_in_which_nothing_ran_says_so(cli: Program, folder: Path) -> None:
    Session(folder).end(5)

    done = cli("logs", "trace")

    assert (done.stdout, done.stderr) == ("", "nothing that takes time happened in this session\n")
    assert json.loads(cli("logs", "trace", "--json").stdout)["spans"] == []
