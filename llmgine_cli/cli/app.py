"""The command line: what there is to call, and what becomes of an error.

Commands are modules with signatures on top and imports in bodies, so that `--help` costs what Typer costs.
"""

import os
import sys
from typing import Annotated, NoReturn

import typer

from llmgine_cli.cli import chat, config, engines, logs, models, prompt, run, tools, trust
from llmgine_cli.cli.help import Group

app = typer.Typer(
    name="llmgine",
    cls=Group,
    help="Talk to language models, give them tools, script them, and see everything that happens.",
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from llmgine_cli import __version__

        sys.stdout.write(f"llmgine {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Typer hangs the options of the whole program on this function; `--version` acts in its callback."""


for module in (run, chat):
    module.add_to(app)
for module in (tools, prompt, engines, models, logs, config):
    app.add_typer(module.app, cls=Group)
trust.add_to(app)


def main() -> NoReturn:
    """Run the program and leave with its exit code."""
    code = _run(sys.argv[1:])
    _leave(code)


def _run(arguments: list[str]) -> int:
    from llmgine_cli.errors import LlmgineError

    verbose = "--verbose" in arguments
    try:
        outcome = app(arguments, standalone_mode=False)
    except LlmgineError as error:
        return _tell(error.message, error.hint, error.exit_code, error if verbose else None)
    except typer.TyperException as error:
        return _tell(error.format_message(), "try --help", error.exit_code, error if verbose else None)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        return 141  # 128 + SIGPIPE: what a shell reports of any filter whose reader has gone
    except Exception as error:  # noqa: BLE001 -- the last line of defence: one line, and how to get more
        hint = None if verbose else "this is a bug; --verbose shows where"
        return _tell(f"{type(error).__name__}: {error}", hint, 1, error if verbose else None)
    return outcome if isinstance(outcome, int) else 0


def _tell(message: str, hint: str | None, code: int, error: BaseException | None) -> int:
    from llmgine_cli.cli.sanitize import visible

    if error is not None:
        import traceback

        sys.stderr.write(visible("".join(traceback.format_exception(error))))
    line = " ".join(visible(message).split())
    sys.stderr.write(f"llmgine: {line}" + (f" ({visible(hint)})" if hint else "") + "\n")
    return code


def _leave(code: int) -> NoReturn:
    """Leave at once: what matters is flushed and closed by now, and taking the interpreter apart takes a while."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        pass  # whoever read our output has gone
    os._exit(code)
