"""`llmgine models show`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmgine_cli.cli.common import Cli, JsonFlag, command
from llmgine_cli.cli.complete import complete_model
from llmgine_cli.cli.models.group import app, catalog_of, facts, key_variable, needs_key, price, tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmgine_cli.llm.pricelist import Listed
    from llmgine_cli.providers.vendor import Vendor
    from llmgine_cli.settings import Settings


@command(app)
def show(
    cli: Cli,
    name: Annotated[
        str, typer.Argument(metavar="MODEL", help="provider:name, or an alias.", autocompletion=complete_model)
    ],
    json: JsonFlag = False,
) -> None:
    """Tell what is known of a model.

    Who serves it and where, its key, context window, prices, and options that it does not take.
    """
    from shutil import get_terminal_size

    from llmgine_cli.cli.wrapping import beside
    from llmgine_cli.llm import pricelist

    settings = cli.settings()
    vendor, model = catalog_of(settings).resolve(name)
    full = f"{vendor.name}:{model}"
    known = pricelist.find(full)
    if json:
        cli.json({"model": full, "asked": name, **_vendor_facts(vendor, model, settings), **facts(known)})
        return
    title = full + (f" (alias: {name})" if name in settings.aliases else "")
    columns = get_terminal_size().columns if sys.stdout.isatty() else None
    for label, value in _rows(title, vendor, _vendor_facts(vendor, model, settings), known):
        for line in beside(label, value, 16, columns):
            cli.print(line)


def _rows(title: str, vendor: "Vendor", about: "Mapping[str, Any]", known: "Listed") -> list[tuple[str, str]]:
    carried = " over the vendor's SDK" if vendor.transport == "sdk" else ""
    rows = [
        ("model", title),
        ("about", known.about),
        ("provider", f"{vendor.name}, {vendor.protocol} protocol{carried}"),
        ("address", about["base_url"] or ""),
        ("not set yet", ", ".join(about["unset"])),
        ("file", _file_row(about["file"])),
        ("key", _key(vendor, about)),
        ("context window", f"{tokens(known.context_window)} tokens" if known.context_window else "not known"),
        ("price", _price(known)),
        ("leaves out", ", ".join(about["refuses"])),
        ("state", "retired by its vendor" if known.retired else ""),
    ]
    return [(label, value) for label, value in rows if value]


def _file_row(file: "Mapping[str, Any] | None") -> str:
    if file is None:
        return ""
    if file["size"] is not None:
        return f"{file['path']} ({file['size'] / 1e6:.1f} MB)"
    return f"{file['path']}, which is not there" + (": llmgine models pull gets it" if file["embedded"] else "")


def _file(model: str) -> dict[str, Any]:
    """Where a model that runs here is, and how many bytes it has; None: it is not there."""
    from llmgine_cli.providers import weights

    is_path = Path(model).name != model or model.endswith(".gguf")
    path = Path(model).expanduser().absolute() if is_path else weights.path(model)
    embedded = path == weights.path()
    try:
        size = path.stat().st_size if path.is_file() else None
    except OSError:
        size = None
    return {"path": str(path), "size": size, "embedded": embedded}


def _key(vendor: "Vendor", about: "Mapping[str, Any]") -> str:
    variable, source = about["key_variable"], about["key_source"]
    if source:
        return f"{variable}, set in the {source}"
    if vendor.sign_in:
        return f"none needed: it is asked with the credentials of this machine ({vendor.sign_in})"
    return f"{variable}, not set: llmgine keys set {vendor.name}" if needs_key(vendor) else "none needed"


def _price(known: "Listed") -> str:
    if known.input_price is None and known.output_price is None:
        return "not known"
    if not known.input_price and not known.output_price:
        return "free"
    cached = f" ({price(known.cached_price)} cached)" if known.cached_price is not None else ""
    return f"{price(known.input_price)} in{cached}, {price(known.output_price)} out, for a million tokens"


def _vendor_facts(vendor: "Vendor", model: str, settings: "Settings") -> dict[str, Any]:
    variable = key_variable(vendor, settings)
    refused = {option for quirk in vendor.quirks if quirk.applies(model) for option in quirk.drops}
    address = vendor.address(settings.address) or None
    refused |= {option for option, wire in vendor.names.items() if wire is None}
    return {
        "provider": vendor.name,
        "protocol": vendor.protocol,
        "base_url": address,
        "file": _file(model) if vendor.protocol == "local" else None,
        "unset": [
            *([vendor.base_url_env] if vendor.base_url_env and not address else ()),
            *(
                " or ".join(names)
                for field, names in vendor.variables.items()
                if not vendor.found(field, settings.address)
            ),
        ],
        "key_variable": variable or vendor.key_env,
        "key_source": settings.key_source(variable) if variable else None,
        "refuses": sorted(refused),
    }
