"""JSON Schema from annotations: exactly what a model is sent, and values that fit it."""

import enum
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, Optional
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from llmgine_cli.errors import ToolError
from llmgine_cli.toolkit.tool import Tool
from llmgine_cli.toolkit.validation import read_arguments
from tests.support.json_schema import values


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    """A place."""

    x: float
    y: float = 0.0


class Tree(BaseModel):
    title: str = Field(title="Its title")
    children: list["Tree"] = []


class Movie(TypedDict):
    name: str
    year: NotRequired[int]


def taking(annotation: Any, *default: Any) -> Tool:
    """Return a tool with one parameter of this type."""

    def function(value: Any) -> None:
        """Take it."""

    function.__annotations__ = {"value": annotation}
    function.__defaults__ = default or None
    return Tool.from_function(function)


def schema_of(annotation: Any, *default: Any) -> dict[str, Any]:
    found: dict[str, Any] = taking(annotation, *default).parameters["properties"]["value"]
    return found


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (str, {"type": "string"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (Optional[str], {"anyOf": [{"type": "string"}, {"type": "null"}]}),  # noqa: UP045 -- people write it so
        (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        (Literal["a", "b"], {"enum": ["a", "b"], "type": "string"}),
        (Literal["only"], {"const": "only", "type": "string"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (Sequence[str], {"type": "array", "items": {"type": "string"}}),
        (set[int], {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (
            tuple[int, str],
            {
                "type": "array",
                "prefixItems": [{"type": "integer"}, {"type": "string"}],
                "minItems": 2,
                "maxItems": 2,
            },
        ),
        (datetime, {"type": "string", "format": "date-time"}),
        (date, {"type": "string", "format": "date"}),
        (UUID, {"type": "string", "format": "uuid"}),
        (Path, {"type": "string"}),
        (Annotated[int, Field(ge=1, le=9, description="Few.")], {
            "type": "integer", "minimum": 1, "maximum": 9, "description": "Few.",
        }),
        (Annotated[str, Field(pattern="^a", examples=["ab"])], {"type": "string", "pattern": "^a", "examples": ["ab"]}),
    ],
)  # fmt: skip
def test_a_type_has_the_schema_that_says_exactly_this(annotation: Any, schema: dict[str, Any]) -> None:
    assert schema_of(annotation) == schema


def test_the_whole_schema_of_a_function() -> None:
    def find(name: str, colour: Colour = Colour.RED, limit: int | None = None, *, deep: bool = False) -> None:
        """Find it.

        Args:
            name: What to find.
            limit: How many.
        """

    assert Tool.from_function(find).parameters == {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "What to find."},
            "colour": {"$ref": "#/$defs/Colour", "default": "red"},
            "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None, "description": "How many."},
            "deep": {"type": "boolean", "default": False},
        },
        "required": ["name"],
        "additionalProperties": False,
        "$defs": {"Colour": {"enum": ["red", "blue"], "type": "string"}},
    }


def test_a_tool_without_parameters_takes_an_empty_object() -> None:
    def ping() -> str:
        """Ping."""
        return "pong"

    assert Tool.from_function(ping).parameters == {"type": "object", "properties": {}, "additionalProperties": False}


def test_nested_models_allow_nothing_further_and_recursion_stays_a_reference() -> None:
    schema = taking(Tree).parameters
    assert schema["properties"] == {"value": {"$ref": "#/$defs/Tree"}}
    assert schema["$defs"]["Tree"] == {
        "type": "object",
        "properties": {
            "title": {"type": "string"},  # the property is kept, pydantic's title of it is not
            "children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}, "default": []},
        },
        "required": ["title"],
        "additionalProperties": False,
    }


def test_data_that_has_a_key_called_title_is_left_alone() -> None:
    assert schema_of(dict[str, str], {"title": "x", "format": "path"})["default"] == {"title": "x", "format": "path"}


def test_a_default_json_has_no_word_for_is_left_out_and_still_used() -> None:
    marker = object()

    def function(value: Any = marker) -> bool:
        """Take it."""
        return value is marker

    tool = Tool.from_function(function)
    assert tool.parameters["properties"]["value"] == {}
    assert function(**read_arguments(tool, "{}"))


def test_parameters_may_have_names_that_mean_something_to_pydantic() -> None:
    def function(schema: int, json: int, model_config: int, _x: int, self: int = 5) -> None:
        """Take them."""

    tool = Tool.from_function(function)
    given = {"schema": 1, "json": 2, "model_config": 3, "_x": 4}
    assert list(tool.parameters["properties"]) == [*given, "self"]
    assert read_arguments(tool, json.dumps(given)) == {**given, "self": 5}


def test_a_field_as_the_default_is_understood() -> None:
    tool = taking(int, Field(3, ge=1, description="How many."))
    assert tool.parameters["properties"]["value"] == {
        "type": "integer", "default": 3, "minimum": 1, "description": "How many.",
    }  # fmt: skip
    assert read_arguments(tool, "{}") == {"value": 3}
    assert "required" not in tool.parameters
    assert taking(int, Field(ge=1)).parameters["required"] == ["value"]


def test_an_alias_is_what_the_model_writes_and_the_name_is_what_the_function_gets() -> None:
    tool = taking(Annotated[int, Field(alias="how many")])
    assert list(tool.parameters["properties"]) == ["how many"]
    assert read_arguments(tool, '{"how many": 3}') == {"value": 3}


def test_a_description_in_the_annotation_goes_before_the_docstring() -> None:
    def function(a: Annotated[int, Field(description="From the annotation.")]) -> None:
        """Take it.

        Args:
            a: From the docstring.
        """

    assert Tool.from_function(function).parameters["properties"]["a"]["description"] == "From the annotation."


@pytest.mark.parametrize("annotation", [Callable[[int], int], type("Own", (), {}), "complex | Own"])
def test_a_type_json_cannot_carry_is_told_with_its_parameter(annotation: Any) -> None:
    with pytest.raises(ToolError, match="tool 'function'"):
        _ = taking(annotation).parameters


def test_the_parameter_at_fault_is_named() -> None:
    def function(fine: int, own: Callable[[int], int]) -> None:
        """Take them."""

    with pytest.raises(ToolError, match="parameter 'own' is of a type JSON cannot carry"):
        _ = Tool.from_function(function).parameters


TYPES: list[Any] = [
    str, int, float, bool, int | None, int | str | None, Literal["a", 1], Colour, list[int], set[int],
    dict[str, float], tuple[int, str], tuple[bool, ...], Point, Tree, Movie, datetime, date, UUID, Path, Any,
    list[Point | None], dict[str, list[Colour]], Annotated[int, Field(ge=1, le=9)], Annotated[str, Field(min_length=2)],
]  # fmt: skip


@given(data=st.data(), annotation=st.sampled_from(TYPES))
@settings(max_examples=300, deadline=None)
def test_whatever_is_valid_by_the_schema_is_accepted(data: st.DataObject, annotation: Any) -> None:
    tool = taking(annotation)
    value = data.draw(values(tool.parameters))
    assert set(read_arguments(tool, json.dumps(value))) == {"value"}


@given(data=st.data(), kind=st.sampled_from([str, int, bool, Colour, Point, Movie, datetime, UUID]))
@settings(max_examples=200, deadline=None)
def test_a_value_written_as_json_comes_back_as_itself(data: st.DataObject, kind: Any) -> None:
    from pydantic import TypeAdapter

    value = data.draw(st.from_type(kind).filter(lambda made: not re.search("nan|inf", repr(made))))
    written = TypeAdapter(kind).dump_json(value).decode()
    assert read_arguments(taking(kind), f'{{"value": {written}}}') == {"value": value}
