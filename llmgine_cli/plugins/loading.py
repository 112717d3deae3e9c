"""Run a file by its path, as a module of a private name.

No folder comes onto `sys.path`, so a file in one can shadow nobody's `json`, and two files of the same name in
different folders have nothing to do with each other. The module is registered in `sys.modules`, because dataclasses and
pydantic look annotations up there; its name has the file's place and content in it, so each content is run once.
"""

import ast
import hashlib
import re
import sys
import traceback
from contextlib import redirect_stdout
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from llmgine_cli.errors import LlmgineError


class BrokenFileError(Exception):
    """A file that does not load; the message says which, where in it, and why, in one line."""


def load_file(path: Path, content: bytes) -> ModuleType:
    """Run a file and return its module.

    Args:
        path: Where it is.
        content: Its bytes: what was judged is what is run, even if the file has changed since.

    Raises:
        BrokenFileError: It cannot be compiled, or raises when it is run.
    """
    name = module_name(path, content)
    if name in sys.modules:
        return sys.modules[name]
    spec = spec_from_file_location(name, path)
    if spec is None:
        raise BrokenFileError(f"{path.name}: not a Python file")
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        code = compile(content, str(path), "exec", dont_inherit=True)
        with redirect_stdout(sys.stderr):  # what a file prints while it loads is no answer
            exec(code, module.__dict__)  # noqa: S102 -- loading a plugin is running it; trust was checked by the caller
    except (Exception, SystemExit) as error:  # a stranger's file may raise anything, and must not end the program
        del sys.modules[name]
        raise BrokenFileError(describe(error, path)) from error
    except BaseException:
        del sys.modules[name]
        raise
    return module


def module_name(path: Path, content: bytes) -> str:
    """The private name: the same for the same content at the same place, and no other."""
    mark = hashlib.sha256(str(path).encode("utf-8", "surrogateescape") + b"\0" + content).hexdigest()[:16]
    stem = "".join(letter if letter.isalnum() else "_" for letter in path.stem)
    return f"_llmgine_plugin_{mark}_{stem}"


def describe(error: BaseException, path: Path) -> str:
    """Say in one line which file, which line of it, and what happened."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    if isinstance(error, NameError) and error.name:  # an annotation that is text is read long after it was written
        line = _annotated_with(error.name, path) or line
    if isinstance(error, SyntaxError):
        said = error.msg
    elif isinstance(error, LlmgineError):  # ours are written for people
        said = error.message
    else:
        said = f"{type(error).__name__}: {error}".removesuffix(": ")
    return f"{path.name}{f', line {line}' if line else ''}: {' '.join(said.split())}"


def _annotated_with(name: str, path: Path) -> int | None:
    """The first line of a file on which an annotation has this name in it."""
    try:
        nodes = list(ast.walk(ast.parse(path.read_bytes())))
    except (OSError, ValueError, SyntaxError):
        return None
    said = [getattr(node, field, None) for node in nodes for field in ("annotation", "returns")]
    lines = [
        annotation.lineno
        for annotation in said
        if isinstance(annotation, ast.expr) and re.search(rf"\b{re.escape(name)}\b", ast.unparse(annotation))
    ]
    return min(lines, default=None)
