"""`llmgine schedule cancel`."""

from typing import Annotated

import typer

from llmgine_cli.cli.common import Cli, JsonFlag, command
from llmgine_cli.cli.complete import complete_scheduled
from llmgine_cli.cli.schedule.group import app, schedule
from llmgine_cli.errors import LlmgineError, NotFoundError, UsageError

Ids = Annotated[
    list[str],
    typer.Argument(metavar="ID...", help="As llmgine schedule list shows them.", autocompletion=complete_scheduled),
]


@command(app)
def cancel(cli: Cli, ids: Ids, *, as_json: JsonFlag = False) -> None:
    """Take prompts out of the schedule, those that failed included; print their ids."""
    wrong: list[LlmgineError] = []
    gone: list[int] = []
    with schedule() as store:
        for name in ids:
            entry = store.find(name)
            if entry is None:
                known = [str(each.number) for each in store.entries(states=("waiting", "failed"))]
                wrong.append(NotFoundError("scheduled prompt", name, known, hint="nothing waits in the schedule"))
            elif store.cancel(entry.number):
                gone.append(entry.number)
            elif entry.state == "running":
                wrong.append(UsageError(f"{entry.number} is running", hint="Ctrl-C where it runs stops it"))
            else:
                wrong.append(UsageError(f"{entry.number} cannot be cancelled: it is {entry.state}"))
    if as_json:
        cli.json({"cancelled": gone})
    else:
        for number in gone:
            cli.print(str(number))
    if wrong:
        for error in wrong[:-1]:
            cli.warn(error.message)
        raise wrong[-1]
