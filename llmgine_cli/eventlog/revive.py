"""Plain JSON values back to what they were, as the types of a message's fields say."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from enum import Enum
from math import inf, nan
from pathlib import PurePath
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from llmgine_cli.bus import Command, Event, UnknownEvent
from llmgine_cli.bus.messages import BusMessage
from llmgine_cli.errors import LlmgineError
from llmgine_cli.eventlog.layout import Layout, layout, loaded
from llmgine_cli.eventlog.plain import Opaque, closed, plain
from llmgine_cli.eventlog.times import from_text

_SPECIAL_FLOATS = {"NaN": nan, "Infinity": inf, "-Infinity": -inf}
_ROOTS: dict[str, type[BusMessage]] = {"event_type": Event, "command_type": Command}


class NoFitError(LlmgineError):
    """No loaded class fits the data."""


def revive_message(line: Mapping[str, Any], wanted: type[BusMessage] = BusMessage) -> BusMessage:
    """Make a message of the object that stands for it.

    Args:
        line: The object, with or without the version.
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
                return _message(cls, layout(cls), line)
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
    if opaque := _opaque(value):
        return opaque
    arguments = get_args(hint)
    origin: Any = get_origin(hint) or hint
    if origin is Annotated:
        return revive(value, arguments[0])
    if origin in {Union, UnionType}:
        return _one_of(value, arguments)
    if not isinstance(origin, type):
        return _convert(value, hint)
    for base, read in _READERS:
        if issubclass(origin, base):
            return read(value, origin, arguments)
    if is_dataclass(origin):
        return _dataclass(value, origin)
    validate: Callable[[Any], Any] | None = getattr(
        cast("Any", origin), "model_validate", None
    )  # pydantic, not imported for it
    return _convert(value, hint) if validate is None else validate(value)


def _message(cls: type[BusMessage], shape: Layout, line: Mapping[str, Any]) -> BusMessage:
    # Ids that are absent were absent when it was written; the defaults would take them from where we stand now.
    values: dict[str, Any] = {"session_id": None, "parent_id": None}
    for name, key in zip(shape.attributes, shape.keys, strict=True):
        if name == "time_ns":
            values[name] = from_text(line[key])
        elif key in line:
            values[name] = revive(line[key], shape.hints.get(name, Any))
    made: BusMessage = _construct(cls, values)
    return made


def _construct(cls: type[Any], values: Mapping[str, Any]) -> Any:
    later = {field.name for field in fields(cls) if not field.init}
    made = cls(**{name: value for name, value in values.items() if name not in later})
    for name in later & values.keys():
        object.__setattr__(made, name, values[name])  # frozen or not
    return made


def _one_of(value: Any, choices: tuple[Any, ...]) -> Any:
    if value is None and NoneType in choices:
        return None
    simple = tuple(choice for choice in choices if closed(choice))
    if simple:  # seen at once, for a tag tells structs apart; and a text is a text before it is a path
        try:
            return _convert(value, Union[simple])  # noqa: UP007 -- made at run time
        except NoFitError:
            pass
    for choice in choices:
        try:
            return revive(value, choice)
        except Exception:  # noqa: BLE001, S112 -- the next one may fit
            continue
    raise NoFitError("no member of the union fits")


def _convert(value: Any, hint: Any) -> Any:
    def refuse(kind: type[Any], _: Any) -> Any:
        raise NoFitError(f"no {kind.__name__}")

    try:
        return msgspec.convert(value, hint, dec_hook=refuse)
    except (msgspec.ValidationError, TypeError, NotImplementedError) as error:
        raise NoFitError(str(error)) from error


def _dataclass(value: Any, cls: type[Any]) -> Any:
    hints = get_type_hints(cls)
    values = _object(value)
    if not values.keys() <= {field.name for field in fields(cls)}:
        raise NoFitError(f"no {cls.__name__}")
    return _construct(cls, {name: revive(item, hints[name]) for name, item in values.items()})


def _struct(value: Any, cls: Any, _: tuple[Any, ...]) -> Any:
    try:
        return _convert(value, cls)
    except NoFitError:
        if closed(cls):
            raise
    # A float in it may be one of those that are written by name.
    config, hints = cls.__struct_config__, get_type_hints(cls)
    tagged = config.tag is not None
    if config.array_like:
        keys: Sequence[str] = [*([config.tag_field] if tagged else []), *cls.__struct_encode_fields__]
        items = dict(zip(keys, cast("Sequence[Any]", value), strict=False)) if isinstance(value, list) else {}
    else:
        items = _object(value)
    if tagged and items.get(config.tag_field) != config.tag:
        raise NoFitError(f"no {cls.__name__}")
    names = zip(cls.__struct_fields__, cls.__struct_encode_fields__, strict=True)
    return cls(**{name: revive(items[key], hints[name]) for name, key in names if key in items})


def _nested_message(value: Any, cls: type[Any], _: tuple[Any, ...]) -> Any:
    return revive_message(_object(value), cls)


def _float(value: Any, _: type[Any], __: tuple[Any, ...]) -> float:
    if isinstance(value, str) and value in _SPECIAL_FLOATS:
        return _SPECIAL_FLOATS[value]
    number: float = _convert(value, float)
    return number


def _path(value: Any, cls: type[Any], _: tuple[Any, ...]) -> Any:
    return cls(_convert(value, str))


def _scalar(value: Any, cls: type[Any], _: tuple[Any, ...]) -> Any:
    return _convert(value, cls)


def _mapping(value: Any, _: type[Any], arguments: tuple[Any, ...]) -> Any:
    key_hint, item_hint = arguments if len(arguments) == 2 else (Any, Any)
    return {_key(key, key_hint): revive(item, item_hint) for key, item in _object(value).items()}


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
    items = cast("Sequence[Any]", value)
    if issubclass(cls, tuple) and cls is not tuple:  # a NamedTuple
        return _convert(items, cls)
    if cls is tuple and arguments and arguments[-1] is not Ellipsis:
        if len(arguments) != len(items):
            raise NoFitError(f"{len(items)} items for a tuple of {len(arguments)}")
        return tuple(revive(item, hint) for item, hint in zip(items, arguments, strict=True))
    made = [revive(item, arguments[0]) for item in items] if arguments else items
    concrete: Any = tuple if cls is Sequence else frozenset if cls is AbstractSet else cls
    return concrete(made)


def _member(value: Any, cls: type[Any], _: tuple[Any, ...]) -> Any:
    try:
        return cls(value)
    except (ValueError, TypeError):
        for member in cast("type[Enum]", cls):
            if plain(member.value) == value:
                return member
    raise NoFitError(f"no {cls.__name__}")


def _exception(value: Any, cls: type[Any], _: tuple[Any, ...]) -> BaseException:
    """Make the exception as pickle would, but without its `__init__`: a log is data, and runs nobody's code."""
    shape = _object(value)
    for kind in loaded(cls, shape.get("$exception", "")):
        error: BaseException = kind.__new__(kind, *shape["args"])
        error.args = tuple(shape["args"])
        vars(error).update(shape["state"])
        return error
    raise NoFitError(f"no {cls.__name__}")


def _opaque(value: Any) -> Opaque | None:
    if isinstance(value, dict) and "$repr" in value:
        marked = cast("dict[str, Any]", value)
        return Opaque(str(marked["$repr"]), str(marked.get("type", "")))
    return None


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NoFitError("no object")
    return cast("dict[str, Any]", value)


# Looked through in this order; what is in none of these is msgspec's to convert.
_READERS: tuple[tuple[Any, Callable[[Any, type[Any], tuple[Any, ...]], Any]], ...] = (
    (BusMessage, _nested_message),
    (msgspec.Struct, _struct),
    (Enum, _member),
    (float, _float),
    ((str, bytes, bytearray, memoryview), _scalar),
    (PurePath, _path),
    (BaseException, _exception),
    (Mapping, _mapping),
    ((Sequence, AbstractSet), _collection),
)
