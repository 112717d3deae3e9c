"""`llmgine config`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmgine_cli.cli.common import Cli, JsonFlag, command

if TYPE_CHECKING:
    from llmgine_cli.settings import Settings

app = typer.Typer(name="config", help="See and create settings.", no_args_is_help=True)


@command(app)
def show(
    cli: Cli,
    changed: Annotated[bool, typer.Option("--changed", help="Only what is set somewhere.")] = False,
    json: JsonFlag = False,
) -> None:
    """Tell every setting, and where it came from."""
    from llmgine_cli.cli.listing import print_rows
    from llmgine_cli.settings import explain
    from llmgine_cli.settings.load import read

    reading = read()
    listed, keys = explain(reading=reading), _keys(reading.settings)
    if changed:
        listed = [item for item in listed if item.source != "default"]
        keys = {name: key for name, key in keys.items() if key["set"]}
    if json:
        cli.json(
            {
                "settings": {item.key: {"value": item.value, "source": item.source} for item in listed},
                "keys": keys,
                "project": reading.settings.project,
                "notices": list(reading.settings.notices),
            }
        )
        return
    rows = [(item.key, _shown(item.value), item.source) for item in listed]
    rows += [(name, key["value"] or "not set", key["source"] or "") for name, key in keys.items()]
    print_rows(cli, ("setting", "value", "from"), rows)
    for notice in reading.settings.notices:
        cli.note(notice)


@command(app)
def path(cli: Cli, json: JsonFlag = False) -> None:
    """Say where your own settings are; --json names the other places too."""
    from llmgine_cli import places

    if not json:
        cli.print(str(places.config_file()))
        return
    project = places.project_dir()
    cli.json(
        {
            "config_file": places.config_file(),
            "config_dir": places.config_dir(),
            "project_file": project / places.PROJECT_FILE if project else None,
            "state_dir": places.state_dir(),
            "data_dir": places.data_dir(),
            "cache_dir": places.cache_dir(),
            "bundled": places.bundled_root(),
        }
    )


@command(app)
def init(
    cli: Cli,
    project: Annotated[bool, typer.Option("--project", help="Write llmgine.toml into this folder instead.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a settings file with everything explained and commented out."""
    from llmgine_cli import places
    from llmgine_cli.errors import StorageError, UsageError
    from llmgine_cli.settings.example import example
    from llmgine_cli.trust import replace_file

    file = Path.cwd() / places.PROJECT_FILE if project else places.config_file()
    if file.exists() and not force:
        raise UsageError(f"{file} is there already", hint="--force replaces it")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if force:
            # Your own file may be a link that you made; a link in somebody's folder leads where they want.
            replace_file(file if project else file.resolve(), example(), mode=0o666)
        else:
            with file.open("x", encoding="utf-8") as stream:
                stream.write(example())
    except OSError as error:
        raise StorageError(f"cannot write {file}: {error.strerror}") from error
    cli.print(str(file))
    if project:
        cli.note(
            "without `llmgine trust`, only what is harmless in it counts: the names of a model and an engine, limits,"
            " how a chat looks; never aliases, addresses, tools, approvals or where the log is"
        )


def _keys(settings: "Settings") -> dict[str, dict[str, Any]]:
    """The vendors' keys: whether each is set, and where."""
    from llmgine_cli.providers.presets import VENDORS
    from llmgine_cli.settings.masking import mask

    names: list[str | None] = [name for vendor in VENDORS.values() for name in vendor.key_envs]
    names += [provider.api_key_env for provider in settings.providers.values()]
    keys: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(name for name in names if name):
        key = settings.key(name)
        shown = mask(key.get_secret_value()) if key else None
        keys[name] = {"set": key is not None, "value": shown, "source": settings.key_source(name)}
    return keys


def _shown(value: Any) -> str:
    from json import dumps

    return value if isinstance(value, str) else "" if value is None else dumps(value, ensure_ascii=False, default=str)
