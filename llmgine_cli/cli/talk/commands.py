"""The slash commands of a chat."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from llmgine_cli.errors import NotFoundError, StorageError, UsageError
from llmgine_cli.llm.messages import File, Image, Message, Part, Text, ToolResult, named

if TYPE_CHECKING:
    from llmgine_cli.cli.talk.dialogue import Dialogue

# "/usr/bin/env is missing" is a message, and so is a text of several lines.
_COMMAND = re.compile(r"/(?P<name>[a-z]+!?)(?:[ \t]+(?P<rest>.*))?")


class Leave(Exception):  # noqa: N818 -- a wish, not an error
    """The user wants to leave the chat."""


@dataclass(frozen=True)
class SlashCommand:
    """One command.

    Attributes:
        usage: What comes after its name.
        summary: What it does, for `/help`.
        run: Does it, given what stands after the name.
    """

    usage: str
    summary: str
    run: "Callable[[Dialogue, str], Awaitable[None]]"


_WORDS_TO_LEAVE = ("exit", "quit")


def is_command(text: str) -> bool:
    """Whether this is a command and no message; the words that end other programs end this one too."""
    return text.rstrip().lower() in _WORDS_TO_LEAVE or _COMMAND.fullmatch(text.rstrip()) is not None


async def run_command(chat: "Dialogue", text: str) -> None:
    """Do what the text says.

    Raises:
        NotFoundError: There is no such command.
        Leave: The user wants to leave.
        LlmgineError: It cannot be done.
    """
    if text.rstrip().lower() in _WORDS_TO_LEAVE:
        raise Leave
    match = _COMMAND.fullmatch(text.rstrip())
    name, rest = (match["name"], match["rest"] or "") if match else (text, "")
    command = COMMANDS.get("exit" if name == "quit" else name)
    if command is None:
        known = [f"/{name}" for name in COMMANDS]
        raise NotFoundError("command", f"/{name}", known)
    await command.run(chat, rest.strip())


async def _help(chat: "Dialogue", _: str) -> None:
    from shutil import get_terminal_size

    from llmgine_cli.cli.wrapping import beside

    width = max(len(f"/{name} {command.usage}") for name, command in COMMANDS.items()) + 2
    for name, command in COMMANDS.items():
        rows = beside(f"/{name} {command.usage}", command.summary, width, get_terminal_size().columns)
        chat.say_aside("\n".join(rows))
    chat.say_aside("Alt-Enter or Ctrl-J begins a new line. To send what begins with /, put a blank before it.")


async def _exit(_chat: "Dialogue", _: str) -> None:
    raise Leave


async def _clear(chat: "Dialogue", _: str) -> None:
    await chat.forget()
    chat.say_aside("the conversation starts anew")


async def _model(chat: "Dialogue", name: str) -> None:
    conversation = chat.talk.conversation
    if name:
        conversation.use_model(name)
    chat.say_aside(f"model: {conversation.model}" + ("" if name else f" ({conversation.model.reason})"))


async def _tools(chat: "Dialogue", names: str) -> None:
    conversation = chat.talk.conversation
    if names:
        conversation.use_tools([] if names == "none" else names.replace(",", " ").split())
    granted = [tool.name for tool in conversation.tools]
    chat.say_aside(f"granted: {', '.join(granted) or 'none'}")
    if not names:
        others = sorted(set(chat.app.plugins.tools()) - set(granted))
        chat.say_aside(f"others: {', '.join(others) or 'none'}")


async def _system(chat: "Dialogue", text: str) -> None:
    if text:
        await chat.talk.use_system(text)
    chat.say_aside(f"system message: {chat.talk.system or 'none'}")


async def _save(chat: "Dialogue", name: str) -> None:
    _write(chat, name, overwrite=False)


async def _save_over(chat: "Dialogue", name: str) -> None:
    _write(chat, name, overwrite=True)


async def _attach(chat: "Dialogue", place: str) -> None:
    from llmgine_cli.cli.talk.attaching import STDIN, Source, fetch_rest, limit_of, read_local

    talk = chat.talk
    if place == "none":
        talk.attached = ()
    elif place:
        if place == STDIN:
            raise UsageError("stdin is where the messages of a chat come from", hint="as in /attach photo.png")
        read = read_local([Source(place)], limit_of(chat.app.settings))
        talk.attached += await fetch_rest(chat.app, talk.conversation.model, read)
    names = ", ".join(_attachment(part) for part in talk.attached)
    chat.say_aside(f"with the next message: {names or 'nothing'}")


def _attachment(part: Part) -> str:
    if isinstance(part, Image | File):
        return named(part)
    return part.text.partition("\n")[0] if isinstance(part, Text) else ""


async def _usage(chat: "Dialogue", _: str) -> None:
    chat.say_aside(chat.account.summary())


async def _retry(chat: "Dialogue", _: str) -> None:
    await chat.retry()


COMMANDS = {
    "help": SlashCommand("", "list the commands", _help),
    "model": SlashCommand("[NAME]", "show the model, or go on with another one", _model),
    "system": SlashCommand("[TEXT]", "show the system message, or go on with another one", _system),
    "tools": SlashCommand("[NAME ... | none]", "show the tools, or grant these and no others", _tools),
    "attach": SlashCommand("[PATH | URL | none]", "send a picture, PDF or text file with the next message", _attach),
    "retry": SlashCommand("", "send the last message again", _retry),
    "usage": SlashCommand("", "say what the chat has taken so far: tokens, price, time", _usage),
    "clear": SlashCommand("", "forget what was said", _clear),
    "save": SlashCommand("FILE", "write the conversation as markdown; /save! overwrites", _save),
    "save!": SlashCommand("FILE", "the same, over a file that exists", _save_over),
    "exit": SlashCommand("", "leave; /quit and Ctrl-D do too", _exit),
}


def _write(chat: "Dialogue", name: str, *, overwrite: bool) -> None:
    if not name:
        raise UsageError("/save needs the name of a file", hint="as in /save talk.md")
    path = Path(name).expanduser()
    messages = chat.talk.conversation.history.messages
    try:
        with path.open("w" if overwrite else "x", encoding="utf-8", errors="replace") as file:
            file.write(as_markdown(messages))
    except FileExistsError as error:
        raise UsageError(f"{name} exists", hint=f"/save! {name} overwrites it") from error
    except OSError as error:
        raise StorageError(f"cannot write {name}: {error.strerror}") from error
    chat.say_aside(f"{len(messages)} messages written to {path.absolute()}")


def as_markdown(messages: tuple[Message, ...]) -> str:
    """Return a conversation as a markdown document: a heading for each speaker, tool calls as code."""
    return "\n\n".join(f"## {message.role}\n\n{_body(message)}" for message in messages) + "\n"


def _body(message: Message) -> str:
    parts = [f"[attached: {named(part)}]" for part in message.parts if isinstance(part, Image | File)]
    parts += [message.text] if message.text else []
    parts += [_code(f"{call.name} {call.arguments}", "json") for call in message.tool_calls]
    parts += [_code(part.content, "") for part in message.parts if isinstance(part, ToolResult)]
    return "\n\n".join(parts)


def _code(text: str, language: str) -> str:
    """A code block whose fence is longer than any in the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
