"""The front matter of a prompt file: what it may say, and what becomes of a mistake.

::

    ---
    description: Translate text.
    input:
      schema:
        language: string, the language to translate into
        words: {type: integer, description: At most so many words}
      default:
        language: English
    ---
    Translate into {language}: {input}

Everything is optional. A prompt file is data that nobody has trusted, so YAML's aliases (which make a few lines a
billion) are refused, and so are keys that nobody knows.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from msgspec import Struct, ValidationError, convert

from llmgine_cli.errors import PromptError, near_miss

Scalar: TypeAlias = str | int | float | bool
TypeName: TypeAlias = Literal["string", "integer", "number", "boolean"]
FENCE = "---"


class InputField(Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of one placeholder.

    Attributes:
        type: What its value must look like.
        description: What it is for.
        enum: The values it may have; empty when there is a free choice.
    """

    type: TypeName = "string"
    description: str = ""
    enum: tuple[Scalar, ...] = ()


class Inputs(Struct, frozen=True, forbid_unknown_fields=True):
    """The placeholders of a prompt: what is said of each, and the values of those that need not be given."""

    schema: dict[str, InputField | str] = {}
    default: dict[str, Scalar] = {}


class Output(Struct, frozen=True, forbid_unknown_fields=True):
    """The form the answer should have: text, or JSON as a JSON Schema says."""

    format: Literal["text", "json"] = "text"
    schema: dict[str, Any] | None = None


class FrontMatter(Struct, frozen=True, forbid_unknown_fields=True):
    """All that a prompt file may say of itself.

    Attributes:
        name: What to call it; default: the file's name.
        description: One line for lists.
        version: The author's own.
        model: The model it was written for, `provider:model` or an alias.
        engine: The engine it was written for.
        config: Options of the model or the engine.
        input: Its placeholders.
        output: The form of the answer.
        tools: Tools it asks for; only the user grants them.
        metadata: Free for the author.
        format: How placeholders are written: `{name}` (plain), or Jinja.
    """

    name: str | None = None
    description: str = ""
    version: str | int | float | None = None
    model: str | None = None
    engine: str | None = None
    config: dict[str, Any] = {}
    input: Inputs = Inputs()
    output: Output = Output()
    tools: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}
    format: Literal["plain", "jinja"] = "plain"


def split(text: str, path: Path) -> tuple[str | None, str, int]:
    """Take a file apart.

    Args:
        text: The whole file, with Unix line ends.
        path: For the error message.

    Returns:
        The front matter's YAML (None when there is none), the body, and the number of the body's first line.

    Raises:
        PromptError: A front matter begins and does not end.
    """
    lines = text.split("\n")
    if lines[0].rstrip() != FENCE:
        return None, text, 1
    for index, line in enumerate(lines[1:], 1):
        if line.rstrip() == FENCE:
            return "\n".join(lines[1:index]), "\n".join(lines[index + 1 :]), index + 2
    raise PromptError(f"{path}:1: the front matter is never closed", hint=f"end it with a line that is only {FENCE}")


def parse(source: str, path: Path) -> FrontMatter:
    """Read a front matter.

    Args:
        source: The YAML between the two `---` lines.
        path: For the error message.

    Raises:
        PromptError: It is no YAML, or says something that nobody understands; file, line and key are named.
    """
    from llmgine_cli.prompting.strictyaml import load_mapping

    data = load_mapping(source, path)
    _refuse_unknown(path, "", data, FrontMatter)
    _refuse_unknown(path, "input.", _mapping(data.get("input")), Inputs)
    _refuse_unknown(path, "output.", _mapping(data.get("output")), Output)
    for name, about in _mapping(_mapping(data.get("input")).get("schema")).items():
        _refuse_unknown(path, f"input.schema.{name}.", _mapping(about), InputField)
    try:
        return convert({key: value for key, value in data.items() if value is not None}, FrontMatter)
    except ValidationError as error:
        raise PromptError(f"{path}: {_readable(error)}") from error


def _mapping(value: object) -> Mapping[Any, object]:
    """What is no mapping is left to `convert`, which says it better."""
    return cast("dict[Any, object]", value) if isinstance(value, dict) else {}


def _refuse_unknown(path: Path, prefix: str, data: Mapping[Any, object], kind: type[Struct]) -> None:
    for key in data:
        if key not in kind.__struct_fields__:
            raise PromptError(
                f"{path}: the front matter has an unknown key {prefix}{key}",
                hint=near_miss(str(key), kind.__struct_fields__),
            )


def _readable(error: ValidationError) -> str:
    """Turn ``Expected `str`, got `int` - at `$.model` `` into a sentence that begins with the key."""
    what, _, where = str(error).partition(" - at ")
    key = where.strip("`").removeprefix("$.").replace("[...]", "")
    what = what[:1].lower() + what[1:]
    return f"front matter: {key}: {what.replace('`', '')}" if key else f"front matter: {what}"
