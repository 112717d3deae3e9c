"""A JSON Schema in a few words: `name, age int, bio: two sentences at most`.

The syntax is that of the command `llm`: https://llm.datasette.io/en/stable/schemas.html#concise-llm-schema-syntax.
"""

import re
from typing import Any

from llmgine_cli.errors import UsageError, near_miss

TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
_NAME = re.compile(r"[A-Za-z_][\w-]*")


def expand(text: str) -> dict[str, Any]:
    """Return the JSON Schema of an object that has these fields and no others.

    Args:
        text: Fields, separated by newlines if there are any, else by commas. A field is a name, a type (`str` if there
            is none, `int`, `float` or `bool`), and behind a colon what it means.

    Raises:
        UsageError: A field is not written like that, or comes twice.
    """
    fields = [field.strip() for field in text.strip().split("\n" if "\n" in text.strip() else ",")]
    properties: dict[str, Any] = {}
    for field in filter(None, fields):
        name, about = _read(field)
        if name in properties:
            raise UsageError(f"the schema has the field {name!r} twice")
        properties[name] = about
    if not properties:
        raise UsageError("the schema is empty", hint="as in --schema 'name str, age int'")
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def _read(field: str) -> tuple[str, dict[str, Any]]:
    words, _, meaning = field.partition(":")
    name, _, kind = words.strip().partition(" ")
    kind = kind.strip() or "str"
    if not _NAME.fullmatch(name):
        raise UsageError(f"{field!r} is no field of a schema", hint="as in --schema 'name str, age int: in years'")
    if kind not in TYPES:
        raise UsageError(f"the field {name!r} of the schema has an unknown type {kind!r}", hint=near_miss(kind, TYPES))
    about: dict[str, Any] = {"type": TYPES[kind]}
    if meaning.strip():
        about["description"] = meaning.strip()
    return name, about
