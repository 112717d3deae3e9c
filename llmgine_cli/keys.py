"""Vendors' keys that the user keeps with us: in the system's keyring if there is one, else in a file of their own.

One small file, `keys.json` in the config directory (mode 0600), says for each variable either the key itself or that
the keyring has it: whoever keeps no key in a keyring never waits for the library that opens one.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from llmgine_cli import places
from llmgine_cli.errors import SettingsError, StorageError
from llmgine_cli.trust import replace_file

Where: TypeAlias = Literal["keyring", "keys.json"]
_SERVICE = "llmgine"
_LEAST = 1  # priority of a keyring that its makers recommend: below are those that hide nothing
_IN_KEYRING: Mapping[str, Any] = {"keyring": True}


class Secret:
    """A key that does not show itself by accident.

    Args:
        value: The key.
    """

    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        """Return the key."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('****')"


class KeyStore:
    """The keys that were stored, by the variable each stands in for.

    Args:
        file: Where they are; default: `keys.json` in the config directory.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._given = file
        self._read: dict[str, dict[str, Any]] | None = None

    @property
    def file(self) -> Path:
        """Where they are, or where it is said that the keyring has them."""
        return self._given or places.config_dir() / "keys.json"

    def where(self, variable: str) -> Where | None:
        """Where a variable's key is; None if none is stored. The keyring is not opened for this."""
        entry = self._entries().get(variable)
        return None if entry is None else "keyring" if "keyring" in entry else "keys.json"

    def stored(self) -> dict[str, Where]:
        """Each variable that has a key, and where it is."""
        return {variable: where for variable in self._entries() if (where := self.where(variable)) is not None}

    def get(self, variable: str) -> str | None:
        """Return a key; None if none is stored.

        Raises:
            SettingsError: The keyring has it and cannot be opened.
        """
        entry = self._entries().get(variable)
        if entry is None:
            return None
        return _from_keyring(variable) if "keyring" in entry else str(entry.get("key") or "") or None

    def set(self, variable: str, key: str) -> Where:
        """Keep a key, in place of one that is there, and return where it is now.

        Raises:
            StorageError: The file cannot be written.
        """
        entries = self._entries()
        before = self.where(variable)
        entries[variable] = dict(_IN_KEYRING) if _into_keyring(variable, key) else {"key": key}
        self._write(entries)
        now: Where = "keyring" if "keyring" in entries[variable] else "keys.json"
        if before == "keyring" and now != "keyring":
            _out_of_keyring(variable)
        return now

    def remove(self, variable: str) -> Where | None:
        """Forget a key, and return where it was; None if there was none.

        Raises:
            StorageError: The file cannot be written.
        """
        where = self.where(variable)
        if where is None:
            return None
        if where == "keyring":
            _out_of_keyring(variable)
        entries = self._entries()
        del entries[variable]
        self._write(entries)
        return where

    def _entries(self) -> dict[str, dict[str, Any]]:
        if self._read is None:
            self._read = _load(self.file)
        return self._read

    def _write(self, entries: dict[str, dict[str, Any]]) -> None:
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self.file, json.dumps(entries, indent=2) + "\n")
        except OSError as error:
            self._read = None
            hint = "or keep the key in a variable of the environment"
            raise StorageError(f"cannot write {self.file}: {error.strerror}", hint=hint) from error


def _load(file: Path) -> dict[str, dict[str, Any]]:
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(f"cannot read {file}: {error.strerror}", hint="it holds your keys; mend it") from error
    try:
        entries = json.loads(content)
    except ValueError:
        entries = None
    if not isinstance(entries, dict) or not all(
        isinstance(entry, dict) for entry in cast("dict[str, Any]", entries).values()
    ):
        raise SettingsError(
            f"{file} is damaged: it holds your keys, and is no JSON object of them",
            hint="remove it, and set the keys again with llmgine keys set",
        )
    return cast("dict[str, dict[str, Any]]", entries)


def _keyring() -> Any:
    """The system's keyring; None where there is none, or only one that hides nothing and that nobody chose."""
    from keyring import core, get_keyring
    from keyring.backends import chainer, fail, null

    backend: Any = get_keyring()
    if isinstance(backend, fail.Keyring | null.Keyring):
        return None
    if isinstance(backend, chainer.ChainerBackend) and not backend.backends:
        return None
    chosen = core.load_env() or core.load_config()
    return backend if chosen or backend.priority >= _LEAST else None


def _into_keyring(variable: str, key: str) -> bool:
    """Whether the keyring has taken it."""
    from keyring.errors import KeyringError

    try:
        backend = _keyring()
        if backend is None:
            return False
        backend.set_password(_SERVICE, variable, key)
        return bool(backend.get_password(_SERVICE, variable) == key)
    except (KeyringError, OSError, RuntimeError):  # locked, no session bus, no desktop: then the file takes it
        return False


def _from_keyring(variable: str) -> str | None:
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_password(_SERVICE, variable) or None
    except (KeyringError, OSError, RuntimeError) as error:
        raise SettingsError(
            f"the key for {variable} is in the system's keyring, which cannot be opened: {_said(error)}",
            hint=f"unlock it, or export {variable}",
        ) from error


def _out_of_keyring(variable: str) -> None:
    import keyring
    from keyring.errors import KeyringError, PasswordDeleteError

    try:
        keyring.delete_password(_SERVICE, variable)
    except PasswordDeleteError:
        return  # it was taken out by other means
    except (KeyringError, OSError, RuntimeError) as error:
        raise StorageError(
            f"the key for {variable} cannot be taken out of the system's keyring: {_said(error)}",
            hint="unlock it and try again",
        ) from error


def _said(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
