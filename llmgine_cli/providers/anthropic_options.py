"""From our options to the fields of Anthropic messages, and how an answer is held to a form there.

https://platform.claude.com/docs/en/build-with-claude/{thinking,effort,structured-outputs,prompt-caching}
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, ClassVar, Literal, NamedTuple

import msgspec

from llmgine_cli.errors import UsageError
from llmgine_cli.llm.messages import ModelOptions, Request, ResponseFormat, ToolSpec
from llmgine_cli.llm.stream import (
    Finished,
    StreamEvent,
    TextDelta,
    ToolCallArguments,
    ToolCallComplete,
    ToolCallOpened,
)
from llmgine_cli.providers import forms
from llmgine_cli.providers.options import Fields, Filling, Options

_ROOM = 4096  # tokens that are left for an answer after the thoughts, when the user sets no limit


class Form(NamedTuple):
    """How an answer is held to its form.

    Attributes:
        how: By the vendor; as the arguments of a tool that must be called; or by words alone.
        schema: What the vendor enforces.
        tool: The tool whose arguments are the answer.
    """

    how: Literal["schema", "tool", "words"]
    schema: Mapping[str, Any] | None = None
    tool: ToolSpec | None = None


class AnthropicOptions(Options):
    """Options as Anthropic has them: thinking, what the answer is to look like, and the choice of tools are tables."""

    names: ClassVar[Mapping[str, str | None]] = {
        "stop": "stop_sequences",
        "response_format": "output_config",
        **dict.fromkeys(("seed", "routing")),
    }
    usual_max_tokens: ClassVar[int | None] = 16_384  # the protocol demands a limit

    def form(self, request: Request) -> Form | None:
        """Return how the answer is held to the form that is asked for, if one is."""
        form = request.response_format
        extra = request.options.extra
        if form is None or "output_config" in extra:
            return None
        if form.schema is None:
            return Form("words")
        traits = self.traits(request.model)
        if "json_schema" in traits.formats and (schema := forms.closed(form.schema)) is not None:
            return Form("schema", schema=schema)
        # A model that thinks by budget cannot be made to call a tool.
        counts = request.options.reasoning_budget is not None and "reasoning_budget" not in traits.drops
        thinks = counts or (traits.budgets and request.options.reasoning_effort not in {None, "none"})
        free = "tool_choice" not in extra and (
            not request.tools or request.options.tool_choice in {None, "auto", "required"}
        )
        if form.schema.get("type") == "object" and traits.forced_tools and free and not thinks:
            return Form("tool", tool=_answer_tool(form, request))
        return Form("words")

    def instruction(self, request: Request) -> str | None:
        """Return what the model must be told of the form of its answer, because the vendor cannot enforce it."""
        form = self.form(request)
        if form is None or form.how != "words" or request.response_format is None:
            return None
        return forms.instruction(request.response_format)

    def _put_reasoning(self, filling: Filling, options: ModelOptions) -> None:
        effort, budget = options.reasoning_effort, options.reasoning_budget
        traits = filling.traits
        counts = budget is not None and "reasoning_budget" not in traits.drops
        if counts and effort is not None and (traits.budgets or effort == "none"):
            filling.tell("reasoning_effort", "takes a reasoning_budget or a reasoning_effort; the budget is sent")
        elif effort in traits.budgets:
            budget = traits.budgets[str(effort)]
        elif effort is not None:
            self._put_effort(filling, effort)
        if filling.put("reasoning_budget", budget):
            tokens = filling.fields.pop("reasoning_budget", None)
            filling.put("thinking", {"type": "enabled", "budget_tokens": tokens})

    def _put_effort(self, filling: Filling, effort: str) -> None:
        theirs = filling.effort(effort)
        if not isinstance(theirs, str):
            filling.fields.update(theirs)
        elif "reasoning_effort" in filling.traits.drops:
            filling.put("reasoning_effort", effort)  # which tells
        elif theirs == "none":
            filling.put("thinking", {"type": "disabled"})
        else:
            filling.put("thinking", {"type": "adaptive"})
            filling.put("output_config", {"effort": theirs})

    def _put_sampling(self, filling: Filling, options: ModelOptions) -> None:
        thinking: Fields = filling.fields.get("thinking", {})
        if thinking.get("type") in {"enabled", "adaptive"}:
            for option in {"temperature", "top_p"} - filling.traits.drops:
                if getattr(options, option) is not None:
                    filling.tell(option, f"takes no {option} while it thinks; it is left out")
                    options = msgspec.structs.replace(options, **{option: None})
        super()._put_sampling(filling, options)
        budget, limit = thinking.get("budget_tokens"), filling.fields.get("max_tokens")
        if budget is None or limit is None or limit > budget:
            return
        if options.max_tokens is not None:
            raise UsageError(
                f"max_tokens {limit} leaves no room for an answer: {budget} of them are for thoughts",
                hint=f"-o max_tokens {budget + _ROOM}, or less thinking",
            )
        filling.fields["max_tokens"] = budget + _ROOM

    def _put_tools(self, filling: Filling, options: ModelOptions) -> None:
        choice = filling.tool_choice(options.tool_choice)
        alone = options.parallel_tool_calls
        if not filling.has_tools("parallel_tool_calls", alone):
            alone = None
        if choice is None and alone is None:
            return
        if choice not in {None, "auto", "none"} and filling.fields.get("thinking", {}).get("type") == "enabled":
            filling.tell("tool_choice", f"cannot be made to call a tool while it thinks; tool_choice {choice} is auto")
            choice = "auto"
        said = {None: {"type": "auto"}, "auto": {"type": "auto"}, "required": {"type": "any"}, "none": {"type": "none"}}
        table: Fields = said.get(choice, {"type": "tool", "name": choice})
        if alone is not None and choice != "none":
            table["disable_parallel_tool_use"] = not alone
        filling.put("tool_choice", table)

    def _put_form(self, filling: Filling, form: ResponseFormat | None) -> None:
        how = self.form(filling.request) if form is not None else None
        if how is None:
            return
        if how.schema is not None:
            known: Fields = filling.fields.get("output_config", {})
            filling.fields["output_config"] = {**known, "format": {"type": "json_schema", "schema": how.schema}}
        elif how.tool is not None:
            # One of the user's tools, or the one that takes the answer.
            only = {"type": "any"} if filling.request.tools else {"type": "tool", "name": how.tool.name}
            known = filling.fields.get("tool_choice", {})
            filling.put("tool_choice", {**known, **only})

    def _put_caching(self, filling: Filling, options: ModelOptions) -> None:
        """The adapter marks what is to be kept, in the conversation itself."""


async def answer_of(events: AsyncGenerator[StreamEvent, None], tool: str) -> AsyncGenerator[StreamEvent, None]:
    """Return an answer that came as the arguments of a tool as if it had been said.

    Args:
        events: As the vendor gives them.
        tool: The tool that takes the answer; calls of others stay what they are.
    """
    answers: set[int] = set()
    others = 0
    async with aclosing(events):
        async for event in events:
            match event:
                case ToolCallOpened(index=index, name=name) if name == tool:
                    answers.add(index)
                case ToolCallOpened():
                    others += 1
                    yield event
                case ToolCallArguments(index=index, fragment=fragment) if index in answers:
                    yield TextDelta(fragment)
                case ToolCallComplete(index=index) if index in answers:
                    pass
                case Finished(reason="tool_calls") if answers and not others:
                    yield msgspec.structs.replace(event, reason="stop")
                case _:
                    yield event


def _answer_tool(form: ResponseFormat, request: Request) -> ToolSpec:
    name = form.name
    while any(tool.name == name for tool in request.tools):
        name += "_"
    schema = dict(form.schema or {})
    return ToolSpec(name=name, description="Give your answer. Call this, once, when you know it.", parameters=schema)
