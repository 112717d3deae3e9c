"""Help pages: two plain columns, with a little weight on a terminal.

Rich's boxes would take as long to import as everything else that `--help` does together.
"""

import os
import re
import sys
from typing import Any, TextIO

import typer
from typer.core import TyperCommand, TyperGroup

from llmgine_cli.cli.conversion import spare

_TYPES = {"str": "TEXT", "int": "N", "float": "N", "path": "PATH"}
_TYPE = re.compile(r" <(?:list\[)?(\w+)\]?>")
_HEADING = re.compile(r"^(Usage:|\w[\w ]*:$)", re.MULTILINE)
_NAMES = re.compile(r"^  (-[\w-]+(?:, --[\w-]+)?|(?<=\n  )\w[\w-]*(?=  ))", re.MULTILINE)


class Command(TyperCommand):
    """A command whose help keeps the options that all commands have in a section of their own."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, the command's own options, and what every command has."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            if parameter.param_type_name == "argument":
                sections["Arguments"].append((_TYPE.sub("", record[0]), record[1]))
            else:
                title = getattr(parameter, "rich_help_panel", None) or "Options"
                sections.setdefault(title, []).append((_readable(record[0]), record[1]))
        for title, rows in sections.items():
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse as usual; say of an unknown option what was probably meant."""
        words = list(args)
        spare(self.get_params(ctx))
        try:
            return super().parse_args(ctx, args)
        except typer.TyperException as error:
            raise _pointed(error, ctx, words) from error

    def get_help(self, ctx: Any) -> str:
        """Return the page."""
        return _weighted(super().get_help(ctx))


class Group(TyperGroup):
    """A group of commands; alone it shows its help on stderr, and that counts as wrong usage."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse as usual, unless there is nothing to parse; say of an unknown option what was probably meant."""
        if not args and not ctx.resilient_parsing:
            sys.stderr.write(self.get_help(ctx) + "\n")
            raise typer.Exit(2)
        words = list(args)
        spare(self.get_params(ctx))
        try:
            return super().parse_args(ctx, args)
        except typer.TyperException as error:
            raise _pointed(error, ctx, words) from error

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command as usual; say of an unknown one what was probably meant."""
        try:
            return super().resolve_command(ctx, args)
        except typer.TyperException as error:
            from llmgine_cli.cli.pointers import no_command

            raise no_command(ctx.command_path, self.commands, args) from error

    def get_help(self, ctx: Any) -> str:
        """Return the page."""
        return _weighted(super().get_help(ctx))


def _pointed(error: typer.TyperException, ctx: Any, words: list[str]) -> Exception:
    """Return a better error for an option that is not there, and another one as it is."""
    if not hasattr(error, "possibilities"):  # only that of an unknown option has them; Typer does not export its class
        return error
    from llmgine_cli.cli.app import program
    from llmgine_cli.cli.pointers import no_option

    known = [name for parameter in ctx.command.get_params(ctx) for name in parameter.opts]
    commands = getattr(ctx.command, "commands", {})
    everything: Any = typer.main.get_command(program())  # of the program that runs, only what was called is there
    option = getattr(error, "option_name", "")
    return no_option(ctx.command_path, option, known, commands, words, root=everything.commands)


def wants_colour(stream: TextIO) -> bool:
    """Whether to style what is written there: on a terminal, unless NO_COLOR is set or the terminal is dumb."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _readable(names: str) -> str:
    """Say what an option takes as manual pages do: TEXT for `<str>`, TEXT... where it may be given again."""
    return _TYPE.sub(lambda match: f" {_TYPES.get(match[1], match[1].upper())}" + "..." * ("[" in match[0]), names)


def _weighted(page: str) -> str:
    if not wants_colour(sys.stdout):
        return page
    page = _NAMES.sub("  \x1b[36m\\1\x1b[0m", page)
    return _HEADING.sub("\x1b[1m\\1\x1b[0m", page)
