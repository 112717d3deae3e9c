"""What a file of engines or tools holds, from its syntax tree: nothing in it is run."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from llmgine_cli.places import Kind

_DECORATORS = {"engines": "engine", "tools": "tool"}
_DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
# Statements of a module that cannot make an engine or a tool whose name is not on the page.
_PLAIN = _DEFINITIONS | ast.Import | ast.Expr | ast.Pass


@dataclass(frozen=True)
class Outline:
    """What a file seems to hold.

    Attributes:
        names: Name → first line of its docstring.
        certain: Whether these are all; not if the file makes things in ways only running it can tell.
        problem: Why it cannot be read, with the line; None if it can.
    """

    names: Mapping[str, str] = field(default_factory=dict[str, str])
    certain: bool = True
    problem: str | None = None

    def may_hold(self, name: str) -> bool:
        """Whether loading the file could give something of that name."""
        return name in self.names or not self.certain


def outline(path: Path, content: bytes, kind: Kind) -> Outline:
    """Read what a file defines.

    Args:
        path: For messages.
        content: Its bytes.
        kind: What to look for.
    """
    try:
        tree = ast.parse(content, str(path))
    except SyntaxError as error:
        return Outline(problem=f"{path.name}, line {error.lineno or 1}: {error.msg}")
    except (ValueError, RecursionError, MemoryError) as error:
        return Outline(problem=f"{path.name}: {error}")
    names = dict(item for node in tree.body for item in _names(node, kind))
    return Outline(names, certain=all(_is_plain(node) for node in tree.body))


def first_line(text: str | None) -> str:
    """The first line of a docstring."""
    return next((line.strip() for line in (text or "").strip().splitlines()), "")


def _names(node: ast.stmt, kind: Kind) -> Iterator[tuple[str, str]]:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    mark = next((mark for mark in node.decorator_list if _called(mark) == _DECORATORS[kind]), None)
    doc = ast.get_docstring(node)
    # A plain public function with a docstring is a tool; an engine has to say that it is one.
    if mark is not None or (kind == "tools" and doc and not node.name.startswith("_")):
        yield _given_name(mark) or node.name, first_line(doc)


def _called(mark: ast.expr) -> str:
    function = mark.func if isinstance(mark, ast.Call) else mark
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def _given_name(mark: ast.expr | None) -> str | None:
    for keyword in mark.keywords if isinstance(mark, ast.Call) else ():
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str):
            return keyword.value.value
    return None


def _is_plain(node: ast.stmt) -> bool:
    if isinstance(node, ast.ImportFrom):
        # What is imported from us may be decorated or called, but is nothing itself; `from x import *` may be anything.
        return all(alias.name != "*" for alias in node.names)
    if isinstance(node, ast.Assign | ast.AnnAssign):
        # What has a private name is never offered, whatever it is.
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        private = all(isinstance(target, ast.Name) and target.id.startswith("_") for target in targets)
        return private or not any(isinstance(part, ast.Call) for part in ast.walk(node))
    return isinstance(node, _PLAIN)
