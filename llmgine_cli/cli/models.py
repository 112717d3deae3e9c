"""`llmgine models`."""

import typer

app = typer.Typer(name="models", help="Get models that run on this machine.", no_args_is_help=True)
