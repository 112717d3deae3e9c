"""What every command has: the flags `--color`, `--quiet` and `--verbose`, and a `Cli` object to print with."""

import functools
import inspect
import json
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_type_hints

import typer

from llmgine_cli.cli.help import Command, wants_colour
from llmgine_cli.cli.sanitize import safe_json, visible
from llmgine_cli.cli.wrapping import fitted
from llmgine_cli.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from llmgine_cli.plugins import Plugins
    from llmgine_cli.settings import Settings

T = TypeVar("T")

When = Literal["auto", "always", "never"]
Color = Annotated[
    When,
    typer.Option("--color", help="When to colour.", rich_help_panel="Everywhere", show_default=True),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Only the answer and errors.", rich_help_panel="Everywhere")]
Verbose = Annotated[
    bool, typer.Option("--verbose", help="More on stderr; errors with their traceback.", rich_help_panel="Everywhere")
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Pairs = list[str]


@dataclass
class Flags:
    """The common flags of one invocation: those before the command and those behind it are added together here.

    Typer carries it as the context's object; whoever started the invocation can read it afterwards.
    """

    color: When = "auto"
    quiet: bool = False
    verbose: bool = False

    def add(self, *, color: When, quiet: bool, verbose: bool) -> None:
        """Take what was given in one more place; a colour that was named goes before the default."""
        self.color = self.color if color == "auto" else color
        self.quiet = self.quiet or quiet
        self.verbose = self.verbose or verbose


@dataclass(frozen=True, kw_only=True)
class Cli:
    """How one invocation talks to its user: the answer on stdout, everything else on stderr."""

    color: When = "auto"
    quiet: bool = False
    verbose: bool = False

    def print(self, text: str, *, end: str = "\n") -> None:
        """Write plain text to stdout, made safe for a terminal."""
        sys.stdout.write(visible(text) + end)

    def json(self, value: Any) -> None:
        """Write a JSON document to stdout: indented on a terminal, one line in a pipe."""
        indent = 2 if sys.stdout.isatty() else None
        document = json.dumps(value, indent=indent, ensure_ascii=False, default=str)
        if "NaN" in document or "Infinity" in document:  # JSON has no such numbers; a text may have such words
            known = json.loads(document, parse_constant=_nothing)
            document = json.dumps(known, indent=indent, ensure_ascii=False)
        sys.stdout.write(safe_json(document) + "\n")

    def note(self, text: str) -> None:
        """Say something on stderr that is worth knowing; `--quiet` leaves it out."""
        if not self.quiet:
            self._say("", text, "dim")

    def warn(self, text: str) -> None:
        """Say on stderr that something is wrong but the work goes on."""
        self._say("warning: ", text, "yellow")

    def detail(self, text: str) -> None:
        """Say something on stderr under `--verbose` only."""
        if self.verbose:
            self._say("", text, "dim")

    def styled(self, *, stderr: bool = False) -> bool:
        """Whether to use colour there: `--color`, then `NO_COLOR`, then whether it is a terminal."""
        stream = sys.stderr if stderr else sys.stdout
        if self.color != "auto":
            return self.color == "always"
        return wants_colour(stream)

    def console(self, *, stderr: bool = False) -> "Console":
        """Return a Rich console for stdout or stderr that follows `--color`."""
        from rich.console import Console

        styled = self.styled(stderr=stderr)
        return Console(
            stderr=stderr,
            highlight=False,
            markup=False,
            emoji=False,
            no_color=not styled,
            force_terminal=True if self.color == "always" else None,
        )

    def settings(self, overrides: Mapping[str, Any] | None = None) -> "Settings":
        """Load the settings, flags first, and tell what was ignored for want of trust."""
        from llmgine_cli.settings import load

        settings = load(overrides or {})
        for notice in settings.notices:
            self.note(notice)
        if not self.quiet:
            settings.told()
        return settings

    def plugins(self) -> "Plugins":
        """Return the engines and tools there are here."""
        from llmgine_cli import places
        from llmgine_cli.plugins import Plugins
        from llmgine_cli.trust import TrustStore

        return Plugins(project=places.project_dir(), trust=TrustStore(), tell=self.warn)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run async work to its end, or until Ctrl-C or another signal stops it; see `interrupts.run`."""
        from llmgine_cli.cli import interrupts, records

        with records.shown(self):
            return interrupts.run(work)

    def _say(self, label: str, text: str, style: str) -> None:
        codes = {"dim": "2", "yellow": "33"}
        line = "\n".join(fitted(line) for line in (label + visible(text)).split("\n"))
        if self.styled(stderr=True):
            line = f"\x1b[{codes[style]}m{line}\x1b[0m"
        with suppress(OSError):  # stderr has gone; the answer matters more
            sys.stderr.write(line + "\n")


def command(
    app: typer.Typer, name: str | None = None, **options: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as a command: its first parameter is the `Cli`, the common flags are added to the others.

    A parameter whose annotation is a dataclass stands for all of its fields: options that several commands share.

    Args:
        app: The group it belongs to.
        name: Its name; default: the function's.
        options: As for `Typer.command`.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def run(*args: Any, context: typer.Context, color: When, quiet: bool, verbose: bool, **values: Any) -> None:
            flags = context.ensure_object(Flags)
            flags.add(color=color, quiet=quiet, verbose=verbose)
            for group, kind in groups.items():
                values[group] = kind(**{each.name: values.pop(each.name) for each in fields(kind)})
            function(Cli(color=flags.color, quiet=flags.quiet, verbose=flags.verbose), *args, **values)

        keyword = inspect.Parameter.KEYWORD_ONLY
        written = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        groups: dict[str, type[Any]] = {each.name: each.annotation for each in written if _is_group(each.annotation)}
        own = [one for each in written for one in (_unfolded(groups[each.name]) if each.name in groups else [each])]
        common = [
            inspect.Parameter("context", keyword, annotation=typer.Context),
            inspect.Parameter("color", keyword, annotation=Color, default="auto"),
            inspect.Parameter("quiet", keyword, annotation=Quiet, default=False),
            inspect.Parameter("verbose", keyword, annotation=Verbose, default=False),
        ]
        parameters = [parameter.replace(kind=keyword) for parameter in own] + common
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        del run.__wrapped__
        app.command(name, cls=PairCommand, **options)(run)
        return function

    return register


def _is_group(annotation: Any) -> bool:
    return isinstance(annotation, type) and is_dataclass(annotation)


def _unfolded(group: type[Any]) -> list[inspect.Parameter]:
    """The fields of a dataclass as parameters."""
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            each.name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=hints[each.name],
            default=inspect.Parameter.empty if each.default is MISSING else each.default,
        )
        for each in fields(group)
    ]


class PairCommand(Command):
    """A command whose options with the metavar "KEY VALUE" take two words, as `-o temperature 0` does.

    Typer has lists of words and pairs of words, but no lists of pairs: the two words are joined as `KEY=VALUE` here,
    and `pairs` takes them apart again. `-o temperature=0` works as well. Two words of which the first may have any
    character in it, as a path may, have the metavar "PATH MIMETYPE" and are joined with a NUL.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Join the two words of each pair, then parse as usual."""
        names = {name for option in self.params if option.metavar == "KEY VALUE" for name in option.opts}
        with_path = {name for option in self.params if option.metavar == "PATH MIMETYPE" for name in option.opts}
        joined: list[str] = []
        words = iter(args)
        for word in words:
            joined.append(word)
            if word == "--":
                joined.extend(words)
            elif word in with_path:
                path, kind = next(words, None), next(words, None)
                if path is None or kind is None:
                    raise UsageError(f"{word} needs a path and a type", hint=f"as in {word} scan.bin application/pdf")
                joined.append(f"{path}\0{kind}")
            elif word in names:
                key = next(words, None)
                if key is None:
                    raise UsageError(f"{word} needs a key and a value", hint=f"as in {word} key value")
                value = None if "=" in key else next(words, None)
                if "=" not in key and value is None:
                    raise UsageError(f"{word} {key} needs a value", hint=f"as in {word} {key} value")
                joined.append(key if value is None else f"{key}={value}")
        return super().parse_args(ctx, joined)


def pairs(words: Pairs | None) -> dict[str, str]:
    """Take `KEY=VALUE` words apart; the last one wins."""
    return {key: value for key, _, value in (word.partition("=") for word in words or ())}


def as_plain(value: Any) -> Any:
    """Return a value as what JSON has: dataclasses and structs become objects, what JSON cannot say becomes text."""
    import msgspec

    return msgspec.to_builtins(value, enc_hook=str, str_keys=True)


def _nothing(_: str) -> None:
    """Read NaN and the infinities as null."""
