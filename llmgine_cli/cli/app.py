"""The command line: what there is to call, and what becomes of an error.

Commands are modules with signatures on top and imports in bodies, so that `--help` costs what Typer costs.
"""

import errno
import os
import re
import sys
from contextlib import suppress
from importlib import import_module
from typing import Annotated, NoReturn

import typer

from llmgine_cli.cli.common import Color, Flags, Quiet, Verbose
from llmgine_cli.cli.help import Group

CLOSED_PIPE = 141  # 128 + SIGPIPE: what a shell reports of any filter whose reader has gone
# What writing to stdout may meet: a reader that has gone, a full disk, a quota, a file too large, a broken device.
UNWRITTEN = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}

# Each is a module of its name beside this one: a command adds itself, a group has an `app`. In the order of the help.
COMMANDS = (
    *("run", "chat", "embed", "tools", "prompt", "engines", "models", "aliases", "keys", "logs", "schedule", "sinks"),
    *("config", "trust", "doctor"),
)


def program(only: str | None = None) -> typer.Typer:
    """Return the program as Typer knows it.

    Args:
        only: The one command that will be called; Typer looks at every option of every command that it knows, which
            takes a fifteenth of a start. Of a name that is none, and without one: all of them.
    """
    app = typer.Typer(
        name="llmgine",
        cls=Group,
        help="Talk to language models, give them tools, script them, and see everything that happens.",
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name in (only,) if only in COMMANDS else COMMANDS:
        module = import_module(f"llmgine_cli.cli.{name}")
        if hasattr(module, "app"):
            app.add_typer(module.app, cls=Group, callback=_take_flags)
        else:
            module.add_to(app)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        from llmgine_cli import __version__

        sys.stdout.write(f"llmgine {__version__}\n")
        raise typer.Exit


def _options(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 -- acts in its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
    color: Color = "auto",
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Take the options of the whole program, on which Typer hangs them."""
    context.ensure_object(Flags).add(color=color, quiet=quiet, verbose=verbose)


def _take_flags(context: typer.Context, color: Color = "auto", quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Take the common flags between a group and its command."""
    context.ensure_object(Flags).add(color=color, quiet=quiet, verbose=verbose)


def main() -> NoReturn:
    """Run the program and leave with its exit code."""
    leave(_run(sys.argv[1:]))


def _run(arguments: list[str]) -> int:
    from llmgine_cli.errors import LlmgineError

    flags = Flags()
    try:
        outcome = program(_command(arguments))(arguments, standalone_mode=False, obj=flags)
        sys.stdout.flush()  # here, where a full disk is noticed
    except LlmgineError as error:
        return _tell(error.message, error.hint, error.exit_code, error if flags.verbose else None)
    except typer.TyperException as error:
        return _tell(
            _in_our_words(error.format_message()),
            "try --help",
            error.exit_code,
            error if flags.verbose else None,
        )
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except SystemExit as leaving:
        if isinstance(leaving.__context__, BrokenPipeError):  # so Typer ends for a reader that has gone
            return CLOSED_PIPE
        return leaving.code if isinstance(leaving.code, int) else 1
    except Exception as error:  # noqa: BLE001 -- the last line of defence: one line, and how to get more
        if isinstance(error, OSError) and error.errno in UNWRITTEN and error.filename is None:
            return tell_unwritten(error)
        hint = None if flags.verbose else "this is a bug; --verbose shows where"
        return _tell(f"{type(error).__name__}: {error}", hint, 1, error if flags.verbose else None)
    return outcome if isinstance(outcome, int) else 0


def _in_our_words(message: str) -> str:
    """Say what pydantic finds wrong with an option as everything else is said."""
    return re.sub(
        r"Input should be a valid (\w+)(, .*)?$", r"a valid \1 is wanted", message.replace("Value error, ", "")
    )


def _command(arguments: list[str]) -> str | None:
    """The command that is called, if the first word that is no option is one; a shell that completes wants all."""
    if "_LLMGINE_COMPLETE" in os.environ:
        return None
    return next((word for word in arguments if not word.startswith("-")), None)


def tell_unwritten(error: OSError) -> int:
    """Say that stdout could not be written, unless its reader has simply gone, and return the exit code."""
    if isinstance(error, BrokenPipeError):
        return CLOSED_PIPE
    return _tell(f"the output could not be written: {error.strerror or error}", None, 6, None)


def _tell(message: str, hint: str | None, code: int, error: BaseException | None) -> int:
    from llmgine_cli.cli.sanitize import visible
    from llmgine_cli.cli.wrapping import fitted

    line = " ".join(visible(message).split())
    said = fitted(f"llmgine: {line}" + (f" ({visible(hint)})" if hint else "")) + "\n"
    if error is not None:
        import traceback

        said = visible("".join(traceback.format_exception(error))) + said
    with suppress(OSError):  # stderr has gone as well; the exit code tells
        sys.stderr.write(said)
    return code


def leave(code: int) -> NoReturn:
    """Leave at once: what matters is flushed and closed by now, and taking the interpreter apart takes a while."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # whoever read our output has gone
            stream.flush()
    os._exit(code)
