"""Settings: what the user decided, wherever they wrote it down.

Read in this order, the first that says something wins, tables are merged key by key: flags, `LLMGINE_*` environment
variables, `.env`, the project's `llmgine.toml`, the user's `config.toml`, defaults.

Importing this package imports pydantic; commands that need no settings must not.
"""

from llmgine_cli.settings.explain import Explained, explain
from llmgine_cli.settings.load import load
from llmgine_cli.settings.model import (
    ChatSettings,
    LimitsSettings,
    LogSettings,
    ProviderSettings,
    Settings,
    ToolsSettings,
)

__all__ = [
    "ChatSettings",
    "Explained",
    "LimitsSettings",
    "LogSettings",
    "ProviderSettings",
    "Settings",
    "ToolsSettings",
    "explain",
    "load",
]
