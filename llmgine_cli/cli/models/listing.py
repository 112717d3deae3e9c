"""`llmgine models list`."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmgine_cli.cli.common import Cli, JsonFlag, command
from llmgine_cli.cli.models.group import (
    app,
    catalog_of,
    facts,
    is_set_up,
    key_variable,
    needs_key,
    price,
    tokens,
    vendors_of,
)

if TYPE_CHECKING:
    from llmgine_cli.llm.pricelist import Listed
    from llmgine_cli.providers.vendor import Vendor
    from llmgine_cli.settings import Settings

ASKED_FOR = 10.0  # seconds that a vendor may take to list its models


@dataclass(kw_only=True)
class _Asked:
    """A provider, and what it said.

    Attributes:
        vendor: Who it is.
        models: The names of its models; None: it was not asked, or did not answer.
        error: Why it did not answer.
    """

    vendor: "Vendor"
    models: list[str] | None = None
    error: str | None = None


@command(app, "list")
def list_models(
    cli: Cli,
    query: Annotated[
        list[str] | None,
        typer.Option("-q", "--query", metavar="TEXT", help="Only names with this in them. Repeatable."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every model in the list of prices, whether you can use it now or not.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """List the models you can use now.

    Those on this machine, and those of each provider that has its key: it is asked. With --all nobody is asked. Prices
    are US dollars for a million tokens.
    """
    from llmgine_cli.llm import pricelist

    settings = cli.settings()
    vendors = vendors_of(settings)
    if everything:
        asked = [_Asked(vendor=vendor) for vendor in vendors.values()]
        listed = list(pricelist.everything({vendor.name: vendor.serves for vendor in vendors.values()}))
    else:
        asked = cli.run(_ask(cli, settings, vendors))
        listed = [
            pricelist.find(f"{each.vendor.name}:{model}")._replace(model=f"{each.vendor.name}:{model}")
            for each in asked
            for model in each.models or ()
        ]
    listed = [model for model in listed if _matches(model.model, query or ())]
    if json:
        models = [{"model": model.model, **facts(model)} for model in listed]
        cli.json({"models": models, "providers": [_provider(each, settings) for each in asked]})
        return
    _print(cli, listed)
    if query and not listed:
        cli.note(f"no model has {' and '.join(map(repr, query))} in its name{_further(everything)}")
    if not everything:
        _tell(cli, asked, settings)


async def _ask(cli: Cli, settings: "Settings", vendors: "Mapping[str, Vendor]") -> list[_Asked]:
    """Ask all providers that can be asked, at the same time; clouds cannot, they have a page for people."""
    import asyncio

    from llmgine_cli.cli.screen.spinner import Spinner
    from llmgine_cli.errors import LlmgineError

    catalog = catalog_of(settings)
    asked = [_Asked(vendor=vendor) for vendor in vendors.values()]

    async def ask(each: _Asked) -> None:
        if each.vendor.models_page or not is_set_up(each.vendor, settings):
            return
        try:
            each.models = sorted(await catalog.models(each.vendor.name, seconds=ASKED_FOR))
        except LlmgineError as error:
            each.error = error.message

    spinner = Spinner(enabled=sys.stderr.isatty() and not cli.quiet, styled=cli.styled(stderr=True))
    busy = [
        each.vendor.name for each in asked if key_variable(each.vendor, settings) and each.vendor.models_page is None
    ]
    spinner.show(f"asking {', '.join(busy)}")
    try:
        await asyncio.gather(*(ask(each) for each in asked))
    finally:
        spinner.hide()
        await catalog.aclose()
    return asked


def _matches(name: str, query: Sequence[str]) -> bool:
    return all(text.casefold() in name.casefold() for text in query)


def _further(everything: bool) -> str:
    return "" if everything else "; --all looks through every model in the list of prices"


def _print(cli: Cli, listed: "Sequence[Listed]") -> None:
    from llmgine_cli.cli.listing import print_rows

    rows = [
        (
            model.model + (" (retired)" if model.retired else ""),
            tokens(model.context_window),
            price(model.input_price),
            price(model.output_price),
        )
        for model in listed
    ]
    print_rows(cli, ("model", "context", "input", "output"), rows)


def _tell(cli: Cli, asked: Sequence[_Asked], settings: "Settings") -> None:
    """Say of whom nothing is listed, and what to do."""
    from llmgine_cli.providers import weights

    for each in asked:
        # That a server of one's own does not run is no news.
        if each.error and (each.vendor.key_envs or cli.verbose):
            cli.warn(each.error)
        if each.vendor.models_page and is_set_up(each.vendor, settings):
            cli.note(
                f"{each.vendor.name} does not tell programs which models it has: look at {each.vendor.models_page}"
            )
    keyless = [each.vendor.name for each in asked if needs_key(each.vendor) and not is_set_up(each.vendor, settings)]
    if keyless:
        cli.note(f"no key is set for {', '.join(keyless)}: llmgine keys set NAME stores one")
    if not weights.stored():
        cli.note("llmgine models pull gets a small model that runs on this machine")


def _provider(each: _Asked, settings: "Settings") -> dict[str, Any]:
    variable = key_variable(each.vendor, settings)
    return {
        "name": each.vendor.name,
        "default_model": each.vendor.default_model,
        "base_url": each.vendor.address(settings.address) or None,
        "key_variable": variable or each.vendor.key_env,
        "key_source": settings.key_source(variable) if variable else None,
        "needs_key": needs_key(each.vendor),
        "models_page": each.vendor.models_page,
        "reachable": None if each.models is None and each.error is None else each.error is None,
        "error": each.error,
    }
