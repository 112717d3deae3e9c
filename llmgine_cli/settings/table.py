"""What the tables of the settings are made of: typed fields, each with the words that explain it.

They are structs of msgspec, which are made and checked in the time it takes to load pydantic; pydantic comes where
something is wrong, to say what (see `checking`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, NamedTuple, TypeGuard, get_args, get_origin, get_type_hints

from msgspec import NODEFAULT, Meta, Struct
from msgspec.structs import fields as struct_fields

from llmgine_cli.trust import names_a_model_file

DAY = 86_400.0  # seconds; what waits longer waits for ever
FINITE = {"finite": True}
"""For `Meta.extra`: a number that is neither infinite nor none, in the words of pydantic."""
HIDDEN = {"hidden": True}
"""For `Meta.extra`: a setting that may hold secrets, and is not shown where a table is."""


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A table with known keys."""

    def __post_init__(self) -> None:
        """Check what is marked with `Check`."""
        for name, check in _checks(type(self)):
            check.function(getattr(self, name))

    def __repr__(self) -> str:
        """Show what is set, and nothing that may be secret."""
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Tell Rich the same: msgspec's own way shows everything."""
        return [
            (name, value)
            for name, field in fields(type(self)).items()
            if not field.hidden and (value := getattr(self, name)) != field.default
        ]


@dataclass(frozen=True)
class Check:
    """Marks a setting whose value must pass a function, which raises ValueError.

    Attributes:
        function: It.
        kind: A type that says the same, for pydantic, whose words about it are better.
    """

    function: Callable[[Any], object]
    kind: Any = None


@dataclass(frozen=True)
class Harmless:
    """Marks a setting that counts even in a folder nobody trusted.

    Harmless is what cannot say where data or keys are sent, what runs without asking, or where files are written.
    Without this mark a setting is not.

    Attributes:
        accepts: Whether this value is harmless too.
    """

    accepts: Callable[[Any], bool] = lambda _: True


def _is_plain_name(value: Any) -> bool:
    """Not the path of a file: naming one runs it, and only the user's own words may do that."""
    return isinstance(value, str) and not any(mark in value for mark in ("/", "\\", ".py"))


def _is_no_model_file(value: Any) -> bool:
    return not (isinstance(value, str) and names_a_model_file(value))


HARMLESS = Harmless()
NAME = Harmless(_is_plain_name)
MODEL = Harmless(_is_no_model_file)


class Field(NamedTuple):
    """A setting, or a table in a table.

    Attributes:
        kind: Its type, without the marks.
        default: What it is when nobody says; None as well for one that must be said.
        required: Whether it must be said.
        marks: Its marks.
        description: What it is for.
        examples: Values that make sense.
    """

    kind: Any
    default: Any
    required: bool
    marks: tuple[Any, ...] = ()
    description: str | None = None
    examples: tuple[Any, ...] = ()

    @property
    def hidden(self) -> bool:
        """Whether it may hold secrets."""
        return any(isinstance(mark, Meta) and (mark.extra or {}).get("hidden") for mark in self.marks)

    @property
    def harmless(self) -> Harmless | None:
        """Its mark, if it is harmless."""
        return next((mark for mark in self.marks if isinstance(mark, Harmless)), None)

    @property
    def table(self) -> type[Table] | None:
        """What it is, if it is a table with known keys."""
        return self.kind if is_table(self.kind) else None

    @property
    def row(self) -> type[Table] | None:
        """What its rows are, if it is a list of tables with known keys."""
        of = get_args(self.kind) if get_origin(self.kind) is list else ()
        return of[0] if of and is_table(of[0]) else None


def is_table(kind: Any) -> TypeGuard[type[Table]]:
    """Whether a type is that of a table with known keys."""
    return isinstance(kind, type) and issubclass(kind, Table)


@cache
def _checks(table: type[Table]) -> list[tuple[str, Check]]:
    """The checks of a table; without `get_type_hints`, which takes longer than all of them."""
    return [
        (name, mark)
        for cls in table.__mro__
        for name, hint in vars(cls).get("__annotations__", {}).items()
        if get_origin(hint) is Annotated
        for mark in hint.__metadata__
        if isinstance(mark, Check)
    ]


@cache
def fields(table: type[Table]) -> dict[str, Field]:
    """Return the settings of a table by name, in their order."""
    hints = get_type_hints(table, include_extras=True)
    return {each.name: _field(hints[each.name], _default(each), each.required) for each in struct_fields(table)}


def _default(field: Any) -> Any:
    if field.default_factory is not NODEFAULT:
        return field.default_factory()
    return None if field.default is NODEFAULT else field.default


def _field(hint: Any, default: Any, required: bool) -> Field:
    if get_origin(hint) is not Annotated:
        return Field(hint, default, required)
    kind, *marks = get_args(hint)
    said = next((mark for mark in marks if isinstance(mark, Meta)), Meta())
    return Field(kind, default, required, tuple(marks), said.description, tuple(said.examples or ()))
