"""A session is named alone or with `--session`, and whatever looks at one can tell it to a program."""

import json
from pathlib import Path

import pytest

from tests.support.program import Program
from tests.support.session import Session


@pytest.fixture
def session(home: Path) -> Session:
    session = Session(home / "state" / "logs")
    turn = session.prompt("hi", 0)
    session.answered(turn, session.ask(turn, 0), "It is **noon**.", 100, 100)
    session.finish(turn, 100, 100)
    session.end(100)
    return session


VIEWS = ("show", "trace", "replay", "export")


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("view", VIEWS)
def test_a_session_is_named_alone_or_with_the_option_but_once(cli: Program, view: str) -> None:
    fast = ("--speed", "max") if view == "replay" else ()
    alone, named = cli("logs", view, "morning", *fast), cli("logs", view, "--session", "morning", *fast)
    assert (alone.code, alone.stdout) == (0, named.stdout)
    assert alone.stdout
    assert cli("logs", view, "morning", "--session", "morning").code == 2


@pytest.mark.usefixtures("session")
def test_a_replay_can_be_lines_for_a_program(cli: Program) -> None:
    done = cli("logs", "replay", "--speed", "max", "--json")
    assert done.code == 0
    types = [json.loads(line)["event_type"] for line in done.stdout.splitlines()]
    assert {"LLMCallStarted", "TextChunk", "LLMCallFinished"} <= set(types)


def test_an_export_can_be_told_to_a_program(cli: Program, session: Session) -> None:
    told = json.loads(cli("logs", "export", "--json").stdout)
    assert (told["format"], told["path"], told["log"]) == ("md", None, str(session.path))
    assert told["text"] == cli("logs", "export").stdout
    done = cli("logs", "export", "--json", "-o", "out.md")
    assert (json.loads(done.stdout)["path"], done.stderr) == (str(Path("out.md").absolute()), "")
    assert Path("out.md").read_text() == told["text"]
