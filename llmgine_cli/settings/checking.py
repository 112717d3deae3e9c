"""Checks settings with pydantic, which reads more (`"3"` where a number is wanted) and says all that is wrong."""

from collections.abc import Callable, Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from msgspec import Meta
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo

from llmgine_cli.settings.model import Tables
from llmgine_cli.settings.table import Check, Table, fields, is_table

T = TypeVar("T")
_BOUNDS = ("gt", "ge", "lt", "le", "min_length", "max_length", "multiple_of", "pattern")


class _Base(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def checked(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested tables with every value as its type wants it, and nothing that was not said.

    Raises:
        pydantic.ValidationError: Something is wrong.
    """
    return model_of(Tables).model_validate(data).model_dump(exclude_unset=True)


@cache
def model_of(table: type[Table]) -> type[BaseModel]:
    """Return the same table as a model of pydantic."""
    definitions: dict[str, Any] = {}
    for name, field in fields(table).items():
        kind = _kind(Annotated[field.kind, *field.marks] if field.marks else field.kind)
        definitions[name] = (kind, ... if field.required else field.default)
    return create_model(table.__name__, __base__=_Base, **definitions)


def _kind(hint: Any) -> Any:
    """Return a type with tables as models, and what binds the values as pydantic writes it."""
    if is_table(hint):
        return model_of(hint)
    if get_origin(hint) is Annotated:
        kind, *marks = get_args(hint)
        kind = next((mark.kind for mark in marks if isinstance(mark, Check) and mark.kind is not None), kind)
        rules = [rule for mark in marks for rule in _rules(mark)]
        return Annotated[_kind(kind), *rules] if rules else _kind(kind)
    if get_origin(hint) is UnionType or get_origin(hint) is Union:
        return Union[*(_kind(part) for part in get_args(hint))]
    if get_origin(hint) in {list, dict}:
        return get_origin(hint)[*(_kind(part) for part in get_args(hint))]
    return hint


def _rules(mark: Any) -> list[FieldInfo | AfterValidator]:
    if isinstance(mark, Check):
        return [AfterValidator(_passing(mark))] if mark.kind is None else []
    bounds = {name: bound for name in _BOUNDS if (bound := getattr(mark, name, None)) is not None}
    if isinstance(mark, Meta) and (mark.extra or {}).get("finite"):
        bounds["allow_inf_nan"] = False
    rule: FieldInfo = Field(**bounds)
    return [rule] if bounds else []


def _passing(check: Check) -> Callable[[T], T]:
    def passed(value: T) -> T:
        check.function(value)
        return value

    return passed
