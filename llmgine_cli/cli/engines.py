"""`llmgine engines`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmgine_cli.cli.common import Cli, JsonFlag, command

if TYPE_CHECKING:
    from llmgine_cli.engine import Engine
    from llmgine_cli.plugins import Found

app = typer.Typer(name="engines", help="List, show and create engines.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Its name, or the path of its file.")]


@command(app, "list")
def list_(cli: Cli, json: JsonFlag = False) -> None:
    """List the engines, and where each comes from."""
    from llmgine_cli.cli.listing import print_rows

    found = cli.plugins().all_engines()
    if json:
        cli.json([_facts(each) for each in found])
        return
    print_rows(cli, ("engine", "from", "what it does"), [(each.name, each.origin, _about(each)) for each in found])


@command(app)
def show(cli: Cli, name: Name, json: JsonFlag = False) -> None:
    """Show an engine: what it does, its options, where it comes from."""
    plugins = cli.plugins()
    engine = plugins.engine(name)
    found = next((each for each in plugins.all_engines() if each.value is engine), None)
    options = _options(engine)
    path = found.path if found else name.removesuffix(f":{engine.name}")
    if json:
        cli.json(
            {
                "name": engine.name,
                "doc": engine.doc,
                "uses_tools": engine.uses_tools,
                "options": options,
                "origin": found.origin if found else "argument",
                "path": path,
            }
        )
        return
    from inspect import cleandoc

    cli.print(f"{engine.name}\n{cleandoc(engine.doc)}\n")
    cli.print(f"calls tools: {'yes' if engine.uses_tools else 'no'}")
    cli.print(f"from: {found.origin if found else 'argument'}{f' ({path})' if path else ''}")
    cli.print("options:" if options else "options: none")
    for option in options:
        kind = option["type"].upper() if option["type"].isidentifier() else option["type"]
        given = "must be given" if option["required"] else f"default {_as_given(option['default'])}"
        cli.print(" ".join(filter(None, (f"  -o {option['name']} {kind} ", option["doc"], f"({given})"))))


@command(app)
def new(
    cli: Cli,
    name: Annotated[str, typer.Argument(help="What it is called by: small letters, digits and _.")],
    user: Annotated[bool, typer.Option("--user", help="For every project: into your own folder.")] = False,
) -> None:
    """Write an engine that works, to make your own from."""
    from pathlib import Path

    from llmgine_cli import places
    from llmgine_cli.cli.scaffold import engine_source
    from llmgine_cli.errors import StorageError, UsageError

    source = engine_source(name)
    root = places.config_dir() if user else places.project_dir() or Path.cwd()
    file = root / "engines" / f"{name}.py"
    hidden = cli.plugins().engines().get(name)
    if file.exists():
        raise UsageError(f"{file} is there already", hint="take another name, or edit that file")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(source)
    except OSError as error:
        raise StorageError(f"cannot write {file}: {error.strerror}") from error
    cli.print(str(file))
    if hidden is not None and hidden.trusted:
        cli.note(f"it hides the {hidden.origin} engine of the same name")
    run = f'llmgine run -e {name} "Hello"'
    cli.note(f"next: {run}" if user else f"next: llmgine trust, then {run}")


def _about(found: "Found[Engine]") -> str:
    remarks = [found.problem] if found.problem else []
    remarks += [f"hidden by the {found.shadowed_by} one"] if found.shadowed_by else []
    return " ".join([found.summary, *(f"[{remark}]" for remark in remarks)]).strip()


def _facts(found: "Found[Engine]") -> dict[str, Any]:
    return {
        "name": found.name,
        "origin": found.origin,
        "path": found.path,
        "summary": found.summary,
        "uses_tools": found.value.uses_tools if found.value else None,
        "trusted": found.trusted,
        "problem": found.problem,
        "shadowed_by": found.shadowed_by,
    }


def _options(engine: "Engine") -> list[dict[str, Any]]:
    from dataclasses import MISSING

    import msgspec

    docs = _option_docs(engine.command)
    return [
        {
            "name": name,
            "type": _type_name(kind),
            "required": default is MISSING,
            "default": None if default is MISSING else msgspec.to_builtins(default, enc_hook=str),
            "doc": docs.get(name, ""),
        }
        for name, (kind, default) in engine.options.items()
    ]


def _option_docs(command: type) -> dict[str, str]:
    """What the `Attributes:` sections of a class and of those it derives from say."""
    from docstring_parser import parse

    docs: dict[str, str] = {}
    for cls in reversed(command.__mro__):
        for item in parse(cls.__doc__ or "").params:
            docs[item.arg_name] = " ".join((item.description or "").split())
    return docs


def _type_name(kind: Any) -> str:
    """A type as people read it: `int`, `clarity|brevity`, `list[str]`."""
    from enum import Enum
    from types import NoneType, UnionType
    from typing import Literal, Union, get_args, get_origin

    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return "|".join(map(str, inner))
    if origin in (Union, UnionType):
        return "|".join("none" if each is NoneType else _type_name(each) for each in inner)
    if isinstance(origin, type) and inner:
        return f"{origin.__name__}[{', '.join('...' if each is Ellipsis else _type_name(each) for each in inner)}]"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(member.value) for member in kind)
    return kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "")


def _as_given(default: Any) -> str:
    """A default as one would give it: lists and tables as JSON."""
    from json import dumps

    return dumps(default, ensure_ascii=False) if isinstance(default, list | tuple | dict) else repr(default)
