"""`llmgine models default`."""

from typing import Annotated

import typer

from llmgine_cli.cli.common import Cli, JsonFlag, command
from llmgine_cli.cli.complete import complete_model
from llmgine_cli.cli.models.group import app, catalog_of
from llmgine_cli.errors import UsageError


@command(app)
def default(
    cli: Cli,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]", help="From now on: provider:name, or an alias.", autocompletion=complete_model
        ),
    ] = None,
    unset: Annotated[bool, typer.Option("--unset", help="Have none, and let llmgine choose.")] = False,
    json: JsonFlag = False,
) -> None:
    """Tell or set the model that answers when none is named.

    It is set in your own settings.
    """
    from llmgine_cli.settings.edit import put

    if name is not None and unset:
        raise UsageError("--unset takes the default away, and a model is named", hint="leave one of them out")
    if name is not None:
        catalog_of(cli.settings()).resolve(name)
    if name is not None or unset:
        file = put(("model",), name)
        cli.note(f"{'no default is' if unset else f'{name} is the default,'} set in {file}")
    settings = cli.settings()
    if (name or unset) and settings.model != name:
        cli.warn("another setting goes before it here: llmgine config show tells which")
    if name is not None or unset:
        return
    model = catalog_of(settings).choose(flag=None, setting=settings.model, unvouched=settings.circumstances.model_from)
    if json:
        cli.json({"model": str(model), "reason": model.reason})
        return
    cli.print(str(model))
    cli.note(model.reason)
