"""`llmgine trust`."""

import typer

from llmgine_cli.cli.common import Cli, command


def add_to(app: typer.Typer) -> None:
    """Add `llmgine trust` to the program."""
    command(app, "trust")(_trust)


def _trust(cli: Cli) -> None:
    """Under construction."""
