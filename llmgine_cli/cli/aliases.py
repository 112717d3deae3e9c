"""`llmgine aliases`."""

from typing import Annotated

import typer

from llmgine_cli.cli.common import Cli, JsonFlag, command
from llmgine_cli.cli.complete import complete_alias, complete_model
from llmgine_cli.errors import NotFoundError, UsageError

app = typer.Typer(name="aliases", help="Short names for models.", no_args_is_help=True)


@command(app, "list")
def list_aliases(cli: Cli, json: JsonFlag = False) -> None:
    """List your short names, and what each stands for."""
    from llmgine_cli.cli.listing import print_rows

    aliases = cli.settings().aliases
    if json:
        cli.json(dict(aliases))
        return
    print_rows(cli, ("alias", "model"), sorted(aliases.items()))
    if not aliases:
        cli.note("there are none: llmgine aliases set NAME MODEL makes one")


@command(app, "set")
def set_alias(
    cli: Cli,
    alias: Annotated[str, typer.Argument(metavar="NAME", help="The short name.")],
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="What it stands for: provider:name.", autocompletion=complete_model)
    ],
) -> None:
    """Make a short name for a model, in your own settings."""
    from llmgine_cli.cli.models.group import catalog_of, vendors_of
    from llmgine_cli.settings.edit import put

    settings = cli.settings()
    if alias.partition(":")[0] in vendors_of(settings):
        raise UsageError(f"{alias!r} already means a provider", hint="choose another name")
    if not alias or alias != alias.strip() or any(sign.isspace() for sign in alias):
        raise UsageError("a name is one word", hint="as in: llmgine aliases set fast groq:llama-3.3-70b-versatile")
    if alias == model:
        raise UsageError(f"{alias} would stand for itself", hint="name the model as provider:name")
    catalog_of(settings).resolve(model)
    file = put(("aliases", alias), model)
    cli.note(f"{alias} is {model}, set in {file}")


@command(app)
def remove(
    cli: Cli,
    alias: Annotated[str, typer.Argument(metavar="NAME", help="The short name.", autocompletion=complete_alias)],
) -> None:
    """Forget a short name."""
    from llmgine_cli.settings.edit import put

    aliases = cli.settings().aliases
    if alias not in aliases:
        raise NotFoundError("alias", alias, aliases)
    put(("aliases", alias), None)
    if alias in cli.settings().aliases:
        raise UsageError(
            f"{alias} is not set in your own settings", hint="llmgine config show tells where it is set; mend it there"
        )
    cli.note(f"{alias} is forgotten")
