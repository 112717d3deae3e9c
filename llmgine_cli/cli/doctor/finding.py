"""What an examination finds."""

from dataclasses import dataclass
from typing import Literal

from llmgine_cli.errors import LlmgineError

State = Literal["ok", "note", "wrong"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        area: What it is about, in a word or two.
        state: "ok"; "note" is worth knowing and stops nothing; "wrong" does.
        text: What was found.
        hint: How to mend it.
    """

    area: str
    state: State
    text: str
    hint: str | None = None


def wrong(area: str, error: LlmgineError) -> Finding:
    """Return what an error says as a finding."""
    return Finding(area, "wrong", error.message, error.hint)
