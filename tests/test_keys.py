import json
import stat
from pathlib import Path

import pytest

from llmgine_cli.errors import SettingsError, StorageError
from llmgine_cli.keys import KeyStore


def entries(store: KeyStore) -> dict[str, dict[str, str | bool]]:
    content: dict[str, dict[str, str | bool]] = json.loads(store.file.read_text())
    return content


@pytest.fixture
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A real keyring, in a file; returns that file."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyrings.alt.file.PlaintextKeyring")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    import keyring

    keyring.core.init_backend()
    return tmp_path / "share" / "python_keyring" / "keyring_pass.cfg"


@pytest.mark.usefixtures("no_keyring")
def test_without_a_keyring_the_key_is_in_a_file_that_only_its_owner_can_read(home: Path) -> None:
    import keyring

    keyring.core.init_backend()
    assert KeyStore().set("OPENAI_API_KEY", "sk-1") == "keys.json"
    file = home / "config" / "keys.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert entries(KeyStore()) == {"OPENAI_API_KEY": {"key": "sk-1"}}
    assert (KeyStore().get("OPENAI_API_KEY"), KeyStore().where("OPENAI_API_KEY")) == ("sk-1", "keys.json")


def test_with_a_keyring_the_key_is_there_and_the_file_says_only_that(keyring: Path) -> None:
    store = KeyStore()
    assert store.set("OPENAI_API_KEY", "sk-1") == "keyring"
    assert entries(store) == {"OPENAI_API_KEY": {"keyring": True}}
    assert "sk-1" not in store.file.read_text()
    assert keyring.is_file()
    assert KeyStore().get("OPENAI_API_KEY") == "sk-1"


def test_a_key_that_is_removed_is_gone_from_the_keyring_too(keyring: Path) -> None:
    KeyStore().set("OPENAI_API_KEY", "sk-1")
    KeyStore().set("XAI_API_KEY", "x-1")
    assert KeyStore().remove("OPENAI_API_KEY") == "keyring"
    assert KeyStore().get("OPENAI_API_KEY") is None
    assert "openai" not in keyring.read_text().lower()
    assert KeyStore().stored() == {"XAI_API_KEY": "keyring"}
    assert KeyStore().remove("OPENAI_API_KEY") is None


def test_a_second_key_takes_the_place_of_the_first(keyring: Path) -> None:
    KeyStore().set("OPENAI_API_KEY", "sk-1")
    KeyStore().set("OPENAI_API_KEY", "sk-2")
    assert KeyStore().get("OPENAI_API_KEY") == "sk-2"


def test_a_keyring_that_is_gone_is_told_with_the_variable(keyring: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring as library

    KeyStore().set("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    library.core.init_backend()
    with pytest.raises(SettingsError, match="cannot be opened") as caught:
        KeyStore().get("OPENAI_API_KEY")
    assert caught.value.hint == "unlock it, or export OPENAI_API_KEY"
    assert KeyStore().where("OPENAI_API_KEY") == "keyring"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"OPENAI_API_KEY": "sk-1"}', "\xff\x00"])
def test_a_damaged_file_is_told_and_not_written_over(home: Path, content: str) -> None:
    store = KeyStore(home / "keys.json")
    store.file.write_text(content, "latin-1")
    with pytest.raises(SettingsError, match="damaged"):
        store.set("OPENAI_API_KEY", "sk-1")
    assert store.file.read_text("latin-1") == content


@pytest.mark.usefixtures("no_keyring")
def test_a_folder_that_cannot_be_written_is_a_storage_error(home: Path) -> None:
    (home / "config").write_text("a file where the folder should be")
    with pytest.raises((StorageError, SettingsError)) as caught:
        KeyStore().set("OPENAI_API_KEY", "sk-1")
    assert str(home / "config" / "keys.json") in str(caught.value)
