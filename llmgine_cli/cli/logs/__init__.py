"""`llmgine logs`: one module a command."""

from llmgine_cli.cli.logs import path, replay, show, tail, trace
from llmgine_cli.cli.logs.group import app

__all__ = ["app", "path", "replay", "show", "tail", "trace"]
