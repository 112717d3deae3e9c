"""Values that pass without Typer's look at them: the command gets the same as with it."""

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer

from llmgine_cli.cli.help import Command

Got = dict[str, Any]
USAGE = 2

LINES = [
    [],
    ["--text", "a b", "--choice", "two", "--more", "x", "--more", "y", "--count", "7", "--ratio", "0.5", "word"],
    ["--text", "", "--count", "0", "--flag", "--maybe", "3", "one", "two"],
    ["--count", "007", "--limited", "5", "--path", "here"],
    ["--count", "-3"],
    ["--count", " 3"],
    ["--count", "٣"],
    ["--count", "1" * 40],
    ["--count", "x"],
    ["--count", "2.0"],
    ["--limited", "0"],
    ["--limited", "11"],
    ["--choice", "TWO"],
    ["--choice", "three"],
    ["--ratio", "x"],
    ["--parsed", "ab"],
    ["--no-flag"],
    ["--maybe", ""],
]


def outcome(line: list[str], cls: type[typer.core.TyperCommand] | None) -> tuple[Any, str]:
    """Return what the command gets, or the error."""
    app = typer.Typer(add_completion=True, pretty_exceptions_enable=False, rich_markup_mode=None)
    got: Got = {}

    @app.command(cls=cls)
    def command(
        words: Annotated[list[str] | None, typer.Argument()] = None,
        text: Annotated[str | None, typer.Option()] = None,
        choice: Annotated[Literal["one", "two"], typer.Option()] = "one",
        more: Annotated[list[str] | None, typer.Option()] = None,
        count: Annotated[int, typer.Option()] = 20,
        maybe: Annotated[int | None, typer.Option()] = None,
        limited: Annotated[int, typer.Option(min=1, max=10)] = 3,
        ratio: Annotated[float, typer.Option()] = 1.5,
        path: Annotated[Path | None, typer.Option()] = None,
        parsed: Annotated[str, typer.Option(parser=str.upper)] = "x",
        flag: Annotated[bool, typer.Option("--flag/--no-flag")] = True,
        seen: Annotated[str, typer.Option(callback=lambda value: f"seen {value}")] = "it",
    ) -> None:
        got.update(locals())

    try:
        typer.main.get_command(app)(line, standalone_mode=False)
    except typer.TyperException as error:
        return None, error.format_message()
    del got["got"]
    return {name: (type(value), value) for name, value in got.items()}, ""


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_the_command_gets_what_it_gets_without(line: list[str]) -> None:
    usual, said = outcome(line, None)
    assert outcome(line, Command) == (usual, said)
    assert usual or said


def test_a_value_that_is_required_is_missed() -> None:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

    @app.command(cls=Command)
    def command(words: Annotated[list[str], typer.Argument()], name: Annotated[str, typer.Option()]) -> None:
        raise AssertionError(words, name)

    for line, missing in ((["--name", "x"], "words"), (["a"], "name")):
        with pytest.raises(typer.TyperException, match=missing) as raised:
            typer.main.get_command(app)(line, standalone_mode=False)
        assert raised.value.exit_code == USAGE
