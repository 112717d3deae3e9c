"""`llmgine config`."""

import typer

app = typer.Typer(name="config", help="See and create settings.", no_args_is_help=True)
