"""`llmgine run`: one prompt, one answer; a step of a shell pipeline."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmgine_cli.cli.common import Cli, JsonFlag, as_plain, command
from llmgine_cli.cli.talk.moments import At, In, when
from llmgine_cli.cli.talk.opening import (
    Asked,
    Opening,
    Raw,
    open_talk,
    read_options,
)
from llmgine_cli.cli.talk.resume import GoingOn, Resuming, read_going_on
from llmgine_cli.errors import LlmgineError, UsageError

if TYPE_CHECKING:
    from llmgine_cli.bootstrap import Conversation
    from llmgine_cli.cli.talk.account import Account
    from llmgine_cli.settings import Settings

Words = Annotated[list[str] | None, typer.Argument(metavar="PROMPT", help="What to ask; stdin comes before it.")]
Usage = Annotated[bool, typer.Option("-u", "--usage", help="Say on stderr how many tokens it took.")]


def add_to(app: typer.Typer) -> None:
    """Add `llmgine run` to the program."""
    command(app, "run")(_run)


def _run(
    cli: Cli,
    prompt: Words = None,
    *,
    asked: Asked,
    resuming: Resuming,
    usage: Usage = False,
    raw: Raw = False,
    at: At = None,
    after: In = None,
    as_json: JsonFlag = False,
) -> None:
    """Ask once and print the answer; a step in a pipeline.

    The answer goes to stdout, everything else to stderr.

    What is piped in comes before the prompt: git diff | llmgine run "write a commit message"

    With --at or --in it is put into the schedule, its id is printed, and llmgine schedule run answers it.
    """
    from llmgine_cli.cli.talk.input import prompt_text

    text = prompt_text(prompt or ())
    if not text and asked.template is None:
        raise UsageError("there is nothing to ask", hint='give a prompt, as in: llmgine run "…", or pipe text in')
    settings, opening = read_options(cli, asked)
    if at is not None or after is not None:
        if resuming.said:
            raise UsageError(
                "a prompt that runs later begins a session of its own",
                hint="leave out --continue, --session, --fork and --name",
            )
        if usage or raw:
            raise UsageError(f"{'--usage' if usage else '--raw'} is for an answer now", hint="leave it out")
        from llmgine_cli.cli.talk.later import put_off

        put_off(cli, settings, opening, text, when=when(at, after), asks=asked.settles_approval, as_json=as_json)
        return
    going_on = read_going_on(settings, resuming)
    code = cli.run(_ask(cli, settings, opening, going_on, text, raw=raw, as_json=as_json, usage=usage))
    if code:
        raise typer.Exit(code)


async def _ask(
    cli: Cli,
    settings: "Settings",
    opening: Opening,
    going_on: GoingOn,
    text: str,
    *,
    raw: bool,
    as_json: bool,
    usage: bool,
) -> int:
    from llmgine_cli.bootstrap import build
    from llmgine_cli.cli.enginefault import explained
    from llmgine_cli.cli.screen.approval import ask_on_terminal
    from llmgine_cli.cli.screen.screen import Screen
    from llmgine_cli.cli.talk.account import Account
    from llmgine_cli.cli.talk.resume import how_to_resume, recap

    log_failures: list[int] = []

    def log_failed(error: Exception) -> None:
        log_failures.append(1)
        cli.warn(f"{error}; the run goes on without a log")

    screen = Screen(cli, raw=raw, answer=not as_json)
    async with build(
        settings, on_log_failure=log_failed, on_sink_failure=cli.warn, show=screen.show_line, tell=cli.warn
    ) as app:
        account = Account()
        screen.attach(app.bus)
        account.attach(app.bus)
        ask_on_terminal(app.bus, screen)
        try:
            async with open_talk(cli, app, opening, going_on) as talk:
                if going_on.path is not None:
                    cli.detail(recap(talk.conversation.history.messages))
                outcome = await talk.send(text)
        finally:
            await screen.finish()
    if outcome.error is not None:
        raise explained(talk.conversation.engine, outcome.error)
    result = outcome.result
    if as_json:
        cli.json(facts(talk.conversation, result, account))
    else:
        screen.show_result(result)
    for remark in account.remarks(result):
        cli.note(remark)
    if usage:
        cli.note(account.summary())
    if cli.verbose and not log_failures and app.log and (path := app.log.path(talk.conversation.session_id)):
        cli.detail(how_to_resume(app.log.folder, path, "run"))
    tell_ungranted(cli, talk.conversation, result)
    if talk.conversation.denied:
        return 4
    return 6 if log_failures else 0


def tell_ungranted(cli: Cli, conversation: "Conversation", result: Any) -> None:
    """Say that the model asked for tools which nobody granted; if it said nothing else, that is a failure."""
    from llmgine_cli.llm.stream import Reply

    if not isinstance(result, Reply) or conversation.tools or not result.message.tool_calls:
        return
    names = ", ".join(dict.fromkeys(call.name for call in result.message.tool_calls))
    asked = f"the model asked for tools ({names}), and none were granted"
    if not result.text.strip():
        raise LlmgineError(asked, hint="-T NAME grants one")
    cli.warn(f"{asked} (-T NAME grants one)")


def facts(conversation: "Conversation", result: Any, account: "Account") -> dict[str, Any]:
    """What `--json` prints of a run."""
    from llmgine_cli.llm.stream import Reply

    is_reply = isinstance(result, Reply)
    return {
        "answer": result.text if is_reply else as_plain(result),
        "model": account.model or str(conversation.model),
        "engine": conversation.engine.name,
        "session_id": conversation.session_id,
        "finish_reason": result.finish_reason if is_reply else None,
        **account.as_json(),
    }
