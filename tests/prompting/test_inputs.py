from pathlib import Path
from typing import Any

import pytest

from llmgine_cli.errors import PromptError
from llmgine_cli.prompting.frontmatter import InputField, Inputs
from llmgine_cli.prompting.inputs import Input, check_values, read_inputs

FILE = Path("x.md")


def test_the_short_form_is_a_type_and_a_description() -> None:
    read = read_inputs(Inputs(schema={"words": "integer, at most so many, or fewer", "name": "string"}), FILE)
    assert read == {
        "words": Input("words", "integer", "at most so many, or fewer"),
        "name": Input("name", "string"),
    }


def test_a_default_needs_no_schema() -> None:
    assert read_inputs(Inputs(default={"a": 1}), FILE) == {"a": Input("a", default="1")}


def test_false_zero_and_empty_are_defaults_like_any_other() -> None:
    schema: dict[str, InputField | str] = {"a": "boolean", "b": "integer", "c": "string"}
    read = read_inputs(Inputs(schema=schema, default={"a": False, "b": 0, "c": ""}), FILE)
    assert [read[name].default for name in "abc"] == [False, 0, ""]


def test_an_unknown_type_names_file_key_and_near_miss() -> None:
    with pytest.raises(PromptError) as raised:
        read_inputs(Inputs(schema={"a": "strng, a text"}), FILE)
    assert raised.value.message == "x.md: front matter: input.schema.a has an unknown type 'strng'"
    assert raised.value.hint == "did you mean string?"


def test_a_default_that_is_not_what_the_schema_says_is_an_error() -> None:
    with pytest.raises(PromptError, match=r"x\.md: front matter: input\.default\.a must be an integer, not 'many'"):
        read_inputs(Inputs(schema={"a": "integer"}, default={"a": "many"}), FILE)


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("string", "x", "x"),
        ("string", 1, "1"),
        ("string", True, "true"),
        ("integer", "-3", -3),
        ("integer", 3, 3),
        ("number", "0.5", 0.5),
        ("number", 2, 2),
        ("boolean", "true", True),
        ("boolean", "false", False),
        ("boolean", True, True),
    ],
)
def test_text_is_converted_to_what_the_type_says(kind: Any, given: object, value: object) -> None:
    converted = Input("a", kind).value(given)
    assert (converted, type(converted)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        ("integer", "1.5", "must be an integer, not '1.5'"),
        ("integer", True, "must be an integer, not True"),
        ("number", "much", "must be a number, not 'much'"),
        ("boolean", "yes", "must be true or false, not 'yes'"),
    ],
)
def test_a_value_of_another_kind_is_an_error(kind: Any, given: object, message: str) -> None:
    with pytest.raises(PromptError, match="prompt 't': the value of a " + message):
        check_values({"a": Input("a", kind)}, {"a": given}, "t")


def test_a_value_outside_the_choice_is_an_error_that_lists_it() -> None:
    choice = Input("a", enum=("short", "long"))
    assert choice.value("short") == "short"
    with pytest.raises(PromptError, match="the value of a must be one of short, long, not 'tall'"):
        check_values({"a": choice}, {"a": "tall"}, "t")


def test_a_value_nobody_described_is_text() -> None:
    assert check_values({}, {"a": 1}, "t") == {"a": "1"}
