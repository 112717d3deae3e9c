"""The body of a template: what it can do, and the plain kind of it."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from llmgine_cli.prompting import placeholders
from llmgine_cli.prompting.frontmatter import Scalar
from llmgine_cli.prompting.sections import Section, split, without_empty


class Filled(NamedTuple):
    """A body with its values in.

    Attributes:
        sections: Its messages, empty ones left out.
        names: All its placeholders.
        missing: Those that had no value.
    """

    sections: tuple[Section, ...]
    names: tuple[str, ...]
    missing: tuple[str, ...]


class Body(Protocol):
    """What stands below the front matter, in whatever language its placeholders are written."""

    @property
    def names(self) -> tuple[str, ...]:
        """All its placeholders, each once."""
        ...

    def fill(self, values: Mapping[str, Scalar]) -> Filled:
        """Put values into it."""
        ...


class PlainBody:
    """A body whose placeholders are `{name}`. It is split first: a value never becomes a message of its own."""

    def __init__(self, text: str) -> None:
        self._sections = split(text)
        self._names = placeholders.names("\n".join(section.text for section in self._sections))

    @property
    def names(self) -> tuple[str, ...]:
        """All its placeholders, each once, in order."""
        return self._names

    def fill(self, values: Mapping[str, Scalar]) -> Filled:
        """Put values into it; placeholders without one stay as they stand."""
        texts = {name: text_of(value) for name, value in values.items()}
        filled = (Section(role, placeholders.fill(text, texts)) for role, text in self._sections)
        missing = tuple(name for name in self._names if name not in values)
        return Filled(without_empty(filled), self._names, missing)


def text_of(value: Scalar) -> str:
    """Write a value as YAML and JSON would, text as it is."""
    return str(value).lower() if isinstance(value, bool) else str(value)
