"""`llmgine tools`."""

import typer

app = typer.Typer(name="tools", help="See the tools a model can be given.", no_args_is_help=True)
