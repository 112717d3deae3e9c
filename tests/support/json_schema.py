"""JSON values made from a JSON Schema, for property-based tests: as much of the language as our schemas use."""

from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any]


def values(schema: Schema, definitions: dict[str, Schema] | None = None) -> st.SearchStrategy[Any]:
    """Return a strategy for values that are valid by the schema."""
    known = definitions if definitions is not None else schema.get("$defs", {})
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return st.deferred(lambda: values(known[name], known))
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of([values(choice, known) for choice in schema["anyOf"]])
    return _typed(schema, known)


def _typed(schema: Schema, known: dict[str, Schema]) -> st.SearchStrategy[Any]:
    kind = schema.get("type")
    if kind == "object":
        return _object(schema, known)
    if kind == "array":
        return _array(schema, known)
    if kind == "string":
        return _string(schema)
    if kind == "integer":
        low = schema.get("minimum", schema.get("exclusiveMinimum", -1 - 2**70) + 1)
        return st.integers(low, schema.get("maximum", 2**70))
    simple: dict[Any, st.SearchStrategy[Any]] = {
        "number": st.floats(allow_nan=False, allow_infinity=False),
        "boolean": st.booleans(),
        "null": st.none(),
        None: st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    }
    return simple[kind]


def _object(schema: Schema, known: dict[str, Schema]) -> st.SearchStrategy[Any]:
    if "properties" in schema:
        assert schema["additionalProperties"] is False
        required = set(schema.get("required", ()))
        assert required <= set(schema["properties"])
        made = {name: values(one, known) for name, one in schema["properties"].items()}
        return st.fixed_dictionaries(
            {name: made[name] for name in made if name in required},
            optional={name: made[name] for name in made if name not in required},
        )
    further = schema.get("additionalProperties", True)
    inner = values({} if further is True else further, known)
    return st.dictionaries(st.text(max_size=5), inner, max_size=3)


def _array(schema: Schema, known: dict[str, Schema]) -> st.SearchStrategy[Any]:
    if "prefixItems" in schema:
        return st.tuples(*(values(one, known) for one in schema["prefixItems"])).map(list)
    unique = bool(schema.get("uniqueItems"))
    return st.lists(values(schema.get("items", {}), known), max_size=3, unique_by=repr if unique else None)


def _string(schema: Schema) -> st.SearchStrategy[str]:
    formats: dict[str, st.SearchStrategy[str]] = {
        "date-time": st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
        "date": st.dates().map(lambda day: day.isoformat()),
        "uuid": st.uuids().map(str),
    }
    if "format" in schema:
        return formats[schema["format"]]
    return st.text(min_size=schema.get("minLength", 0), max_size=max(schema.get("minLength", 0), 8))
