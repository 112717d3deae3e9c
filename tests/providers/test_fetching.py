"""Attachments by address."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from llmgine_cli.errors import LlmgineError, SettingsError, UnreachableError, UsageError
from llmgine_cli.providers.fetching import Fetched, fetch
from tests.support.pictures import PDF
from tests.support.server import dead_url
from tests.support.serving import Serving


class _Pages(BaseHTTPRequestHandler):
    seen: list[dict[str, str]]

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.seen.append({name.lower(): value for name, value in self.headers.items()})
        match self.path.partition("?")[0]:
            case "/a%20paper.pdf" | "/" | "http://other.test/paper.pdf":
                self._answer(200, PDF)
            case "http://acme.test/elsewhere":  # as it is asked of a proxy
                self._answer(302, b"", {"Location": self.path.partition("?")[2], "Content-Length": "0"})
            case "/moved":
                self._answer(302, b"", {"Location": "/a%20paper.pdf", "Content-Length": "0"})
            case "/round":
                self._answer(302, b"", {"Location": "/round", "Content-Length": "0"})
            case "/declared":
                self._answer(200, b"", {"Content-Length": "5000000"})
            case "/endless":
                self._answer(200, b"", {})
                try:
                    while True:
                        self.wfile.write(b"x" * 10_000)
                except OSError:
                    return  # the client has had enough
            case "/cut":
                self._answer(200, b"half", {"Content-Length": "8"})
            case _:
                self._answer(404, b"no")

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        given = {"Content-Length": str(len(body))} if headers is None else headers
        for name, value in given.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True


@pytest.fixture
def site() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A site on loopback: its address, and the headers of what it was asked."""
    seen: list[dict[str, str]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Pages", (_Pages,), {"seen": seen}))
    server.daemon_threads = True
    with Serving(server):
        yield f"http://127.0.0.1:{server.server_address[1]}", seen


async def get(url: str, limit: int = 1_000_000) -> Fetched:
    return await fetch(url, limit=limit, connect_timeout=10, idle_timeout=60)


async def failure(url: str) -> LlmgineError:
    with pytest.raises(LlmgineError) as caught:
        await get(url)
    assert "\n" not in caught.value.message
    return caught.value


async def test_what_is_there_comes_with_its_name(site: tuple[str, list[dict[str, str]]]) -> None:
    url, _ = site
    assert await get(f"{url}/a%20paper.pdf?x=/y") == Fetched(PDF, "a paper.pdf")
    assert await get(f"{url}/") == Fetched(PDF, "127.0.0.1")


async def test_a_redirect_is_followed_and_no_key_is_sent(
    site: tuple[str, list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    url, seen = site
    assert (await get(f"{url}/moved")).data == PDF
    assert len(seen) == 2
    assert not any(name in headers for headers in seen for name in ("authorization", "x-api-key", "cookie"))


async def test_a_redirect_may_lead_to_another_site(
    site: tuple[str, list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", site[0])
    assert (await get("http://acme.test/elsewhere?http://other.test/paper.pdf")).data == PDF


@pytest.mark.parametrize(
    "host", ["localhost", "localhost.", "127.0.0.1", "127.1", "2130706433", "[::1]", "10.0.0.1", "169.254.169.254"]
)
async def test_a_redirect_does_not_lead_into_this_machine_or_its_network(
    host: str, site: tuple[str, list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, seen = site
    monkeypatch.setenv("HTTP_PROXY", url)
    error = await failure(f"http://acme.test/elsewhere?http://{host}:{url.rpartition(':')[2]}/")
    assert isinstance(error, UsageError)
    assert "http://acme.test/elsewhere" in error.message
    assert host.strip("[]") in error.message
    assert len(seen) == 1


async def test_a_redirect_does_not_lead_to_a_file(
    site: tuple[str, list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", site[0])
    assert "acme.test" in (await failure("http://acme.test/elsewhere?file:///etc/hostname")).message


async def test_a_password_in_an_address_is_not_told() -> None:
    error = await failure(dead_url().replace("//", "//me:hunter2@") + "/a@b.pdf")
    assert "hunter2" not in error.message
    assert error.message.partition(": ")[0].endswith("/a@b.pdf")


async def test_redirects_in_a_circle_end(site: tuple[str, list[dict[str, str]]]) -> None:
    assert isinstance(await failure(f"{site[0]}/round"), LlmgineError)
    assert len(site[1]) <= 7


async def test_what_says_that_it_is_too_large_is_not_read(site: tuple[str, list[dict[str, str]]]) -> None:
    error = await failure(f"{site[0]}/declared")
    assert error.message.endswith("/declared has 5.0 MB, and the limit is 1.0 MB")
    assert error.exit_code == 2


async def test_what_has_no_end_is_given_up(site: tuple[str, list[dict[str, str]]]) -> None:
    assert (await failure(f"{site[0]}/endless")).message.endswith("is larger, and the limit is 1.0 MB")


@pytest.mark.parametrize(("variable", "value"), [("HTTPS_PROXY", "nonsense://x"), ("SSL_CERT_FILE", "none.pem")])
async def test_broken_proxy_and_certificate_settings_are_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    error = await failure("https://acme.test/a.pdf")
    assert isinstance(error, SettingsError)
    assert variable in str(error.hint)


async def test_a_page_that_is_not_there_is_told(site: tuple[str, list[dict[str, str]]]) -> None:
    error = await failure(f"{site[0]}/gone.pdf")
    assert isinstance(error, UsageError)
    assert error.message == f"cannot fetch {site[0]}/gone.pdf: the server answers 404 Not Found"


async def test_a_server_that_hangs_up_in_the_middle_is_told(site: tuple[str, list[dict[str, str]]]) -> None:
    error = await failure(f"{site[0]}/cut")
    assert isinstance(error, UnreachableError)
    assert error.message.startswith(f"cannot fetch {site[0]}/cut: ")


async def test_a_server_that_is_not_there_is_told() -> None:
    assert isinstance(await failure(dead_url()), UnreachableError)


@pytest.mark.parametrize("url", ["http://", "https://:80/x", "https://[::1/x", "https://acme.test/\udcff"])
async def test_what_is_no_address_is_told(url: str) -> None:
    assert isinstance(await failure(url), UsageError)
