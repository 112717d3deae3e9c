"""`llmgine logs`: one module a command."""

from llmgine_cli.cli.logs import export, path, replay, show, tail, trace
from llmgine_cli.cli.logs.group import app

__all__ = ["app", "export", "path", "replay", "show", "tail", "trace"]
