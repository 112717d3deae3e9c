"""From `CallTool` to `ToolResult`: what the model reads, and what is told on the bus on the way."""

import asyncio
from typing import Annotated, Any

import pytest

from llmgine_cli.api import Setting, tool
from llmgine_cli.bus import Bus, Event
from llmgine_cli.errors import NobodyToAskError, SettingsError, ToolError
from llmgine_cli.llm.messages import ToolCall, ToolResult
from llmgine_cli.toolkit.messages import ApproveToolCall, CallTool, Decision, ToolCallFinished, ToolCallStarted
from llmgine_cli.toolkit.runner import ToolRunner
from llmgine_cli.toolkit.tool import Tool


@tool(effect="read")
def add(a: int, b: int = 1) -> int:
    """Add."""
    return a + b


@tool(effect="read", timeout=0.05)
async def hang() -> None:
    """Hang."""
    await asyncio.Event().wait()


@tool(effect="read")
def fetch(key: str, base: Annotated[str, Setting("Where.")] = "http://default") -> str:
    """Fetch."""
    return f"{base}/{key}"


@tool(effect="write")
def wipe() -> None:
    """Wipe."""
    raise AssertionError("this must not run")


TOOLS = [Tool.from_function(function) for function in (add, hang, fetch, wipe)]


class Stage:
    """A bus with a runner on it, and everything told on it about tools."""

    def __init__(self, **options: Any) -> None:
        self.bus = Bus()
        self.runner = ToolRunner(self.bus, TOOLS, **{"approve": "auto-read", **options})
        self.bus.register(CallTool, self.runner.handle)
        self.told: list[Event] = []
        self.bus.subscribe(ToolCallStarted, self.told.append)
        self.bus.subscribe(ToolCallFinished, self.told.append)

    async def call(self, name: str, arguments: str = "{}", call_id: str = "7") -> ToolResult:
        outcome = await self.bus.execute(CallTool(call=ToolCall(id=call_id, name=name, arguments=arguments)))
        return outcome.unwrap()

    @property
    def course(self) -> list[str]:
        return [type(event).__name__ for event in self.told]

    @property
    def finished(self) -> ToolCallFinished:
        event = self.told[-1]
        assert isinstance(event, ToolCallFinished)
        return event


async def test_a_call_is_answered_under_its_id_and_told_from_start_to_end() -> None:
    stage = Stage()
    result = await stage.call("add", '{"a": 2}')
    assert result == ToolResult(call_id="7", name="add", content="3")
    assert stage.course == ["ToolCallStarted", "ToolCallFinished"]
    assert stage.finished.result == result
    assert stage.finished.duration_ms > 0
    assert not stage.finished.denied


async def test_an_unknown_tool_is_told_with_the_near_miss() -> None:
    stage = Stage()
    result = await stage.call("ad")
    assert result.content == "there is no tool named 'ad' (did you mean add?)"
    assert result.is_error
    assert stage.course == ["ToolCallFinished"]


async def test_a_name_of_any_length_gives_a_short_answer() -> None:
    assert len((await Stage().call("x" * 1_000_000)).content) < 300


async def test_arguments_that_do_not_fit_are_told_field_by_field_and_nothing_runs() -> None:
    stage = Stage()
    result = await stage.call("add", '{"a": "two", "c": 1}')
    assert result.is_error
    assert "\n- a: input should be a valid integer" in result.content
    assert "\n- c: there is no such parameter" in result.content
    assert stage.course == ["ToolCallFinished"]
    assert not stage.runner.denied


async def test_a_refused_call_does_not_run_and_the_runner_remembers() -> None:
    stage = Stage()
    stage.bus.register(ApproveToolCall, lambda _: "no")
    result = await stage.call("wipe")
    assert result.content.startswith("not approved")
    assert result.is_error
    assert stage.course == ["ToolCallFinished"]
    assert stage.finished.denied
    assert stage.runner.denied


async def test_a_call_that_nobody_can_approve_is_told_and_fails() -> None:
    stage = Stage()
    with pytest.raises(NobodyToAskError):
        await stage.call("wipe")
    assert stage.course == ["ToolCallFinished"]
    assert "--approve all" in stage.finished.result.content
    assert stage.finished.denied
    assert stage.runner.denied


async def test_wrong_arguments_are_told_before_anybody_is_asked() -> None:
    result = await Stage().call("wipe", '{"all": true}')
    assert "there is no such parameter" in result.content


async def test_a_tool_has_its_own_time_limit_or_that_of_the_settings() -> None:
    assert (await Stage(timeout=60).call("hang")).content == "hang did not finish within 0.05 s"

    async def wait() -> None:
        """Wait."""
        await asyncio.Event().wait()

    runner = ToolRunner(Bus(), [Tool.from_function(wait)], approve="all", timeout=0.02)
    result = await runner.handle(CallTool(call=ToolCall(id="1", name="wait")))
    assert result.content == "wait did not finish within 0.02 s"


async def test_settings_of_a_tool_come_from_its_options() -> None:
    assert (await Stage().call("fetch", '{"key": "a"}')).content == "http://default/a"
    stage = Stage(options={"fetch": {"base": "http://mine"}})
    assert (await stage.call("fetch", '{"key": "a"}')).content == "http://mine/a"


async def test_a_wrong_option_is_told_before_anything_runs() -> None:
    with pytest.raises(SettingsError, match="has no setting 'bse'"):
        Stage(options={"fetch": {"bse": "x"}})


async def test_options_of_tools_that_were_not_granted_do_not_matter() -> None:
    Stage(options={"other": {"anything": 1}})


async def test_two_tools_of_one_name_are_an_error() -> None:
    with pytest.raises(ToolError, match="two tools are called 'add'"):
        ToolRunner(Bus(), [TOOLS[0], Tool("add", wipe)])
    assert len(ToolRunner(Bus(), [TOOLS[0], TOOLS[0]]).specs) == 1


async def test_other_tools_may_be_granted_and_what_was_approved_or_denied_stays() -> None:
    stage = Stage(approve="ask")
    asked: list[str] = []

    def answer(question: ApproveToolCall) -> Decision:
        asked.append(question.call.name)
        return "session" if question.call.name == "add" else "no"

    stage.bus.register(ApproveToolCall, answer)
    await stage.call("add", '{"a": 1}')
    await stage.call("wipe")
    stage.runner.use(TOOLS[2:3])
    assert [spec.name for spec in stage.runner.specs] == ["fetch"]
    assert "there is no tool" in (await stage.call("add", '{"a": 1}')).content
    with pytest.raises(ToolError, match="two tools are called 'add'"):
        stage.runner.use([TOOLS[0], Tool("add", wipe)])
    assert [spec.name for spec in stage.runner.specs] == ["fetch"]
    stage.runner.use(TOOLS[:1])
    assert (await stage.call("add", '{"a": 1}')).content == "2"
    assert asked == ["add", "wipe"]
    assert stage.runner.denied


async def test_the_specs_are_those_of_the_tools_in_order() -> None:
    assert [spec.name for spec in Stage().runner.specs] == ["add", "hang", "fetch", "wipe"]


async def test_calls_run_side_by_side_each_with_its_own_answer() -> None:
    stage = Stage()
    calls = [stage.call("add", f'{{"a": {number}}}', str(number)) for number in range(20)]
    results = await asyncio.gather(*calls)
    assert [(result.call_id, result.content) for result in results] == [(str(n), str(n + 1)) for n in range(20)]


async def test_a_cancelled_call_is_told_as_interrupted() -> None:
    started = asyncio.Event()

    async def wait() -> None:
        """Wait."""
        started.set()
        await asyncio.Event().wait()

    bus = Bus()
    told: list[ToolCallFinished] = []
    bus.subscribe(ToolCallFinished, told.append)
    runner = ToolRunner(bus, [Tool.from_function(wait)], approve="all")
    call = asyncio.create_task(runner.handle(CallTool(call=ToolCall(id="1", name="wait"))))
    await started.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert [event.result.content for event in told] == ["interrupted"]


async def test_events_are_children_of_the_command() -> None:
    stage = Stage()
    command = CallTool(call=ToolCall(id="1", name="add", arguments='{"a": 1}'), session_id="s")
    await stage.bus.execute(command)
    assert {event.parent_id for event in stage.told} == {command.command_id}
    assert {event.session_id for event in stage.told} == {"s"}
