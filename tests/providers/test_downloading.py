import hashlib
from pathlib import Path

import pytest

from llmgine_cli.errors import (
    BadResponseError,
    LlmgineError,
    ProviderError,
    SettingsError,
    StorageError,
    UnreachableError,
    UsageError,
)
from llmgine_cli.providers import downloading
from llmgine_cli.providers.weights import folder
from tests.support.files import FileServer
from tests.support.index import MODEL
from tests.support.server import dead_url

SHA256 = hashlib.sha256(MODEL).hexdigest()


def fetch(url: str, *, name: str | None = None, sha256: str | None = None) -> Path:
    return downloading.fetch(downloading.source(url, name=name, sha256=sha256), lambda *_: None).path


def left() -> list[str]:
    return sorted(file.name for file in folder().iterdir())


def test_a_file_is_fetched_and_named_by_its_address() -> None:
    told: list[tuple[str, int, int]] = []
    with FileServer(MODEL) as server:
        stored = downloading.fetch(downloading.source(server.url), lambda *word: told.append(word))
    assert (stored.name, stored.size) == ("tiny", len(MODEL))
    assert stored.path.read_bytes() == MODEL
    assert left() == ["tiny.gguf"]
    assert told[-1] == ("fetch", len(MODEL), len(MODEL))


def test_a_connection_that_breaks_is_taken_up_again_where_it_broke() -> None:
    with FileServer(MODEL, cuts=[1000, 5000]) as server:
        assert fetch(server.url).read_bytes() == MODEL
        assert server.asked == [None, "bytes=1000-", "bytes=6000-"]


def test_what_an_earlier_try_has_brought_is_not_fetched_again() -> None:
    with FileServer(MODEL, cuts=[1000, 0, 0, 0]) as server:
        with pytest.raises(UnreachableError, match="breaks again and again") as caught:
            fetch(server.url)
        assert caught.value.hint == "the same command goes on from there"
        server.asked.clear()
        assert fetch(server.url).read_bytes() == MODEL
        assert server.asked == ["bytes=1000-"]
    assert left() == ["tiny.gguf"]


def test_another_version_of_the_file_is_fetched_from_its_beginning() -> None:
    with FileServer(MODEL[:-1] + b"!", cuts=[1000, 0, 0, 0]) as server:
        with pytest.raises(UnreachableError):
            fetch(server.url)
        server.content, server.etag = MODEL, '"2"'
        assert fetch(server.url).read_bytes() == MODEL


def test_a_server_that_gives_no_parts_gives_all_of_it_again() -> None:
    with FileServer(MODEL, cuts=[1000], ranges=False) as server:
        assert fetch(server.url).read_bytes() == MODEL


def test_without_a_version_nothing_is_pieced_together_unless_the_checksum_is_known() -> None:
    with FileServer(MODEL, cuts=[1000], etag=None) as server:
        assert fetch(server.url).read_bytes() == MODEL
        assert server.asked == [None, None]
    with FileServer(MODEL, cuts=[1000], etag=None) as server:
        assert fetch(server.url, sha256=SHA256).read_bytes() == MODEL
        assert server.asked == [None, "bytes=1000-"]


def test_a_file_that_had_come_whole_when_the_program_died_is_only_checked() -> None:
    with FileServer(MODEL) as server:
        part = downloading._Part(downloading.source(server.url))
        folder().mkdir(parents=True)
        part.file.write_bytes(MODEL)
        part.file.with_name(f"{part.file.name}.json").write_text('{"version": "\\"1\\""}')
        assert fetch(server.url).read_bytes() == MODEL
        assert server.asked == [f"bytes={len(MODEL)}-"]


def test_a_file_with_another_checksum_is_refused_and_not_kept() -> None:
    with FileServer(MODEL) as server, pytest.raises(BadResponseError, match=SHA256):
        fetch(server.url, sha256="0" * 64)
    assert not list(folder().glob("*.gguf"))
    with FileServer(MODEL) as server:
        assert fetch(server.url, sha256=SHA256.upper()).read_bytes() == MODEL


def test_the_checksum_that_a_redirect_names_is_checked() -> None:
    with FileServer(MODEL, redirect=True, linked=SHA256) as server:
        assert fetch(server.url).read_bytes() == MODEL
    with (
        FileServer(MODEL, redirect=True, linked="0" * 64) as server,
        pytest.raises(BadResponseError, match="is not the file it should be"),
    ):
        fetch(server.url)


def test_a_redirect_to_where_the_file_can_be_changed_on_the_way_is_not_followed() -> None:
    with (
        FileServer(MODEL, redirect=True, location="http://example.org/tiny.gguf") as server,
        pytest.raises(UsageError, match=r"over http, as from example\.org, can be changed"),
    ):
        fetch(server.url)


def test_what_has_a_known_checksum_may_come_over_http() -> None:
    assert downloading.source("http://example.org/tiny.gguf", sha256=SHA256).name == "tiny"


@pytest.mark.parametrize(("variable", "value"), [("HTTPS_PROXY", "nonsense://x"), ("SSL_CERT_FILE", "none.pem")])
def test_broken_proxy_and_certificate_settings_are_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        fetch("https://acme.test/tiny.gguf")
    assert variable in str(caught.value.hint)


def test_what_is_on_this_machine_needs_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", dead_url())
    with FileServer(MODEL) as server:
        assert fetch(server.url).read_bytes() == MODEL


def test_a_page_in_place_of_a_model_is_refused() -> None:
    with FileServer(b"<html>sign in") as server, pytest.raises(BadResponseError, match="is no GGUF file"):
        fetch(server.url)


@pytest.mark.parametrize(("status", "hint"), [(401, "sign in"), (403, "sign in"), (404, "right"), (500, "later")])
def test_a_refusal_is_told_with_what_to_do(status: int, hint: str) -> None:
    with FileServer(MODEL, status=status) as server, pytest.raises(ProviderError, match=str(status)) as caught:
        fetch(server.url)
    assert hint in (caught.value.hint or "")


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(UnreachableError, match="cannot be reached"):
        fetch(f"{dead_url()}/tiny.gguf")


def test_two_programs_do_not_write_one_file() -> None:
    with FileServer(MODEL) as server:
        wanted = downloading.source(server.url)
        folder().mkdir(parents=True)
        with downloading._Part(wanted).locked(), pytest.raises(UsageError, match="another llmgine"):
            fetch(server.url)


def test_a_models_folder_that_cannot_be_made_is_told(home: Path) -> None:
    (home / "data").write_text("a file")
    with FileServer(MODEL) as server, pytest.raises(StorageError, match="cannot write"):
        fetch(server.url)


@pytest.mark.parametrize(
    ("url", "how", "said"),
    [
        ("http://example.org/tiny.gguf", {}, "can be changed on the way"),
        ("ftp://example.org/tiny.gguf", {}, "no address"),
        ("https://example.org/", {}, "cannot be a model's name"),
        ("https://example.org/tiny.gguf", {"name": "../evil"}, "cannot be a model's name"),
        ("https://example.org/%2e%2e.gguf", {}, "cannot be a model's name"),
        ("https://example.org/tiny.gguf", {"sha256": "12"}, "64 hexadecimal digits"),
    ],
)
def test_what_cannot_be_fetched_is_refused_before_anything_is_asked(url: str, how: dict[str, str], said: str) -> None:
    with pytest.raises(LlmgineError, match=said):
        downloading.source(url, **how)
