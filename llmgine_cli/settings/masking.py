"""Show values without showing secrets."""

import re
from typing import Any, cast

from llmgine_cli.settings.sources import Key

_SECRET = re.compile(
    r"(^|[_-])(api[_-]?)?(key|token|secret|password|passwd|authorization|auth|cookie|credentials?)$", re.IGNORECASE
)
_USER_IN_ADDRESS = re.compile(r"//[^/@\s]+@")


def masked(value: Any, key: Key) -> Any:
    """A value as it may be shown: of a secret, only that it is set and how it ends."""
    if isinstance(value, dict):
        return {name: masked(one, (*key, name)) for name, one in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [masked(one, key) for one in cast("list[object]", value)]
    if value is None or isinstance(value, bool):
        return value
    text = str(value)
    is_pasted = key[-1] == "api_key_env" and not text.isidentifier()  # the key where its variable should be named
    if _SECRET.search(key[-1]) or "headers" in key or is_pasted:
        return mask(text)
    if isinstance(value, int | float):
        return value
    return _USER_IN_ADDRESS.sub("//****@", text)


def mask(secret: str) -> str:
    """Four stars and, if there is enough to hide, the last four characters."""
    return "****" + (secret[-4:] if len(secret) >= 16 else "")
