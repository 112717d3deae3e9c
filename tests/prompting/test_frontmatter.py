from pathlib import Path

import pytest

from llmgine_cli.errors import PromptError
from llmgine_cli.prompting.frontmatter import FrontMatter, InputField, Inputs, Output, parse, split

FILE = Path("x.md")


def test_a_file_without_front_matter_is_all_body() -> None:
    assert split("Hello\n---\nthere", FILE) == (None, "Hello\n---\nthere", 1)


def test_the_front_matter_is_what_stands_between_two_rules() -> None:
    assert split("---\na: 1\n---\nBody\n---\n", FILE) == ("a: 1", "Body\n---\n", 4)
    assert split("--- \n---\t\nBody", FILE) == ("", "Body", 3)


def test_an_empty_file_is_an_empty_body() -> None:
    assert split("", FILE) == (None, "", 1)


def test_a_front_matter_that_is_never_closed_is_an_error_that_says_how_to_close_it() -> None:
    with pytest.raises(PromptError) as raised:
        split("---\na: 1\nBody", FILE)
    assert raised.value.message == "x.md:1: the front matter is never closed"
    assert raised.value.hint == "end it with a line that is only ---"


def test_nothing_said_means_defaults() -> None:
    assert parse("", FILE) == FrontMatter()
    assert parse("description:\nmodel: null", FILE) == FrontMatter()


def test_every_key_is_read() -> None:
    source = """
name: Translate
description: Translate text
version: 1.2
model: echo:echo
engine: single_pass
config: {temperature: 0, stop: [END]}
input:
  schema:
    language: string, the language
    words: {type: integer, description: how many, enum: [1, 2]}
  default: {language: English}
output:
  format: json
  schema: {type: object}
tools: [get_weather, current_time]
metadata: {author: me}
format: jinja
"""
    assert parse(source, FILE) == FrontMatter(
        name="Translate",
        description="Translate text",
        version=1.2,
        model="echo:echo",
        engine="single_pass",
        config={"temperature": 0, "stop": ["END"]},
        input=Inputs(
            schema={"language": "string, the language", "words": InputField("integer", "how many", (1, 2))},
            default={"language": "English"},
        ),
        output=Output("json", {"type": "object"}),
        tools=("get_weather", "current_time"),
        metadata={"author": "me"},
        format="jinja",
    )


@pytest.mark.parametrize(
    ("source", "key", "near"),
    [
        ("modle: x", "modle", "model"),
        ("input: {defaults: {a: b}}", "input.defaults", "default"),
        ("output: {schemas: {}}", "output.schemas", "schema"),
        ("input: {schema: {a: {typ: string}}}", "input.schema.a.typ", "type"),
        ("1: x", "1", "known: "),
    ],
)
def test_an_unknown_key_is_an_error_that_names_file_key_and_near_miss(source: str, key: str, near: str) -> None:
    with pytest.raises(PromptError) as raised:
        parse(source, FILE)
    assert raised.value.message == f"x.md: the front matter has an unknown key {key}"
    assert near in (raised.value.hint or "")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("model: 3", "front matter: model: expected"),
        ("tools: get_weather", "front matter: tools: expected array, got str"),
        ("tools: [1]", "front matter: tools[0]: expected str, got int"),
        ("format: mustache", "front matter: format: invalid enum value"),
        ("input: [a]", "front matter: input: expected object"),
        ("input: {default: {a: [1]}}", "front matter: input.default"),
        ("output: {format: xml}", "front matter: output.format: invalid enum value"),
    ],
)
def test_a_value_of_the_wrong_kind_is_an_error_that_names_its_key(source: str, message: str) -> None:
    with pytest.raises(PromptError) as raised:
        parse(source, FILE)
    assert raised.value.message.startswith(f"x.md: {message}")
    assert "\n" not in raised.value.message
    assert "$" not in raised.value.message
