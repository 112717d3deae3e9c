"""From a function's annotations to JSON Schema, and from the JSON a model wrote to values of those types.

pydantic does both. One schema serves every provider: JSON Schema 2020-12 of one object that allows no further
properties, without the titles pydantic adds and without formats that are no part of JSON Schema.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import Parameter
from typing import TYPE_CHECKING, Annotated, Any, NotRequired, Required, cast

from llmgine_cli.errors import ToolError
from llmgine_cli.toolkit.docstring import parameters as documented

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic.json_schema import GenerateJsonSchema

    from llmgine_cli.toolkit.tool import Tool

Schema = dict[str, Any]

# Of the formats pydantic writes, those JSON Schema defines; others ("path") only make some vendors refuse the tool.
_FORMATS = {"date-time", "date", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uuid", "regex"}
# Keywords whose value is a map of schemas, a list of schemas, or one schema. What else there is (a default, an enum) is
# data, in which a key called "title" means something.
_MAPS = {"properties", "patternProperties", "$defs", "dependentSchemas"}
_LISTS = {"anyOf", "oneOf", "allOf", "prefixItems"}
_SINGLE = {"items", "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else"}


@dataclass(frozen=True)
class Arguments:
    """What a tool takes.

    Attributes:
        schema: JSON Schema of the object the model writes.
        adapter: Validates such an object; gives the values by parameter name.
    """

    schema: Schema
    adapter: "TypeAdapter[dict[str, Any]]"


def arguments_of(tool: "Tool") -> Arguments:
    """Read what a tool takes from its signature and docstring.

    Raises:
        ToolError: A parameter is of a type that JSON cannot carry.
    """
    try:
        adapter = adapter_of(tool.offered)
        schema = _tidy(adapter.json_schema(schema_generator=_generator()))
        _describe(schema, tool)
    except Exception as error:  # pydantic's errors have no common root, and a type may bring code of its own
        raise ToolError(f"tool {tool.name!r}: {_culprit(tool.offered)}: {_first_line(error)}") from error
    return Arguments(schema, adapter)


def adapter_of(parameters: Mapping[str, Parameter]) -> "TypeAdapter[dict[str, Any]]":
    """Make what turns JSON or plain values into values by parameter name, no other names allowed.

    Parameters with a default may be missing; they are then filled in.
    """
    from pydantic import ConfigDict, TypeAdapter, with_config
    from typing_extensions import TypedDict

    fields = {name: _field(parameter) for name, parameter in parameters.items()}
    # A typed dict and not a model: its keys may have any name, "schema" and "_x" too.
    make: Any = TypedDict  # the checkers know it as a statement only
    shape = make("Arguments", fields)
    with_config(ConfigDict(extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=False))(shape)
    return TypeAdapter[dict[str, Any]](shape)


def _describe(schema: Schema, tool: "Tool") -> None:
    said = documented(tool.doc)
    # By their order: a parameter with an alias is known to the model by that.
    for name, described in zip(tool.offered, schema.setdefault("properties", {}).values(), strict=True):
        if name in said:
            described.setdefault("description", said[name])


def _field(parameter: Parameter) -> Any:
    from pydantic import Field
    from pydantic.fields import FieldInfo

    annotation: Any = parameter.annotation
    default = parameter.default
    if default is Parameter.empty:
        return Required[annotation]
    if isinstance(default, FieldInfo):  # as FastAPI has it: n: int = Field(3, ge=1)
        described: Any = Annotated[annotation, default]
        return Required[described] if default.is_required() else NotRequired[described]
    return NotRequired[Annotated[annotation, Field(default=default)]]


def _generator() -> "type[GenerateJsonSchema]":
    from pydantic.json_schema import GenerateJsonSchema

    class Quiet(GenerateJsonSchema):
        """A default that JSON has no word for is left out, without a warning."""

        ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 -- as in the base

    return Quiet


def _tidy(schema: Schema) -> Schema:
    tidy: Schema = {}
    for key, value in schema.items():
        if key == "title" or (key == "format" and value not in _FORMATS):
            continue
        if key in _MAPS:
            tidy[key] = {name: _tidy_any(one) for name, one in value.items()}
        elif key in _LISTS:
            tidy[key] = [_tidy_any(one) for one in value]
        else:
            tidy[key] = _tidy_any(value) if key in _SINGLE else value
    if "properties" in tidy:
        # What a nested model ignores, the model need not write.
        tidy.setdefault("additionalProperties", False)
    return tidy


def _tidy_any(schema: Any) -> Any:
    # True and False are schemas too.
    return _tidy(cast("Schema", schema)) if isinstance(schema, dict) else schema


def _culprit(parameters: Mapping[str, Parameter]) -> str:
    """Find which parameter cannot be described, by describing each alone."""
    for name, parameter in parameters.items():
        try:
            adapter_of({name: parameter}).json_schema(schema_generator=_generator())
        except Exception:  # noqa: BLE001 -- as in `arguments_of`
            kind = getattr(parameter.annotation, "__name__", parameter.annotation)
            return f"parameter {name!r} is of a type JSON cannot carry ({kind})"
    return "its parameters cannot be described"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
