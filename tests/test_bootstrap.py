"""A conversation of an application: whose engine, whose tools."""

from pathlib import Path

import pytest

from llmgine_cli.bootstrap import build
from llmgine_cli.errors import EngineError
from llmgine_cli.llm.messages import ToolCall
from llmgine_cli.toolkit.messages import ApproveToolCall, CallTool, Decision

LEAVING = """
import sys

from llmgine_cli.api import Prompt, Run, engine

@engine
async def leaving(prompt: Prompt, run: Run) -> str:
    sys.exit(prompt.text)
"""


async def test_an_engine_that_wants_to_exit_has_failed_and_the_program_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "leaving.py"
    file.write_text(LEAVING)
    async with build() as app, app.conversation(engine=str(file), model="echo:echo") as talk:
        outcome = await talk.send("out")
    assert not outcome.success
    with pytest.raises(EngineError, match=r"engine leaving failed: it called exit\('out'\)"):
        outcome.unwrap()


async def test_other_tools_take_nothing_back_of_what_was_approved_or_denied() -> None:
    asked: list[str] = []

    def answer(question: ApproveToolCall) -> Decision:
        asked.append(question.call.name)
        return "session" if question.call.name == "calculate" else "no"

    calculate = ToolCall(id="1", name="calculate", arguments='{"expression": "1+1"}')
    async with (
        build() as app,
        app.conversation(engine="tool_chat", model="echo:echo", tools=["calculate", "current_time"]) as talk,
    ):
        app.bus.register(ApproveToolCall, answer)
        await app.bus.execute(CallTool(call=calculate))
        await app.bus.execute(CallTool(call=ToolCall(id="2", name="current_time")))
        assert talk.denied
        talk.use_tools([])
        assert talk.tools == ()
        talk.use_tools(["calculate"])
        result = (await app.bus.execute(CallTool(call=calculate))).unwrap()
        assert (result.is_error, asked) == (False, ["calculate", "current_time"])
        assert talk.denied
