"""May this tool run? Asked on the terminal itself, also when stdin is a pipe; without a terminal nobody is asked."""

import asyncio
import json
from typing import Any

from llmgine_cli.asking import AskUser
from llmgine_cli.bus import Bus
from llmgine_cli.cli.sanitize import visible
from llmgine_cli.cli.screen.asking import Asker
from llmgine_cli.cli.screen.keys import has_terminal, terminal
from llmgine_cli.cli.screen.screen import Screen
from llmgine_cli.llm.messages import ToolCall
from llmgine_cli.toolkit.messages import ApproveToolCall, Decision

EFFECTS = {
    "read": "it reads",
    "write": "it writes files",
    "exec": "it may do anything",
    "net": "it uses the network",
}
QUESTION = "Allow?  [y] once  [s] this session  [a] always  [N] no: "
# Over the question, when another key was pressed: longer than it, so that nothing of it is left.
KEYS = QUESTION.replace("Allow?", "Press one of these:")
# Enter, Ctrl-D and a terminal that has gone mean no.
ANSWERS: dict[str, Decision] = {
    "y": "once",
    "s": "session",
    "a": "always",
    "n": "no",
    "\r": "no",
    "\n": "no",
    "\x04": "no",
    "": "no",
}
WORDS: dict[Decision, str] = {"once": "yes, once", "session": "yes, this session", "always": "yes, always", "no": "no"}


def ask_on_terminal(bus: Bus, screen: Screen) -> bool:
    """Have the user approve tool calls and answer questions; say whether there is a terminal to ask on.

    Without one nothing is registered: whoever needs an approval gets none, and questions are answered as they say.
    """
    if not has_terminal():
        return False
    turn = asyncio.Lock()
    bus.register(ApproveToolCall, Approver(screen, turn).ask)
    bus.register(AskUser, Asker(screen, turn).ask)
    return True


class Approver:
    """Asks about one call after the other.

    Args:
        screen: Makes room for the question.
        turn: Held while somebody has the terminal; shared with whoever else asks.
    """

    def __init__(self, screen: Screen, turn: asyncio.Lock) -> None:
        self._screen = screen
        self._turn = turn
        self._waiting = 0
        self._granted: dict[tuple[str | None, str, str], Decision] = {}

    async def ask(self, command: ApproveToolCall) -> Decision:
        """Show the whole call and wait for a key."""
        key = (command.session_id, command.call.name, command.origin)
        self._waiting += 1
        try:
            async with self._turn:
                # Of calls that wait together, an answer for the session answers the later ones too.
                decision = self._granted.get(key) or await self._ask(command)
                if decision in ("session", "always"):
                    self._granted[key] = decision
                return decision
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._granted.clear()

    async def _ask(self, command: ApproveToolCall) -> Decision:
        with self._screen.paused(), terminal() as keys:
            if keys is None:
                return "no"
            keys.write(f"{question(command, styled=self._screen.cli.styled(stderr=True))}\n{QUESTION}")
            said, help_ = "", f"\r{KEYS}"
            try:
                while (decision := ANSWERS.get((await keys.read()).lower())) is None:
                    keys.write(f"{help_}\a")
                    help_ = ""
                said = WORDS[decision]
            finally:
                keys.write(f"{said}\n")
            return decision


def question(command: ApproveToolCall, *, styled: bool) -> str:
    """Return what the user has to know: the tool, where it is from, what it may do, and all of its arguments."""
    name = visible(" ".join(command.call.name.split()))
    about = f"{EFFECTS[command.effect]}; {visible(' '.join(command.origin.split()))}"
    title = f"\x1b[1m{name}\x1b[0m ({about})" if styled else f"{name} ({about})"
    return f"The model wants to run {title}\n{visible(_pretty(command.call))}"


def _pretty(call: ToolCall) -> str:
    try:
        arguments: Any = json.loads(call.arguments or "{}")
    except ValueError:
        return call.arguments
    return json.dumps(arguments, indent=2, ensure_ascii=False)
