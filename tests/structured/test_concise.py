"""Schemas in a few words."""

import pytest

from llmgine_cli.errors import UsageError
from llmgine_cli.structured.concise import expand


def test_each_field_has_its_type_and_all_are_demanded() -> None:
    assert expand("name str, age int, height float, alive bool") == {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "age": {"type": "integer"},
            "height": {"type": "number"},
            "alive": {"type": "boolean"},
        },
        "required": ["name", "age", "height", "alive"],
        "additionalProperties": False,
    }


def test_a_field_without_a_type_is_text() -> None:
    assert expand("name")["properties"] == {"name": {"type": "string"}}


def test_what_stands_behind_a_colon_tells_the_model_what_is_meant() -> None:
    assert expand("age int: in years, bio: see: below")["properties"] == {
        "age": {"type": "integer", "description": "in years"},
        "bio": {"type": "string", "description": "see: below"},
    }


def test_on_lines_of_their_own_descriptions_may_have_commas() -> None:
    text = "\n  name: first, then last\n\n  age int\n"
    assert expand(text)["properties"]["name"]["description"] == "first, then last"
    assert expand(text)["required"] == ["name", "age"]


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("name strr", "the field 'name' of the schema has an unknown type 'strr'", "did you mean str?"),
        ("name, name int", "the schema has the field 'name' twice", None),
        ("2nd int", "'2nd int' is no field of a schema", None),
        (" , ", "the schema is empty", None),
    ],
)
def test_what_is_no_field_is_told(text: str, said: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        expand(text)
    assert caught.value.message == said
    assert hint is None or caught.value.hint == hint
