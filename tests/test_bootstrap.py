"""A conversation of an application: whose engine, whose tools."""

import asyncio
from pathlib import Path

import pytest
from pydantic import BaseModel

from llmgine_cli.bootstrap import build, run_engine
from llmgine_cli.errors import (
    CredentialsError,
    EngineError,
    InvalidAnswerError,
    NotFoundError,
    ProviderError,
    UsageError,
)
from llmgine_cli.llm.events import LLMCallFinished
from llmgine_cli.llm.messages import File, Image, Message, Part, Request, ToolCall, user
from llmgine_cli.llm.retry import RetryPolicy
from llmgine_cli.settings import made_of
from llmgine_cli.testing import Recorder, ScriptedProvider, says
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


REQUEST = Request(model="m", messages=(user("hi"),))
QUIET = {"enabled": False}


def named(name: str, provider: ScriptedProvider) -> ScriptedProvider:
    provider.name = name
    return provider


async def test_the_settings_say_how_many_requests_of_a_provider_are_under_way_in_all_conversations() -> None:
    go = asyncio.Event()
    provider = named("acme", ScriptedProvider([go, *says("a")], says("b")))
    settings = made_of(
        {"providers": {"acme": {"base_url": "http://127.0.0.1:9/v1", "max_concurrency": 1}}, "log": QUIET}
    )
    async with build(settings) as app:
        tasks = [asyncio.create_task(app.calls.call(provider.model, REQUEST)) for _ in range(2)]
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(provider.requests) == 1
        go.set()
        assert [(await task).text for task in tasks] == ["a", "b"]


async def test_the_settings_say_how_often_a_call_is_made_again() -> None:
    busy = ProviderError("busy", status=503, retryable=True, retry_after=9.0)
    settings = made_of({"limits": {"retries": 3, "retry_after_cap": 8}, "log": QUIET})
    async with build(settings) as app:
        with pytest.raises(ProviderError, match="asks us to wait 9 s"):
            await app.calls.call(ScriptedProvider([busy]).model, REQUEST)
        assert app.calls.policy == RetryPolicy(retries=3, retry_after_cap=8)


async def test_from_python_a_conversation_has_fallbacks_too() -> None:
    settings = made_of(
        {"providers": {"dead": {"base_url": "http://127.0.0.1:9/v1"}}, "limits": {"retries": 0}, "log": QUIET}
    )
    async with build(settings) as app, app.conversation(model="dead:m", fallbacks=["echo:echo"]) as talk:
        heard = Recorder(app.bus)
        assert (await talk.send("hello")).unwrap().text == "hello"
        assert heard.only(LLMCallFinished)[0].model == "echo:echo"


async def test_fallbacks_without_a_key_are_told_and_left_out_and_without_any_the_models_own_trouble_counts() -> None:
    told: list[str] = []
    settings = made_of({"fallback": ["openai:gpt-4.1"], "log": QUIET})
    async with build(settings, tell=told.append) as app:
        async with app.conversation(model="echo:echo") as talk:
            assert talk.fallbacks == ()
        with pytest.raises(CredentialsError, match="ANTHROPIC_API_KEY"):
            await app.conversation(model="anthropic:claude-x").__aenter__()
        with pytest.raises(NotFoundError):
            await app.conversation(model="echo:echo", fallbacks=["nobody:x"]).__aenter__()
    assert told[0] == "openai:gpt-4.1 is no fallback: openai needs a key: OPENAI_API_KEY is not set"


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
