"""Values of options: text from a command line becomes what a type says; what does not fit is told in plain words."""

from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from llmgine_cli.errors import UsageError

_WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
}
_MANY: dict[Any, str] = {int: " of whole numbers", float: " of numbers", str: " of texts", Path: " of paths"}


def value_of(given: Any, kind: Any, *, name: str, owner: str = "") -> Any:
    """Make of a value what a type says; text may be JSON where a list or a table is wanted.

    Args:
        given: Text from a command line, or what stood in a file.
        kind: An annotation, such as `int | None` or `Literal["a", "b"]`.
        name: The option's, for errors.
        owner: Whose option it is, for errors.

    Raises:
        UsageError: It does not fit, or the type is one that nothing can be converted to.
    """
    try:
        return _converted(given, kind)
    except (TypeError, ValueError) as error:  # a type that msgspec does not know, or a value that does not fit
        words = in_words(kind) if isinstance(error, ValueError) else None
        said = f"{name} must be {words}, not {given!r}" if words else f"{name} is {given!r}: {error}"
        hint = f"a list or table is given as JSON: -o {name} '[…]'" if _wants_json(error) else _meant(given, kind)
        raise UsageError(f"{owner}: {said}" if owner else said, hint=hint) from error


def in_words(kind: Any) -> str | None:
    """Say what a type takes, as "a number" or "one of: a, b"; None for a type that has no plain word.

    Args:
        kind: An annotation. That nothing at all is allowed too is left out.
    """
    if choices := _choices(kind):
        return f"one of: {', '.join(choices)}"
    if kind in _WORDS:
        return _WORDS[kind]
    origin, inner = get_origin(kind) or kind, get_args(kind)
    if origin in (Union, UnionType):
        words = [in_words(each) for each in inner if each is not NoneType]
        return " or ".join(each for each in words if each) if all(words) else None
    if origin in (list, tuple, set, frozenset):
        same = {each for each in inner if each is not Ellipsis}
        return "a list" + (_MANY.get(same.pop(), "") if len(same) == 1 else "")
    return "a table" if origin is dict else None


def _choices(kind: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return [str(each) for each in get_args(kind)]
    return [str(each.value) for each in kind] if isinstance(kind, type) and issubclass(kind, Enum) else []


def _meant(given: Any, kind: Any) -> str | None:
    from difflib import get_close_matches

    possible = [kind] if _choices(kind) else get_args(kind)
    close = get_close_matches(str(given), [choice for each in possible for choice in _choices(each)], n=1)
    return f"did you mean {close[0]}?" if close else None


def _converted(value: Any, kind: Any) -> Any:
    import msgspec

    def other(wanted: Any, given: Any) -> Any:  # Path and the like, which are made of text
        return wanted(given)

    if not isinstance(value, str):
        if isinstance(value, Enum) and type(value) is kind:
            return value  # to msgspec it is its name or number
        return msgspec.convert(value, kind, dec_hook=other)
    try:
        return msgspec.convert(value, kind, strict=False, dec_hook=other)
    except msgspec.ValidationError as error:
        if not _wants_json(error):
            raise
        try:
            data = msgspec.json.decode(value)
        except msgspec.DecodeError:
            raise error from None
        return msgspec.convert(data, kind, dec_hook=other)


def _wants_json(error: Exception) -> bool:
    wanted, _, given = str(error).partition(", got ")
    return given.startswith("`str`") and ("array" in wanted or "object" in wanted)
