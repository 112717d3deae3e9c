"""Schemas as vendors take them: the same, or nothing."""

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from llmgine_cli.llm.messages import ResponseFormat, system, user
from llmgine_cli.providers.forms import closed, instructed, instruction, strict
from tests.support.json_schema import values


def obj(required: list[str] | None = None, /, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties] if required is None else required}


class Address(BaseModel):
    """Where."""

    street: str
    number: int | None = None


class Person(BaseModel):
    name: str = Field(description="In full.")
    age: int = Field(ge=0, le=150)
    kind: Literal["a", "b"]
    homes: list[Address]
    first: Address = Field(description="The best one.")


def objects(schema: Any) -> list[dict[str, Any]]:
    """All objects in a schema."""
    if isinstance(schema, list):
        return [found for one in schema for found in objects(one)]
    if not isinstance(schema, dict):
        return []
    mine = [schema] if schema.get("type") == "object" else []
    return mine + [found for one in schema.values() for found in objects(one)]


def test_a_model_of_pydantics_is_made_strict() -> None:
    made = strict(Person.model_json_schema())
    assert made is not None
    for found in objects(made):
        assert found["additionalProperties"] is False
        assert found["required"] == [*found["properties"]]
    first = made["properties"]["first"]
    assert first == {"anyOf": [{"$ref": "#/$defs/Address"}], "description": "The best one."}
    assert made["properties"]["age"] == {"maximum": 150, "minimum": 0, "title": "Age", "type": "integer"}


def test_the_same_model_is_closed_with_its_bounds_in_words() -> None:
    made = closed(Person.model_json_schema())
    assert made is not None
    assert all(found["additionalProperties"] is False for found in objects(made))
    assert made["properties"]["age"]["description"] == "(maximum: 150, minimum: 0)"
    assert made["$defs"]["Address"]["required"] == ["street"], "what may be left out still may"


@pytest.mark.parametrize(("make", "model"), [(strict, Person), (closed, Address)])
@given(data=st.data())
def test_what_follows_the_made_schema_follows_the_given_one(make: Any, model: type[BaseModel], data: Any) -> None:
    """The model itself is the judge: it takes whatever the made schema admits."""
    model.model_validate(data.draw(values(make(model.model_json_schema()))), strict=True)


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({"type": "array", "items": {"type": "string"}}, id="no object"),
        pytest.param({"type": "object"}, id="any object"),
        pytest.param({"type": "object", "additionalProperties": {"type": "integer"}}, id="map"),
        pytest.param(obj(a={"type": "object", "properties": {}}), id="any object inside"),
        pytest.param({**obj(a={"type": "string"}), "additionalProperties": True}, id="open"),
        pytest.param(obj([], a={"type": "string"}), id="optional"),
        pytest.param(obj([], a={"type": "string", "default": "x"}), id="default"),
        pytest.param(obj(a={"type": "string", "minLength": 3}), id="length"),
        pytest.param(obj(a={"type": "string", "format": "uri"}), id="format"),
        pytest.param(obj(a={"oneOf": [{"type": "string"}, {"type": "integer"}]}), id="oneOf"),
        pytest.param(obj(a={"allOf": [{"type": "string"}, {"maxLength": 1}]}), id="allOf"),
        pytest.param(obj(a={}), id="anything"),
        pytest.param(obj(a=True), id="true"),
        pytest.param(obj(a={"not": {"type": "string"}}), id="not"),
        pytest.param({**obj(a={"type": "string"}), "required": ["a", "b"]}, id="required but unknown"),
        pytest.param(obj(a={"type": ["object", "null"], "properties": {}}), id="object or null"),
        pytest.param(obj(a={"type": "array", "prefixItems": []}), id="tuple"),
    ],
)
def test_what_strict_mode_cannot_say_is_not_made_strict(schema: dict[str, Any]) -> None:
    before = repr(schema)
    assert strict(schema) is None
    assert repr(schema) == before


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param(obj([], a={"type": ["string", "null"]}), id="optional, or null"),
        pytest.param(obj([], a={"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}), id="pydantic's"),
        pytest.param(obj(a={"enum": ["x", "y"]}), id="enum without type"),
        pytest.param(obj(a={"const": 1}), id="const without type"),
        pytest.param(obj(a={"enum": ["x", None]}), id="enum of two types"),
        pytest.param(obj(a={"allOf": [{"type": "string"}]}), id="allOf of one"),
        pytest.param({**obj(), "additionalProperties": False}, id="nothing"),
        pytest.param({**obj(a={"$ref": "#"}), "title": "T"}, id="recursive"),
        pytest.param(obj(a={"type": "string", "format": "date"}), id="format"),
    ],
)
def test_what_strict_mode_can_say_is_made_strict(schema: dict[str, Any]) -> None:
    before = repr(schema)
    assert strict(schema) is not None
    assert repr(schema) == before, "the schema that was given is left alone"


def test_types_that_are_missing_are_told_from_the_values() -> None:
    made = strict(obj(a={"enum": ["x", None]}, b={"const": True}))
    assert made is not None
    assert made["properties"]["a"]["type"] == ["null", "string"]
    assert made["properties"]["b"]["type"] == "boolean"


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({"type": "array", "items": {"type": "string"}}, id="no object"),
        pytest.param({"type": "object", "additionalProperties": {"type": "integer"}}, id="map"),
        pytest.param(obj(a={"$ref": "#"}), id="recursive"),
        pytest.param(
            obj(a={"$ref": "#/$defs/A"})
            | {"$defs": {"A": obj([], b={"$ref": "#/$defs/B"}), "B": obj(a={"$ref": "#/$defs/A"})}},
            id="recursive by two",
        ),
        pytest.param(obj(a={"not": {"type": "string"}}), id="not"),
    ],
)  # fmt: skip
def test_what_anthropic_cannot_enforce_is_not_closed(schema: dict[str, Any]) -> None:
    assert closed(schema) is None


@pytest.mark.parametrize("make", [strict, closed])
@pytest.mark.parametrize(
    "wrong",
    [
        {"properties": []}, {"properties": {"a": 1}}, {"properties": {"a": {"type": 5}}}, {"required": 5},
        {"required": [{}]}, {"$defs": []}, {"additionalProperties": "no"}, {"properties": {"a": {"anyOf": 5}}},
        {"properties": {"a": {"enum": [[]]}}}, {"properties": {"a": {"type": "array", "items": []}}},
    ],
)  # fmt: skip
def test_what_is_no_schema_is_left_to_the_vendor_to_refuse(make: Any, wrong: dict[str, Any]) -> None:
    assert make({**obj(a={"type": "string"}), **wrong}) is None


def test_a_definition_that_is_used_twice_is_no_circle() -> None:
    twice = {**obj(a={"$ref": "#/$defs/A"}, b={"$ref": "#/$defs/A"}), "$defs": {"A": obj(x={"type": "string"})}}
    assert closed(twice) is not None


def test_the_instruction_stands_at_the_end_of_the_system_message() -> None:
    assert [message.text for message in instructed((system("a"), user("b")), "JSON!")] == ["a\n\nJSON!", "b"]
    assert [message.text for message in instructed((user("b"),), "JSON!")] == ["JSON!", "b"]


def test_the_instruction_names_json_and_the_schema() -> None:
    assert "JSON" in instruction(ResponseFormat())
    assert '"Grüße"' in instruction(ResponseFormat(schema={"type": "object", "title": "Grüße"}))
