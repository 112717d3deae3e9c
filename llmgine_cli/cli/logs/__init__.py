"""`llmgine logs`: one module a command."""

from llmgine_cli.cli.logs import listing, path, prune, search, stats, tail
from llmgine_cli.cli.logs.group import app

__all__ = ["app", "listing", "path", "prune", "search", "stats", "tail"]
