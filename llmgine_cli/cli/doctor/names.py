"""Of the settings: names that stand for nothing, which would be found out only when they are used."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from llmgine_cli.cli.doctor.finding import Finding
from llmgine_cli.cli.models.group import catalog_of
from llmgine_cli.errors import LlmgineError, near_miss

if TYPE_CHECKING:
    from llmgine_cli.plugins import Plugins
    from llmgine_cli.settings import Settings


def names(settings: "Settings", plugins: "Plugins") -> Iterator[Finding]:
    """Engines, tools, models and sinks that the settings name and that are not there, and options that nobody has."""
    yield from _missing("engine", [settings.engine] if settings.engine else [], plugins.engine)
    yield from _missing("chat.engine", [settings.chat.engine], plugins.engine)
    yield from _missing("chat.tools", settings.chat.tools, plugins.tool)
    resolve = catalog_of(settings).resolve
    models = {"model": settings.model, "embedding_model": settings.embedding_model}
    for key, name in models.items():
        yield from _missing(key, [name] if name else [], resolve)
    yield from _missing("fallback", settings.fallback, resolve)
    yield from _sinks(settings)
    yield from _options(settings, plugins)


def broken(plugins: "Plugins") -> Iterator[Finding]:
    """Engines and tools that are there and cannot be used, though they are trusted."""
    for kind, all_found in (("engine", plugins.all_engines()), ("tool", plugins.all_tools())):
        for found in all_found:
            if found.value is None and found.trusted:
                yield Finding(f"{kind}s", "wrong", f"{found.path or found.name}: {found.problem}", None)


def _missing(key: str, wanted: "Any", find: Callable[[str], object]) -> Iterator[Finding]:
    for name in wanted:
        try:
            find(name)
        except LlmgineError as error:
            said = error.message.removeprefix(f"{key}: ")
            yield Finding("settings", "wrong", f"{key}: {said}", error.hint)


def _sinks(settings: "Settings") -> Iterator[Finding]:
    from llmgine_cli.sinks.catalog import known

    there = ["jsonl", *(sink.name for sink in known())]
    for key, names_of in (("log.sinks", settings.log.sinks), ("sinks", list(settings.sinks))):
        for name in names_of:
            if name not in there:
                yield Finding("settings", "wrong", f"{key}: no sink named {name!r}", near_miss(name, there))


def _options(settings: "Settings", plugins: "Plugins") -> Iterator[Finding]:
    from llmgine_cli.toolkit.validation import read_settings

    def check_engine(name: str) -> None:
        plugins.engine(name).split(settings.engines[name])

    def check_tool(name: str) -> None:
        for tool in plugins.tool(name):
            read_settings(tool, settings.tools.options[name])

    for table, wanted, check in (
        ("engines", settings.engines, check_engine),
        ("tools.options", settings.tools.options, check_tool),
    ):
        for name in wanted:
            yield from _missing(f"{table}.{name}", [name], check)
