"""`llmgine models`: one module a command."""

from llmgine_cli.cli.models import default, listing, pull, show
from llmgine_cli.cli.models.group import app

__all__ = ["app", "default", "listing", "pull", "show"]
