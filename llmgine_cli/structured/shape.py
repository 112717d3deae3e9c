"""The form an answer must have: told to the model as a JSON Schema, and held against what it answers."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING, Any, NoReturn, cast

from llmgine_cli.errors import InvalidAnswerError, UsageError
from llmgine_cli.llm.messages import ResponseFormat

if TYPE_CHECKING:
    from pydantic import BaseModel

ITEMS = "items"
_SHOWN_PROBLEMS = 10
_SHOWN = 200  # characters of one problem
_FENCED = re.compile(r"```[a-zA-Z]*\s*\n(?P<inside>.*)\n\s*```", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A form for answers.

    Attributes:
        schema: JSON Schema (2020-12) of the answer, or of each item if there may be many; None: any JSON object.
        model: The pydantic model that the schema was made of; answers become its instances.
        many: Whether the answer is a list of such items.
    """

    schema: Mapping[str, Any] | None = None
    model: "type[BaseModel] | None" = None
    many: bool = False

    @cached_property
    def whole(self) -> dict[str, Any] | None:
        """JSON Schema of the whole answer: an object even where there are many items, for vendors demand one."""
        if not self.many:
            return None if self.schema is None else dict(self.schema)
        item = dict(self.schema or {"type": "object"})
        definitions = item.pop("$defs", None)
        items: dict[str, Any] = {"type": "array", "items": item}
        wrapped: dict[str, Any] = {
            "type": "object",
            "properties": {ITEMS: items},
            "required": [ITEMS],
            "additionalProperties": False,
        }
        return {**wrapped, "$defs": definitions} if definitions else wrapped

    @cached_property
    def response_format(self) -> ResponseFormat:
        """What the model is asked for."""
        return ResponseFormat(schema=self.whole)

    def check(self) -> None:
        """See that the schema is one.

        Raises:
            UsageError: It is not.
        """
        from jsonschema import Draft202012Validator, SchemaError  # type: ignore[import-untyped]

        if self.schema is None:
            return
        try:
            Draft202012Validator.check_schema(self.schema)
        except SchemaError as error:
            where = ".".join(str(step) for step in error.absolute_path)
            raise UsageError(f"the schema is no JSON Schema: {f'{where}: ' if where else ''}{error.message}") from error
        if self.many and '"$ref": "#"' in json.dumps(self.schema):
            raise UsageError(
                "the schema speaks of itself as a whole ($ref: #), which cannot be one of many",
                hint="put it into $defs and write a $ref to that",
            )

    def read(self, text: str) -> Any:
        """Return the value of an answer: plain JSON, or an instance of the model; a list where there may be many.

        Args:
            text: JSON; a fence of a code block around it does not count.

        Raises:
            InvalidAnswerError: It has another form; the problems are in it, one line each.
        """
        fenced = _FENCED.fullmatch(text.strip())
        plain = fenced["inside"] if fenced else text
        value = _parsed(plain, text)
        if self.model is not None:
            return self._instance(plain, text)
        if problems := self._problems(value):
            _refuse(problems, text)
        return value[ITEMS] if self.many else value

    def _problems(self, value: Any) -> list[str]:
        if self.whole is None:
            return [] if isinstance(value, dict) else ["it is no JSON object"]
        from jsonschema import Draft202012Validator
        from referencing import Registry
        from referencing.exceptions import Unresolvable

        # A registry of its own: without one, a $ref to an address would be looked up on the network.
        validator: Any = Draft202012Validator(self.whole, registry=Registry())
        try:
            errors = sorted(validator.iter_errors(value), key=lambda error: [str(step) for step in error.absolute_path])
        except Unresolvable as error:
            raise UsageError(f"the schema has a $ref that leads nowhere: {error}") from error
        except RecursionError as error:
            raise UsageError("the schema has a $ref that leads in a circle") from error
        except re.error as error:
            raise UsageError(f"the schema has a pattern that is no regular expression: {error}") from error
        return [_told(error.absolute_path, error.message) for error in errors]

    def _instance(self, plain: str, answer: str) -> Any:
        from pydantic import ValidationError, create_model

        model: Any = self.model
        if self.many:
            many: Any = list
            model = create_model("Answer", items=(many[model], ...))
        try:
            made = model.model_validate_json(plain)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False)
            _refuse([_told(problem["loc"], problem["msg"]) for problem in problems], answer)
        return getattr(made, ITEMS) if self.many else made


def shape_of(model: "type[BaseModel]", *, many: bool = False) -> Shape:
    """Return the form of a pydantic model.

    Raises:
        UsageError: It has fields that JSON cannot carry.
    """
    try:
        schema = model.model_json_schema()
    except Exception as error:  # pydantic's errors have no common root
        raise UsageError(f"{model.__name__} cannot be put as a JSON Schema: {error}") from error
    return Shape(schema=_closed(schema), model=model, many=many)


def is_model(value: object) -> bool:
    """Whether it is a pydantic model."""
    return isinstance(value, type) and hasattr(value, "model_json_schema")


def plain(value: Any) -> Any:
    """Return what `Shape.read` gave as what JSON has."""
    if isinstance(value, list):
        return [plain(item) for item in cast("list[object]", value)]
    dump = getattr(value, "model_dump", None)  # pydantic, not imported for it
    return value if dump is None else dump(mode="json")


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a model with what pydantic leaves open closed, where the model does not ask for more fields."""
    closed = {key: _closed_any(value) for key, value in schema.items()}
    if isinstance(closed.get("properties"), dict) and closed.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


def _closed_any(value: Any) -> Any:
    if isinstance(value, dict):
        return _closed(cast("dict[str, Any]", value))
    return [_closed_any(each) for each in cast("list[object]", value)] if isinstance(value, list) else value


def _parsed(text: str, answer: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number, parse_float=_number)
    except (ValueError, RecursionError) as error:
        said = str(error) if text.strip() else "it is empty"
        raise InvalidAnswerError([f"it is no JSON: {said}"], answer=answer) from error


def _number(text: str) -> float:
    number = float(text)
    return number if isfinite(number) else _no_number(text)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _told(path: Iterable[Any], what: str) -> str:
    where = ".".join(str(step) for step in path)
    line = " ".join(f"{where}: {what}".removeprefix(": ").split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def _refuse(problems: list[str], answer: str) -> NoReturn:
    more = len(problems) - _SHOWN_PROBLEMS
    raise InvalidAnswerError([*problems[:_SHOWN_PROBLEMS], *([f"and {more} more"] if more > 0 else [])], answer=answer)
