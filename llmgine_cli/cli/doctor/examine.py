"""The command itself: looks at everything, prints what it finds, and ends with 3 if something is wrong."""

import sys
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from llmgine_cli.cli.common import Cli, JsonFlag, command

if TYPE_CHECKING:
    from llmgine_cli.cli.doctor.finding import Finding
    from llmgine_cli.plugins import Plugins
    from llmgine_cli.settings import Settings

_MARKS = {"ok": "✓", "note": "!", "wrong": "✗"}
_PLAIN_MARKS = {"ok": "ok", "note": "!", "wrong": "X"}
_COLOURS = {"ok": "32", "note": "33", "wrong": "31"}
_WIDTH = 14  # columns of the area
_UNFIT = 3  # exit code: settings or credentials


def add_to(app: typer.Typer) -> None:
    """Add `llmgine doctor` to the program."""
    command(app, "doctor")(_doctor)


def _doctor(
    cli: Cli,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no provider.")] = False,
    json: JsonFlag = False,
) -> None:
    """Say what is wrong on this machine, and how to mend it.

    Looks at settings, keys, who can be reached, the local model, the log folder, the terminal, versions. Ends with 3 if
    something is wrong.
    """
    findings = cli.run(_examine(cli, offline=offline, show=not json))
    if json:
        cli.json([asdict(finding) for finding in findings])
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(_UNFIT)


async def _examine(cli: Cli, *, offline: bool, show: bool) -> "list[Finding]":
    from llmgine_cli.cli.screen.spinner import Spinner

    findings: list[Finding] = []
    spinner = Spinner(enabled=sys.stderr.isatty() and not cli.quiet, styled=cli.styled(stderr=True))
    try:
        spinner.show("looking")
        async for finding in _everything(cli.plugins(), offline=offline):
            findings.append(finding)
            if show:
                spinner.hide()
                _print(cli, finding)
                spinner.show("looking")
    finally:
        spinner.hide()
    return findings


async def _everything(plugins: "Plugins", *, offline: bool) -> "AsyncIterator[Finding]":
    from llmgine_cli.cli.doctor import machine, models, names
    from llmgine_cli.cli.doctor.finding import Finding, wrong
    from llmgine_cli.errors import LlmgineError

    for finding in (*machine.versions(), *machine.terminal(), *machine.certificates()):
        yield finding
    settings, found = _settings()
    for finding in found:
        yield finding
    if settings is None:
        return  # nothing else can be known
    for finding in (*machine.log_folder(settings), *machine.schedule()):
        yield finding
    try:
        known = (*models.keys(settings), *models.usual(settings), *models.aliases(settings))
        for finding in (*known, *names.names(settings, plugins), *names.broken(plugins)):
            yield finding
    except LlmgineError as error:
        yield wrong("keys", error)
        return
    if offline:
        yield Finding("providers", "note", "not asked (--offline)")
    else:
        async for finding in models.reached(settings):
            yield finding
    async for finding in models.local(settings):
        yield finding


def _settings() -> "tuple[Settings | None, list[Finding]]":
    """Read the settings; None where something is wrong with them."""
    from llmgine_cli import places
    from llmgine_cli.cli.doctor.finding import Finding, wrong
    from llmgine_cli.errors import LlmgineError, SettingsError
    from llmgine_cli.settings.load import read

    try:
        settings = read().settings
    except LlmgineError as error:
        others = error.others if isinstance(error, SettingsError) else ()
        return None, [wrong("settings", each) for each in (error, *others)]
    file = places.config_file()
    where = str(file) if file.is_file() else f"no {file}: the defaults hold"
    project = f"; project {settings.project}" if settings.project else ""
    notes = [Finding("settings", "note", notice) for notice in settings.notices]
    return settings, [Finding("settings", "ok", where + project), *notes]


def _print(cli: Cli, finding: "Finding") -> None:
    from shutil import get_terminal_size

    from llmgine_cli.cli.sanitize import visible
    from llmgine_cli.cli.wrapping import wrap

    if not sys.stdout.isatty():
        cli.print("\t".join(" ".join((part or "").split()) for part in asdict(finding).values()).rstrip("\t"))
        return
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    mark = (_MARKS if unicode else _PLAIN_MARKS)[finding.state]
    width = get_terminal_size().columns - _WIDTH - 5
    arrow = "→" if unicode else "->"
    lines = wrap(visible(finding.text), width)
    lines += wrap(visible(f"{arrow} {finding.hint}"), width) if finding.hint else []
    margin = "\n" + " " * (_WIDTH + 4)
    sign = f"\x1b[{_COLOURS[finding.state]}m{mark:<2}\x1b[0m" if cli.styled() else f"{mark:<2}"
    sys.stdout.write(f"{sign} {finding.area:<{_WIDTH}} {margin.join(lines)}\n")
    sys.stdout.flush()
