"""What a tool prints is told on the bus, in order, before the call is over."""

import asyncio

import pytest

from llmgine_cli.bus import Bus, Event
from llmgine_cli.llm.messages import ToolCall
from llmgine_cli.testing import Recorder
from llmgine_cli.toolkit.messages import CallTool, ToolCallFinished, ToolCallStarted, ToolPrinted
from llmgine_cli.toolkit.printing import Printing
from llmgine_cli.toolkit.runner import ToolRunner
from llmgine_cli.toolkit.tool import Tool


def talk() -> str:
    """Talk."""
    for number in range(3):
        print(number)
    print("\x1b[31mthe end", end="")
    return "done"


async def talk_in_the_loop() -> str:
    """Talk."""
    print("one")
    await asyncio.sleep(0)
    print("two", end="")
    return "done"


async def run(bus: Bus, tool: Tool) -> None:
    runner = ToolRunner(bus, [tool], approve="all")
    bus.register(CallTool, runner.handle)
    outcome = await bus.execute(CallTool(session_id="s", call=ToolCall(id="1", name=tool.name)))
    assert outcome.unwrap().content == "done"


@pytest.mark.parametrize(
    ("tool", "printed"),
    [
        (Tool.from_function(talk), "0\n1\n2\n\x1b[31mthe end\n"),
        (Tool.from_function(talk_in_the_loop), "one\ntwo\n"),
    ],
)
async def test_it_is_told_between_start_and_end_as_it_came(
    tool: Tool, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bus = Bus()
    told: list[Event] = []
    for kind in (ToolCallStarted, ToolPrinted, ToolCallFinished):
        bus.subscribe(kind, told.append)
    await run(bus, tool)
    assert (type(told[0]), type(told[-1])) == (ToolCallStarted, ToolCallFinished)
    middle = [event for event in told[1:-1] if isinstance(event, ToolPrinted)]
    assert len(middle) == len(told) - 2
    assert "".join(event.text for event in middle) == printed
    assert {(event.call.id, event.session_id, event.parent_id) for event in middle} == {("1", "s", told[0].parent_id)}
    assert capsys.readouterr() == ("", "")


async def test_where_nobody_shows_it_it_goes_to_stderr_and_is_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    bus = Bus()
    heard = Recorder(bus)  # as the event log does
    await run(bus, Tool.from_function(talk))
    assert heard.only(ToolPrinted)
    assert capsys.readouterr() == ("", "0\n1\n2\n\\x1b[31mthe end\n")


async def test_what_those_print_who_hear_of_it_is_not_the_tools(capsys: pytest.CaptureFixture[str]) -> None:
    bus = Bus()
    bus.subscribe(ToolPrinted, lambda event: print("heard"))
    await run(bus, Tool.from_function(talk))
    assert set(capsys.readouterr().out.split()) == {"heard"}


async def test_what_is_printed_after_the_bus_was_closed_is_shown_and_no_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bus = Bus()
    printing = Printing(bus, ToolCall(id="1", name="late"))
    await bus.aclose()
    printing.write("late\n")
    await asyncio.sleep(0)
    await printing.finish()
    assert capsys.readouterr().err == "late\n"


def test_what_is_printed_after_the_loop_was_closed_is_lost_and_no_error() -> None:
    async def make() -> Printing:
        return Printing(Bus(), ToolCall(id="1", name="late"))

    asyncio.run(make()).write("late\n")
