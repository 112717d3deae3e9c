"""The provider that says what it was told to say, and the run with one."""

import pytest

from llmgine_cli.engine import Prompt
from llmgine_cli.errors import UnreachableError
from llmgine_cli.llm.messages import ToolCall, assistant, user
from llmgine_cli.testing import RecordingBus, ScriptedProvider, asks_for, says, scripted_run
from llmgine_cli.toolkit.messages import CallTool


async def test_scripts_are_the_answers_in_order_and_requests_are_kept() -> None:
    run = scripted_run(says("Hel", "lo"), asks_for(ToolCall(id="1", name="clock")), bus=RecordingBus())
    await run.say(Prompt(text="hi"))
    assert (await run.ask()).message.text == "Hello"
    assert [call.name for call in (await run.ask()).message.tool_calls] == ["clock"]
    provider = run.model.provider
    assert isinstance(provider, ScriptedProvider)
    assert [len(request.messages) for request in provider.requests] == [1, 2]
    assert provider.left == 0
    assert isinstance(run.bus, RecordingBus)
    assert run.bus.names.count("LLMCallFinished") == 2


async def test_a_script_may_fail() -> None:
    run = scripted_run([*says("half")[:1], UnreachableError("gone")], messages=[user("a"), assistant("b")])
    with pytest.raises(UnreachableError, match="gone"):
        await run.ask()


async def test_one_request_too_many_fails_and_says_so() -> None:
    run = scripted_run(says("one"))
    await run.ask()
    with pytest.raises(AssertionError, match="request 2 has no script"):
        await run.ask()


def test_a_run_takes_what_a_run_takes() -> None:
    run = scripted_run(stream=False)
    run.bus.register(CallTool, lambda command: None)
    assert run.tools == ()
