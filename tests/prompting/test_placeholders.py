import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgine_cli.prompting.placeholders import fill, names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello {name}", ("name",)),
        ("{a}{b}{a}", ("a", "b")),
        ("{_private} {größe} {n1}", ("_private", "größe", "n1")),
        ("${HOME}", ("HOME",)),
        ('{"a": {a}, "b": {"c": {c}}}', ("a", "c")),
        ("{{a}: 1}", ("a",)),
    ],
)
def test_an_identifier_in_one_pair_of_braces_is_a_placeholder(text: str, expected: tuple[str, ...]) -> None:
    assert names(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "{ name }",
        "{1}",
        "{a.b}",
        "{a[0]}",
        "{a!r}",
        "{a:>10}",
        "{a-b}",
        "{{name}}",
        "{{{name}}}",
        "{{ name }}",
        "{name",
        "name}",
        '{"name": 1, "nested": {"a": [1, 2]}}',
        "function f() { return x; }",
        "{\nname\n}",
        "%(name)s $name",
    ],
)
def test_everything_else_passes_untouched(text: str) -> None:
    assert names(text) == ()
    assert fill(text, {"name": "X", "a": "X", "b": "X", "return": "X"}) == text


def test_a_placeholder_without_a_value_stays_as_it_stands() -> None:
    assert fill("{a} and {b}", {"a": "1"}) == "1 and {b}"


def test_a_value_is_never_rendered_again() -> None:
    assert fill("{a} {b}", {"a": "{b} {a}", "b": r"\1 \g<0> {a}"}) == r"{b} {a} \1 \g<0> {a}"


def test_python_format_attacks_are_text() -> None:
    attack = "{self.__class__.__init__.__globals__} {0.__class__} {name.__class__}"
    assert fill(attack, {"name": "X", "self": "Y"}) == attack


@settings(deadline=None)
@given(st.text())
def test_any_text_without_values_comes_back_unchanged(text: str) -> None:
    assert fill(text, {}) == text


@settings(deadline=None)
@given(st.lists(st.sampled_from(["{a}", "{b}", "{{a}}", "{ a }", "x", "é", "\n", " "])), st.text(), st.text())
def test_only_the_placeholders_change(pieces: list[str], a: str, b: str) -> None:
    # A space between the pieces keeps two of them from becoming one.
    expected = " ".join({"{a}": a, "{b}": b}.get(piece, piece) for piece in pieces)
    assert fill(" ".join(pieces), {"a": a, "b": b}) == expected
