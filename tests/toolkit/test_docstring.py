"""Descriptions from docstrings of every common style."""

import pytest

from llmgine_cli.toolkit.docstring import description, parameters

GOOGLE = """Do it.

At length.

Args:
    a: The first,
        on two lines.
    b (int, optional): The second.

Returns:
    Nothing.
"""
NUMPY = """Do it.

At length.

Parameters
----------
a : str
    The first,
    on two lines.
b : int, optional
    The second.

Returns
-------
None
"""
SPHINX = """Do it.

At length.

:param a: The first,
    on two lines.
:param int b: The second.
:returns: Nothing.
"""


@pytest.mark.parametrize("doc", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_every_style_gives_the_same(doc: str) -> None:
    assert description(doc) == "Do it.\n\nAt length."
    assert parameters(doc) == {"a": "The first, on two lines.", "b": "The second."}


@pytest.mark.parametrize("doc", ["", "Do it.", "Do it.\n\nNote that\nthis is all: nothing more."])
def test_a_docstring_without_sections_is_all_description(doc: str) -> None:
    assert description(doc) == doc
    assert parameters(doc) == {}


def test_a_broken_section_loses_nothing_of_the_description() -> None:
    doc = "Do it.\n\n:param"
    assert "Do it." in description(doc)
