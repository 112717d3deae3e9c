"""`llmgine schedule`: one module a command."""

from llmgine_cli.cli.schedule import add, cancel, listing, work
from llmgine_cli.cli.schedule.group import app

__all__ = ["add", "app", "cancel", "listing", "work"]
