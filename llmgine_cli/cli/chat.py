"""`llmgine chat`: a conversation in the terminal, or line by line from a pipe."""

import sys
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from llmgine_cli.cli.common import Cli, command
from llmgine_cli.cli.talk.attaching import Attached
from llmgine_cli.cli.talk.opening import open_talk
from llmgine_cli.cli.talk.options import Asked, Opening, Raw, ToolsDebug, read_options
from llmgine_cli.cli.talk.resume import GoingOn, Resuming, read_going_on
from llmgine_cli.errors import StorageError, UsageError

if TYPE_CHECKING:
    from llmgine_cli.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Add `llmgine chat` to the program."""
    command(app, "chat")(_chat)


def _chat(
    cli: Cli,
    *,
    asked: Asked,
    attached: Attached,
    resuming: Resuming,
    tools_debug: ToolsDebug = False,
    raw: Raw = False,
) -> None:
    """Talk with a model. Enter sends, Alt-Enter begins a new line, /help lists what else there is.

    Ctrl-C stops an answer, Ctrl-D leaves. Without a terminal on stdin, each line of it is a message, never a command.
    """
    from llmgine_cli.cli.talk.attaching import limit_of, read_local

    if attached.takes_stdin:
        raise UsageError("stdin is where the messages of a chat come from", hint="attach a file: -a PATH")
    settings, opening = read_options(cli, asked)
    if asked.tool is None:
        opening = replace(opening, tools=tuple(settings.chat.tools))
    if attached.sources:
        opening = replace(opening, attached=read_local(attached.sources, limit_of(settings)))
    going_on = read_going_on(settings, resuming)
    code = cli.run(_converse(cli, settings, opening, going_on, raw=raw, tools_in_full=tools_debug))
    if code:
        raise typer.Exit(code)


async def _converse(
    cli: Cli, settings: "Settings", opening: Opening, going_on: GoingOn, *, raw: bool, tools_in_full: bool
) -> int:
    from llmgine_cli.bootstrap import build
    from llmgine_cli.cli.screen.approval import ask_on_terminal
    from llmgine_cli.cli.screen.screen import Screen
    from llmgine_cli.cli.talk.account import Account
    from llmgine_cli.cli.talk.background import prompts_answered
    from llmgine_cli.cli.talk.dialogue import Dialogue
    from llmgine_cli.cli.talk.lines import Lines, PipedLines, TypedLines
    from llmgine_cli.cli.talk.resume import how_to_resume, recap

    unlogged: list[Exception] = []

    def log_failed(error: Exception) -> None:
        unlogged.append(error)
        cli.warn(f"{error}; the chat goes on without a log")

    screen = Screen(cli, raw=raw, reasoning=not cli.quiet, width=settings.chat.width, tools_in_full=tools_in_full)
    async with build(
        settings, on_log_failure=log_failed, on_sink_failure=cli.warn, show=screen.show_line, tell=cli.warn
    ) as app:
        account = Account()
        screen.attach(app.bus)
        account.attach(app.bus)
        ask_on_terminal(app.bus, screen)
        async with open_talk(cli, app, opening, going_on, default_engine=settings.chat.engine) as talk:
            talk.tell_model()
            screen.await_form(talk.conversation.shape)
            typed = sys.stdin.isatty() and sys.stderr.isatty()
            dialogue = Dialogue(cli, app, talk, screen, account, typed=typed)
            lines: Lines = TypedLines(cli, talk.conversation, vi_mode=settings.chat.vi_mode) if typed else PipedLines()
            if going_on.path is not None:
                cli.note(recap(talk.conversation.history.messages))
            if typed:
                cli.note(f"chatting with {talk.conversation.model}; /help lists commands, Ctrl-D leaves")
            async with prompts_answered(cli, lines, settings.log_dir) if typed else nullcontext(lines) as lines:
                code = await dialogue.run(lines)
            path = app.log.path(talk.conversation.session_id) if app.log else None
            if path is not None and path.is_file() and dialogue.turns and not unlogged:
                cli.note(how_to_resume(settings.log_dir, path, "chat"))
    return code or (StorageError.exit_code if unlogged else 0)
