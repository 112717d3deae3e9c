"""Why no connection came about."""

import ssl
from socket import EAI_AGAIN, EAI_NONAME, gaierror

import pytest

from llmgine_cli.providers.transport import Endpoint
from llmgine_cli.providers.unreachable import unreachable

ENDPOINT = Endpoint(provider="acme", base_url="https://acme.test/v1")


def wrapped(inner: BaseException) -> Exception:
    """An error as a library raises it: the one that tells something lies two errors deep."""
    try:
        try:
            raise inner
        except type(inner) as error:
            raise OSError("All connection attempts failed") from error
    except OSError as error:
        outer = ConnectionError("All connection attempts failed")
        outer.__context__ = error
        return outer


@pytest.mark.parametrize(
    ("number", "said", "retryable"),
    [(EAI_NONAME, "there is no host named acme.test", False), (EAI_AGAIN, "cannot be looked up at the moment", True)],
)
def test_a_name_that_is_wrong_is_told_from_one_that_cannot_be_asked_for(
    number: int, said: str, retryable: bool
) -> None:
    error = unreachable(ENDPOINT, "no", wrapped(gaierror(number, "no")))
    assert said in str(error)
    assert error.retryable is retryable


def test_a_certificate_comes_before_the_proxy_it_came_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    broken = ssl.SSLCertVerificationError(1, "certificate verify failed")
    broken.verify_message = "self-signed certificate in certificate chain"
    error = unreachable(ENDPOINT, "no", wrapped(broken))
    assert "not trusted (self-signed certificate in certificate chain)" in str(error)
    assert not error.retryable


def test_a_host_that_needs_no_proxy_is_not_blamed_on_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "acme.test")
    assert "proxy" not in str(unreachable(ENDPOINT, "no"))


@pytest.mark.parametrize(
    ("why", "retryable"),
    [("403 Forbidden", False), ("502 Bad Gateway", True), ("All connection attempts failed", True)],
)
def test_what_a_proxy_would_say_again_is_not_asked_again(
    monkeypatch: pytest.MonkeyPatch, why: str, retryable: bool
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert unreachable(ENDPOINT, why).retryable is retryable


def test_errors_that_lead_in_a_circle_are_no_endless_way() -> None:
    first, second = OSError("a"), OSError("b")
    first.__cause__, second.__cause__ = second, first
    assert "cannot be reached" in str(unreachable(ENDPOINT, "no", first))
