"""Settings: what the user decided, wherever they wrote it down.

Read in this order, the first that says something wins, tables are merged key by key: flags, `LLMGINE_*` environment
variables, `.env`, the project's `llmgine.toml`, the user's `config.toml`, defaults.

pydantic is loaded where something is wrong, and pydantic-settings where variables set something.
"""

from llmgine_cli.settings.explain import Explained, explain
from llmgine_cli.settings.load import load, made_of
from llmgine_cli.settings.model import (
    ChatSettings,
    LimitsSettings,
    LogSettings,
    Settings,
    ToolsSettings,
)
from llmgine_cli.settings.vendors import ProviderSettings

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
    "made_of",
]
