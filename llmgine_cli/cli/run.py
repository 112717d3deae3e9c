"""`llmgine run`: one prompt, one answer; a step of a shell pipeline."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmgine_cli.cli.common import Cli, JsonFlag, as_plain, command
from llmgine_cli.cli.talk.attaching import Attached, Fragments
from llmgine_cli.cli.talk.extracting import Extracted
from llmgine_cli.cli.talk.forms import Formed
from llmgine_cli.cli.talk.moments import At, In, when
from llmgine_cli.cli.talk.opening import open_talk
from llmgine_cli.cli.talk.options import Asked, Opening, Raw, ToolsDebug, read_options
from llmgine_cli.cli.talk.resume import GoingOn, Resuming, read_going_on
from llmgine_cli.errors import LlmgineError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmgine_cli.cli.screen.screen import Screen
    from llmgine_cli.cli.talk.account import Account
    from llmgine_cli.conversation import Conversation
    from llmgine_cli.settings import Settings

Words = Annotated[list[str] | None, typer.Argument(metavar="PROMPT", help="What to ask; stdin comes before it.")]
Usage = Annotated[bool, typer.Option("-u", "--usage", help="Say on stderr what it took: tokens, price, time.")]


def add_to(app: typer.Typer) -> None:
    """Add `llmgine run` to the program."""
    command(app, "run")(_run)


def _run(
    cli: Cli,
    prompt: Words = None,
    *,
    asked: Asked,
    attached: Attached,
    fragment: Fragments = None,
    formed: Formed,
    extracted: Extracted,
    resuming: Resuming,
    tools_debug: ToolsDebug = False,
    usage: Usage = False,
    raw: Raw = False,
    at: At = None,
    after: In = None,
    as_json: JsonFlag = False,
) -> None:
    """Ask once and print the answer; a step in a pipeline.

    The answer goes to stdout, everything else to stderr.

    What is piped in comes before the prompt: git diff | llmgine run "write a commit message"

    With --schema the answer is JSON of that form, checked before it is printed; a model that misses it is asked again.

    With --at or --in it is put into the schedule, its id is printed, and llmgine schedule run answers it.
    """
    extracted.check()
    if extracted and (formed.schema or formed.schema_multi):
        raise UsageError("-x and --xl take code out of a text, and --schema asks for JSON", hint="leave one out")
    settings, opening, text = read_all(
        cli, prompt or (), asked, attached=attached, fragments=fragment or (), formed=formed
    )
    if not text and asked.template is None and not opening.attached:
        raise UsageError("there is nothing to ask", hint='give a prompt, as in: llmgine run "…", or pipe text in')
    if at is not None or after is not None:
        if resuming.said:
            raise UsageError(
                "a prompt that runs later begins a session of its own",
                hint="leave out --continue, --session, --fork and --name",
            )
        said = {"--usage": usage, "--raw": raw, "--extract": bool(extracted), "--td": tools_debug}
        if not_now := next((name for name, given in said.items() if given), None):
            raise UsageError(f"{not_now} is for an answer now", hint="leave it out")
        from llmgine_cli.cli.talk.later import put_off

        put_off(cli, settings, opening, text, when=when(at, after), asks=asked.settles_approval, as_json=as_json)
        return
    going_on = read_going_on(settings, resuming)
    code = cli.run(
        _ask(
            cli,
            settings,
            opening,
            going_on,
            text,
            raw=raw,
            as_json=as_json,
            usage=usage,
            extracted=extracted,
            tools_in_full=tools_debug,
        )
    )
    if code:
        raise typer.Exit(code)


def read_all(
    cli: Cli, words: "Sequence[str]", asked: Asked, *, attached: Attached, fragments: "Sequence[str]", formed: Formed
) -> "tuple[Settings, Opening, str]":
    """Return the settings, all that the options of `run` and `schedule add` say, and the text of the prompt.

    Raises:
        UsageError: Two options say different things, or a file cannot be read.
        SettingsError: A setting is wrong.
    """
    from llmgine_cli.cli.talk.attaching import fragment_texts, limit_of, read_local
    from llmgine_cli.cli.talk.input import prompt_text

    shape, sources = formed.shape, attached.sources
    piped = "" if attached.takes_stdin else prompt_text(())
    settings, opening = read_options(cli, asked)
    before = cli.run(fragment_texts(settings, fragments)) if fragments else ()
    text = prompt_text(words, fragments=[*before, piped], piped=False)
    parts = read_local(sources, limit_of(settings)) if sources else ()
    return settings, replace(opening, attached=parts, shape=shape), text


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
    extracted: Extracted,
    tools_in_full: bool,
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

    screen = Screen(cli, raw=raw and not as_json, answer=not (as_json or extracted), tools_in_full=tools_in_full)
    async with build(
        settings, on_log_failure=log_failed, on_sink_failure=cli.warn, show=screen.show_line, tell=cli.warn
    ) as app:
        account = Account()
        screen.attach(app.bus)
        account.attach(app.bus)
        ask_on_terminal(app.bus, screen)
        try:
            async with open_talk(cli, app, opening, going_on) as talk:
                screen.await_form(talk.conversation.shape)
                if going_on.path is not None:
                    cli.detail(recap(talk.conversation.history.messages))
                outcome = await talk.send(text)
        finally:
            await screen.finish()
    if outcome.error is not None:
        screen.show_unfit(outcome.error)
        raise explained(talk.conversation.engine, outcome.error)
    result = outcome.result
    if as_json:
        cli.json(facts(talk.conversation, result, account, extracted))
    elif extracted and (said := _text_of(result)) is not None:
        _show_block(cli, screen, extracted, said)
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


def _show_block(cli: Cli, screen: "Screen", extracted: Extracted, text: str) -> None:
    """Print the block of code that is asked for; where there is none, the whole text, as `llm` does."""
    block = extracted.block(text)
    if block is not None:
        screen.show_code(block)
        return
    screen.show_result(text)
    cli.note("there is no block of code in the answer: this is all of it")


def _text_of(result: Any) -> str | None:
    """The text that an engine returned; None if it returned something else."""
    from llmgine_cli.llm.stream import Reply

    return result.text if isinstance(result, Reply) else result if isinstance(result, str) else None


def facts(
    conversation: "Conversation", result: Any, account: "Account", extracted: Extracted | None = None
) -> dict[str, Any]:
    """What `--json` prints of a run."""
    from llmgine_cli.llm.stream import Reply
    from llmgine_cli.structured.holding import Structured
    from llmgine_cli.structured.shape import plain

    value = {"value": plain(result.value)} if isinstance(result, Structured) else {}
    if extracted and (said := _text_of(result)) is not None:
        value = {"extracted": extracted.block(said)}
    result = result.reply if isinstance(result, Structured) else result
    is_reply = isinstance(result, Reply)
    return {
        "answer": result.text if is_reply else as_plain(result),
        "model": account.model or str(conversation.model),
        **value,
        "engine": conversation.engine.name,
        "session_id": conversation.session_id,
        "finish_reason": result.finish_reason if is_reply else None,
        **account.as_json(),
    }
