"""What some models want otherwise than the rest of their vendor's, as data."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

Protocol: TypeAlias = Literal["chat", "responses", "anthropic", "local", "echo", "installed"]
Form: TypeAlias = Literal["json_schema", "json_object"]
SystemRole: TypeAlias = Literal["system", "developer", "user"]


@dataclass(frozen=True, kw_only=True)
class Quirk:
    """What some models of a vendor want otherwise. Of several that apply, the later has the last word.

    Options are named as in `ModelOptions`.

    Attributes:
        models: Regular expression that matches from the start of the model's name.
        unless: A field, and the value of it (or a tuple of values) that lifts this quirk; None: when it is not sent.
        drops: Options these models refuse; they are left out, which is told once.
        names: What these models call an option, where that is not what the vendor calls it; None: they have none.
        with_tools: Fields to send whenever tools are offered, unless the user sets them.
        efforts: Reasoning effort as we call it → what is sent: another effort, or fields instead of one.
        budgets: Reasoning effort → tokens to think, for models that count and know no effort.
        least: Option → the smallest number they take; a smaller one is raised, which is told once.
        most: Option → the largest number they take (of `stop`: how many texts); more is cut, which is told once.
        forced_tools: Whether they can be made to call a tool.
        formats: How they can be held to JSON: to a schema, or to any object.
        formats_with_tools: Whether also when they are offered tools.
        images: Whether they take pictures.
        system_role: Who says the system message; "user": it opens the first message of the user.
        protocol: The wire format they are better served in, or served in at all; of several, the first counts.
    """

    models: str
    unless: tuple[str, Any] | None = None
    drops: tuple[str, ...] = ()
    names: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    with_tools: Mapping[str, Any] = field(default_factory=dict[str, Any])
    efforts: Mapping[str, str | Mapping[str, Any]] = field(default_factory=dict[str, str | Mapping[str, Any]])
    budgets: Mapping[str, int] = field(default_factory=dict[str, int])
    least: Mapping[str, int] = field(default_factory=dict[str, int])
    most: Mapping[str, int] = field(default_factory=dict[str, int])
    forced_tools: bool | None = None
    formats: tuple[Form, ...] | None = None
    formats_with_tools: bool | None = None
    images: bool | None = None
    system_role: SystemRole | None = None
    protocol: Protocol | None = None

    def applies(self, model: str) -> bool:
        """Whether it is about this model."""
        return re.match(self.models, model) is not None

    def holds(self, fields: Mapping[str, Any]) -> bool:
        """Whether a request with these fields leaves it in force."""
        if self.unless is None:
            return True
        name, values = self.unless
        return fields.get(name) not in (values if isinstance(values, tuple) else (values,))


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What all quirks together say of one model; the fields are those of `Quirk`."""

    drops: frozenset[str]
    names: Mapping[str, str | None]
    with_tools: Mapping[str, Any]
    efforts: Mapping[str, str | Mapping[str, Any]]
    budgets: Mapping[str, int]
    least: Mapping[str, int]
    most: Mapping[str, int]
    forced_tools: bool
    formats: tuple[Form, ...]
    formats_with_tools: bool
    images: bool
    system_role: SystemRole

    def formats_for(self, tools: Sequence[object]) -> tuple[Form, ...]:
        """How they can be held to JSON when they are offered these tools."""
        return self.formats if self.formats_with_tools or not tools else ()


def traits_of(names: Mapping[str, str | None], quirks: Iterable[Quirk]) -> Traits:
    """Return what quirks that hold say together.

    Args:
        names: What the vendor calls options.
        quirks: The later has the last word.
    """
    those = list(quirks)

    def all_of(name: str) -> dict[str, Any]:
        return {key: value for quirk in those for key, value in getattr(quirk, name).items()}

    def last(name: str, default: Any) -> Any:
        said = (getattr(quirk, name) for quirk in reversed(those))
        return next((value for value in said if value is not None), default)

    return Traits(
        drops=frozenset(option for quirk in those for option in quirk.drops),
        names={**names, **all_of("names")},
        with_tools=all_of("with_tools"),
        efforts=all_of("efforts"),
        budgets=all_of("budgets"),
        least=all_of("least"),
        most=all_of("most"),
        forced_tools=last("forced_tools", default=True),
        formats=last("formats", ("json_schema", "json_object")),
        formats_with_tools=last("formats_with_tools", default=True),
        images=last("images", default=True),
        system_role=last("system_role", "system"),
    )


def quirk_of(given: Mapping[str, Any]) -> Quirk:
    """Return a quirk that is given as a table: with lists for tuples, `unless` as a table, names as for `names_of`."""
    said = {key: _frozen(value) for key, value in given.items()}
    for name, values in given.get("unless", {}).items():
        said["unless"] = (name, _frozen(values))
    said["names"] = names_of(said.get("names", {}))
    return Quirk(**said)


def _frozen(value: Any) -> Any:
    return tuple(cast("list[object]", value)) if isinstance(value, list) else value


def names_of(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table of names in which false stood for a name that is not there: TOML has no word for nothing."""
    return {key: None if value is False else value for key, value in table.items()}
