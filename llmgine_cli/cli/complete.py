"""What the shell offers behind an option: sessions, engines, tools, templates, models.

Asked at each press of a key: whatever goes wrong, nothing is offered and nothing is printed.
"""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmgine_cli.settings import Settings

Offer = tuple[str, str]
OFFERED = 20  # sessions


def complete_session(incomplete: str) -> list[Offer]:
    """Offer names of sessions, then the ids of the latest, each with its first question."""
    return _quietly(_sessions, incomplete)


def _quietly(find: "Callable[[Settings, str], Iterable[Offer]]", incomplete: str) -> list[Offer]:
    try:
        from llmgine_cli.settings import load

        return [(value, " ".join(about.split())) for value, about in find(load(), incomplete)]
    except Exception:  # noqa: BLE001 -- a traceback in the middle of what somebody types helps nobody
        return []


def _sessions(settings: "Settings", incomplete: str) -> Iterable[Offer]:
    from llmgine_cli.eventlog import names
    from llmgine_cli.eventlog.glance import first_question
    from llmgine_cli.eventlog.reader import files
    from llmgine_cli.eventlog.writer import OUTSIDE

    folder = settings.log_dir
    named = names.everything(folder)
    for name, file in named.items():
        if name.startswith(incomplete):
            yield name, first_question(folder / file)
    taken = set(named.values())
    others = (
        log
        for log in reversed(files(folder))
        if log.session.startswith(incomplete) and log.path.name not in taken and not log.session.startswith(OUTSIDE)
    )
    for log in islice(others, OFFERED):
        yield log.session, first_question(log.path)
