"""What the shell offers: sessions, engines, tools, templates, models, types of events, prompts that wait.

Asked at each press of a key: whatever goes wrong, nothing is offered and nothing is printed. What is offered may be
evaluated by a shell (zsh does): nothing that has a meaning there is let through.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmgine_cli.plugins import Plugins

Offer = tuple[str, str]
OFFERED = 20  # sessions
LOOKED_AT = 10_000  # events at the end of a log
LONGEST = 60  # characters of a description
_VALUE = re.compile(r"[\w./:-]+")
_ODD = re.compile(r"[^\w .,?!+=%/-]+")


def complete_session(incomplete: str) -> list[Offer]:
    """Offer names of sessions, then the ids of the latest, each with its first question."""
    return _offered(_sessions, incomplete)


def complete_engine(incomplete: str) -> list[Offer]:
    """Offer the engines that can be used by name."""
    return _offered(lambda _: _found("engines"), incomplete)


def complete_tool(incomplete: str) -> list[Offer]:
    """Offer the tools that can be granted by name."""
    return _offered(lambda _: _found("tools"), incomplete)


def complete_template(incomplete: str) -> list[Offer]:
    """Offer the prompt templates."""
    return _offered(lambda _: _templates(), incomplete)


def complete_model(incomplete: str) -> list[Offer]:
    """Offer the aliases, the models on this machine, and the usual model of each provider."""
    return _offered(lambda _: _models(), incomplete)


def complete_embedding_model(incomplete: str) -> list[Offer]:
    """Offer the aliases, the models on this machine, and the usual model for vectors of each provider."""
    return _offered(lambda _: _models(embedding=True), incomplete)


def complete_alias(incomplete: str) -> list[Offer]:
    """Offer the user's short names for models."""
    return _offered(lambda _: _aliases(), incomplete)


def complete_key(incomplete: str) -> list[Offer]:
    """Offer the providers that need a key."""
    return _offered(lambda _: _keyed(), incomplete)


def complete_event_type(incomplete: str) -> list[Offer]:
    """Offer the types of events that the latest session has; letters may be of either case, as for `--type`."""
    return _offered(_event_types, incomplete)


def complete_scheduled(incomplete: str) -> list[Offer]:
    """Offer the numbers of the prompts that wait or failed, each with what it asks."""
    return _offered(lambda _: _scheduled(), incomplete)


def _offered(find: "Callable[[str], Iterable[Offer]]", incomplete: str) -> list[Offer]:
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):  # a user's file may print when it is read
            return [
                (value, " ".join(_ODD.sub(" ", about).split())[:LONGEST])
                for value, about in find(incomplete)
                if value.startswith(incomplete) and _VALUE.fullmatch(value)
            ]
    except Exception:  # noqa: BLE001 -- a traceback in the middle of what somebody types helps nobody
        return []


def _sessions(incomplete: str) -> Iterator[Offer]:
    from llmgine_cli.eventlog import names
    from llmgine_cli.eventlog.filenames import OUTSIDE
    from llmgine_cli.eventlog.glance import first_question
    from llmgine_cli.eventlog.reader import files
    from llmgine_cli.settings import load

    folder = load().log_dir
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


def _found(kind: str) -> Iterator[Offer]:
    shelf = _plugins()
    for name, found in (shelf.engines() if kind == "engines" else shelf.tools()).items():
        if found.problem is None:
            yield name, found.summary


def _templates() -> Iterator[Offer]:
    from llmgine_cli.prompting.find import available, prompt_folders

    for listed in available(prompt_folders()):
        if listed.template is not None:
            yield listed.name, listed.template.description or ""


def _models(*, embedding: bool = False) -> Iterator[Offer]:
    from llmgine_cli.providers import weights
    from llmgine_cli.providers.own_vendors import vendors
    from llmgine_cli.settings import load

    settings = load()
    yield from settings.aliases.items()
    for model in weights.stored():
        yield f"local:{model.name}", "on this machine"
    for vendor in vendors(settings.vendor_changes).values():
        usual = vendor.embedding_model if embedding else vendor.default_model
        if usual:
            yield f"{vendor.name}:{usual}", ""


def _aliases() -> Iterator[Offer]:
    from llmgine_cli.settings import load

    yield from load().aliases.items()


def _keyed() -> Iterator[Offer]:
    from llmgine_cli.providers.own_vendors import vendors
    from llmgine_cli.settings import load

    for vendor in vendors(load().vendor_changes).values():
        if vendor.key_env:
            yield vendor.name, vendor.key_env


def _event_types(incomplete: str) -> Iterator[Offer]:
    from llmgine_cli.eventlog.reader import LogReader, latest
    from llmgine_cli.settings import load

    path = latest(load().log_dir)
    if path is not None:
        records = islice(LogReader(path).backwards(), LOOKED_AT)
        for name in sorted({record.type for record in records}):
            if name.casefold().startswith(incomplete.casefold()):
                yield incomplete + name[len(incomplete) :], ""  # a shell takes only what begins as it was typed


def _scheduled() -> Iterator[Offer]:
    from llmgine_cli.bus.schedule import ScheduleStore
    from llmgine_cli.cli.talk.later import job_of
    from llmgine_cli.places import schedule_file

    if not schedule_file().exists():
        return  # asking makes no schedule
    store = ScheduleStore(schedule_file())
    try:
        entries = store.entries(states=("waiting", "failed"))
    finally:
        store.close()
    for entry in entries:
        job = job_of(entry)
        yield str(entry.number), job.line if job else entry.type


def _plugins() -> "Plugins":
    from llmgine_cli import places
    from llmgine_cli.plugins import Plugins
    from llmgine_cli.trust import TrustStore

    return Plugins(project=places.project_dir(), trust=TrustStore())
