"""Who may run what: the four modes, the three ways to say yes, and what is kept of them."""

import asyncio
import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmgine_cli.bus import Bus
from llmgine_cli.errors import NobodyToAskError, StorageError
from llmgine_cli.llm.messages import ToolCall
from llmgine_cli.plugins.loading import load_file
from llmgine_cli.toolkit.approval import Approval, Approvals, Mode
from llmgine_cli.toolkit.messages import ApproveToolCall, Decision, Effect
from llmgine_cli.toolkit.tool import Tool, tools_in


def look(where: str = ".") -> str:
    """Look."""
    return where


def look_again(where: str = ".", far: bool = False) -> str:
    """Look."""
    return where


def tool(effect: Effect = "read", name: str = "look") -> Tool:
    return Tool(name, look, effect)


CALL = ToolCall(id="1", name="look", arguments='{"where": "here"}')


class User:
    """Answers questions on the bus, in turn; the last answer is repeated."""

    def __init__(self, bus: Bus, *answers: Decision) -> None:
        self.answers = list(answers)
        self.asked: list[ApproveToolCall] = []
        bus.register(ApproveToolCall, self.answer)

    async def answer(self, command: ApproveToolCall) -> Decision:
        self.asked.append(command)
        await asyncio.sleep(0)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.mark.parametrize(
    ("mode", "effect", "asked"),
    [
        ("ask", "read", True), ("ask", "net", True),
        ("auto-read", "read", False), ("auto-read", "net", True), ("auto-read", "write", True),
        ("auto-read", "exec", True),
        ("all", "exec", False), ("all", "write", False),
    ],
)  # fmt: skip
async def test_a_mode_asks_for_some_and_runs_the_others(mode: Mode, effect: Effect, asked: bool) -> None:
    bus = Bus()
    user = User(bus, "once")
    assert await Approval(bus, mode, None).refusal(tool(effect), CALL) is None
    assert bool(user.asked) is asked


async def test_none_refuses_without_asking() -> None:
    bus = Bus()
    user = User(bus, "always")
    refusal = await Approval(bus, "none", None).refusal(tool(), CALL)
    assert refusal == "not approved: no tool may run (--approve none)"
    assert user.asked == []


async def test_the_question_has_the_call_and_says_what_the_tool_does_and_where_it_is_from() -> None:
    bus = Bus()
    user = User(bus, "once")
    await Approval(bus, "ask", None).refusal(tool("net"), CALL)
    (question,) = user.asked
    assert (question.call, question.effect, question.origin) == (CALL, "net", __file__)


async def test_without_anybody_to_ask_the_answer_is_no_and_says_how_to_change_that() -> None:
    with pytest.raises(NobodyToAskError, match="there is no terminal to ask on") as raised:
        await Approval(Bus(), "ask", None).refusal(tool(), CALL)
    assert "--approve auto-read" in (raised.value.hint or "")


async def test_a_user_who_says_no_is_obeyed() -> None:
    bus = Bus()
    User(bus, "no")
    assert await Approval(bus, "ask", None).refusal(tool(), CALL) == "not approved: the user said no"


async def test_a_front_end_that_fails_is_a_no() -> None:
    def fail(command: ApproveToolCall) -> Decision:
        raise OSError("the terminal is gone")

    bus = Bus()
    bus.register(ApproveToolCall, fail)
    refusal = await Approval(bus, "ask", None).refusal(tool(), CALL)
    assert refusal == "not approved: the question could not be asked (the terminal is gone)"


async def test_an_answer_that_is_none_of_the_four_is_a_no() -> None:
    bus = Bus()
    bus.register(ApproveToolCall, lambda command: True)
    assert await Approval(bus, "ask", None).refusal(tool(), CALL) == "not approved: the user said no"


async def test_once_asks_again_and_session_does_not() -> None:
    bus = Bus()
    user = User(bus, "once", "session")
    approval = Approval(bus, "ask", None)
    for _ in range(4):
        assert await approval.refusal(tool(), CALL) is None
    assert len(user.asked) == 2
    assert await approval.refusal(tool(name="other"), CALL) is None
    assert len(user.asked) == 3


async def test_a_yes_for_the_session_is_for_that_very_tool_and_no_other_of_its_name() -> None:
    bus = Bus()
    user = User(bus, "session")
    approval = Approval(bus, "ask", None)
    for asked in (tool(), tool(), Tool("look", look_again, "read")):
        assert await approval.refusal(asked, CALL) is None
    assert len(user.asked) == 2


async def test_calls_that_ask_at_once_are_asked_one_after_the_other() -> None:
    bus = Bus()
    open_questions = most = 0

    async def answer(command: ApproveToolCall) -> Decision:
        nonlocal open_questions, most
        open_questions += 1
        most = max(most, open_questions)
        for _ in range(5):
            await asyncio.sleep(0)
        open_questions -= 1
        return "once"

    bus.register(ApproveToolCall, answer)
    approval = Approval(bus, "ask", None)
    await asyncio.gather(*(approval.refusal(tool(), CALL) for _ in range(3)))
    assert most == 1


async def test_a_yes_for_the_session_answers_the_calls_that_wait() -> None:
    bus = Bus()
    user = User(bus, "session")
    approval = Approval(bus, "ask", None)
    assert await asyncio.gather(*(approval.refusal(tool(), CALL) for _ in range(3))) == [None] * 3
    assert len(user.asked) == 1


async def test_always_is_kept_for_the_project_and_the_tool(tmp_path: Path) -> None:
    bus = Bus()
    user = User(bus, "always")
    here = Approvals(tmp_path / "here")
    assert await Approval(bus, "ask", here).refusal(tool(), CALL) is None
    assert await Approval(bus, "ask", Approvals(tmp_path / "here")).refusal(tool(), CALL) is None
    assert len(user.asked) == 1
    assert await Approval(bus, "ask", Approvals(tmp_path / "there")).refusal(tool(), CALL) is None
    assert await Approval(bus, "ask", here).refusal(tool(name="other"), CALL) is None
    assert len(user.asked) == 3


def test_a_tool_that_is_no_longer_the_same_is_not_approved(tmp_path: Path) -> None:
    approvals = Approvals(tmp_path)
    approvals.remember(tool())
    assert approvals.allows(tool())
    assert not approvals.allows(tool("exec"))
    assert not approvals.allows(Tool("look", look_again, "read"))
    assert not approvals.allows(Tool("look", compile_elsewhere(), "read"))
    approvals.remember(tool("exec"))
    assert approvals.allows(tool("exec"))
    assert not approvals.allows(tool())


def test_a_file_that_has_changed_is_not_approved(tmp_path: Path) -> None:
    approvals = Approvals(tmp_path)
    file = tmp_path / "tools.py"

    def loaded(source: bytes) -> Tool:
        (made,) = tools_in(load_file(file, source))
        return made

    approvals.remember(loaded(b"def f():\n    'Say one.'\n    return 1\n"))
    assert approvals.allows(loaded(b"def f():\n    'Say one.'\n    return 1\n"))
    assert not approvals.allows(loaded(b"def f():\n    'Say one.'\n    return 2\n"))


def compile_elsewhere() -> Any:
    space: dict[str, Any] = {"__name__": __name__}
    exec(compile('def look(where: str = ".") -> str:\n    """Look."""\n', "/elsewhere/tools.py", "exec"), space)
    return space["look"]


def test_the_record_is_for_the_user_alone_and_leaves_no_scraps(home: Path, tmp_path: Path) -> None:
    Approvals(tmp_path).remember(tool())
    (record,) = (home / "state" / "approvals").iterdir()
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert stat.S_IMODE(record.parent.stat().st_mode) == 0o700
    assert json.loads(record.read_text())["tool"] == "look"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"tool": "look"}'])
def test_a_damaged_record_approves_nothing(home: Path, tmp_path: Path, content: bytes) -> None:
    approvals = Approvals(tmp_path)
    approvals.remember(tool())
    (record,) = (home / "state" / "approvals").iterdir()
    record.write_bytes(content)
    assert not approvals.allows(tool())


def test_what_was_approved_is_listed_and_can_be_taken_back(tmp_path: Path) -> None:
    here, there = Approvals(tmp_path / "here"), Approvals(tmp_path / "there")
    assert here.everywhere() == []
    here.remember(tool())
    there.remember(tool())
    assert here.everywhere() == [("look", str(tmp_path / "here")), ("look", str(tmp_path / "there"))]
    assert here.revoke("look")
    assert not here.revoke("look")
    assert (here.allows(tool()), there.allows(tool())) == (False, True)


def test_a_damaged_record_is_left_out_of_the_list(home: Path, tmp_path: Path) -> None:
    approvals = Approvals(tmp_path)
    approvals.remember(tool())
    (home / "state" / "approvals" / "x.json").write_text("[]")
    (home / "state" / "approvals" / "y.json").write_bytes(b"\xff")
    assert len(approvals.everywhere()) == 1


def test_a_record_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        replace(Approvals(tmp_path), folder=tmp_path / "file" / "approvals").remember(tool())


async def test_a_record_that_cannot_be_written_still_approves_this_session(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    bus = Bus()
    user = User(bus, "always")
    approval = Approval(bus, "ask", Approvals(tmp_path, tmp_path / "file" / "approvals"))
    assert await approval.refusal(tool(), CALL) is None
    assert await approval.refusal(tool(), CALL) is None
    assert len(user.asked) == 1
