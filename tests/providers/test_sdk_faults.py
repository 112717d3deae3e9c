"""No exception of the SDKs, or of what they are built on, reaches a user as it is."""

import importlib
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from anthropic.lib.credentials import WorkloadIdentityError

from llmgine_cli.errors import (
    BadResponseError,
    CredentialsError,
    LlmgineError,
    ProviderError,
    RateLimitedError,
    SettingsError,
    TimedOutError,
    TruncatedError,
    UnreachableError,
)
from llmgine_cli.providers.sdk_faults import mapped, translated
from llmgine_cli.providers.transport import Endpoint

ENDPOINT = Endpoint(provider="acme", base_url="http://acme.test/v1", key="k", key_env="ACME_KEY")
CLOUD = Endpoint(provider="acme", base_url="http://acme.test", sign_in="acme login")
REQUEST = httpx2.Request("POST", "http://acme.test/v1")
LIBRARIES = (
    "openai",
    "anthropic",
    "botocore.exceptions",
    "botocore.eventstream",
    "boto3.exceptions",
    "google.auth.exceptions",
)


def exceptions(library: str) -> Iterator[type[Exception]]:
    """Every class of exception that can be reached from a module, and all those derived from them."""
    root = importlib.import_module(library)
    top = library.partition(".")[0]
    seen: list[type[Exception]] = [kind for kind in list(vars(root).values()) if isinstance(kind, type)]
    below = [kind for kind in seen if issubclass(kind, Exception)]
    while below:
        kind = below.pop()
        below += kind.__subclasses__()
        if kind.__module__.partition(".")[0] == top:
            yield kind


EXCEPTIONS = sorted(
    {kind for library in LIBRARIES for kind in exceptions(library)},
    key=lambda kind: (kind.__module__, kind.__name__),
)


def an(exception: type[Exception]) -> Exception:
    """One of them, whatever its constructor wants."""
    made: Any = exception.__new__(exception)
    Exception.__init__(made, "boom")
    if hasattr(exception, "status_code") or issubclass(exception, openai.APIStatusError | anthropic.APIStatusError):
        made.response = httpx2.Response(418, json={"error": {"message": "boom"}}, request=REQUEST)
        made.status_code = 418
        made.body = None
    raised: Exception = made
    return raised


def test_there_are_exceptions_to_look_at() -> None:
    found = {kind.__name__ for kind in EXCEPTIONS}
    assert {"APITimeoutError", "OverloadedError", "NoCredentialsError", "ChecksumMismatch", "RefreshError"} <= found
    assert {kind.__name__ for kind in anthropic.AnthropicError.__subclasses__()} <= found
    assert {kind.__name__ for kind in openai.OpenAIError.__subclasses__()} <= found


@pytest.mark.parametrize("exception", EXCEPTIONS, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
@pytest.mark.parametrize("midway", [False, True], ids=["at the start", "midway"])
def test_each_exception_becomes_one_of_ours(exception: type[Exception], midway: bool) -> None:
    raised = an(exception)
    with pytest.raises(LlmgineError) as caught, mapped(ENDPOINT, midway=midway):
        raise raised
    assert "acme" in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.__cause__ is raised


@pytest.mark.parametrize("sdk", [openai, anthropic], ids=["openai", "anthropic"])
@pytest.mark.parametrize(
    ("name", "ours", "midway"),
    [
        ("APITimeoutError", TimedOutError, TimedOutError),
        ("APIConnectionError", UnreachableError, TruncatedError),
        ("APIResponseValidationError", BadResponseError, BadResponseError),
    ],
)
def test_an_exception_of_an_sdk_has_the_class_that_plain_http_gives(
    sdk: Any, name: str, ours: type[LlmgineError], midway: type[LlmgineError]
) -> None:
    raised = an(getattr(sdk, name))
    assert type(translated(raised, ENDPOINT)) is ours
    assert type(translated(raised, ENDPOINT, midway=True)) is midway


@pytest.mark.parametrize("sdk", [openai, anthropic], ids=["openai", "anthropic"])
@pytest.mark.parametrize(
    ("status", "ours"),
    [(401, CredentialsError), (403, CredentialsError), (429, RateLimitedError), (529, ProviderError)],
)
def test_a_refusal_that_an_sdk_raises_is_read_like_any_other(sdk: Any, status: int, ours: type[LlmgineError]) -> None:
    response = httpx2.Response(
        status, json={"error": {"message": "slow down"}}, headers={"Retry-After": "7"}, request=REQUEST
    )
    error = translated(sdk.APIStatusError("boom", response=response, body=None), ENDPOINT)
    assert type(error) is ours
    assert "slow down" in error.message


@pytest.mark.parametrize("sdk", [openai, anthropic], ids=["openai", "anthropic"])
def test_what_lies_below_an_sdks_exception_is_told(sdk: Any) -> None:
    raised = sdk.APIConnectionError(request=REQUEST)
    raised.__cause__ = httpx2.ConnectError("connection refused")
    with pytest.raises(UnreachableError, match="connection refused"), mapped(ENDPOINT):
        raise raised


def test_an_error_of_ours_comes_through_as_it_is() -> None:
    ours = RateLimitedError("slow down", provider="acme")
    raised = anthropic.APIConnectionError(request=REQUEST)
    raised.__cause__ = ours
    with pytest.raises(RateLimitedError) as caught, mapped(ENDPOINT):
        raise raised
    assert caught.value is ours


@pytest.mark.parametrize(
    ("raised", "ours"),
    [
        (RuntimeError("Could not resolve AWS credentials from session"), CredentialsError),
        (ValueError("Expected a non-empty value for `model`"), SettingsError),
        (TypeError("Could not resolve authentication method"), SettingsError),
        (OSError("no such device"), UnreachableError),
    ],
)
def test_pythons_own_exceptions_are_what_the_sdks_raise_for_settings(
    raised: Exception, ours: type[LlmgineError]
) -> None:
    error = translated(raised, CLOUD)
    assert type(error) is ours
    assert str(raised) in error.message
    assert error.hint


def test_a_way_to_sign_in_is_the_hint_of_an_error_about_credentials() -> None:
    assert translated(an(WorkloadIdentityError), CLOUD).message
    assert "acme login" in str(
        translated(an(importlib.import_module("botocore.exceptions").NoCredentialsError), CLOUD).hint
    )
