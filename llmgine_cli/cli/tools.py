"""`llmgine tools`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmgine_cli.cli.common import Cli, JsonFlag, Pairs, command, pairs

if TYPE_CHECKING:
    from llmgine_cli.plugins import Found, Plugins
    from llmgine_cli.toolkit.tool import Tool

app = typer.Typer(name="tools", help="See the tools a model can be given, and try them.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Its name, or path/to/file.py:NAME.")]
Patterns = Annotated[
    list[str] | None,
    typer.Option("-T", "--tool", metavar="PATTERN", help='Only tools of such a name ("get_*"), or those of a file.'),
]
Given = Annotated[
    Pairs | None, typer.Option("-p", "--param", metavar="KEY VALUE", help="One argument; lists and objects as JSON.")
]


@command(app, "list")
def list_(cli: Cli, tool: Patterns = None, json: JsonFlag = False) -> None:
    """List the tools, and where each comes from.

    With --json, their schemas exactly as a model gets them.
    """
    from llmgine_cli.cli.listing import print_rows

    found = _chosen(cli.plugins(), tool or [])
    if json:
        cli.json([_facts(each) for each in found])
    else:
        headings = ("tool", "effect", "parameters", "from", "what it does")
        print_rows(cli, headings, [_row(each) for each in found])
    if any(not each.trusted for each in found):
        cli.note("llmgine trust shows what is not trusted, and allows it")


@command(app)
def show(cli: Cli, name: Name, json: JsonFlag = False) -> None:
    """Show a tool.

    What it does, its parameters and settings, where it comes from, and its schema.
    """
    from llmgine_cli.cli.toolpage import page

    found = _one(cli.plugins(), name)
    if json:
        cli.json(_facts(found))
    else:
        cli.print(page(_value(found), found.origin))


@command(app)
def call(
    cli: Cli,
    name: Name,
    arguments: Annotated[
        str | None, typer.Argument(help='The arguments as JSON: \'{"key": "value"}\'; - reads them from stdin.')
    ] = None,
    param: Given = None,
) -> None:
    """Run a tool by hand, as a model would.

    That you call it is the approval.

    For example: llmgine tools call calculate -p expression "2 ** 64"
    """
    from llmgine_cli.errors import ToolError

    text = _arguments(arguments, pairs(param))
    tool = _value(_one(cli.plugins(), name))
    _check(tool, text)
    result, failed = cli.run(_call(cli, tool, text))
    if failed:
        raise ToolError(result, hint=f"llmgine tools show {name} tells what it takes")
    cli.print(result, end="" if result.endswith("\n") else "\n")


@command(app)
def approved(
    cli: Cli,
    revoke: Annotated[
        list[str] | None, typer.Option("--revoke", metavar="NAME", help="Ask about this tool again, in this project.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """List the tools you have approved with "always", and in which project; --revoke takes it back."""
    from pathlib import Path

    from llmgine_cli import places
    from llmgine_cli.cli.listing import print_rows
    from llmgine_cli.errors import NotFoundError
    from llmgine_cli.toolkit.approval import Approvals

    approvals = Approvals(places.project_dir() or Path.cwd())
    for name in revoke or []:
        if not approvals.revoke(name):
            here = [tool for tool, project in approvals.everywhere() if project == str(approvals.project.resolve())]
            raise NotFoundError("approved tool", name, here, hint="nothing is approved in this project")
    rows = approvals.everywhere()
    if json:
        cli.json([{"tool": tool, "project": project} for tool, project in rows])
    elif not rows:
        cli.note("no tool is approved for good")
    else:
        print_rows(cli, ("tool", "project"), rows)


def _check(tool: "Tool", arguments: str) -> None:
    """Refuse what the tool does not take: here it is the user who gave it, not a model."""
    from llmgine_cli.errors import UsageError
    from llmgine_cli.toolkit.validation import InvalidArgumentsError, read_arguments

    try:
        read_arguments(tool, arguments)
    except InvalidArgumentsError as error:
        hint = f"llmgine tools show {tool.name} tells what it takes"
        raise UsageError(
            f"the arguments of {tool.name} are not valid: {'; '.join(error.problems)}", hint=hint
        ) from error


async def _call(cli: Cli, tool: "Tool", arguments: str) -> tuple[str, bool]:
    from llmgine_cli.bus import Bus
    from llmgine_cli.llm.messages import ToolCall
    from llmgine_cli.toolkit.messages import CallTool
    from llmgine_cli.toolkit.runner import ToolRunner

    settings = cli.settings().tools
    runner = ToolRunner(Bus(), [tool], approve="all", timeout=settings.timeout, options=settings.options)
    result = await runner.handle(CallTool(call=ToolCall(id="by hand", name=tool.name, arguments=arguments)))
    return result.content, result.is_error


def _arguments(text: str | None, given: dict[str, str]) -> str:
    import json
    import sys

    from llmgine_cli.errors import UsageError

    if text is not None and given:
        raise UsageError("the arguments are given twice", hint="as JSON, or with -p KEY VALUE")
    if text is not None:
        return sys.stdin.read() if text == "-" else text
    return json.dumps({key: _json_or_text(value) for key, value in given.items()})


def _json_or_text(value: str) -> Any:
    import json

    # A number or a truth value may stay text: what a tool takes is converted to what its type says.
    if not value.startswith(("[", "{")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _chosen(plugins: "Plugins", patterns: list[str]) -> "list[Found[Tool]]":
    from fnmatch import fnmatchcase

    from llmgine_cli.errors import NotFoundError

    everything = plugins.all_tools()
    if not patterns:
        return everything
    chosen: dict[int, Found[Tool]] = {}
    for pattern in patterns:
        fitting = [each for each in everything if fnmatchcase(each.name, pattern)]
        if not fitting and _is_path(pattern):
            fitting = _from_file(plugins, pattern)
        if not fitting:
            raise NotFoundError("tool", pattern, [each.name for each in everything])
        chosen.update({id(each): each for each in fitting})
    return list(chosen.values())


def _one(plugins: "Plugins", name: str) -> "Found[Tool]":
    from llmgine_cli.errors import UsageError

    if not _is_path(name):
        value = plugins.tool(name)[0]  # raises what is to be said of an unknown, untrusted or broken one
        return next(each for each in plugins.all_tools() if each.value is value)
    found = _from_file(plugins, name)
    if len(found) > 1:
        names = ", ".join(each.name for each in found)
        raise UsageError(f"{name} has several tools", hint=f"name one of them: {name}:NAME, with {names}")
    return found[0]


def _from_file(plugins: "Plugins", name: str) -> "list[Found[Tool]]":
    from llmgine_cli.plugins import Found

    return [Found(tool.name, tool, "argument", tool.path, tool.summary) for tool in plugins.tool(name)]


def _is_path(name: str) -> bool:
    return "/" in name or "\\" in name or ".py" in name


def _value(found: "Found[Tool]") -> "Tool":
    from llmgine_cli.errors import ToolError

    if found.value is None:
        raise ToolError(f"tool {found.name!r} cannot be used: {found.problem}")
    return found.value


def _row(found: "Found[Tool]") -> tuple[str, str, str, str, str]:
    remarks = [found.problem] if found.problem else []
    remarks += [f"hidden by the {found.shadowed_by} one"] if found.shadowed_by else []
    effect, parameters = "", ""
    if found.value is not None:
        effect = found.value.effect
        try:
            parameters = _short(found.value)
        except Exception as error:  # noqa: BLE001 -- a stranger's annotations and defaults are a stranger's code
            remarks.append(str(error))
    about = " ".join([found.summary, *(f"[{remark}]" for remark in remarks)]).strip()
    return found.name, effect, parameters, found.origin, about


def _short(tool: "Tool") -> str:
    """Name the parameters as in a call, without computing a schema."""
    return ", ".join(
        name if parameter.default is parameter.empty else f"{name}={parameter.default!r}"
        for name, parameter in tool.offered.items()
    )


def _facts(found: "Found[Tool]") -> dict[str, Any]:
    from llmgine_cli.errors import ToolError

    name, description, parameters, problem = found.name, found.summary, None, found.problem
    if found.value is not None:
        try:
            spec = found.value.spec
            name, description, parameters = spec.name, spec.description, spec.parameters
        except ToolError as error:
            problem = str(error)
    return {
        "name": name,
        "description": description,
        "parameters": parameters,
        "llmgine": {
            "effect": found.value.effect if found.value else None,
            "timeout": found.value.timeout if found.value else None,
            "settings": sorted(found.value.settings) if found.value and not problem else [],
            "origin": found.origin,
            "path": found.path,
            "problem": problem,
            "trusted": found.trusted,
            "shadowed_by": found.shadowed_by,
        },
    }
