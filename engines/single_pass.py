"""The simplest strategy: one prompt, one reply."""

from llmgine_cli.api import Prompt, Reply, Run, engine


@engine
async def single_pass(prompt: Prompt, run: Run) -> Reply:
    """One prompt, one reply, no tools."""
    await run.say(prompt)
    return await run.ask()
