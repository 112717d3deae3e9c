"""Answer with the help of tools: ask, run what the model asks for, ask again, until it asks for no more."""

from dataclasses import dataclass

from llmgine_cli.api import LimitReachedError, Prompt, Reply, Run, UsageError, engine


@dataclass(frozen=True, kw_only=True)
class ToolChat(Prompt):
    """A prompt that may use tools.

    Attributes:
        max_rounds: How often the model is asked before the user is asked whether it may go on; without a user, the run
            stops.
    """

    max_rounds: int = 10


@engine(uses_tools=True)
async def tool_chat(prompt: ToolChat, run: Run) -> Reply:
    """Loop until the model asks for no more tools; calls of one turn run in parallel, errors go back to the model."""
    if prompt.max_rounds < 1:
        raise UsageError(f"max_rounds is {prompt.max_rounds}: without a round, nobody is asked")
    await run.say(prompt)
    done = 0
    while True:
        reply = await run.ask(tools=run.tools)
        done += 1
        if not reply.tool_calls:
            return reply
        if done % prompt.max_rounds == 0 and not await _may_go_on(done, run):
            break  # what tools say after the last round, nobody would read
        await run.call_tools(reply.tool_calls)
    await run.history.answer_open_calls("not run: the limit of rounds was reached")
    raise LimitReachedError(
        f"the model still asked for tools after {done} round(s)", hint="allow more with -o max_rounds N"
    )


async def _may_go_on(done: int, run: Run) -> bool:
    return await run.confirm(f"The model wants to go on after {done} round(s) of tools. May it?", unattended=False)
