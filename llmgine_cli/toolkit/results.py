"""What a tool returned, or raised, as text for the model."""

from typing import Any

LIMIT = 100_000  # bytes of UTF-8; more than any model should be fed at once
_ERROR_LIMIT = 2_000
DONE = "done"


def to_text(value: Any) -> str:
    """Return a result as text.

    Args:
        value: Text stays as it is, nothing is "done", bytes are described, everything else is JSON.

    Returns:
        At most about 100 kB; what was cut is said at the end.

    Raises:
        ValueError: It refers to itself.
    """
    if value is None:
        return DONE
    if isinstance(value, str):
        return cut(str.__str__(value))
    if isinstance(value, bytes | bytearray):
        return f"{len(value):,} bytes of binary data"
    from pydantic_core import to_json

    return cut(to_json(value, fallback=_fallback, bytes_mode="base64", inf_nan_mode="strings").decode())


def cut(text: str, limit: int = LIMIT) -> str:
    """Shorten text to a number of bytes and say so at its end; half surrogates, which nothing can send, become "?"."""
    if len(text) <= limit and len(data := text.encode("utf-8", "replace")) <= limit:
        return data.decode()
    total = len(text.encode("utf-8", "replace"))
    shown = text[:limit].encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")
    return f"{shown}\n[cut: the first {limit:,} of {total:,} bytes are shown]"


def error_text(error: BaseException) -> str:
    """Return `TypeName: message` without a traceback."""
    name = type(error).__name__
    try:
        said = str(error)
    except Exception:  # noqa: BLE001 -- the exception is a stranger's, and so is its __str__
        said = ""
    return cut(f"{name}: {said}" if said else name, _ERROR_LIMIT)


def _fallback(value: Any) -> Any:
    if hasattr(value, "__struct_fields__"):
        import msgspec

        return msgspec.to_builtins(value)
    return str(value)
