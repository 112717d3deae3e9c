"""`llmgine prompt`: list, show and render prompt templates."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmgine_cli.cli.common import Cli, JsonFlag, command, pairs

if TYPE_CHECKING:
    from llmgine_cli.prompting.find import Listed
    from llmgine_cli.prompting.template import Template

app = typer.Typer(name="prompt", help="List, show and render prompt templates.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A name from the list, or a path: ./x.md")]
Words = Annotated[
    list[str] | None, typer.Argument(metavar="[INPUT]...", help="The text for {input}; stdin comes before it.")
]
Params = Annotated[
    list[str] | None, typer.Option("-p", "--param", metavar="KEY VALUE", help="Value for a placeholder.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Fail when a placeholder has no value.")]


@command(app, "list")
def _list(cli: Cli, *, as_json: JsonFlag = False) -> None:
    """List the prompts that can be used by name, and where they come from."""
    from llmgine_cli.prompting.find import available, prompt_folders

    prompts = available(prompt_folders())
    if as_json:
        cli.json([_row(listed) for listed in prompts])
    elif not prompts:
        cli.note("there are no prompts")
    elif sys.stdout.isatty() or cli.styled():
        _print_table(cli, prompts)
    else:
        for listed in prompts:
            cli.print("\t".join((listed.name, listed.origin, _about(listed))))


@command(app, "show")
def _show(cli: Cli, name: Name, *, as_json: JsonFlag = False) -> None:
    """Print a prompt's file as it is; where it comes from is said on stderr."""
    from llmgine_cli.prompting.find import locate, prompt_folders
    from llmgine_cli.prompting.template import read

    origin, path = locate(name, prompt_folders())
    template = read(path)
    if as_json:
        cli.json({"name": name, "origin": origin, "path": str(path), **_facts(template)})
        return
    cli.note(f"{origin}: {path}")
    cli.print(template.source, end="" if template.source.endswith("\n") else "\n")


@command(app, "render")
def _render(
    cli: Cli,
    name: Name,
    words: Words = None,
    *,
    param: Params = None,
    strict: Strict = False,
    as_json: JsonFlag = False,
) -> None:
    """Print what a model will be given: a prompt with its values in.

    Several messages are printed below their "# role:" lines; --json prints them as a list.
    """
    from llmgine_cli.cli.talk.input import prompt_text
    from llmgine_cli.prompting.find import find, prompt_folders
    from llmgine_cli.prompting.template import how_to_give

    template = find(name, prompt_folders())
    rendered = template.fill(pairs(param), prompt_text(words or ()), strict=strict)
    if as_json:
        cli.json([{"role": message.role, "content": message.text} for message in rendered.conversation])
    else:
        cli.print(rendered.text)
    if rendered.missing:
        left = ", ".join(f"{{{placeholder}}}" for placeholder in rendered.missing)
        cli.note(f"left as it stands, for want of a value: {left} ({how_to_give(rendered.missing)})")


def _row(listed: "Listed") -> dict[str, Any]:
    template = listed.template
    return {
        "name": listed.name,
        "origin": listed.origin,
        "path": str(listed.path),
        "description": template.description if template else "",
        "model": template.model if template else None,
        "engine": template.engine if template else None,
        "tools": list(template.tools) if template else [],
        "problem": listed.problem,
    }


def _facts(template: "Template") -> dict[str, Any]:
    from msgspec import to_builtins

    inputs = {name: template.inputs.get(name) for name in template.placeholders}
    return {
        "title": template.name,
        "description": template.description,
        "version": template.version,
        "model": template.model,
        "engine": template.engine,
        "config": template.config,
        "inputs": [to_builtins(about) if about else {"name": name} for name, about in inputs.items()],
        "output": to_builtins(template.output),
        "tools": list(template.tools),
        "metadata": template.metadata,
        "source": template.source,
    }


def _about(listed: "Listed") -> str:
    text = listed.template.description if listed.template else f"broken: {listed.problem}"
    return " ".join(text.split())


def _print_table(cli: Cli, prompts: "list[Listed]") -> None:
    from rich.table import Table
    from rich.text import Text

    from llmgine_cli.cli.sanitize import visible

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("prompt", "from", "what it does"):
        table.add_column(heading, overflow="fold")
    for listed in prompts:
        about = Text(visible(_about(listed)), style="" if listed.template else "red")
        table.add_row(Text(visible(listed.name), style="cyan"), Text(listed.origin, style="dim"), about)
    cli.console().print(table)
