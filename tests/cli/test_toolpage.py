"""What a JSON schema allows, in a few words for people."""

from typing import Any

import pytest

from llmgine_cli.cli.toolpage import page, type_words
from llmgine_cli.toolkit.tool import Tool

DEFINITIONS: dict[str, dict[str, Any]] = {
    "Colour": {"enum": ["red", "blue"], "type": "string"},
    "Point": {"type": "object", "properties": {}},
}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer"}, "integer"),
        ({}, "anything"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"enum": ["a", 1]}, 'one of "a", 1'),
        ({"const": "only"}, '"only"'),
        ({"type": "array", "items": {"type": "array", "items": {"type": "number"}}}, "list of list of number"),
        ({"type": "array"}, "array"),
        ({"$ref": "#/$defs/Colour"}, 'one of "red", "blue"'),
        ({"$ref": "#/$defs/Point"}, "Point"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "object"),
    ],
)
def test_a_schema_in_words(schema: dict[str, Any], words: str) -> None:
    assert type_words(schema, DEFINITIONS) == words


def test_a_tool_without_parameters_settings_or_file_has_a_page() -> None:
    space: dict[str, Any] = {}
    exec("def ping() -> str:\n    'Ping.'\n    return 'pong'\n", space)
    assert page(Tool.from_function(space["ping"]), "argument").splitlines()[:6] == [
        "ping",
        "Ping.",
        "",
        "effect: exec: may do anything",
        "time limit: as [tools] timeout says",
        "from: argument",
    ]
