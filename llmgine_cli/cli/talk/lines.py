"""Where a chat's messages come from: typed at a prompt, or line by line from a pipe."""

import asyncio
import errno
import os
import sys
import threading
from typing import TYPE_CHECKING, Protocol

from llmgine_cli import places
from llmgine_cli.cli.common import Cli
from llmgine_cli.cli.sanitize import visible
from llmgine_cli.cli.talk.typeahead import typed_early
from llmgine_cli.errors import UsageError

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.history import History
    from prompt_toolkit.key_binding import KeyBindings, KeyPress, KeyPressEvent

    from llmgine_cli.conversation import Conversation

_PASTE, _PASTED = "\x1b[200~", "\x1b[201~"  # what terminals put around what is pasted
NARROW = 50  # columns; below, the line at the bottom would only be in the way


class Lines(Protocol):
    """Gives one message after the other."""

    async def next(self) -> str | None:
        """Wait for the next message; None when there are no more."""
        ...

    def hold(self) -> None:
        """Send nothing of what was typed so far: the answer that it was typed under was stopped."""
        ...


class PipedLines:
    """Reads stdin line by line.

    The reading is done in a thread of its own that nobody waits for: a pipe that stays open and silent must not keep
    the program from ending.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._lines: asyncio.Queue[bytes] = asyncio.Queue()

    async def next(self) -> str | None:
        """Wait for the next line.

        Raises:
            UsageError: It is not UTF-8 text.
        """
        if self._thread is None:
            loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._read, args=(loop,), daemon=True)
            self._thread.start()
        line = await self._lines.get()
        if not line:
            return None
        try:
            return line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise UsageError(
                "stdin is not text: a line is not UTF-8", hint="convert it first, as with iconv"
            ) from error

    def hold(self) -> None:
        """Do nothing: nobody types."""

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        for line in sys.stdin.buffer:
            loop.call_soon_threadsafe(self._lines.put_nowait, line)
        loop.call_soon_threadsafe(self._lines.put_nowait, b"")


class TypedLines:
    """Reads from the terminal, with history, completion of commands and messages of several lines.

    Args:
        cli: Says whether to use colour.
        talk: Its model and session are shown below the input.
        vi_mode: Edit as in vi.
    """

    def __init__(self, cli: Cli, talk: "Conversation", *, vi_mode: bool) -> None:
        self._cli = cli
        self._talk = talk
        self._vi_mode = vi_mode
        self._session: PromptSession[str] | None = None

    async def next(self) -> str | None:
        """Wait for a message; None on Ctrl-D, and when the terminal is gone: nobody will type any more."""
        try:
            if self._session is None:
                self._session = self._make()
                _type_again(_keys(typed_early()), self._session)
            return await self._session.prompt_async(handle_sigint=False)
        except EOFError:
            return None
        except OSError as error:
            if error.errno == errno.EIO:
                return None
            raise

    def hold(self) -> None:
        """Put what was typed so far into the next prompt, where the user may send it: Enter begins a new line."""
        from prompt_toolkit.input.typeahead import get_typeahead
        from prompt_toolkit.key_binding import KeyPress
        from prompt_toolkit.keys import Keys

        if self._session is None:
            return
        typed = typed_early()
        if typed.rfind(_PASTE) > typed.rfind(_PASTED):  # in the middle of it: what has come is kept
            typed = "".join(typed.rsplit(_PASTE, 1))
        keys = [*get_typeahead(self._session.input), *_keys(typed)]
        while keys and keys[-1].key == Keys.ControlM:
            keys.pop()
        held = [KeyPress(Keys.ControlJ, "\n") if press.key == Keys.ControlM else press for press in keys]
        _type_again(held, self._session)

    def _make(self) -> "PromptSession[str]":
        from prompt_toolkit import PromptSession
        from prompt_toolkit.output import ColorDepth
        from prompt_toolkit.output.defaults import create_output
        from prompt_toolkit.styles import Style

        from llmgine_cli.cli.talk.completing import CommandCompleter

        return PromptSession(
            [("class:prompt", "> ")],
            multiline=True,
            prompt_continuation="  ",
            history=self._history(),
            completer=CommandCompleter(),
            complete_while_typing=False,
            key_bindings=_bindings(),
            vi_mode=self._vi_mode,
            bottom_toolbar=self._bottom,
            style=Style.from_dict({"prompt": "bold", "bottom-toolbar": "noreverse fg:ansibrightblack"}),
            color_depth=None if self._cli.styled(stderr=True) else ColorDepth.DEPTH_1_BIT,
            # stdout is for the answers, and may well be a pipe.
            output=create_output(stdout=sys.stderr),
        )

    def _bottom(self) -> "StyleAndTextTuples":
        from prompt_toolkit.application import get_app

        columns = get_app().output.get_size().columns
        line = visible(f"{self._talk.model} · session {self._talk.session_id}")
        return [("", line)] if columns >= NARROW and len(line) < columns else []

    def _history(self) -> "History":
        from prompt_toolkit.history import FileHistory, InMemoryHistory

        path = places.state_dir() / "chat_history"
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # What was typed is nobody else's business, and prompt_toolkit would make the file readable by all.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600))
            path.chmod(0o600)
        except OSError as error:
            self._cli.warn(f"the input history cannot be kept: {error.strerror}: {path}")
            return InMemoryHistory()
        return FileHistory(str(path))


def _keys(text: str) -> "list[KeyPress]":
    from prompt_toolkit.input.vt100_parser import Vt100Parser

    keys: list[KeyPress] = []
    parser = Vt100Parser(keys.append)
    parser.feed_and_flush(text)
    return keys


def _type_again(keys: "list[KeyPress]", session: "PromptSession[str]") -> None:
    """Give the prompt keys that were typed before it was there."""
    from prompt_toolkit.input.typeahead import store_typeahead

    store_typeahead(session.input, keys)


def _bindings() -> "KeyBindings":
    """Enter sends, Alt-Enter and Ctrl-J begin a new line, Ctrl-C clears, Ctrl-Z lets the shell have the terminal."""
    from prompt_toolkit.filters import completion_is_selected, is_searching
    from prompt_toolkit.key_binding import KeyBindings

    bindings = KeyBindings()

    def send(event: "KeyPressEvent") -> None:
        event.current_buffer.validate_and_handle()

    def take_completion(event: "KeyPressEvent") -> None:
        event.current_buffer.complete_state = None

    def new_line(event: "KeyPressEvent") -> None:
        event.current_buffer.insert_text("\n")

    def clear(event: "KeyPressEvent") -> None:
        event.current_buffer.reset()

    def suspend(event: "KeyPressEvent") -> None:
        event.app.suspend_to_background()

    bindings.add("enter", filter=~completion_is_selected & ~is_searching)(send)
    bindings.add("enter", filter=completion_is_selected)(take_completion)
    bindings.add("escape", "enter")(new_line)
    bindings.add("c-j")(new_line)
    bindings.add("c-c", filter=~is_searching)(clear)  # there it leaves the search, as Enter takes what was found
    bindings.add("c-z")(suspend)
    return bindings
