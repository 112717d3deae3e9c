"""Of models: keys, who can be reached, which one would answer, and the one that runs here."""

import os
import stat
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from time import perf_counter
from typing import TYPE_CHECKING

from llmgine_cli.cli.doctor.finding import Finding, wrong
from llmgine_cli.cli.logs.figures import plural
from llmgine_cli.cli.models.group import catalog_of, is_set_up, key_variable, vendors_of
from llmgine_cli.errors import LlmgineError

if TYPE_CHECKING:
    from llmgine_cli.providers.catalog import Catalog
    from llmgine_cli.providers.vendor import Vendor
    from llmgine_cli.settings import Settings

_SECONDS = 10.0  # that a provider may take


def keys(settings: "Settings") -> Iterator[Finding]:
    """Whether keys are there, and whether those that are stored can be had."""
    from llmgine_cli.keys import KeyStore

    found: list[str] = []
    for vendor in vendors_of(settings).values():
        variable = key_variable(vendor, settings)
        if variable is None:
            continue
        try:
            settings.key(variable)
        except LlmgineError as error:
            yield wrong("keys", error)
            continue
        found.append(f"{variable} ({settings.key_source(variable)})")
    if found:
        yield Finding("keys", "ok", ", ".join(found))
    else:
        yield Finding("keys", "note", "none is set", "llmgine keys set NAME stores one, as for openai")
    file = KeyStore().file
    if os.name == "posix" and file.exists() and (mode := stat.S_IMODE(file.stat().st_mode)) & 0o077:
        yield Finding("keys", "wrong", f"others may read your keys in {file} (mode {mode:o})", f"chmod 600 {file}")


async def reached(settings: "Settings") -> AsyncIterator[Finding]:
    """Whether each provider that is set up answers, and takes the key."""
    import asyncio

    catalog = catalog_of(settings)
    vendors = [
        vendor
        for vendor in vendors_of(settings).values()
        if vendor.protocol not in ("local", "echo") and is_set_up(vendor, settings)
    ]
    try:
        for found in await asyncio.gather(*(_ask(catalog, vendor, settings) for vendor in vendors)):
            if found is not None:
                yield found
    finally:
        await catalog.aclose()


def usual(settings: "Settings") -> Iterator[Finding]:
    """Which model answers when none is named."""
    try:
        model = catalog_of(settings).choose(
            flag=None, setting=settings.model, unvouched=settings.circumstances.model_from
        )
    except LlmgineError as error:
        yield wrong("default model", error)
    else:
        yield Finding("default model", "ok", f"{model} ({model.reason})")


def aliases(settings: "Settings") -> Iterator[Finding]:
    """Which short names stand for nothing."""
    catalog = catalog_of(settings)
    for alias, model in settings.aliases.items():
        try:
            catalog.resolve(alias)
        except LlmgineError as error:
            hint = f"llmgine aliases set {alias} MODEL, or llmgine aliases remove {alias}"
            yield Finding("aliases", "note", f"{alias} stands for {model}: {error.message}", hint)


async def local(settings: "Settings") -> AsyncIterator[Finding]:
    """Whether the model that runs here is installed, and answers."""
    from llmgine_cli.providers import weights

    if find_spec("xllamacpp") is None:
        yield Finding("local model", "note", "xllamacpp is not installed", "pip install 'llmgine-cli[local]'")
        return
    if not weights.present():
        others = ", ".join(f"local:{model.name}" for model in weights.stored())
        if others:
            yield Finding("local model", "ok", f"{others} on this machine, not tried")
        else:
            yield Finding("local model", "note", "none is on this machine", "llmgine models pull gets a small one")
        return
    from llmgine_cli.llm.messages import ModelOptions, Request, user
    from llmgine_cli.llm.stream import fold

    catalog = catalog_of(settings)
    begin = perf_counter()
    try:
        model = catalog.model(f"local:{weights.SMOLLM2.name}")
        request = Request(model=model.name, messages=(user("Hi"),), options=ModelOptions(max_tokens=1))
        await fold(model.provider.stream(request))
    except LlmgineError as error:
        yield wrong("local model", error)
    else:
        yield Finding("local model", "ok", f"{model} loads and answers, in {perf_counter() - begin:.1f} s")
    finally:
        await catalog.aclose()


async def _ask(catalog: "Catalog", vendor: "Vendor", settings: "Settings") -> Finding | None:
    from llmgine_cli.providers.presets import is_at_home
    from llmgine_cli.providers.transport import without_password

    begin = perf_counter()
    try:
        if vendor.models_page:
            catalog.model(f"{vendor.name}:MODEL")  # raises if anything is not said that it needs
            return Finding(
                vendor.name, "note", "does not tell programs which models it has", f"look at {vendor.models_page}"
            )
        models = await catalog.models(vendor.name, seconds=_SECONDS)
    except LlmgineError as error:
        # That a server of one's own does not run is no fault.
        return wrong(vendor.name, error) if vendor.key_envs or vendor.starter is None else None
    took = f"{(perf_counter() - begin) * 1000:.0f} ms"
    address = vendor.address(settings.address)
    elsewhere = f" at {without_password(address)}" if address and not is_at_home(vendor, settings.address) else ""
    return Finding(vendor.name, "ok", f"answers{elsewhere} in {took}, with {plural(len(models), 'model')}")
