"""How a class of messages is laid out in a line of the log: which fields, under which names, in which order."""

from dataclasses import Field, dataclass, fields
from functools import lru_cache
from typing import Any, TypeVar, get_type_hints

from llmgine_cli.bus import Command

T = TypeVar("T")

# A message's own field of one of these names is written as "own.NAME", lest it be taken for the line's.
_RESERVED_IN_EVENT = frozenset({"v", "event_type", "timestamp"})
_RESERVED_IN_COMMAND = _RESERVED_IN_EVENT | {"command_type"}
_BASE = ("session_id", "parent_id", "metadata")


@dataclass(frozen=True)
class Layout:
    """The layout of one message class.

    Attributes:
        kind: The key that holds the class's name.
        name: The class's name.
        attributes: What is read from the message, in the order of the line.
        keys: What it is called in the line; the second is always `timestamp`.
        hints: The types of the fields, for those that could be resolved.
    """

    kind: str
    name: str
    attributes: tuple[str, ...]
    keys: tuple[str, ...]
    hints: dict[str, Any]


def layout(cls: Any) -> Layout:
    """Return how messages of this class are laid out."""
    made: Layout = _layout(cls)
    return made


@lru_cache(maxsize=1024)
def _layout(cls: type[Any]) -> Layout:
    command = issubclass(cls, Command)
    kind, own_id = ("command_type", "command_id") if command else ("event_type", "event_id")
    reserved = _RESERVED_IN_COMMAND if command else _RESERVED_IN_EVENT
    first = (own_id, "time_ns", *_BASE)
    own = tuple(field.name for field in fields(cls) if field.name not in first)
    return Layout(
        kind=kind,
        name=cls.__name__,
        attributes=first + own,
        keys=(own_id, "timestamp", *_BASE, *(f"own.{name}" if name in reserved else name for name in own)),
        hints=_hints(cls),
    )


def _hints(cls: type[Any]) -> dict[str, Any]:
    hints: dict[str, Any] = {}
    found: dict[str, Field[Any]] = {}
    for base in reversed(cls.__mro__):
        for name, field in vars(base).get("__dataclass_fields__", {}).items():
            if found.get(name) is field:  # inherited: its type is a name in the module of the base
                continue
            found[name] = field
            # One by one: a name that exists for the type checker only must not cost the other fields their types.
            alone = type(base.__name__, (), {"__annotations__": {name: field.type}, "__module__": base.__module__})
            try:
                hints |= get_type_hints(alone)
            except Exception:  # noqa: BLE001 -- an annotation is user code; without a type the value stays as it is
                hints.pop(name, None)
    return hints


def loaded(root: type[T], name: str) -> list[type[T]]:
    """Return `root` and the loaded classes derived from it that have that name, the newest of a family first."""
    found: list[type[T]] = []
    stack: list[type[T]] = [root]
    seen: set[type[T]] = set()
    while stack:
        cls = stack.pop()
        if cls not in seen:
            seen.add(cls)
            stack.extend(cls.__subclasses__())
            if cls.__name__ == name:
                found.append(cls)
    return found
