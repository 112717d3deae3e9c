"""Plays a script of events to a `Screen`, as a program of its own: ``python play.py '[["text", "Hi"], …]' [flag …]``.

Steps: call, think TEXT, text TEXT, end, tool NAME ARGUMENTS, result NAME CONTENT IS_ERROR, status TEXT, gate FILE
(wait until the file exists), touch FILE, approve NAME ARGUMENTS EFFECT, ask FIELDS, together STEPS, repeat COUNT STEP,
show TEXT, raise. Flags: those of `Cli` and `Screen`.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from llmgine_cli.asking import AskUser, ask
from llmgine_cli.bus import Bus
from llmgine_cli.cli.common import Cli
from llmgine_cli.cli.screen.approval import ask_on_terminal
from llmgine_cli.cli.screen.screen import Screen
from llmgine_cli.llm.events import LLMCallFinished, LLMCallStarted, ReasoningChunk, StatusChanged, TextChunk
from llmgine_cli.llm.messages import ToolCall, ToolResult, assistant
from llmgine_cli.llm.stream import Reply
from llmgine_cli.toolkit.messages import ApproveToolCall, ToolCallFinished, ToolCallStarted


class Player:
    """Keeps what one step needs of another."""

    def __init__(self, bus: Bus, screen: Screen) -> None:
        self.bus = bus
        self.screen = screen
        self.call_id = ""

    async def step(self, kind: str, *values: Any) -> None:
        await getattr(self, f"_{kind}")(*values)

    async def _call(self) -> None:
        started = LLMCallStarted(model="echo:echo", history=0)
        self.call_id = started.event_id
        await self.bus.publish(started)

    async def _think(self, text: str) -> None:
        await self.bus.publish(ReasoningChunk(call_id=self.call_id, text=text))

    async def _text(self, text: str) -> None:
        await self.bus.publish(TextChunk(call_id=self.call_id, text=text))

    async def _end(self) -> None:
        reply = Reply(message=assistant(""), finish_reason="stop")
        await self.bus.publish(LLMCallFinished(call_id=self.call_id, model="echo:echo", reply=reply, duration_ms=1))

    async def _tool(self, name: str, arguments: str) -> None:
        await self.bus.publish(ToolCallStarted(call=ToolCall(id=name, name=name, arguments=arguments)))

    async def _result(self, name: str, content: str, is_error: bool) -> None:
        call = ToolCall(id=name, name=name, arguments='{"city": "Oslo"}')
        result = ToolResult(call_id=name, name=name, content=content, is_error=is_error)
        await self.bus.publish(ToolCallFinished(call=call, result=result, duration_ms=12))

    async def _status(self, text: str) -> None:
        await self.bus.publish(StatusChanged(status=text))

    async def _gate(self, file: str) -> None:
        while not os.path.exists(file):  # noqa: ASYNC110, ASYNC240, PTH110 -- the test makes the file
            await asyncio.sleep(0.01)

    async def _touch(self, file: str) -> None:
        Path(file).touch()  # noqa: ASYNC240

    async def _approve(self, name: str, arguments: str, effect: Any) -> None:
        call = ToolCall(id=name, name=name, arguments=arguments)
        outcome = await self.bus.execute(ApproveToolCall(call=call, effect=effect, origin="a test"))
        sys.stdout.write(f"decision: {outcome.unwrap()}\n")
        sys.stdout.flush()

    async def _ask(self, question: dict[str, Any]) -> None:
        answer = await ask(self.bus, AskUser(**{**question, "choices": tuple(question.get("choices", ()))}))
        sys.stdout.write(f"answer: {answer}\n")
        sys.stdout.flush()

    async def _together(self, *steps: Any) -> None:
        await asyncio.gather(*(self.step(*step) for step in steps))

    async def _repeat(self, count: int, step: list[Any]) -> None:
        for _ in range(count):
            await self.step(*step)
            await asyncio.sleep(0)

    async def _show(self, text: str) -> None:
        self.screen.show_result(text)

    async def _raise(self) -> None:
        raise RuntimeError("the script ends here")


async def main(steps: list[list[Any]], flags: set[str]) -> None:
    cli = Cli(quiet="quiet" in flags, verbose="verbose" in flags)
    screen = Screen(cli, raw="raw" in flags, answer="no-answer" not in flags, reasoning="reasoning" in flags or None)
    bus = Bus()
    screen.attach(bus)
    ask_on_terminal(bus, screen)
    player = Player(bus, screen)
    try:
        for step in steps:
            await player.step(*step)
    finally:
        await screen.finish()


asyncio.run(main(json.loads(sys.argv[1]), set(sys.argv[2:])))
