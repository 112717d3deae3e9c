"""`llmgine logs`."""

import typer

app = typer.Typer(name="logs", help="Look at what happened.", no_args_is_help=True)
