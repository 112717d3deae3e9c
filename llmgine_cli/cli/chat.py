"""`llmgine chat`: a conversation in the terminal, or line by line from a pipe."""

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from llmgine_cli.cli.common import Cli, command, pairs
from llmgine_cli.cli.talk.opening import (
    ApproveMode,
    AskFirst,
    ChainLimit,
    EngineName,
    ModelName,
    NoLog,
    NoStream,
    Opening,
    Options,
    Params,
    Raw,
    SystemText,
    TemplateName,
    ToolNames,
    load_settings,
    open_talk,
    options_of,
)
from llmgine_cli.errors import StorageError, UsageError

if TYPE_CHECKING:
    from llmgine_cli.llm.messages import Message
    from llmgine_cli.settings import Settings

Continue = Annotated[bool, typer.Option("-c", "--continue", help="Go on with the latest conversation.")]
SessionId = Annotated[
    str | None, typer.Option("--session", metavar="ID", help="Go on with this conversation; its first digits will do.")
]


def add_to(app: typer.Typer) -> None:
    """Add `llmgine chat` to the program."""
    command(app, "chat")(_chat)


def _chat(
    cli: Cli,
    *,
    model: ModelName = None,
    system: SystemText = None,
    template: TemplateName = None,
    param: Params = None,
    engine: EngineName = None,
    option: Options = None,
    tool: ToolNames = None,
    approve: ApproveMode = None,
    ask_first: AskFirst = False,
    chain_limit: ChainLimit = None,
    go_on: Continue = False,
    session: SessionId = None,
    no_stream: NoStream = False,
    no_log: NoLog = False,
    raw: Raw = False,
) -> None:
    """Talk with a model. Enter sends, Alt-Enter begins a new line, /help lists what else there is.

    Ctrl-C stops an answer, Ctrl-D leaves. Without a terminal on stdin, each line of it is a message, never a command.
    """
    if go_on and session:
        raise UsageError("--continue and --session exclude each other", hint="--session names one conversation")
    settings = load_settings(cli, approve=approve, ask_first=ask_first, no_log=no_log)
    opening = Opening(
        engine=engine,
        model=model,
        system=system,
        template=template,
        params=pairs(param),
        tools=tuple(settings.chat.tools if tool is None else tool),
        options=options_of(option, chain_limit),
        stream=not no_stream,
    )
    session_id: str | None = None
    messages: tuple[Message, ...] = ()
    if go_on or session:
        from llmgine_cli.cli.talk.resume import earlier

        session_id, messages = earlier(settings.log_dir, session)
    code = cli.run(_converse(cli, settings, opening, session_id, messages, raw=raw))
    if code:
        raise typer.Exit(code)


async def _converse(
    cli: Cli,
    settings: "Settings",
    opening: Opening,
    session_id: str | None,
    messages: "tuple[Message, ...]",
    *,
    raw: bool,
) -> int:
    from llmgine_cli.bootstrap import build
    from llmgine_cli.cli.screen.approval import ask_on_terminal
    from llmgine_cli.cli.screen.screen import Screen
    from llmgine_cli.cli.talk.background import prompts_answered
    from llmgine_cli.cli.talk.dialogue import Dialogue
    from llmgine_cli.cli.talk.lines import Lines, PipedLines, TypedLines
    from llmgine_cli.cli.talk.resume import how_to_resume, recap

    unlogged: list[Exception] = []

    def log_failed(error: Exception) -> None:
        unlogged.append(error)
        cli.warn(f"{error}; the chat goes on without a log")

    async with build(settings, on_log_failure=log_failed) as app:
        screen = Screen(cli, raw=raw, reasoning=not cli.quiet, width=settings.chat.width)
        screen.attach(app.bus)
        ask_on_terminal(app.bus, screen)
        async with open_talk(
            cli,
            app,
            opening,
            default_engine=settings.chat.engine,
            session_id=session_id,
            messages=messages,
        ) as talk:
            typed = sys.stdin.isatty() and sys.stderr.isatty()
            dialogue = Dialogue(cli, app, talk, screen, typed=typed)
            lines: Lines = TypedLines(cli, talk.conversation, vi_mode=settings.chat.vi_mode) if typed else PipedLines()
            if messages:
                cli.note(recap(messages))
            if typed:
                cli.note(f"chatting with {talk.conversation.model}; /help lists commands, Ctrl-D leaves")
            async with prompts_answered(cli, lines) if typed else nullcontext(lines) as lines:
                code = await dialogue.run(lines)
            if settings.log.enabled and dialogue.turns and not unlogged:
                cli.note(how_to_resume(talk.conversation.session_id))
    return code or (StorageError.exit_code if unlogged else 0)
