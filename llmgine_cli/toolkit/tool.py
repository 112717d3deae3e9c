"""What a tool is: a plain function with a docstring, and what can be said about it.

::

    @tool(effect="read", timeout=5)
    def roll_die(sides: int = 6) -> int:
        '''Roll a die with this many sides.'''

A public function with a docstring in a file of tools is one without the decorator too. The model sees the parameters,
which therefore must be annotated, and the docstring. A parameter marked with `Setting` is not the model's business: it
is filled from `[tools.options.NAME]`.

Everything costly (pydantic, the docstring parser) waits until a tool's schema is asked for.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from inspect import Parameter
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints, overload

from llmgine_cli.errors import ToolError

if TYPE_CHECKING:
    from llmgine_cli.llm.messages import ToolSpec
    from llmgine_cli.toolkit.messages import Effect  # and with it the bus, which a file of tools has no use for
    from llmgine_cli.toolkit.schema import Arguments

F = TypeVar("F", bound=Callable[..., Any])

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # what all vendors accept
_MARK = "__llmgine_tool__"
_UNDESCRIBED: Mapping[Any, str] = {
    Parameter.VAR_POSITIONAL: "takes any number of values",
    Parameter.VAR_KEYWORD: "takes values of any name",
    Parameter.POSITIONAL_ONLY: "has no name the model could use",
}


@dataclass(frozen=True)
class Setting:
    """Marks a parameter as the user's: ``base_url: Annotated[str, Setting("Where the service is.")] = "https://…"``.

    Attributes:
        description: What it is, for `llmgine tools show`.
    """

    description: str = ""


@dataclass(frozen=True, eq=False)
class Tool:
    """A function a model may call.

    Attributes:
        name: What the model calls it by.
        function: What runs; plain or async.
        effect: What it may do: "read" only looks at this machine, "write" changes files, "net" talks to other machines,
            "exec" may do anything, which is what a function that does not say is taken for.
        timeout: Seconds it may take; None: as the settings say.
    """

    name: str
    function: Callable[..., Any]
    effect: "Effect" = "exec"
    timeout: float | None = None

    def __post_init__(self) -> None:
        _check(self)

    @classmethod
    def from_function(cls, function: Callable[..., Any]) -> "Tool":
        """Make a tool of a function; what `@tool` said of it counts.

        Raises:
            ToolError: Its name or one of its parameters is not for a model.
        """
        marked = getattr(function, _MARK, None)
        return marked if isinstance(marked, Tool) else cls(_own_name(function), function)

    @property
    def doc(self) -> str:
        """The whole docstring, without its indentation."""
        return inspect.getdoc(self.function) or ""

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return self.doc.partition("\n")[0].strip()

    @cached_property
    def description(self) -> str:
        """What the model is told: the docstring without its sections about parameters and the like."""
        from llmgine_cli.toolkit.docstring import description

        return description(self.doc)

    @cached_property
    def path(self) -> Path | None:
        """The file it is written in; None when there is none."""
        code = getattr(_definition(self.function), "__code__", None)
        return Path(code.co_filename) if code is not None and not code.co_filename.startswith("<") else None

    @cached_property
    def signature(self) -> Mapping[str, Parameter]:
        """Its parameters, annotations resolved, settings included.

        Raises:
            ToolError: An annotation names what does not exist.
        """
        try:
            hints = get_type_hints(_definition(self.function), include_extras=True)
        except Exception as error:  # resolving a stranger's annotations runs his code
            raise ToolError(f"tool {self.name!r}: its annotations cannot be read: {error}") from error
        parameters = inspect.signature(self.function).parameters
        return {name: given.replace(annotation=hints.get(name, Any)) for name, given in parameters.items()}

    @cached_property
    def offered(self) -> Mapping[str, Parameter]:
        """The parameters the model may fill in."""
        return {name: given for name, given in self.signature.items() if _setting(given) is None}

    @cached_property
    def settings(self) -> Mapping[str, Setting]:
        """The parameters that only the user may fill in."""
        marks = {name: _setting(given) for name, given in self.signature.items()}
        return {name: mark for name, mark in marks.items() if mark is not None}

    @cached_property
    def arguments(self) -> "Arguments":
        """Schema and validation of what the model sends.

        Raises:
            ToolError: A parameter is of a type that JSON cannot carry.
        """
        from llmgine_cli.toolkit.schema import arguments_of

        return arguments_of(self)

    @property
    def parameters(self) -> dict[str, Any]:
        """JSON Schema (2020-12) of its arguments.

        Raises:
            ToolError: A parameter is of a type that JSON cannot carry.
        """
        return self.arguments.schema

    @cached_property
    def spec(self) -> "ToolSpec":
        """What a model is told of it.

        Raises:
            ToolError: A parameter is of a type that JSON cannot carry.
        """
        from llmgine_cli.llm.messages import ToolSpec

        return ToolSpec(name=self.name, description=self.description, parameters=self.parameters)


@overload
def tool(function: F) -> F: ...
@overload
def tool(*, effect: "Effect" = "exec", timeout: float | None = None, name: str | None = None) -> Callable[[F], F]: ...
def tool(
    function: F | None = None, *, effect: "Effect" = "exec", timeout: float | None = None, name: str | None = None
) -> F | Callable[[F], F]:
    """Mark a function as a tool and say more about it. The function itself stays as it is, to be called and tested.

    Args:
        function: Plain or async, every parameter annotated, with a docstring.
        effect: What it may do; see `Tool`.
        timeout: Seconds it may take; default: as the settings say.
        name: Default: the function's own.

    Raises:
        ToolError: Its name or one of its parameters is not for a model.
    """

    def mark(function: F) -> F:
        setattr(function, _MARK, Tool(name or _own_name(function), function, effect, timeout))
        return function

    return mark if function is None else mark(function)


def tools_in(module: ModuleType) -> list[Tool]:
    """Return the tools of a module: its own functions that are marked, or public and documented, in the order written.

    Raises:
        ToolError: One of them cannot be offered to a model.
    """
    things = list({id(thing): thing for thing in vars(module).values()}.values())
    return [
        thing if isinstance(thing, Tool) else Tool.from_function(thing)
        for thing in things
        if isinstance(thing, Tool) or _is_tool(thing, module.__name__)
    ]


def _is_tool(thing: Any, module: str) -> bool:
    if not inspect.isroutine(thing) or getattr(thing, "__module__", None) != module:
        return False
    return hasattr(thing, _MARK) or (bool(thing.__doc__) and not thing.__name__.startswith("_"))


def _own_name(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _definition(function: Callable[..., Any]) -> Any:
    """Return what was written with `def`: under decorators, partial applications, or as the call of an object."""
    while isinstance(function, partial):
        function = function.func
    written: Any = inspect.unwrap(function)
    return written if inspect.isroutine(written) else type(written).__call__


def _setting(parameter: Parameter) -> Setting | None:
    marks = getattr(parameter.annotation, "__metadata__", ())
    return next((mark for mark in marks if isinstance(mark, Setting)), None)


def _check(tool: Tool) -> None:
    about = f"tool {tool.name!r}"
    if not NAME.fullmatch(tool.name):
        raise ToolError(f"{about}: a name is 1 to 64 letters, digits, _ and -; give one with @tool(name=…)")
    if tool.timeout is not None and tool.timeout <= 0:
        raise ToolError(f"{about}: a timeout is more than 0 seconds")
    if inspect.isgeneratorfunction(tool.function) or inspect.isasyncgenfunction(tool.function):
        raise ToolError(f"{about}: it yields; a tool returns its result")
    try:
        parameters = inspect.signature(tool.function).parameters
    except (TypeError, ValueError) as error:
        raise ToolError(f"{about}: its parameters cannot be read: {error}") from error
    for name, parameter in parameters.items():
        if trouble := _UNDESCRIBED.get(parameter.kind):
            raise ToolError(f"{about}: parameter {name!r} {trouble}; a function that is no tool starts with _")
        if parameter.annotation is Parameter.empty:
            raise ToolError(f"{about}: parameter {name!r} has no type; annotate it, as in {name}: str")
