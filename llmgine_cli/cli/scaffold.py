"""The file that `llmgine engines new` writes."""

import keyword
import re

from llmgine_cli.errors import UsageError

_SOURCE = '''\
"""An engine: draft an answer, then write it again."""

from dataclasses import dataclass

from llmgine_cli.api import Prompt, Reply, Run, engine, user


@dataclass(frozen=True, kw_only=True)
class {class_name}(Prompt):
    """What the user wants. Each field is an option of the engine: `llmgine run -e {name} -o drafts 2`.

    Attributes:
        drafts: How often the answer is drafted before the one that counts.
    """

    drafts: int = 1


# What it does, in one line, is the first line of the docstring: `llmgine engines list` shows it.
# An engine that calls tools says so: @engine(uses_tools=True); then run.tools and run.call_tools are there for it.
@engine
async def {name}(prompt: {class_name}, run: Run) -> Reply:
    """Draft an answer, then write it again."""
    # The system message and what the user said become part of the conversation.
    await run.say(prompt)
    for number in range(prompt.drafts):
        # Shown beside the spinner while the model works.
        await run.status(f"draft {{number + 1}}")
        # Asks aside: the draft is logged, but not shown.
        draft = await run.consult(run.history.messages)
        await run.history.add(draft.message, user("Write it again: shorter, and more to the point."))
    # Streams the answer to the screen. What an engine returns is its result.
    return await run.ask()
'''


def engine_source(name: str) -> str:
    """Return the source of an engine that works.

    Args:
        name: What it is called by, and the name of its function.

    Raises:
        UsageError: It cannot be the name of a function, or would be no name to type.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name, re.ASCII) or keyword.iskeyword(name):
        better = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_").lstrip("0123456789_")
        usable = better and not keyword.iskeyword(better)
        hint = f"for example {better}" if usable else "small letters, digits and _, as in my_engine"
        raise UsageError(f"{name!r} cannot be the name of an engine", hint=hint)
    class_name = "".join(word.capitalize() for word in name.split("_")) + "Prompt"
    return _SOURCE.format(name=name, class_name=class_name)
