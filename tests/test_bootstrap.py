"""A conversation of an application: whose engine, whose tools."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from llmgine_cli.bootstrap import build, run_engine
from llmgine_cli.errors import EngineError, InvalidAnswerError, UsageError
from llmgine_cli.llm.messages import File, Image, Message, Part, ToolCall
from llmgine_cli.toolkit.messages import ApproveToolCall, CallTool, Decision
from tests.support.pictures import PDF, PNG
from tests.support.server import Answer, FakeVendor

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


# -- the form of an answer


class Person(BaseModel):
    name: str
    age: int


async def test_an_engine_run_from_python_returns_an_instance_of_the_model() -> None:
    made = await run_engine("single_pass", '{"name": "Ada", "age": 36}', model="echo:echo", schema=Person)
    assert made == Person(name="Ada", age=36)


async def test_an_engine_run_from_python_returns_plain_json_for_a_json_schema() -> None:
    schema = {"type": "array", "items": {"type": "integer"}}
    assert await run_engine("single_pass", "[1, 2]", model="echo:echo", schema=schema) == [1, 2]
    with pytest.raises(InvalidAnswerError):
        await run_engine("single_pass", "one", model="echo:echo", schema=schema)
    with pytest.raises(UsageError, match="no JSON Schema"):
        await run_engine("single_pass", "one", model="echo:echo", schema={"type": "any"})


# -- attachments

PICTURE = Image(media_type="image/png", data=PNG, name="dot.png")
PAPER = File(name="paper.pdf", media_type="application/pdf", data=PDF)
NOTES = File(name="notes.txt", media_type="text/plain", data=b"x")


@pytest.mark.parametrize(
    ("model", "part", "said"),
    [
        ("openai:o3-mini", PICTURE, "openai:o3-mini takes no pictures, as dot.png is"),
        ("deepseek:deepseek-chat", PICTURE, "takes no pictures, as dot.png is"),
        ("deepseek:deepseek-chat", PAPER, "takes no files of type application/pdf, as paper.pdf is"),
        ("openai:gpt-4o-mini", PICTURE, None),
        ("openai:gpt-4o-mini", PAPER, None),
        ("deepseek:deepseek-chat", NOTES, None),
    ],
)
async def test_what_a_model_does_not_take_is_refused_before_anything_is_sent(
    model: str, part: Part, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeVendor(always=Answer("seen")) as vendor:
        for name in ("OPENAI", "DEEPSEEK"):
            monkeypatch.setenv(f"{name}_API_KEY", "sk-test-0123456789")
            monkeypatch.setenv(f"LLMGINE_PROVIDERS__{name.lower()}__BASE_URL", vendor.url)
        async with build() as app, app.conversation(model=model) as talk:
            if said is None:
                (await talk.send("What is it?", attachments=[part])).unwrap()
            else:
                with pytest.raises(UsageError, match=said):
                    await talk.send("What is it?", attachments=[part])
                assert talk.history.messages == ()
        assert len(vendor.requests) == (said is None)


async def test_a_picture_said_earlier_is_refused_by_a_model_without_eyes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    earlier = (Message("user", (PICTURE,)),)
    async with build() as app, app.conversation(model="openai:o3-mini", messages=earlier) as talk:
        with pytest.raises(UsageError, match="takes no pictures"):
            await talk.send("And now?")
