"""Answer with the help of tools: ask, run what the model asks for, ask again, until it asks for no more."""

from dataclasses import dataclass

from llmgine_cli.api import LimitReachedError, Prompt, Reply, Run, engine


@dataclass(frozen=True, kw_only=True)
class ToolChat(Prompt):
    """A prompt that may use tools.

    Attributes:
        max_rounds: How often the model may come back with tool calls before the run stops.
    """

    max_rounds: int = 10


@engine(uses_tools=True)
async def tool_chat(prompt: ToolChat, run: Run) -> Reply:
    """Loop until the model asks for no more tools; calls of one turn run in parallel, errors go back to the model."""
    await run.say(prompt)
    for _ in range(prompt.max_rounds):
        reply = await run.ask(tools=run.tools)
        if not reply.tool_calls:
            return reply
        await run.call_tools(reply.tool_calls)
    raise LimitReachedError(
        f"the model still asked for tools after {prompt.max_rounds} rounds", hint="allow more with -o max_rounds N"
    )
