"""What to say of a command or an option that is not there: the near miss, or what does it here.

People come with the habits of other tools, `llm` above all: what they type by heart should not end in a dead end.
"""

import shlex
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from llmgine_cli.errors import UsageError

_SHOWN_WORDS = 60  # characters of what was typed that are repeated in a hint

# What other tools call it → what to do here.
COMMANDS = {
    "collections": "llmgine embed prints vectors, and stores none",
    "embed-models": "llmgine embed -m NAME takes any model that makes vectors; llmgine models list shows models",
    "fragments": "-f FILE puts a text before the prompt, and nothing is stored",
    "install": "llmgine is extended with files: llmgine tools list and llmgine engines list show where they come from",
    "plugins": "llmgine tools list and llmgine engines list show what there is",
    "similar": "llmgine embed prints vectors, and stores none",
    "schemas": "a schema is a file, or written out: llmgine run --schema 'name str, age int' …",
    "templates": "templates are called prompts: llmgine prompt list",
}
OPTIONS = {
    "--functions": "-T path/to/file.py grants the tools of a file",
    "--key": "llmgine keys set stores a key; a variable, such as OPENAI_API_KEY, goes before it",
    "--no-color": "--color never",
    "--save": "a template is a file: prompts/NAME.md",
}
# The commands that other tools run when none is named.
_USUAL = ("run", "tail")


def no_command(path: str, commands: Mapping[str, Any], words: Sequence[str]) -> UsageError:
    """Return the error for words that begin with no command of a group.

    Args:
        path: How the group is called, as `llmgine tools`.
        commands: Its commands by name.
        words: What was typed after it.
    """
    name = words[0]
    at_root = "run" in commands
    close = get_close_matches(name, commands)
    if at_root and name in COMMANDS:
        hint = COMMANDS[name]
    elif close:
        hint = f"did you mean {' or '.join(close)}?"
    elif at_root or path.endswith(" prompt"):
        hint = f"to ask a model: {_again('llmgine run', words)}"
    else:
        hint = f"there are {', '.join(commands)}"
    return UsageError(f"no command named {name!r}", hint=hint)


def no_option(
    path: str,
    name: str,
    known: Sequence[str],
    commands: Mapping[str, Any],
    words: Sequence[str],
    *,
    root: Mapping[str, Any],
) -> UsageError:
    """Return the error for an option that a command or a group does not have.

    Args:
        path: How the command or group is called, as `llmgine run`.
        name: The option.
        known: The options it has.
        commands: The commands of the group by name; none for a command.
        words: All that was typed after it.
        root: The commands of the program.
    """
    usual = next((each for each in _USUAL if each in commands and _takes(commands[each], name)), None)
    close = get_close_matches(name, known, n=2, cutoff=0.7) if name.startswith("--") else []
    if usual:
        hint = f"say which command: {_again(f'{path} {usual}', words)}"
    elif name in OPTIONS:
        hint = OPTIONS[name]
    elif path.endswith(" embed") and name == "--json":
        hint = "leave it out: each line that it prints is JSON"
    elif path.endswith(" chat") and _takes(root["run"], name):
        hint = f"llmgine run has it; in a chat, {path} --help lists what there is"
    elif close:
        hint = f"did you mean {' or '.join(close)}?"
    else:
        hint = f"{path} --help lists them"
    return UsageError(f"no option {name}", hint=hint)


def _takes(command: Any, option: str) -> bool:
    return any(option in parameter.opts for parameter in command.params)


def _again(command: str, words: Sequence[str]) -> str:
    """The command line that was probably meant; long texts are left out."""
    typed = shlex.join(words)
    return f"{command} {typed}" if len(typed) <= _SHOWN_WORDS else f'{command} "…"'
