"""The group `llmgine models`, and what its commands share."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from llmgine_cli.llm.pricelist import Listed
    from llmgine_cli.providers.catalog import Catalog
    from llmgine_cli.providers.vendor import Vendor
    from llmgine_cli.settings import Settings

app = typer.Typer(
    name="models", help="See models, choose one, and get ones that run on this machine.", no_args_is_help=True
)


def vendors_of(settings: "Settings") -> "Mapping[str, Vendor]":
    """Return all providers there are here, by name."""
    from llmgine_cli.providers.own_vendors import vendors

    return vendors(settings.vendor_changes)


def catalog_of(settings: "Settings") -> "Catalog":
    """Return where models are found, as `bootstrap.build` would make it, without all the rest."""
    from llmgine_cli.bootstrap import make_catalog

    return make_catalog(settings, vendors_of(settings))


def key_variable(vendor: "Vendor", settings: "Settings") -> str | None:
    """The variable that holds a vendor's key, if any does."""
    return next((variable for variable in vendor.key_envs if settings.key_source(variable)), None)


def is_set_up(vendor: "Vendor", settings: "Settings") -> bool:
    """Whether what it needs is there: a key; of a cloud with a sign-in of its own, the region and the project."""
    if key_variable(vendor, settings):
        return True
    if vendor.sign_in:
        return all(vendor.found(field, settings.address) for field in vendor.variables)
    return not vendor.key_envs


def needs_key(vendor: "Vendor") -> bool:
    """Whether there is no other way to sign in than with a key."""
    return bool(vendor.key_envs) and vendor.sign_in is None


def tokens(count: int | None) -> str:
    """A number of tokens as people say it: 128k, 1M; a dash where it is not known."""
    if count is None:
        return "-"
    if count >= 1_000_000:
        return f"{count / 1_000_000:.3g}M"
    return f"{count / 1000:.3g}k" if count >= 1000 else str(count)


def price(dollars: float | None) -> str:
    """US dollars for a million tokens: $0.15, free; a dash where it is not known."""
    if dollars is None:
        return "-"
    return f"${dollars:.4g}" if dollars else "free"


def facts(listed: "Listed") -> dict[str, object]:
    """What the list says, for programs: prices in US dollars for a million tokens."""
    return {
        "context_window": listed.context_window,
        "input_price": listed.input_price,
        "cached_price": listed.cached_price,
        "output_price": listed.output_price,
        "retired": listed.retired,
    }
