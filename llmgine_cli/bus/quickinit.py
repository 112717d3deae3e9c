"""A quicker `__init__` for message classes of which many are made.

What `dataclass` writes for a frozen class sets each field through `object.__setattr__` and calls a function for each
default; ours fills the instance's dictionary and has the usual defaults in place, which takes a third of the time. A
class of which a few are made keeps the slow one: writing another takes as long as a hundred messages.
"""

import inspect
import time
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from types import MemberDescriptorType
from typing import Any

from llmgine_cli.bus import ids
from llmgine_cli.bus.scope import current_scope, scope_parent, scope_session

MANY = 16  # messages of a class, after which its `__init__` is replaced


class _Unset:
    """The default of a parameter whose value is made anew for each message."""

    def __repr__(self) -> str:
        return "<factory>"


_UNSET = _Unset()
_NAMES: dict[str, Any] = {
    "_self": None,
    "_values": None,
    "_moment": None,
    "_unset": _UNSET,
    "_set": object.__setattr__,
    "_scope": current_scope.get,
    "_now": time.time_ns,
    "_pack": ids.pack,
    "_ids": ids.source,
    "_new_id": ids.new_id,
    "_counted": ids.COUNTED,
}
_ID = "_pack(_moment, next(_ids.count) & _counted).hex() + _ids.process"
_IN_PLACE: tuple[tuple[Any, str], ...] = (
    (scope_session, "_scope()[0]"),
    (scope_parent, "_scope()[1]"),
    (time.time_ns, "_moment := _now()"),
    (dict[str, Any], "{}"),
    # The time just taken serves for the id as well; one that was given says nothing about when this was made.
    (ids.new_id, "_new_id() if _moment is None else " + _ID),
)


class QuickInit:
    """The base of frozen dataclasses of which many are made.

    A class with a `__post_init__` of its own stays as `dataclass` made it.
    """

    __slots__ = ()

    def __post_init__(self, *_: object) -> None:
        """Called by the `__init__` that `dataclass` wrote: count one more use of it, and replace it after many."""
        frame = inspect.currentframe()
        caller = frame.f_back if frame is not None else None
        for owner in type(self).__mro__:
            init: Any = vars(owner).get("__init__")
            if caller is not None and getattr(init, "__code__", None) is caller.f_code:
                init.uses = uses = getattr(init, "uses", 0) + 1
                if uses == MANY and all(field.init and field.name not in _NAMES for field in fields(owner)):
                    owner.__init__ = _written(owner, init)  # type: ignore[misc]  # that is the point
                return


def _written(owner: type[Any], slow: Callable[..., None]) -> Callable[..., None]:
    """Return an `__init__` of the same signature that does what the slow one does."""
    names = dict(_NAMES)
    positional: list[str] = []
    by_keyword: list[str] = []
    body: list[str] = []
    for field in fields(owner):
        value, default = _value(field, names)
        (by_keyword if field.kw_only else positional).append(field.name + default)
        slotted = isinstance(getattr(owner, field.name, None), MemberDescriptorType)
        body.append(f" _set(_self, {field.name!r}, {value})\n" if slotted else f" _values[{field.name!r}] = {value}\n")
    parameters = ", ".join(["_self", *positional, *(["*", *by_keyword] if by_keyword else [])])
    made: dict[str, Any] = {}
    # As `dataclass` itself does it; the names of fields are identifiers, and nothing else of a user's is in the text.
    exec(f"def __init__({parameters}):\n _values = _self.__dict__\n _moment = None\n{''.join(body)}", names, made)  # noqa: S102
    init: Callable[..., None] = made["__init__"]
    init.__module__, init.__qualname__, init.__doc__ = slow.__module__, slow.__qualname__, slow.__doc__
    init.__annotations__ = slow.__annotations__
    return init


def _value(field: "Field[Any]", names: dict[str, Any]) -> tuple[str, str]:
    """Return the expression for a field's value, and its parameter's default."""
    name, factory = field.name, field.default_factory
    if factory is not MISSING:
        names[f"_make_{name}"] = factory
        made = next((text for known, text in _IN_PLACE if known == factory), f"_make_{name}()")
        return f"({made}) if {name} is _unset else {name}", "=_unset"
    if field.default is MISSING:
        return name, ""
    names[f"_default_{name}"] = field.default
    return name, f"=_default_{name}"
