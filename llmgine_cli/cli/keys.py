"""`llmgine keys`."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from llmgine_cli.cli.common import Cli, JsonFlag, command
from llmgine_cli.cli.complete import complete_key
from llmgine_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmgine_cli.providers.vendor import Vendor
    from llmgine_cli.settings import Settings

app = typer.Typer(name="keys", help="Keep the keys of providers.", no_args_is_help=True)

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="A provider, as openai; or the variable of its key.", autocompletion=complete_key
    ),
]


@command(app, "set")
def set_key(
    cli: Cli,
    name: Name,
    value: Annotated[
        str | None, typer.Option("--value", metavar="KEY", help="The key; other users may see it while this runs.")
    ] = None,
) -> None:
    """Store a key: typed unseen, or piped in. It goes into the system's keyring, or into a file only you can read.

    A variable in the environment or in a .env file goes before a stored key.
    """
    from llmgine_cli.keys import KeyStore

    settings = cli.settings()
    variable = _variable(name, settings)
    key = _sound(value if value is not None else _asked(variable), variable)
    store = KeyStore()
    where = store.set(variable, key)
    place = "the system's keyring" if where == "keyring" else f"{store.file}, which only you can read (no keyring here)"
    cli.note(f"the key for {variable} is stored in {place}")
    if (source := settings.key_source(variable)) in ("environment", ".env"):
        cli.warn(f"{variable} is set in the {source} too, and that goes first".replace("the .env", "a .env file"))


@command(app, "list")
def list_keys(cli: Cli, json: JsonFlag = False) -> None:
    """List which keys there are, and where each is set.

    The keys themselves are not shown.
    """
    from llmgine_cli.cli.listing import print_rows
    from llmgine_cli.keys import KeyStore

    settings, store = cli.settings(), KeyStore()
    used = _used(settings)
    rows = [
        (variable, ", ".join(used.get(variable, ())), source)
        for variable in dict.fromkeys([*used, *store.stored()])
        if (source := settings.key_source(variable))
    ]
    if json:
        cli.json([{"variable": one, "providers": used.get(one, []), "source": source} for one, _, source in rows])
        return
    print_rows(cli, ("variable", "provider", "set in"), rows)
    if not rows:
        cli.note("no key is set: llmgine keys set NAME stores one, as for openai")
    elif any(source == "keys.json" for _, _, source in rows):
        cli.note(f"keys.json is {store.file}")


@command(app)
def remove(cli: Cli, name: Name) -> None:
    """Forget a stored key."""
    from llmgine_cli.keys import KeyStore

    settings, store = cli.settings(), KeyStore()
    variable = name if name in store.stored() else _variable(name, settings)
    if store.remove(variable) is None:
        source = settings.key_source(variable)
        hint = f"it is set in the {source}" if source else "llmgine keys list shows those that are"
        raise UsageError(f"no key is stored for {variable}", hint=hint.replace("the .env", "a .env file"))
    cli.note(f"the key for {variable} is forgotten")


def _used(settings: "Settings") -> "Mapping[str, list[str]]":
    """Each variable that may hold a key, and the providers that use it."""
    used: dict[str, list[str]] = {}
    for vendor in _vendors(settings).values():
        for variable in vendor.key_envs:
            used.setdefault(variable, []).append(vendor.name)
    return used


def _vendors(settings: "Settings") -> "Mapping[str, Vendor]":
    from llmgine_cli.providers.own_vendors import vendors

    return vendors(settings.vendor_changes)


def _variable(name: str, settings: "Settings") -> str:
    """The variable that a provider's name, or its own, stands for."""
    from llmgine_cli.errors import NotFoundError

    used, vendors = _used(settings), _vendors(settings)
    if name in used:
        return name
    if name not in vendors:
        raise NotFoundError("provider", name, [vendor.name for vendor in vendors.values() if vendor.key_envs])
    if not vendors[name].key_envs:
        raise UsageError(f"{name} needs no key", hint=f"to send one, set api_key_env in [providers.{name}]")
    return vendors[name].key_envs[0]


def _asked(variable: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.read()
    from getpass import getpass

    return getpass(f"key for {variable}: ")  # on the terminal itself, and not echoed


def _sound(key: str, variable: str) -> str:
    key = key.strip()
    if not key:
        raise UsageError(
            f"no key for {variable} was given", hint=f"type it, or pipe it in: llmgine keys set {variable} <FILE"
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise UsageError("that is no key: it has spaces, line ends or accents in it", hint="copy it once more")
    return key
