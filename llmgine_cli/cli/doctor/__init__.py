"""`llmgine doctor`: what is wrong on this machine, and how to mend it."""

from llmgine_cli.cli.doctor.examine import add_to

__all__ = ["add_to"]
