"""`llmgine chat`."""

import typer

from llmgine_cli.cli.common import Cli, command


def add_to(app: typer.Typer) -> None:
    """Add `llmgine chat` to the program."""
    command(app, "chat")(_chat)


def _chat(cli: Cli) -> None:
    """Under construction."""
