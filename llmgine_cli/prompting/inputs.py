"""The values of placeholders: what the front matter says of them, and whether a value is what it says."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from llmgine_cli.errors import PromptError, near_miss
from llmgine_cli.prompting.body import text_of
from llmgine_cli.prompting.frontmatter import InputField, Inputs, Scalar, TypeName

_TYPES: tuple[TypeName, ...] = get_args(TypeName)


@dataclass(frozen=True)
class Input:
    """A placeholder as the front matter describes it.

    Attributes:
        name: As in `{name}`.
        type: What its value must look like.
        description: What it is for.
        enum: The values it may have; empty when there is a free choice.
        default: Its value when none is given; None when one must be.
    """

    name: str
    type: TypeName = "string"
    description: str = ""
    enum: tuple[Scalar, ...] = ()
    default: Scalar | None = None

    def value(self, given: object) -> Scalar:
        """Return the value as what the type says; text, as from a command line, is converted.

        Raises:
            ValueError: It is something else; the message says what was wanted.
        """
        value = _CONVERT[self.type](given)
        if self.enum and value not in self.enum:
            allowed = [text_of(choice) for choice in self.enum]
            raise ValueError(f"must be one of {', '.join(allowed)}, not {text_of(value)!r}")
        return value


def read_inputs(inputs: Inputs, path: Path) -> dict[str, Input]:
    """Return what the front matter says of each placeholder.

    Raises:
        PromptError: A type is unknown, or a default is not what its schema says.
    """
    read: dict[str, Input] = {}
    for name in [*inputs.schema, *(name for name in inputs.default if name not in inputs.schema)]:
        about = inputs.schema.get(name, InputField())
        if isinstance(about, str):
            about = _short_form(name, about, path)
        found = Input(name, about.type, about.description, about.enum)
        if name in inputs.default:
            try:
                default = found.value(inputs.default[name])
            except ValueError as error:
                raise PromptError(f"{path}: front matter: input.default.{name} {error}") from None
            found = Input(name, about.type, about.description, about.enum, default)
        read[name] = found
    return read


def check_values(inputs: Mapping[str, Input], values: Mapping[str, Any], template: str) -> dict[str, Scalar]:
    """Return the values as what their types say.

    Raises:
        PromptError: A value is not what the front matter says.
    """
    checked: dict[str, Scalar] = {}
    for name, value in values.items():
        try:
            checked[name] = inputs.get(name, Input(name)).value(value)
        except ValueError as error:
            raise PromptError(f"prompt {template!r}: the value of {name} {error}") from None
    return checked


def _short_form(name: str, text: str, path: Path) -> InputField:
    """`integer, how many words` is a type and a description."""
    kind, _, description = text.partition(",")
    kind = kind.strip()
    if kind not in _TYPES:
        raise PromptError(
            f"{path}: front matter: input.schema.{name} has an unknown type {kind!r}", hint=near_miss(kind, _TYPES)
        )
    return InputField(type=kind, description=description.strip())


def _string(given: object) -> Scalar:
    return text_of(given) if isinstance(given, str | int | float | bool) else str(given)


def _integer(given: object) -> Scalar:
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    try:
        return int(given) if isinstance(given, str) else _fail(given)
    except ValueError:
        raise ValueError(f"must be an integer, not {given!r}") from None


def _number(given: object) -> Scalar:
    if isinstance(given, int | float) and not isinstance(given, bool):
        return given
    try:
        return float(given) if isinstance(given, str) else _fail(given)
    except ValueError:
        raise ValueError(f"must be a number, not {given!r}") from None


def _boolean(given: object) -> Scalar:
    if isinstance(given, bool):
        return given
    if given in ("true", "false"):
        return given == "true"
    raise ValueError(f"must be true or false, not {given!r}")


def _fail(given: object) -> Scalar:
    raise ValueError(given)


_CONVERT = {"string": _string, "integer": _integer, "number": _number, "boolean": _boolean}
