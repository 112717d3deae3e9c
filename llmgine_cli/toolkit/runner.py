"""Runs what a model asks for: finds the tool, checks the arguments, asks for approval, calls it, tells the outcome."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from llmgine_cli.bus import Bus
from llmgine_cli.errors import NobodyToAskError, ToolError, near_miss
from llmgine_cli.llm.messages import ToolCall, ToolResult, ToolSpec
from llmgine_cli.toolkit.approval import Approval, Approvals, Mode
from llmgine_cli.toolkit.invoke import Outcome, invoke
from llmgine_cli.toolkit.messages import CallTool, ToolCallFinished, ToolCallStarted
from llmgine_cli.toolkit.printing import Printing
from llmgine_cli.toolkit.results import cut
from llmgine_cli.toolkit.tool import Tool
from llmgine_cli.toolkit.validation import read_arguments, read_settings

_SHOWN_NAME = 100  # characters; a model may write anything


class ToolRunner:
    """Handles `CallTool` for the tools of one conversation.

    Args:
        bus: Where questions are asked and events told.
        tools: What was granted.
        approve: Which calls run without asking; see `Approval`.
        timeout: Seconds a tool may take that does not say itself.
        options: Tool name → values of its `Setting` parameters.
        remembered: What was approved for good.

    Attributes:
        specs: What the model is told of the tools.
        denied: Whether any call was refused for want of an approval.

    Raises:
        ToolError: Two tools have one name, or one cannot be described.
        SettingsError: A tool's option is unknown, missing or of the wrong type.
    """

    def __init__(
        self,
        bus: Bus,
        tools: Sequence[Tool],
        *,
        approve: Mode = "ask",
        timeout: float = 60.0,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        remembered: Approvals | None = None,
    ) -> None:
        self._bus = bus
        self._timeout = timeout
        self._options = options or {}
        self._approval = Approval(bus, approve, remembered)
        self.denied = False
        self.use(tools)

    def use(self, tools: Sequence[Tool]) -> None:
        """Grant these tools and no others. What was approved for the session stays so.

        Raises:
            ToolError: Two tools have one name, or one cannot be described.
            SettingsError: A tool's option is unknown, missing or of the wrong type.
        """
        named = _by_name(tools)
        settings = {tool.name: read_settings(tool, self._options.get(tool.name, {})) for tool in tools}
        self.specs: tuple[ToolSpec, ...] = tuple(tool.spec for tool in named.values())
        self._tools, self._settings = named, settings

    async def handle(self, command: CallTool) -> ToolResult:
        """Run one call. Whatever goes wrong is in the result, for the model to read; being cancelled is raised.

        Raises:
            NobodyToAskError: It would have to be approved, and nobody can do that.
        """
        call = command.call
        try:
            tool, values = self._understand(call)
        except ToolError as error:
            return await self._finish(call, _problem(error))
        try:
            refusal = await self._approval.refusal(tool, call)
        except NobodyToAskError as error:
            self.denied = True
            await self._finish(call, _problem(error), denied=True)
            raise
        if refusal:
            self.denied = True
            return await self._finish(call, Outcome(refusal, failed=True), denied=True)
        await self._bus.publish(ToolCallStarted(call=call))
        values = {**values, **self._settings[tool.name]}
        printing = Printing(self._bus, call)
        started = time.perf_counter()
        try:
            outcome = await invoke(tool, values, seconds=tool.timeout or self._timeout, printed=printing.write)
            await printing.finish()
        except asyncio.CancelledError:
            await self._finish(call, Outcome("interrupted", failed=True), started)
            raise
        return await self._finish(call, outcome, started)

    def _understand(self, call: ToolCall) -> tuple[Tool, dict[str, Any]]:
        tool = self._tools.get(call.name)
        if tool is None:
            name = call.name[:_SHOWN_NAME]
            raise ToolError(f"there is no tool named {name!r}", hint=near_miss(name, self._tools))
        return tool, read_arguments(tool, call.arguments)

    async def _finish(
        self, call: ToolCall, outcome: Outcome, started: float | None = None, *, denied: bool = False
    ) -> ToolResult:
        result = ToolResult(call_id=call.id, name=call.name, content=outcome.text, is_error=outcome.failed)
        duration = 0.0 if started is None else (time.perf_counter() - started) * 1000
        await self._bus.publish(ToolCallFinished(call=call, result=result, duration_ms=duration, denied=denied))
        return result


def _by_name(tools: Sequence[Tool]) -> dict[str, Tool]:
    named: dict[str, Tool] = {}
    for tool in tools:
        if named.setdefault(tool.name, tool) is not tool:
            raise ToolError(f"two tools are called {tool.name!r}", hint="grant one of them, or rename one")
    return named


def _problem(error: ToolError) -> Outcome:
    return Outcome(cut(f"{error.message} ({error.hint})" if error.hint else error.message), failed=True)
