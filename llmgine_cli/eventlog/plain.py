"""Any Python value as what JSON can hold. Nothing raises: what has no better form becomes its marked `repr`.

::

    Path, Enum, set, tuple, datetime …   as one would write it in JSON; the field's type brings it back
    nan, inf                             "NaN", "Infinity", "-Infinity", as in protobuf's JSON mapping
    command, event                       an object with its `command_type` or `event_type`
    exception                            {"$exception": class, "args": [...], "state": {...}}
    anything else                        {"$repr": text, "type": class}
"""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from math import isfinite
from pathlib import PurePath
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec

from llmgine_cli.bus import UnknownEvent
from llmgine_cli.bus.messages import BusMessage
from llmgine_cli.eventlog.layout import layout
from llmgine_cli.eventlog.times import to_text

LONGEST_REPR = 2000  # characters
DEEPEST = 100  # levels of nesting
_NATIVE = (bytes, bytearray, memoryview, datetime, date, time, timedelta, UUID, Decimal)
_CLOSED = frozenset({str, int, bool, NoneType, bytes, datetime, date, time, timedelta, UUID, Decimal})
_CONTAINERS = frozenset({list, tuple, set, frozenset, Union, UnionType})


class Opaque(msgspec.Struct, frozen=True):
    """Stands for a value that JSON cannot hold: its `repr`, and the name of its class."""

    text: str
    type_name: str


def plain(value: Any) -> Any:
    """Return the value as dicts, lists and scalars."""
    return _plain(value, ())


def unknown_to_encoder(value: Any) -> Any:
    """Return the plain form of a value the encoder met and does not know.

    Raises:
        TypeError: It is a container with odd keys, which only the whole walk of `plain` can handle.
    """
    if issubclass(type(value), (tuple, list, dict, str, int, float, NoneType)):
        raise TypeError(f"no JSON form for {type(value).__name__} here")
    return plain(value)


def special_float(value: Any) -> Any:
    """Return a float as it is, or the name of what JSON has no number for."""
    if not isinstance(value, float) or isfinite(value):
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"  # noqa: PLR0124 -- the test for NaN


def message_fields(message: BusMessage, above: tuple[int, ...] = ()) -> dict[str, Any]:
    """Return the object that stands for a message, without the version."""
    shape = layout(type(message))
    values: dict[str, Any] = {
        key: _plain(_attribute(message, attribute), above)
        for key, attribute in zip(shape.keys, shape.attributes, strict=True)
    }
    values["timestamp"] = to_text(message.time_ns)
    if isinstance(message, UnknownEvent):  # read from a log: it is written as it was
        data = values.pop("data")
        return {"event_type": values.pop("type_name"), **values, **{k: v for k, v in data.items() if k not in values}}
    return {shape.kind: shape.name, **values}


@lru_cache(maxsize=1024)
def closed(hint: Any) -> bool:
    """Whether the encoder can write every value of this type by itself, and it reads back as the same."""
    return _closed(hint, ())


def prepare(hint: Any) -> Callable[[Any], Any] | None:
    """Return what must be done to a field of this type before the encoder sees it; None if nothing."""
    if hint is float or set(get_args(hint)) == {float, NoneType}:
        return special_float
    if closed(hint):
        return None
    one = next((argument for argument in get_args(hint) if argument is not NoneType), hint)
    return _plain_if_odd(one) if isinstance(one, type) and issubclass(one, msgspec.Struct) else plain


def _plain_if_odd(cls: type[Any]) -> Callable[[Any], Any]:
    """Return what leaves a struct of this class to the encoder, which is quicker, unless something in it needs more."""
    try:
        hints = get_type_hints(cls)
    except Exception:  # noqa: BLE001 -- as above
        return plain
    suspect = [name for name in cls.__struct_fields__ if not closed(hints[name])]

    def change(value: Any) -> Any:
        if type(value) is cls and not any(_is_odd(getattr(value, name)) for name in suspect):
            return value
        return plain(value)

    return change


def _is_odd(value: Any) -> bool:
    return not (value is None or value == {} or (type(value) is float and isfinite(value)) or type(value) is int)


def _attribute(message: BusMessage, name: str) -> Any:
    try:
        return getattr(message, name)
    except Exception as error:  # noqa: BLE001 -- a field may be a property of the user's
        return Opaque(f"<reading it raised {type(error).__name__}>", _name(type(error)))


def _closed(hint: Any, above: tuple[Any, ...]) -> bool:
    if hint in _CLOSED or hint in above:
        return True
    origin = get_origin(hint)
    if origin is Literal:
        return True
    if origin in _CONTAINERS:
        return all(argument is Ellipsis or _closed(argument, above) for argument in get_args(hint))
    if not isinstance(hint, type):
        return False
    if issubclass(hint, Enum):
        return all(isinstance(member.value, str | int) for member in hint)
    return issubclass(hint, msgspec.Struct) and _closed_struct(hint, (*above, hint))


def _closed_struct(cls: type[Any], above: tuple[Any, ...]) -> bool:
    try:
        hints = get_type_hints(cls)
    except Exception:  # noqa: BLE001 -- an annotation is user code, or a name that exists for the type checker only
        return False
    return all(_closed(hints[name], above) for name in cls.__struct_fields__)


def _plain(value: Any, above: tuple[int, ...]) -> Any:
    kind = _class(value)
    if kind is str:
        return value if value.isascii() else _scrub(value)
    if kind in {int, bool, NoneType}:
        return value
    if isinstance(value, Enum):
        return _plain(value.value, above)
    if isinstance(value, float):
        return special_float(float(value))
    if isinstance(value, str):
        return _scrub(str.__str__(value))
    if isinstance(value, int):
        return int(value)
    if isinstance(value, _NATIVE):
        return _native(value)
    if id(value) in above or len(above) > DEEPEST:
        return _opaque(f"<{kind.__name__}: contains itself, or is too deep>", _name(kind))
    try:
        return _structure(value, (*above, id(value)))
    except Exception:  # noqa: BLE001 -- attributes and methods of foreign objects may do anything
        return _repr(value)


def _structure(value: Any, above: tuple[int, ...]) -> Any:
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value, above)
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name), above) for field in fields(value)}
    dump = getattr(value, "model_dump", None)  # pydantic, not imported for it
    return _repr(value) if dump is None else _plain(dump(mode="json"), above)


def _mapping(value: Mapping[Any, Any], above: tuple[int, ...]) -> Any:
    return {_key(key): _plain(item, above) for key, item in value.items()}


def _items(value: Iterable[Any], above: tuple[int, ...]) -> Any:
    return [_plain(item, above) for item in value]


def _exception(value: BaseException, above: tuple[int, ...]) -> Any:
    state = {key: item for key, item in vars(value).items() if key != "__notes__"}
    return {
        "$exception": type(value).__name__,
        "args": _plain(list(value.args), above),
        "state": _plain(state, above),
    }


def _struct(value: msgspec.Struct, above: tuple[int, ...]) -> Any:
    config = value.__struct_config__
    parts = {field.encode_name: _plain(getattr(value, field.name), above) for field in msgspec.structs.fields(value)}
    if config.array_like:
        return [*([] if config.tag is None else [config.tag]), *parts.values()]
    return parts if config.tag is None else {config.tag_field: config.tag, **parts}


def _native(value: Any) -> Any:
    return msgspec.to_builtins(bytes(value) if type(value) in {bytearray, memoryview} else value)


def _key(key: Any) -> str:
    plain_key = _plain(key, ())
    if isinstance(plain_key, str):
        return plain_key
    return msgspec.json.encode(plain_key).decode()


def _scrub(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _repr(value: object) -> dict[str, str]:
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 -- a repr is foreign code
        text = f"<{type(value).__name__}: its repr raised {type(error).__name__}>"
    return _opaque(text if len(text) <= LONGEST_REPR else text[: LONGEST_REPR - 1] + "…", _name(_class(value)))


def _opaque(text: str, type_name: str) -> dict[str, str]:
    return {"$repr": _scrub(text), "type": _scrub(type_name)}


def _class(value: object) -> type[Any]:
    return type(value)


def _name(kind: type[Any]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


# Looked through in this order.
_WRITERS: tuple[tuple[Any, Callable[[Any, tuple[int, ...]], Any]], ...] = (
    (type, lambda value, _: _repr(value)),
    (BusMessage, message_fields),
    (Opaque, lambda value, _: _opaque(value.text, value.type_name)),
    (msgspec.Struct, _struct),
    (Mapping, _mapping),
    ((list, tuple, AbstractSet), _items),
    (PurePath, lambda value, _: _scrub(str(value))),
    (BaseException, _exception),
)
