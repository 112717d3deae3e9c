"""`# system:`, `# user:` and `# assistant:` lines split the body of a prompt into messages.

Such a line stands alone, begins at the margin, and is not inside a fenced block of code. Text before the first one is a
message of the user, and so is a body without any.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple, TypeAlias

SectionRole: TypeAlias = Literal["system", "user", "assistant"]

_MARKER = re.compile(r"# (system|user|assistant):[ \t]*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")


class Section(NamedTuple):
    """A piece of the body: whose message it is, and its text."""

    role: SectionRole
    text: str


def split(body: str) -> tuple[Section, ...]:
    """Split a body at its markers; sections without text are left out."""
    pieces: list[tuple[SectionRole, list[str]]] = [("user", [])]
    for line, role in _lines(body):
        if role is None:
            pieces[-1][1].append(line)
        else:
            pieces.append((role, []))
    return without_empty(Section(role, "\n".join(lines)) for role, lines in pieces)


def replace_markers(body: str, write: Callable[[SectionRole], str]) -> str:
    """Return the body with each marker line written in another way, for a renderer that works on the whole."""
    return "\n".join(line if role is None else write(role) for line, role in _lines(body))


def without_empty(sections: Iterable[Section]) -> tuple[Section, ...]:
    """Strip empty lines from both ends of each text, and leave out what is empty then."""
    stripped = (Section(role, _strip(text)) for role, text in sections)
    return tuple(section for section in stripped if section.text)


def join(sections: Iterable[Section]) -> str:
    """Write sections as a body: one message of the user is its text, others have their marker lines."""
    sections = tuple(sections)
    if len(sections) == 1 and sections[0].role == "user":
        return sections[0].text
    return "\n\n".join(f"# {section.role}:\n{section.text}" for section in sections)


def _strip(text: str) -> str:
    """Take away whole lines only: an indent may be code, and a last space may be meant."""
    lines = text.split("\n")
    while lines and not lines[0].strip():
        del lines[0]
    while lines and not lines[-1].strip():
        del lines[-1]
    return "\n".join(lines)


def _lines(body: str) -> Iterator[tuple[str, SectionRole | None]]:
    """Each line, with the role if it is a marker."""
    fence = ""
    for line in body.split("\n"):
        found = _FENCE.fullmatch(line)
        if fence:
            if found and found[1].startswith(fence) and not found[2].strip():
                fence = ""
        elif found and not (found[1][0] == "`" and "`" in found[2]):
            fence = found[1]
        elif marker := _MARKER.fullmatch(line):
            yield line, marker[1]  # type: ignore[misc]  # the pattern allows the three roles only
            continue
        yield line, None
