"""What a docstring says of a function and of each of its parameters, in Google, NumPy or Sphinx style."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docstring_parser import Docstring


def description(doc: str) -> str:
    """Return what the function does: everything before the sections."""
    return (_parsed(doc).description or "").strip()


def parameters(doc: str) -> Mapping[str, str]:
    """Return what is said of each parameter, on one line each."""
    return {item.arg_name: " ".join(item.description.split()) for item in _parsed(doc).params if item.description}


def _parsed(doc: str) -> "Docstring":
    from docstring_parser import Docstring, ParseError, parse

    try:
        return parse(doc)
    except ParseError:
        plain = Docstring()
        plain.short_description = doc  # no style anybody knows: then all of it is the description
        return plain
