"""`llmgine run`."""

import typer

from llmgine_cli.cli.common import Cli, command


def add_to(app: typer.Typer) -> None:
    """Add `llmgine run` to the program."""
    command(app, "run")(_run)


def _run(cli: Cli) -> None:
    """Under construction."""
