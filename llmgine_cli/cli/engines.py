"""`llmgine engines`."""

import typer

app = typer.Typer(name="engines", help="List, show and create engines.", no_args_is_help=True)
