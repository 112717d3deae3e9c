"""From the exceptions of the SDKs, and of the libraries below them, to ours: with the words of plain HTTP.

The classes are known by their names: both SDKs are made by one generator and call them alike, and importing the one
that is not in use would take a second or two.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, cast

from llmgine_cli.errors import CredentialsError, LlmgineError, ProviderError, SettingsError, UnreachableError
from llmgine_cli.providers import faults, http
from llmgine_cli.providers.transport import Endpoint

_SDKS = frozenset({"openai", "anthropic"})
_SIGN_IN = frozenset({"botocore", "boto3", "google"})


@contextmanager
def mapped(endpoint: Endpoint, *, midway: bool = False) -> Generator[None, None, None]:
    """Raise our errors in place of those of an SDK, and of whatever it is built on.

    Args:
        endpoint: Whom we talk to.
        midway: Whether an answer has begun.
    """
    try:
        with http.mapped(endpoint, midway=midway):
            yield
    except LlmgineError:
        raise
    except Exception as error:
        ours = translated(error, endpoint, midway=midway)
        if ours is error.__cause__:
            raise ours from ours.__cause__
        raise ours from error


def translated(error: Exception, endpoint: Endpoint, *, midway: bool = False) -> LlmgineError:
    """Return our error for an exception that came out of an SDK.

    Args:
        error: Any exception.
        endpoint: Whom we talk to.
        midway: Whether an answer has begun.
    """
    import httpx2

    for cause in _causes(error):
        if isinstance(cause, LlmgineError):
            return cause
        if isinstance(cause, httpx2.HTTPError | httpx2.InvalidURL | httpx2.CookieConflict | httpx2.StreamError):
            return http.translated(cause, endpoint, midway=midway)
    said = _line(list(_causes(error))[-1])
    kinds = {kind.__name__ for kind in type(error).__mro__ if _library(kind) in _SDKS}
    if kinds:
        return _of_sdk(error, kinds, said, endpoint, midway=midway)
    if _library(type(error)) in _SIGN_IN:
        return _of_sign_in(error, said, endpoint)
    return _of_python(error, said, endpoint, midway=midway)


def _of_sdk(error: Exception, kinds: set[str], said: str, endpoint: Endpoint, *, midway: bool) -> LlmgineError:
    import httpx2

    if "APIStatusError" in kinds:
        return _status(error, endpoint)
    if "APITimeoutError" in kinds:
        return http.translated(_from(error, httpx2.ReadTimeout(said)), endpoint, midway=midway)
    if "APIConnectionError" in kinds:
        return http.translated(_from(error, httpx2.ConnectError(said)), endpoint, midway=midway)
    if "APIResponseValidationError" in kinds:
        return faults.bad_data(endpoint, error)
    if "CredentialsError" in kinds:
        return _no_credentials(said, endpoint)
    return ProviderError(f"the talk with {endpoint.provider} failed: {said}", provider=endpoint.provider)


def _of_sign_in(error: Exception, said: str, endpoint: Endpoint) -> LlmgineError:
    """The libraries of the clouds sign in; that of AWS also reads the frames of its streams."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & {"ParserError", "ResponseParserError"}:
        return faults.bad_data(endpoint, error)
    if kinds & {"HTTPClientError", "ConnectionError", "TransportError"}:
        return UnreachableError(
            f"the sign-in for {endpoint.provider} cannot be reached: {said}",
            provider=endpoint.provider,
            retryable=True,
            hint="is there a connection to the network?",
        )
    return _no_credentials(said, endpoint)


def _status(error: Any, endpoint: Endpoint) -> LlmgineError:
    """An error with a response: a refusal, or if its status is good an event in a stream that says what broke it."""
    if error.response.is_success:
        said: Any = error.body
        return faults.stream_error(
            endpoint, cast("dict[str, Any]", said).get("error") if isinstance(said, dict) else said
        )
    try:
        body = error.response.content
    except RuntimeError:  # it was never read
        body = b""
    return faults.refusal(endpoint, error.status_code, error.response.headers, body)


def _of_python(error: Exception, said: str, endpoint: Endpoint, *, midway: bool) -> LlmgineError:
    """The SDKs raise Python's own exceptions for what they are given and cannot use, and for data they cannot read."""
    if midway:
        return faults.bad_data(endpoint, error)
    if isinstance(error, RuntimeError) and endpoint.sign_in:
        return _no_credentials(said, endpoint)
    if isinstance(error, RuntimeError | ValueError | TypeError):
        return SettingsError(
            f"{endpoint.provider} cannot be asked: {said}",
            hint=f"look at the model's name and at [providers.{endpoint.provider}] in the settings",
        )
    if isinstance(error, OSError):
        import httpx2

        return http.translated(_from(error, httpx2.ConnectError(said)), endpoint)
    return ProviderError(f"the talk with {endpoint.provider} failed: {said}", provider=endpoint.provider)


def _no_credentials(said: str, endpoint: Endpoint) -> CredentialsError:
    return CredentialsError(
        f"{endpoint.provider} cannot be asked without credentials: {said}",
        hint=f"get some with: {endpoint.sign_in}" if endpoint.sign_in else f"set {endpoint.key_env or 'its key'}",
    )


def _from(cause: BaseException, error: Exception) -> Exception:
    """The error, with what led to it: that tells why no connection came about."""
    error.__cause__ = cause
    return error


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from, and so on."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _library(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def _line(error: BaseException) -> str:
    """What it says; those of Google have more arguments, which say the same again."""
    first: object = error.args[0] if error.args else ""
    return " ".join((first if isinstance(first, str) else str(error)).split()) or type(error).__name__
