"""What people are told of an attempt to call a model that failed and is followed by another."""

from llmgine_cli.llm.events import LLMAttemptFailed

_LONGEST = 200  # characters of what went wrong; all of it is in the event log


def why_not(event: LLMAttemptFailed) -> str:
    """Say what went wrong, on one line."""
    line = " ".join(event.error.split()).rstrip(".")
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def next_step(event: LLMAttemptFailed, *, waits: bool = True) -> str:
    """Say what happens now.

    Args:
        event: The attempt that failed.
        waits: Whether to say after what time, too.
    """
    if event.next_model != event.model:
        return f"asking {event.next_model} instead"
    when = f" in {_seconds(event.wait_s)}" if waits else ""
    return f"trying again{when} ({event.attempt + 1} of {event.attempts})"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
