"""The form of an answer, and answers that have it or not."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from llmgine_cli.errors import InvalidAnswerError, UsageError
from llmgine_cli.structured.concise import expand
from llmgine_cli.structured.shape import Shape, plain, shape_of
from tests.support.json_schema import values

PERSON = expand("name str, age int")


class Address(BaseModel):
    city: str


class Person(BaseModel):
    name: str
    age: int = Field(ge=0)
    address: Address | None = None


def problems(shape: Shape, text: str) -> tuple[str, ...]:
    with pytest.raises(InvalidAnswerError) as caught:
        shape.read(text)
    assert caught.value.answer == text
    return caught.value.problems


# -- what the model is told


def test_the_schema_is_demanded_of_whoever_can_enforce_it() -> None:
    form = Shape(schema=PERSON).response_format
    assert (form.schema, form.strict) == (PERSON, True)


def test_many_items_stand_in_an_object_with_their_definitions_at_its_root() -> None:
    item = {"type": "object", "properties": {"x": {"$ref": "#/$defs/X"}}, "$defs": {"X": {"type": "integer"}}}
    whole = Shape(schema=item, many=True).whole
    assert whole is not None
    assert whole["required"] == ["items"]
    assert whole["$defs"] == {"X": {"type": "integer"}}
    assert "$defs" not in whole["properties"]["items"]["items"]
    assert "$defs" in item, "the schema itself is left alone"


def test_any_object_is_asked_for_without_a_schema() -> None:
    assert Shape().response_format.schema is None


def test_a_model_is_closed_for_the_vendor_and_its_own_wishes_are_kept() -> None:
    class Loose(BaseModel, extra="allow"):
        a: int

    schema = shape_of(Person).whole
    assert schema is not None
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["Address"]["additionalProperties"] is False
    assert shape_of(Loose).whole == {**(shape_of(Loose).whole or {}), "additionalProperties": True}


# -- what it answers


def test_an_answer_of_the_form_is_its_value() -> None:
    assert Shape(schema=PERSON).read(' {"name": "Ada", "age": 36}\n') == {"name": "Ada", "age": 36}


def test_a_fence_around_it_does_not_count() -> None:
    assert Shape(schema=PERSON).read('```json\n{"name": "Ada", "age": 36}\n```')["age"] == 36


def test_many_items_are_a_list() -> None:
    shape = Shape(schema=PERSON, many=True)
    assert shape.read('{"items": [{"name": "Ada", "age": 36}]}') == [{"name": "Ada", "age": 36}]
    assert shape.read('{"items": []}') == []


def test_each_problem_is_a_line_that_names_the_place() -> None:
    assert problems(Shape(schema=PERSON), '{"name": 1, "age": "old"}') == (
        "age: 'old' is not of type 'integer'",
        "name: 1 is not of type 'string'",
    )
    assert problems(Shape(schema=PERSON, many=True), '{"items": [{"name": "A"}]}') == (
        "items.0: 'age' is a required property",
    )


def test_of_many_problems_the_first_are_told_and_long_ones_are_cut() -> None:
    found = problems(
        Shape(schema={"type": "array", "items": {"type": "integer"}}), "[" + '"x",' * 30 + f'"{"y" * 999}"]'
    )
    assert len(found) == 11
    assert found[-1] == "and 21 more"
    assert max(map(len, problems(Shape(schema={"type": "integer"}), f'"{"y" * 999}"'))) == 200


@pytest.mark.parametrize(
    "text",
    ["", "  ", "Here you are: {}", "{", '{"a": NaN}', "[" * 100_000, '{"a": 1e999}', "null", "[]", '"text"', "{} {}"],
)
def test_what_is_no_json_object_is_told(text: str) -> None:
    assert len(problems(Shape(), text)) == 1


def test_with_a_model_the_value_is_its_instance_and_its_own_checks_count() -> None:
    shape = shape_of(Person)
    made = shape.read('{"name": "Ada", "age": 36, "address": {"city": "London"}}')
    assert made == Person(name="Ada", age=36, address=Address(city="London"))
    assert plain(made) == {"name": "Ada", "age": 36, "address": {"city": "London"}}
    assert problems(shape, '{"name": "Ada", "age": -1}') == ("age: Input should be greater than or equal to 0",)


def test_with_a_model_many_items_are_its_instances() -> None:
    shape = shape_of(Person, many=True)
    made = shape.read('{"items": [{"name": "Ada", "age": 36}]}')
    assert made == [Person(name="Ada", age=36)]
    assert plain(made) == [{"name": "Ada", "age": 36, "address": None}]
    assert problems(shape, '{"items": [{"name": "Ada"}]}') == ("items.0.age: Field required",)


@given(st.data())
def test_every_value_of_a_schema_is_read_as_itself(data: st.DataObject) -> None:
    import json

    shape = Shape(schema=shape_of(Person).schema, many=True)
    value = data.draw(values(shape.whole or {}))
    assert shape.read(json.dumps(value)) == value["items"]


# -- schemas that are none


def test_what_is_no_schema_is_told_with_its_place() -> None:
    with pytest.raises(UsageError, match=r"the schema is no JSON Schema: properties.age.type: 'int' is not valid"):
        Shape(schema={"type": "object", "properties": {"age": {"type": "int"}}}).check()


def test_a_reference_to_an_address_is_never_looked_up() -> None:
    shape = Shape(schema={"$ref": "http://192.0.2.1/schema.json"})  # the tests' guard would notice
    shape.check()
    with pytest.raises(UsageError, match="leads nowhere"):
        shape.read("{}")


def test_a_reference_in_a_circle_and_a_pattern_that_is_none_are_told() -> None:
    with pytest.raises(UsageError, match="leads in a circle"):
        Shape(schema={"$ref": "#"}).read("{}")
    with pytest.raises(UsageError, match="is no regular expression"):
        Shape(schema={"type": "string", "pattern": "("}).read('"x"')


def test_a_schema_that_speaks_of_itself_cannot_be_one_of_many() -> None:
    schema = {"type": "object", "properties": {"child": {"$ref": "#"}}}
    Shape(schema=schema).check()
    with pytest.raises(UsageError, match="speaks of itself"):
        Shape(schema=schema, many=True).check()


def test_a_model_that_json_cannot_carry_is_told() -> None:
    class Odd(BaseModel, arbitrary_types_allowed=True):
        thing: Path
        other: Exception

    with pytest.raises(UsageError, match="Odd cannot be put as a JSON Schema"):
        shape_of(Odd)
