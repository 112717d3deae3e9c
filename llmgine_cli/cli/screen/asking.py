"""Questions of an engine, asked on the terminal itself, also when stdin is a pipe."""

import asyncio

from llmgine_cli.asking import NO, YES, AskUser
from llmgine_cli.cli.sanitize import visible
from llmgine_cli.cli.screen.keys import Keys, terminal
from llmgine_cli.cli.screen.screen import Screen

_NOBODY = ("\x04", "")  # Ctrl-D, and a terminal that has gone
_ENTER = ("\r", "\n")
_WORDS = {"y": YES, "n": NO}


class Asker:
    """Asks one question after the other.

    Args:
        screen: Makes room for the question.
        turn: Held while somebody has the terminal; shared with whoever else asks.
    """

    def __init__(self, screen: Screen, turn: asyncio.Lock) -> None:
        self._screen = screen
        self._turn = turn

    async def ask(self, command: AskUser) -> str | None:
        """Show the question and wait for an answer; None when there is none."""
        async with self._turn:
            with self._screen.paused(), terminal(lines=command.kind != "confirm") as keys:
                if keys is None:
                    return None
                keys.write(f"{self._question(command)}{_prompt(command)}")
                return await (_key(keys, command) if command.kind == "confirm" else _line(keys, command))

    def _question(self, command: AskUser) -> str:
        text = visible(command.question)
        lines = [f"\x1b[1m{text}\x1b[0m" if self._screen.cli.styled(stderr=True) else text]
        lines += [f"  {number}  {visible(choice)}" for number, choice in enumerate(command.choices, 1)]
        return "\n".join(lines) + ("\n" if command.choices else " ")


def _prompt(command: AskUser) -> str:
    default = command.default
    if command.kind == "confirm":
        return {YES: "[Y/n] ", NO: "[y/N] "}.get(default or "", "[y/n] ")
    if command.kind == "select":
        enter = "" if default is None else f", Enter for {command.choices.index(default) + 1}"
        return f"1 to {len(command.choices)}{enter}: "
    return f"[{visible(default)}] " if default else ""


async def _key(keys: Keys, command: AskUser) -> str | None:
    said = ""
    try:
        while True:
            key = (await keys.read()).lower()
            if key in _NOBODY:
                return None
            answer = _WORDS.get(key) or (command.default if key in _ENTER else None)
            if answer is not None:
                said = answer
                return answer
            keys.write("\a")
    finally:
        keys.write(f"{said}\n")


async def _line(keys: Keys, command: AskUser) -> str | None:
    """Read a line; the terminal itself shows it and lets it be mended."""
    while True:
        line = await keys.read()
        if not line.endswith(_ENTER):  # Ctrl-D ends a line that has no end
            keys.write("\n")
            return None
        text = line.strip()
        if not text and command.default is not None:
            return command.default
        if command.kind == "text":
            return text
        if (chosen := _choice(text, command.choices)) is not None:
            return chosen
        keys.write(f"\a{_prompt(command)}")


def _choice(text: str, choices: tuple[str, ...]) -> str | None:
    """The choice whose number or text this is."""
    if text in choices:
        return text
    return choices[int(text) - 1] if text.isdecimal() and 0 < int(text) <= len(choices) else None
