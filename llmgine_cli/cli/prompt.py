"""`llmgine prompt`."""

import typer

app = typer.Typer(name="prompt", help="List, show and render prompt templates.", no_args_is_help=True)
