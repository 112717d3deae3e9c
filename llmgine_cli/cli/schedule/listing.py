"""`llmgine schedule list`."""

import sys
from datetime import UTC, datetime
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated

import typer

from llmgine_cli.cli.common import Cli, JsonFlag, command
from llmgine_cli.cli.schedule.group import app, schedule

if TYPE_CHECKING:
    from llmgine_cli.bus.schedule import Entry
    from llmgine_cli.cli.talk.later import PromptDue

All = Annotated[bool, typer.Option("--all", help="Those that are done, failed or cancelled too.")]
LEAST = 20  # columns of a prompt
MOST = 100
DIGITS = 12  # of a session's id; its first will do


@command(app, "list")
def list_schedule(cli: Cli, *, everything: All = False, as_json: JsonFlag = False) -> None:
    """List what is in the schedule, the first due first."""
    from llmgine_cli.cli.listing import print_rows
    from llmgine_cli.cli.talk.later import as_facts, job_of

    with schedule() as store:
        entries = store.entries(states=None if everything else ("waiting", "running"))
        failed = 0 if everything else len(store.entries(states=("failed",)))
    jobs = [(entry, job_of(entry)) for entry in entries]
    if as_json:
        cli.json([as_facts(entry, job) for entry, job in jobs])
    elif jobs:
        room = _room(everything)
        rows = [_row(entry, job, everything, room) for entry, job in jobs]
        headings = ("id", "due", "state", "tries", *(("session",) if everything else ()), "prompt")
        print_rows(cli, headings, rows)
    else:
        cli.note("nothing is scheduled: llmgine run --at 07:00 … puts a prompt here")
    if failed:
        cli.note(f"{failed} failed: llmgine schedule list --all shows why")


def _row(entry: "Entry", job: "PromptDue | None", everything: bool, room: int | None) -> tuple[str, ...]:
    from llmgine_cli.cli.talk.moments import shown

    due = shown(datetime.fromtimestamp(int(entry.due), UTC))
    session = entry.session_id or ""
    about = job.line if job else f"({entry.type})"
    about = _ends(about, MOST if room is None else min(room, MOST))
    if room is not None:
        session = session[:DIGITS]
    if everything and entry.error:
        about += f" [{entry.error}]"
    return (str(entry.number), due, entry.state, str(entry.attempts), *((session,) if everything else ()), about)


def _ends(text: str, room: int) -> str:
    """Return how a prompt begins and ends: what was piped in begins alike, and the question stands behind it."""
    from llmgine_cli.cli.sanitize import visible
    from llmgine_cli.cli.screen.spinner import clip

    if len(text) > 4 * room:
        text = text[: 2 * room] + text[-2 * room :]  # of a book no more than may be shown
    line = visible(text)
    if clip(line, room) == line:
        return line
    half = (room - 1) // 2
    back = clip(line[::-1], half).removesuffix("…")[::-1]
    return clip(line, room - half - 1).removesuffix("…").rstrip() + "… " + back.lstrip()


def _room(everything: bool) -> int | None:
    """The columns that are left for a prompt; None in a pipe, which has no width."""
    if not sys.stdout.isatty():
        return None
    taken = len("10000  2026-11-24 07:00:00  waiting  10     ") + (DIGITS + 2 if everything else 0)
    return max(get_terminal_size().columns - taken, LEAST)
