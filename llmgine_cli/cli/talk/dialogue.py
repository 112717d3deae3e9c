"""The turns of a chat: one message, one answer, and what becomes of the conversation when a turn goes wrong.

A turn that fails leaves the conversation as it was before, so that the message can be sent again, unless tools have
acted in it. A turn that is stopped keeps what was said and done until then; if that is nothing, it leaves no trace
either.
"""

import asyncio
import signal
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext
from traceback import format_exception
from typing import TYPE_CHECKING, Any, NamedTuple

from llmgine_cli.bootstrap import Application
from llmgine_cli.cli.common import Cli
from llmgine_cli.cli.sanitize import visible
from llmgine_cli.cli.screen.screen import Screen
from llmgine_cli.cli.talk.account import Account
from llmgine_cli.cli.talk.commands import Leave, is_command, run_command
from llmgine_cli.cli.talk.lines import Lines
from llmgine_cli.cli.talk.opening import Talk
from llmgine_cli.cli.talk.typeahead import keys_kept
from llmgine_cli.cli.wrapping import fitted
from llmgine_cli.errors import LlmgineError, UsageError
from llmgine_cli.llm.stream import Reply

if TYPE_CHECKING:
    from llmgine_cli.bus import CommandResult
    from llmgine_cli.llm.messages import Message, Part


class _Standing(NamedTuple):
    """Where a conversation stood before a turn; the turn may put a system message before all others.

    Attributes:
        said: How many messages there were, the system message not counted.
        system: Whether there was one.
    """

    said: int
    system: bool

    @classmethod
    def of(cls, messages: "Sequence[Message]") -> "_Standing":
        system = _has_system(messages)
        return cls(len(messages) - system, system)

    def kept(self, messages: "Sequence[Message]") -> int:
        """How many of the messages there are now were there then; a system message goes with what it was put before."""
        return self.said + (_has_system(messages) and (self.system or self.said > 0))


def _has_system(messages: "Sequence[Message]") -> bool:
    return bool(messages) and messages[0].role == "system"


class Dialogue:
    """Takes messages, has them answered, and goes on whatever happens.

    Attributes:
        turns: How many messages were answered.

    Args:
        cli: How to talk to the user.
        app: Where tools and models are found.
        talk: The conversation.
        screen: Shows the answers.
        account: Adds up what they take.
        typed: Whether somebody types; otherwise a failed turn counts for the exit code, and Ctrl-C ends the program.
    """

    def __init__(
        self, cli: Cli, app: Application, talk: Talk, screen: Screen, account: Account, *, typed: bool
    ) -> None:
        self.cli = cli
        self.app = app
        self.talk = talk
        self.account = account
        self.turns = 0
        self.last_text = ""
        self._last_attached: tuple[Part, ...] = ()
        self._screen = screen
        self._typed = typed
        self._before = self._start = _Standing.of(talk.conversation.history.messages)
        self._task: asyncio.Task[CommandResult[Any]] | None = None
        self._failure = 0
        self._lines: Lines | None = None

    async def run(self, lines: Lines) -> int:
        """Take messages until there are no more; return the exit code.

        Raises:
            UsageError: A piped line is not text.
            BrokenPipeError: Whoever read the answers has gone.
        """
        self._lines = lines
        # Between the prompts too: a key may come just when an answer has ended.
        with keys_kept() if self._typed else nullcontext(), self._interrupts():
            while (text := await lines.next()) is not None:
                try:
                    # What is piped in may be anybody's words: only what the user typed can write files or grant tools.
                    if self._typed and is_command(text):
                        await run_command(self, text)
                    elif text.strip():
                        await self.say(text.strip())
                except Leave:
                    break
                except Exception as error:
                    # An engine is user code, and nothing it raises ends the chat; that nobody reads the answers does.
                    if self._screen.broken:
                        raise
                    self._tell(error)
        return self._failure

    async def say(self, text: str) -> None:
        """Send a message and show the answer.

        Raises:
            BrokenPipeError: Whoever read the answers has gone.
        """
        history = self.talk.conversation.history
        self.last_text, self._last_attached = text, self.talk.attached
        self._before = _Standing.of(history.messages)
        self._space()
        self._task = asyncio.ensure_future(self.talk.send(text))
        try:
            outcome = await self._task
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._typed or (task and task.cancelling()):
                raise
            if all(message.role in ("system", "user") for message in self._turn()):
                await self._rewind()  # nothing came: the turn leaves no trace
                self.talk.attached = self._last_attached
            await history.answer_open_calls("stopped by the user")
            await self._screen.finish()
            if self._lines is not None:
                self._lines.hold()
            self.cli.note("stopped")
            return
        finally:
            self._task = None
            await self._screen.finish()
        if outcome.error is not None:
            await self._forget_failed_turn()
            raise outcome.error
        self.turns += 1
        if outcome.result is not None and not isinstance(outcome.result, Reply):
            self._screen.show_result(outcome.result)
        self._space()

    async def forget(self) -> None:
        """Begin anew."""
        self._start = self._before = _Standing(said=0, system=False)
        await self._rewind()

    async def retry(self) -> None:
        """Send the last message again; the answer it had is forgotten.

        Raises:
            UsageError: Nothing was said yet.
        """
        if not self.last_text:
            raise UsageError("nothing was said yet")
        await self._rewind()
        self.talk.attached = self._last_attached
        await self.say(self.last_text)

    async def _forget_failed_turn(self) -> None:
        """Forget it, so that the message can be sent again; unless tools have acted, which the model must know."""
        history = self.talk.conversation.history
        if any(message.role == "tool" for message in self._turn()):
            await history.answer_open_calls("the turn failed before it was run")
        else:
            await self._rewind()
            self.talk.attached = self._last_attached

    async def _rewind(self) -> None:
        """Forget the last turn; if it was the first, the next one opens the conversation."""
        history = self.talk.conversation.history
        await history.rewind(self._before.kept(history.messages))
        if self._before == self._start:
            self.talk.begin_anew()

    def _turn(self) -> "tuple[Message, ...]":
        """What the last turn added."""
        messages = self.talk.conversation.history.messages
        return messages[self._before.kept(messages) :]

    # -- the terminal

    @contextmanager
    def _interrupts(self) -> Generator[None]:
        """Have Ctrl-C stop the answer rather than the program."""
        if not self._typed or sys.platform == "win32":
            yield
            return
        loop = asyncio.get_running_loop()
        before = signal.getsignal(signal.SIGINT)
        loop.add_signal_handler(signal.SIGINT, self._stop)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            signal.signal(signal.SIGINT, before)

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _space(self) -> None:
        """An empty row between what was typed and what was answered."""
        if self._typed:
            sys.stderr.write("\n")
            sys.stderr.flush()

    def say_aside(self, text: str) -> None:
        """Say something on stderr that was asked for."""
        sys.stderr.write("\n".join(fitted(line) for line in visible(text).split("\n")) + "\n")

    def _tell(self, error: Exception) -> None:
        """Say in one line what went wrong."""
        message, hint, code = f"{type(error).__name__}: {error}", None, 1
        if isinstance(error, LlmgineError):
            message, hint, code = error.message, error.hint, error.exit_code
        elif self.cli.verbose:
            self.say_aside("".join(format_exception(error)))
        self._failure = 0 if self._typed else code
        line = " ".join(visible(f"{message} ({hint})" if hint else message).split())
        sys.stderr.write(fitted(f"llmgine: {line}") + "\n")
