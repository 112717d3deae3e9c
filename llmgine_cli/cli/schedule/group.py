"""The group `llmgine schedule`, and how its commands open the schedule."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from llmgine_cli.bus.schedule import ScheduleStore

app = typer.Typer(name="schedule", help="Prompts that are answered later.", no_args_is_help=True)


@contextmanager
def schedule() -> "Generator[ScheduleStore]":
    """Open the schedule of this user, and close it.

    Raises:
        StorageError: It cannot be read or written.
    """
    from llmgine_cli.bus.schedule import ScheduleStore
    from llmgine_cli.places import schedule_file

    store = ScheduleStore(schedule_file())
    try:
        yield store
    finally:
        store.close()
