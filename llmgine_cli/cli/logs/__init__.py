"""`llmgine logs`: one module a command."""

from llmgine_cli.cli.logs import export, listing, path, prune, replay, search, show, stats, tail, trace
from llmgine_cli.cli.logs.group import app

__all__ = ["app", "export", "listing", "path", "prune", "replay", "search", "show", "stats", "tail", "trace"]
