"""Reads the form of an answer as people write it on a command line.

::

    'name str, age int'            fields, as in `concise`
    '{"type": "object", …}'        a JSON Schema
    person.json                    a file with one
    people.models:Person           a pydantic model of an installed module
    ./models.py:Person             a pydantic model in a file, which is run
"""

import re
import sys
from collections.abc import Generator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import msgspec

from llmgine_cli.errors import NotFoundError, UsageError
from llmgine_cli.structured.concise import expand
from llmgine_cli.structured.shape import Shape, is_model, shape_of

LIMIT = 4 * 1024 * 1024  # bytes of a file
_MODEL = re.compile(r"(?P<place>[^\s:,]+):(?P<name>[A-Za-z_]\w*)")
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def read_shape(text: str, *, many: bool = False) -> Shape:
    """Return the form that a text describes; see this module's docstring.

    Args:
        text: What the user wrote. A file is run because they named it; a module is never taken from the current folder.
        many: Whether the answer is a list of such items.

    Raises:
        UsageError: It is none of that, cannot be read, or is no JSON Schema.
    """
    shape = _read(text.strip(), many)
    shape.check()
    return shape


def _read(text: str, many: bool) -> Shape:
    if text.startswith("{"):
        return Shape(schema=_schema(text.encode(errors="replace"), "--schema"), many=many)
    if match := _MODEL.fullmatch(text):
        if match["place"].endswith(".py"):
            return shape_of(_model_in(_run(Path(match["place"]).expanduser()), match["name"], text), many=many)
        if _MODULE.fullmatch(match["place"]):
            return shape_of(_model_in(_imported(match["place"], text), match["name"], text), many=many)
    if _is_path(text):
        return Shape(schema=_schema(_content(Path(text).expanduser()), text), many=many)
    return Shape(schema=expand(text), many=many)


def _is_path(text: str) -> bool:
    if "\n" in text or not ("." in text or "/" in text):
        return False
    return text.endswith(".json") or Path(text).expanduser().is_file() or not re.search(r"[\s:,]", text)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LIMIT + 1)
    except OSError as error:
        raise UsageError(
            f"cannot read the schema {path}: {error.strerror}", hint="or write it: --schema 'name str, age int'"
        ) from error
    if len(data) > LIMIT:
        raise UsageError(f"the schema {path} is longer than {LIMIT // 1024 // 1024} MB", hint="is it a JSON Schema?")
    return data


def _schema(data: bytes, where: str) -> dict[str, Any]:
    try:
        value: Any = msgspec.json.decode(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the schema in {where} is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise UsageError(f"the schema in {where} is no JSON object", hint='as in {"type": "object", …}')
    return cast("dict[str, Any]", value)


def _run(path: Path) -> ModuleType:
    """Run a file that the user named; nothing comes onto `sys.path` for it."""
    from importlib.util import module_from_spec, spec_from_file_location

    path = path.absolute()
    name = f"_llmgine_schema_{path.stem}"
    spec = spec_from_file_location(name, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise UsageError(f"there is no file {path} with a model in it")
    module = module_from_spec(spec)
    sys.modules[name] = module  # pydantic looks annotations up there
    try:
        with redirect_stdout(sys.stderr):  # what a file prints is no answer
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a file may raise anything
        raise UsageError(f"{path.name} cannot be run: {type(error).__name__}: {error}") from error
    return module


def _imported(module: str, text: str) -> ModuleType:
    """Import an installed module."""
    try:
        with _without_this_folder(), redirect_stdout(sys.stderr):
            return import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (error.name == module or module.startswith(f"{error.name}.")):
            raise UsageError(
                f"--schema {text}: no module {error.name!r} is installed",
                hint=f"the model of a file: --schema ./{module.replace('.', '/')}.py:{text.partition(':')[2]}; "
                f"a field with its meaning: '{text.replace(':', ': ')}'",
            ) from error
        raise UsageError(f"--schema {text}: the module cannot be imported: {error}") from error
    except (Exception, SystemExit) as error:  # a module may raise anything
        raise UsageError(f"--schema {text}: the module cannot be imported: {type(error).__name__}: {error}") from error


@contextmanager
def _without_this_folder() -> Generator[None]:
    """Import nothing of the folder one stands in: whoever wrote it was not trusted."""
    here = Path.cwd().resolve()
    before = list(sys.path)
    sys.path[:] = [entry for entry in before if entry and Path(entry).resolve() != here]
    try:
        yield
    finally:
        sys.path[:] = before


def _model_in(module: ModuleType, name: str, text: str) -> Any:
    found: Any = getattr(module, name, None)
    if found is None:
        models = [known for known, value in vars(module).items() if is_model(value) and known != "BaseModel"]
        raise NotFoundError("model", name, models, hint=f"it is not in {text.rpartition(':')[0]}")
    if not is_model(found):
        raise UsageError(f"--schema {text}: {name} is no pydantic model", hint="derive it from pydantic.BaseModel")
    return found
