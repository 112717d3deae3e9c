"""Lets values of options pass that are what they should be as they stand.

Typer has pydantic look at each value, defaults too, and to load that takes as long as the rest of a start. What does
not pass here (no number, none of the choices, a path) goes on to Typer, which knows more, and says what is wrong.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any, Literal, cast, get_args, get_origin

_LONGEST_NUMBER = 15  # digits; beyond that Typer decides what is a number
_UNSURE = object()


def spare(parameters: Iterable[Any]) -> None:
    """Have the values of these parameters of a command looked at here first."""
    for parameter in parameters:
        if not isinstance(parameter.process_value, partial):  # a command may be parsed twice
            parameter.process_value = partial(_process, parameter, parameter.process_value)


def _process(parameter: Any, usual: Any, context: Any, value: Any) -> Any:
    """Do with a value that is right what Typer does after its look at it; all others are left to Typer."""
    passed = _passed(parameter, value)
    if passed is _UNSURE or (parameter.required and parameter.value_is_missing(passed)):
        return usual(context, value)
    return passed if parameter.callback is None else parameter.callback(context, parameter, passed)


def _passed(parameter: Any, value: Any) -> Any:
    """Return a value as the command gets it; `_UNSURE` if that is not certain."""
    kind, known = parameter.type_descriptor.annotation, parameter.type_descriptor.parameter_info
    is_list = parameter.multiple or parameter.nargs == -1
    if value is None:
        return () if is_list else None
    if known.parser is not None:
        return _UNSURE
    if is_list:
        words = cast("list[object]", value)
        is_right = kind == list[str] and isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in words)
        return [*words] if is_right else _UNSURE
    is_default = kind in {int, float} and type(value) is kind and value == parameter.default
    is_choice = get_origin(kind) is Literal and isinstance(value, str) and value in get_args(kind)
    if is_default or is_choice or (kind in {str, bool} and isinstance(value, kind)):
        return value
    return _number(value, known.min, known.max) if kind is int and isinstance(value, str) else _UNSURE


def _number(word: str, least: float | None, most: float | None) -> Any:
    if not (word.isascii() and word.isdigit() and len(word) <= _LONGEST_NUMBER):
        return _UNSURE
    number = int(word)
    is_within = (least is None or number >= least) and (most is None or number <= most)
    return number if is_within else _UNSURE
