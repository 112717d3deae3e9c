"""What makes a function a tool, and what is wrong with those that cannot be one."""

import subprocess
import sys
import types
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import pytest

from llmgine_cli.api import Setting, tool
from llmgine_cli.errors import ToolError
from llmgine_cli.toolkit.tool import Tool, tools_in


def add(a: int, b: int = 1) -> int:
    """Add two numbers.

    Exactly.

    Args:
        a: The first.
        b: The second.
    """
    return a + b


def module_of(source: str) -> types.ModuleType:
    module = types.ModuleType("mine")
    exec(source, module.__dict__)
    return module


def test_a_plain_function_is_a_tool_that_may_do_anything() -> None:
    made = Tool.from_function(add)
    assert (made.name, made.effect, made.timeout, made.summary) == ("add", "exec", None, "Add two numbers.")
    assert made.description == "Add two numbers.\n\nExactly."
    assert made.path == Path(__file__)


def test_the_decorator_says_more_and_leaves_the_function_as_it_is() -> None:
    marked = tool(effect="read", timeout=2, name="plus")(add_again)
    assert marked is add_again
    assert marked(1, 2) == 3
    made = Tool.from_function(marked)
    assert (made.name, made.effect, made.timeout) == ("plus", "read", 2)


def add_again(a: int, b: int) -> int:
    """Add."""
    return a + b


def test_the_decorator_works_without_parentheses() -> None:
    @tool
    def plain() -> None:
        """Do nothing."""

    assert Tool.from_function(plain).effect == "exec"


def test_public_documented_functions_of_a_module_are_its_tools_in_the_order_written() -> None:
    module = module_of(
        "from os.path import join\n"
        "from llmgine_cli.api import tool\n"
        "def second(x: int): 'b'\n"
        "def first(x: int): 'a'\n"
        "def _private(x: int): 'c'\n"
        "def silent(x: int): pass\n"
        "@tool\ndef _marked(x: int): pass\n"
        "class Thing:\n  'd'\n"
        "alias = first\n"
        "number = 3\n"
    )
    assert [made.name for made in tools_in(module)] == ["second", "first", "_marked"]


def test_functions_imported_from_elsewhere_are_no_tools_of_the_module() -> None:
    module = module_of("from tests.toolkit.test_tool import add\n")
    assert tools_in(module) == []


def test_a_tool_made_by_hand_counts_too() -> None:
    module = types.ModuleType("mine")
    module.__dict__["made"] = Tool("made", add)
    assert [made.name for made in tools_in(module)] == ["made"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def f(*args: int): 'x'", "parameter 'args' takes any number of values"),
        ("def f(**more: int): 'x'", "parameter 'more' takes values of any name"),
        ("def f(a: int, /): 'x'", "parameter 'a' has no name the model could use"),
        ("def f(a): 'x'", "parameter 'a' has no type; annotate it, as in a: str"),
        ("def f():\n  'x'\n  yield 1", "it yields; a tool returns its result"),
        ("async def f():\n  'x'\n  yield 1", "it yields; a tool returns its result"),
        ("def fähig(): 'x'", "a name is 1 to 64 letters, digits, _ and -"),
        (f"def {'f' * 65}(): 'x'", "a name is 1 to 64 letters, digits, _ and -"),
    ],
)
def test_a_function_that_no_model_could_call_is_refused_where_it_is_defined(source: str, said: str) -> None:
    with pytest.raises(ToolError) as caught:
        tools_in(module_of(source))
    assert said in caught.value.message


def test_a_name_or_time_limit_that_cannot_be_is_refused_by_the_decorator() -> None:
    with pytest.raises(ToolError, match="a name is"):
        tool(name="my tool")(add_again)
    with pytest.raises(ToolError, match="more than 0 seconds"):
        tool(timeout=0)(add_again)


def test_an_annotation_that_names_nothing_is_told() -> None:
    with pytest.raises(ToolError, match="tool 'f': its annotations cannot be read: name 'Nothing' is not defined"):
        _ = Tool.from_function(module_of("def f(a: 'Nothing'): 'x'").f).parameters


def test_settings_are_hidden_from_the_model() -> None:
    def fetch(key: str, url: Annotated[str, Setting("Where.")] = "http://x", *, n: int = 1) -> None:
        """Fetch."""

    made = Tool.from_function(fetch)
    assert list(made.offered) == ["key", "n"]
    assert made.settings == {"url": Setting("Where.")}
    assert list(made.parameters["properties"]) == ["key", "n"]


def test_annotations_written_as_text_are_understood() -> None:
    module = module_of(
        "from __future__ import annotations\n"
        "from typing import Annotated\n"
        "from llmgine_cli.api import Setting\n"
        "def f(a: int | None, b: Annotated[str, Setting()] = ''): 'x'\n"
    )
    made = Tool.from_function(module.f)
    assert made.parameters["properties"] == {"a": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}


def test_a_callable_object_can_be_a_tool_under_a_name() -> None:
    class Adder:
        def __call__(self, a: int) -> int:
            """Add one."""
            return a + 1

    made = Tool("adder", Adder())
    assert (list(made.offered), made.path) == (["a"], Path(__file__))


def test_a_partly_applied_function_can_be_a_tool() -> None:
    made = Tool("add_two", partial(add, b=2))
    assert made.parameters["properties"]["b"]["default"] == 2
    assert made.path == Path(__file__)


def test_a_file_of_tools_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom llmgine_cli.api import tool, Setting, ToolError\n"
        "@tool(effect='read')\ndef f(a: int) -> int: 'x'\n"
        "heavy = {'pydantic', 'docstring_parser', 'asyncio', 'msgspec', 'typer'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_spec_is_what_a_model_is_told() -> None:
    spec: Any = Tool.from_function(add).spec
    assert (spec.name, spec.description) == ("add", "Add two numbers.\n\nExactly.")
    assert spec.parameters == Tool.from_function(add).parameters
