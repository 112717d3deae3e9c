"""What to say when an engine, which is somebody's code, raised something."""

import os
import traceback
from typing import TYPE_CHECKING

from llmgine_cli.errors import EngineError, LlmgineError

if TYPE_CHECKING:
    from llmgine_cli.engine import Engine


def explained(engine: "Engine", error: Exception) -> Exception:
    """Return the error to tell: one of ours as it is, another as an `EngineError` that names its place.

    Args:
        engine: What was running.
        error: What it raised.
    """
    if isinstance(error, LlmgineError):
        return error
    frames = traceback.extract_tb(error.__traceback__)
    code = getattr(engine.handle, "__code__", None)
    own = [frame for frame in frames if code is not None and frame.filename == code.co_filename]
    place = ""
    if frames:
        frame = (own or frames)[-1]
        place = f" ({_short(frame.filename)} line {frame.lineno})"
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    failure = EngineError(f"engine {engine.name} failed: {said}{place}", hint="--verbose shows the traceback")
    failure.__cause__ = error
    return failure


def _short(path: str) -> str:
    """Return the path as seen from here, if that is shorter."""
    try:
        seen = os.path.relpath(path)
    except ValueError:  # another drive
        return path
    return seen if len(seen) < len(path) else path
