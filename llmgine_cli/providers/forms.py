"""The form an answer must have, in the JSON Schema that vendors take.

Vendors that enforce a schema take a part of JSON Schema only, and refuse a request whose schema goes beyond it. What is
made here admits no answer that the given schema does not admit; where that cannot be had, the answer is None, and the
vendor is asked to follow the schema without being held to it.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from llmgine_cli.llm.messages import Message, ResponseFormat, Text, system

Schema = dict[str, Any]

# What OpenAI takes in strict mode: https://developers.openai.com/api/docs/guides/structured-outputs.
_STRICT = frozenset(
    {
        *("type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "$ref", "$defs"),
        *("title", "description", "pattern", "format", "minItems", "maxItems"),
        *("multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    }
)
# What Anthropic takes; the rest it can only be told: https://platform.claude.com/docs/en/build-with-claude/structured-outputs.
_CLOSED = frozenset(
    {
        *("type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "allOf", "$ref"),
        *("$defs", "title", "description", "format", "minItems"),
    }
)
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})
_BOUNDS = frozenset(
    {
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"),
        *("pattern", "minItems", "maxItems", "uniqueItems"),
    }
)
_NAMES: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


def strict(schema: Mapping[str, Any]) -> Schema | None:
    """Return the schema as OpenAI's strict mode takes it, or None if it cannot say the same there.

    There every object lists all its properties as required and has no others. So a property that may be left out has to
    be one that may be null, and maps with any keys cannot be had at all.
    """
    if schema.get("type") != "object":
        return None  # the outermost must be an object
    return _Rewriting(_strict_node).of(schema)


def closed(schema: Mapping[str, Any]) -> Schema | None:
    """Return the schema as Anthropic takes it, or None if it cannot say the same there.

    There objects have no properties but those listed, and nothing refers to itself. Bounds of numbers, lengths and
    patterns are not enforced; they are put into the description.
    """
    if schema.get("type") != "object":
        return None
    rewritten = _Rewriting(_closed_node).of(schema)
    return None if rewritten is None or _is_recursive(rewritten) else rewritten


def instruction(form: ResponseFormat) -> str:
    """Return what to tell a model that is not, or not wholly, held to the form of its answer."""
    said = "Answer with one JSON object and nothing else: no explanation, no code fence."
    if form.schema is None:
        return said
    return f"{said} It must follow this JSON Schema:\n{json.dumps(form.schema, ensure_ascii=False)}"


def instructed(messages: Iterable[Message], text: str) -> tuple[Message, ...]:
    """Return the conversation with a text at the end of its system message, which is added if there is none."""
    all_of = tuple(messages)
    if all_of and all_of[0].role == "system":
        return (Message("system", (*all_of[0].parts, Text(f"\n\n{text}"))), *all_of[1:])
    return (system(text), *all_of)


class _Lossy(Exception):  # noqa: N818 -- no error: it ends the rewriting
    """The schema says something that cannot be said."""


class _Rewriting:
    """Rewrites a schema node by node, the innermost first."""

    def __init__(self, node: Callable[[Schema], Schema]) -> None:
        self._node = node

    def of(self, schema: Mapping[str, Any]) -> Schema | None:
        try:
            return self._rewritten(schema)
        except (_Lossy, AttributeError, TypeError):  # these of what is no schema at all: the vendor will say so
            return None

    def _rewritten(self, value: Any) -> Schema:
        if not isinstance(value, Mapping):
            raise _Lossy  # true and false are schemas too
        schema = dict(cast("Mapping[str, Any]", value))
        for key in ("properties", "$defs"):
            if key in schema:
                schema[key] = {name: self._rewritten(one) for name, one in schema[key].items()}
        if "items" in schema:
            schema["items"] = self._rewritten(schema["items"])
        for key in ("anyOf", "allOf"):
            if key in schema:
                schema[key] = [self._rewritten(one) for one in schema[key]]
        return self._node(schema)


def _strict_node(schema: Schema) -> Schema:
    schema = _common(schema)
    schema.pop("default", None)  # a hint to readers of the schema; there is nothing left to fill in
    if "allOf" in schema:
        schema["anyOf"] = schema.pop("allOf")  # of one, as `_common` saw to
    if "$ref" in schema and schema.keys() - {"$ref", "$defs"}:
        schema["anyOf"] = [{"$ref": schema.pop("$ref")}]  # beside a reference nothing may stand
    if schema.keys() - _STRICT or ("format" in schema and schema["format"] not in _FORMATS):
        raise _Lossy
    if schema.get("type") == "object":
        properties: Schema = schema.setdefault("properties", {})
        required = schema.get("required", [])
        if not all(name in required or _admits_null(one) for name, one in properties.items()):
            raise _Lossy
        schema["required"] = [*properties]
    return schema


def _closed_node(schema: Schema) -> Schema:
    schema = _common(schema)
    schema.pop("default", None)
    if "$ref" in schema:
        return {key: schema[key] for key in ("$ref", "$defs") if key in schema}  # beside a reference nothing counts
    told = {key: schema.pop(key) for key in [*schema] if key in _BOUNDS and not _is_enforced(key, schema[key])}
    if "format" in schema and schema["format"] not in _FORMATS | {"uri"}:
        told["format"] = schema.pop("format")
    if schema.keys() - _CLOSED:
        raise _Lossy
    if told:
        bounds = ", ".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in told.items())
        schema["description"] = " ".join(filter(None, (schema.get("description"), f"({bounds})")))
    return schema


def _is_enforced(key: str, value: Any) -> bool:
    return key == "minItems" and value in (0, 1)


def _common(schema: Schema) -> Schema:
    """What holds everywhere: each node says its type, and objects are closed."""
    if len(schema.get("allOf", [{}])) != 1 or ("allOf" in schema and "anyOf" in schema):
        raise _Lossy
    if not schema.keys() & {"type", "anyOf", "allOf", "$ref"}:
        schema["type"] = _type_of(schema.get("enum") or ([schema["const"]] if "const" in schema else []))
    if "object" in schema.get("type", ()) and not isinstance(schema["type"], str):
        raise _Lossy
    if schema.get("type") == "object":
        others = schema.get("additionalProperties")
        properties: Schema = schema.get("properties", {})
        if (others is None and not properties) or (others is not None and others is not False):
            raise _Lossy  # a map with any keys
        if not properties.keys() >= {*schema.get("required", ())}:
            raise _Lossy
        schema["additionalProperties"] = False
    return schema


def _type_of(values: list[object]) -> str | list[str]:
    kinds: set[type] = {type(value) for value in values}
    if not kinds or not kinds <= _NAMES.keys():
        raise _Lossy
    names = sorted(_NAMES[kind] for kind in kinds)
    return names[0] if len(names) == 1 else names


def _admits_null(schema: Schema) -> bool:
    kind = schema.get("type")
    return (
        kind == "null"
        or (isinstance(kind, list) and "null" in kind)
        or any(_admits_null(one) for one in schema.get("anyOf", ()))
    )


def _is_recursive(schema: Mapping[str, Any]) -> bool:
    """Whether a definition refers to itself, by whatever way."""
    definitions: Mapping[str, Any] = schema.get("$defs", {})
    uses = {f"#/$defs/{name}": set(_references(one)) for name, one in definitions.items()}

    def reaches(start: str, seen: frozenset[str]) -> bool:
        return start in seen or any(reaches(name, seen | {start}) for name in uses.get(start, ()))

    return "#" in _references(schema) or any(reaches(name, frozenset()) for name in uses)


def _references(value: Any) -> Iterable[str]:
    if isinstance(value, Mapping):
        for key, one in cast("Mapping[str, Any]", value).items():
            if key == "$ref" and isinstance(one, str):
                yield one
            else:
                yield from _references(one)
    elif isinstance(value, list):
        for one in cast("list[object]", value):
            yield from _references(one)
