"""Where the running code stands: in which session, and handling which message."""

from contextvars import ContextVar
from typing import TypeAlias

Scope: TypeAlias = tuple[str | None, str | None]
"""Session id, and id of the message being handled. A plain tuple, for one is made for each delivery."""

current_scope: ContextVar[Scope] = ContextVar("llmgine_scope", default=(None, None))

# Looked up once: that takes half as long as the call.
enter_scope = current_scope.set
leave_scope = current_scope.reset


def scope_session() -> str | None:
    """Return the id of the session we are in."""
    return current_scope.get()[0]


def scope_parent() -> str | None:
    """Return the id of the message that is being handled."""
    return current_scope.get()[1]
