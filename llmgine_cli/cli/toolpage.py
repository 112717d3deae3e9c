"""What `llmgine tools show` says of a tool."""

import json
from typing import Any

from llmgine_cli.toolkit.docstring import parameters as documented
from llmgine_cli.toolkit.tool import Tool

EFFECTS = {
    "read": "read: looks at this machine, changes nothing",
    "write": "write: changes files",
    "net": "net: talks to other machines",
    "exec": "exec: may do anything",
}


def page(tool: Tool, origin: str) -> str:
    """Return the page as plain text.

    Raises:
        ToolError: A parameter is of a type that JSON cannot carry.
    """
    timeout = f"{tool.timeout:g} s" if tool.timeout else "as [tools] timeout says"
    lines = [
        tool.name,
        tool.description,
        "",
        f"effect: {EFFECTS[tool.effect]}",
        f"time limit: {timeout}",
        f"from: {origin}{f' ({tool.path})' if tool.path else ''}",
        *_parameters(tool),
        *_settings(tool),
        "schema:",
        json.dumps(tool.parameters, indent=2, ensure_ascii=False),
    ]
    return "\n".join(lines)


def _parameters(tool: Tool) -> list[str]:
    schema = tool.parameters
    properties: dict[str, dict[str, Any]] = schema["properties"]
    if not properties:
        return ["parameters: none"]
    lines = ["parameters:"]
    for name, described in properties.items():
        given = f"default {json.dumps(described['default'])}" if "default" in described else "optional"
        need = "must be given" if name in schema.get("required", ()) else given
        lines.append(f"  {name} ({type_words(described, schema.get('$defs', {}))}; {need})")
        if said := described.get("description"):
            lines.append(f"      {said}")
    return lines


def _settings(tool: Tool) -> list[str]:
    if not tool.settings:
        return []
    said = documented(tool.doc)
    lines = [f"settings, under [tools.options.{tool.name}]:"]
    for name, mark in tool.settings.items():
        default = tool.signature[name].default
        need = "must be set" if default is tool.signature[name].empty else f"default {default!r}"
        lines.append(f"  {name} ({need})")
        if about := mark.description or said.get(name):
            lines.append(f"      {about}")
    return lines


def type_words(schema: dict[str, Any], definitions: dict[str, dict[str, Any]]) -> str:
    """Say in a few words what a JSON schema allows.

    Args:
        schema: Of one value.
        definitions: The `$defs` it may refer to.
    """
    if reference := schema.get("$ref"):
        name = str(reference).rpartition("/")[2]
        named = definitions.get(name, {})
        return type_words(named, definitions) if "enum" in named else name
    if "const" in schema:
        return json.dumps(schema["const"], ensure_ascii=False)
    if "enum" in schema:
        return "one of " + ", ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(type_words(choice, definitions) for choice in choices)
    kind = str(schema.get("type", "anything"))
    if kind == "array" and isinstance(schema.get("items"), dict):
        return f"list of {type_words(schema['items'], definitions)}"
    return kind
