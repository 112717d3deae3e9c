"""`llmgine schedule run`: answers the prompts that are due."""

from typing import TYPE_CHECKING, Annotated

import typer

from llmgine_cli.cli.common import Cli, command
from llmgine_cli.cli.schedule.group import app, schedule

if TYPE_CHECKING:
    from llmgine_cli.bus.schedule import ScheduleStore

Once = Annotated[bool, typer.Option("--once", help="Answer what is due now, and leave.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print each answer as a line of JSON.")]


@command(app, "run")
def run_schedule(cli: Cli, *, once: Once = False, as_json: AsJson = False) -> None:
    """Answer prompts when they are due, until Ctrl-C.

    Each is a session of its own, in the folder it was scheduled in. Its answer goes to stdout, what it is to stderr.
    Any number of these, and of chats, may run: each prompt is answered once.
    """
    with schedule() as store:
        code = cli.run(_work(cli, store, once=once, as_json=as_json))
    if code:
        raise typer.Exit(code)


async def _work(cli: Cli, store: "ScheduleStore", *, once: bool, as_json: bool) -> int:
    from llmgine_cli.cli.talk.errands import Errands, keep_places

    keep_places()
    errands = Errands(cli, store, as_json=as_json)
    scheduler = errands.scheduler()
    if once:
        await scheduler.run_due()
        _tell_held(cli, store)
        return errands.code
    cli.note("answering prompts when they are due; Ctrl-C ends it")
    await scheduler.run()
    return errands.code


def _tell_held(cli: Cli, store: "ScheduleStore") -> None:
    """Say what was left alone because another worker has it, who may have been killed."""
    from datetime import datetime, timedelta

    from llmgine_cli.cli.talk.later import QUEUE

    count, seconds = store.held(QUEUE)
    if count:
        until = datetime.now().astimezone() + timedelta(seconds=seconds)
        what = "1 prompt is" if count == 1 else f"{count} prompts are"
        cli.note(f"{what} held by another worker until {until:%H:%M:%S}")
