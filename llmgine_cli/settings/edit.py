"""Change one setting in the user's own file, and leave the rest of it as the user wrote it."""

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, cast

from llmgine_cli import places
from llmgine_cli.errors import SettingsError, StorageError
from llmgine_cli.settings.load import check
from llmgine_cli.settings.sources import Key, shown
from llmgine_cli.trust import replace_file


def put(key: Key, value: Any) -> Path:
    """Set a value, or with None take it out, in the user's `config.toml`, which is made if need be; return that file.

    Args:
        key: As `("aliases", "fast")`.
        value: A string, number, boolean or list of them; None: the setting is to be as if it were never made.

    Raises:
        SettingsError: The file is wrong as it stands, or would be with this.
        StorageError: It cannot be written.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    file = places.config_file()
    try:
        text = file.read_text("utf-8-sig") if file.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{shown(file)}: cannot be read: {error}") from error
    check(file, text.encode())  # what is wrong already is told as such, with its line
    try:
        document = tomlkit.parse(text)
        _change(cast("MutableMapping[str, Any]", document), key, value)
        changed = tomlkit.dumps(document)
    except (TOMLKitError, TypeError) as error:
        raise SettingsError(f"{shown(file)}: {'.'.join(key)} cannot be set there: {error}") from error
    check(file, changed.encode())
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file.resolve(), changed, mode=_mode(file))  # it may be a link that the user made
    except OSError as error:
        hint = "LLMGINE_CONFIG names another file for your settings"
        raise StorageError(f"cannot write {file}: {error.strerror}", hint=hint) from error
    return file


def _change(document: MutableMapping[str, Any], key: Key, value: Any) -> None:
    import tomlkit

    *tables, name = key
    table = document
    for each in tables:
        if each not in table:
            if value is None:
                return
            table[each] = tomlkit.table()
        table = table[each]
    if value is None:
        table.pop(name, None)
    else:
        table[name] = value


def _mode(file: Path) -> int:
    try:
        return file.stat().st_mode & 0o777
    except OSError:
        return 0o666  # less the umask, as of any new file
