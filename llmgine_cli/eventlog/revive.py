"""Plain JSON values back to what they were, as the types of a message's fields say."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from enum import Enum
from math import inf, nan
from pathlib import PurePath
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from llmgine_cli.bus import Command, Event, UnknownEvent
from llmgine_cli.bus.messages import BusMessage
from llmgine_cli.errors import LlmgineError
from llmgine_cli.eventlog.layout import Layout, layout, loaded
from llmgine_cli.eventlog.plain import Opaque, plain
from llmgine_cli.eventlog.times import from_text

_SPECIAL_FLOATS = {"NaN": nan, "Infinity": inf, "-Infinity": -inf}
_ROOTS: dict[str, type[BusMessage]] = {"event_type": Event, "command_type": Command}


class NoFitError(LlmgineError):
    """No loaded class fits the data."""


def revive_message(line: Mapping[str, Any], wanted: type[BusMessage] = BusMessage) -> BusMessage:
    """Make a message of the object that stands for it.

    Args:
        line: The object, version or not.
        wanted: What it must be an instance of.

    Raises:
        NoFitError: No loaded class of that name fits.
    """
    kind = "event_type" if "event_type" in line else "command_type"
    name = line.get(kind)
    reason: Exception | None = None
    for cls in loaded(_ROOTS[kind], name) if isinstance(name, str) else ():
        # Old classes of the same name may be about, of a file that was loaded twice: the newest that fits is taken.
        if issubclass(cls, wanted) and cls is not UnknownEvent:
            try:
                return _make(cls, layout(cls), line)
            except Exception as error:  # noqa: BLE001 -- a class's own __post_init__ may refuse in any way
                reason = error
    raise NoFitError(f"no loaded class fits {name!r}") from reason


def revive(value: Any, hint: Any) -> Any:
    """Make of a plain value what the type says.

    Raises:
        NoFitError: It cannot be.
    """
    if hint is Any or hint is object or isinstance(hint, TypeVar):
        return value
    if isinstance(value, dict) and value.keys() == {"$repr", "type"}:
        return Opaque(value["$repr"], value["type"])
    origin = get_origin(hint) or hint
    arguments = get_args(hint)
    if origin is Annotated:
        return revive(value, arguments[0])
    if origin in {Union, UnionType}:
        return _one_of(value, arguments)
    if isinstance(origin, type):
        return _instance(value, origin, arguments, hint)
    return _convert(value, hint)


def _make(cls: type[BusMessage], shape: Layout, line: Mapping[str, Any]) -> BusMessage:
    values: dict[str, Any] = {}
    for name, key in zip(shape.attributes, shape.keys, strict=True):
        if key in line:
            values[name] = from_text(line[key]) if name == "time_ns" else revive(line[key], shape.hints.get(name, Any))
    # Absent ids were absent when it was written; the defaults would take them from where we stand now.
    values.setdefault("session_id", None)
    values.setdefault("parent_id", None)
    return _construct(cls, values)


def _construct(cls: type[Any], values: dict[str, Any]) -> Any:
    later = {field.name for field in fields(cls) if not field.init}
    made = cls(**{name: value for name, value in values.items() if name not in later})
    for name in later & values.keys():
        object.__setattr__(made, name, values[name])  # frozen or not
    return made


def _one_of(value: Any, choices: tuple[Any, ...]) -> Any:
    if value is None and NoneType in choices:
        return None
    # A text is a text before it is a path, and tags tell structs apart: first what fits as it stands, as one type.
    try:
        return _convert(value, Union[choices])  # noqa: UP007 -- made at run time
    except NoFitError:
        pass
    for choice in choices:
        try:
            return revive(value, choice)
        except Exception:  # noqa: BLE001, S112, PERF203 -- the next one may fit
            continue
    raise NoFitError("no member of the union fits")


def _instance(value: Any, cls: type[Any], arguments: tuple[Any, ...], hint: Any) -> Any:
    if issubclass(cls, BusMessage):
        if not isinstance(value, dict):
            raise NoFitError(f"no {cls.__name__}")
        return revive_message(value, cls)
    if cls is float:
        return _SPECIAL_FLOATS[value] if value in _SPECIAL_FLOATS else _convert(value, float)
    if issubclass(cls, Enum):
        return _member(value, cls)
    if issubclass(cls, PurePath):
        return cls(_convert(value, str))
    if issubclass(cls, BaseException):
        return _exception(value, cls)
    if is_dataclass(cls):
        return _dataclass(value, cls)
    if issubclass(cls, tuple) and cls is not tuple:
        return _convert(value, hint)
    if issubclass(cls, Mapping):
        return _mapping(value, arguments)
    if issubclass(cls, Sequence | Set) and not issubclass(cls, str | bytes | bytearray | memoryview):
        return _collection(value, cls, arguments)
    validate: Callable[[Any], Any] | None = getattr(cls, "model_validate", None)
    return _convert(value, hint) if validate is None else validate(value)


def _convert(value: Any, hint: Any) -> Any:
    def refuse(kind: type[Any], _: Any) -> Any:
        raise NoFitError(f"no {kind.__name__}")

    try:
        return msgspec.convert(value, hint, dec_hook=refuse)
    except (msgspec.ValidationError, TypeError, NotImplementedError) as error:
        raise NoFitError(str(error)) from error


def _dataclass(value: Any, cls: type[Any]) -> Any:
    hints = get_type_hints(cls)
    known = {field.name for field in fields(cls)}
    if not isinstance(value, dict) or not value.keys() <= known:
        raise NoFitError(f"no {cls.__name__}")
    return _construct(cls, {name: revive(item, hints[name]) for name, item in value.items()})


def _mapping(value: Any, arguments: tuple[Any, ...]) -> Any:
    if not isinstance(value, dict):
        raise NoFitError("no mapping")
    key_hint, item_hint = arguments if len(arguments) == 2 else (Any, Any)
    return {_key(key, key_hint): revive(item, item_hint) for key, item in value.items()}


def _key(key: str, hint: Any) -> Any:
    if hint is Any or hint is str:
        return key
    try:
        return msgspec.convert(key, hint, strict=False, str_keys=True)
    except (msgspec.ValidationError, TypeError):
        return revive(key, hint)


def _collection(value: Any, cls: type[Any], arguments: tuple[Any, ...]) -> Any:
    if not isinstance(value, list):
        raise NoFitError(f"no {cls.__name__}")
    if cls is tuple and arguments and arguments[-1] is not Ellipsis:
        if len(arguments) != len(value):
            raise NoFitError(f"{len(value)} items for a tuple of {len(arguments)}")
        return tuple(revive(item, hint) for item, hint in zip(value, arguments, strict=True))
    items = [revive(item, arguments[0]) for item in value] if arguments else value
    if cls in {Sequence, Set}:
        cls = tuple if cls is Sequence else frozenset
    return cls(items) if cls is not list else items


def _member(value: Any, cls: type[Enum]) -> Any:
    try:
        return cls(value)
    except (ValueError, TypeError):
        for member in cls:
            if plain(member.value) == value:
                return member
    raise NoFitError(f"no {cls.__name__}")


def _exception(value: Any, cls: type[BaseException]) -> BaseException:
    """Make the exception as pickle would, but without its `__init__`: a log is data, and runs nobody's code."""
    if not isinstance(value, dict) or "$exception" not in value:
        raise NoFitError(f"no {cls.__name__}")
    for kind in loaded(cls, value["$exception"]):
        error = kind.__new__(kind, *value["args"])
        error.args = tuple(value["args"])
        vars(error).update(value["state"])
        return error
    raise NoFitError(f"no exception named {value['$exception']!r} is loaded")
