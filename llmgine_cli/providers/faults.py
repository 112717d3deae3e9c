"""What a vendor's refusal means: from status, headers and body to an error of ours with a hint."""

import re
from collections.abc import Mapping
from typing import Any, cast

from llmgine_cli.errors import (
    BadResponseError,
    ContextWindowError,
    CredentialsError,
    LlmgineError,
    ModelNotFoundError,
    NoCreditError,
    ProviderError,
    RateLimitedError,
)
from llmgine_cli.providers.overflow import HINT, overflow
from llmgine_cli.providers.transport import Endpoint, without_password

# Beyond 5xx: request timeout, conflict, too early, too many requests.
_RETRYABLE = frozenset({408, 409, 425, 429})
_NO_CREDIT = re.compile(
    r"insufficient[_ ](quota|balance|credit)|billing[_ ]hard[_ ]limit|credit balance", re.IGNORECASE
)
_NO_MODEL = re.compile(
    r"model[_ ]not[_ ](found|exist|available)|invalid[_ ]model\b|not a valid model|unknown model|no such model"
    r"|DeploymentNotFound|\bmodels?\b.{0,120}?\b(does not exist|not exist|not found|not_found)",
    re.IGNORECASE | re.DOTALL,
)
_RETRY_INFO = re.compile(rb'"retryDelay":\s*"(\d+(?:\.\d+)?)s"')
# Kinds of an error in mid-stream that the same request would meet again.
_FINAL = frozenset({"invalid_request_error", "authentication_error", "permission_error", "validationException"})
_LONGEST = 400  # characters of a vendor's message that are shown


def refusal(endpoint: Endpoint, status: int, headers: Mapping[str, str], body: bytes) -> LlmgineError:
    """Turn an HTTP error into one of ours.

    Args:
        endpoint: Who sent it.
        status: The HTTP status.
        headers: Names in lower case, or in a mapping that does not care.
        body: JSON in one of the shapes vendors use, or anything else.
    """
    said = _message(body, endpoint)
    kind = _kind(body)
    name = endpoint.provider
    about = said or f"HTTP status {status}, without a reason"
    if status == 401 or (status == 403 and not _is_html(body)):
        return CredentialsError(f"{name} refused the key: {about}", hint=_key_hint(endpoint))
    if status in {400, 404, 422} and _NO_MODEL.search(f"{kind} {said}"):
        return ModelNotFoundError(f"{name} has no such model: {about}", provider=name, status=status)
    if status == 404 and (kind == "not_found_error" or re.search(r"\bmodels?\b", said, re.IGNORECASE)):
        return ModelNotFoundError(f"{name} has no such model: {about}", provider=name, status=status)
    if status in {400, 413, 422, 500} and (too_long := overflow(f"{kind} {said}")):
        return ContextWindowError(
            f"{name} answered with an error ({status}): {about}",
            tokens=too_long.tokens,
            limit=too_long.limit,
            provider=name,
            status=status,
            hint=HINT,
        )
    if status == 402 or (status in {400, 429} and _NO_CREDIT.search(f"{kind} {said}")):
        return NoCreditError(
            f"{name} answered with an error ({status}): {about}",
            provider=name,
            status=status,
            hint=f"the account at {name} has no credit left; top it up there, or use another provider",
        )
    retryable = _retryable(status, headers)
    wait = _retry_after(headers, body)
    error, what = (
        (RateLimitedError, "wants us to slow down (429)")
        if status == 429
        else (ProviderError, f"answered with an error ({status})")
    )
    return error(
        f"{name} {what}: {about}",
        provider=name,
        status=status,
        retryable=retryable,
        retry_after=wait if retryable else None,
        hint=_hint(endpoint, status, headers, wait),
    )


def no_answer(endpoint: Endpoint, body: bytes) -> BadResponseError:
    """Turn a page that came with a good status and is no answer into an error."""
    what = "a web page" if _is_html(body) else f"something that is no JSON: {_short(body.decode('utf-8', 'replace'))!r}"
    return BadResponseError(
        f"{endpoint.provider} sent {what} instead of an answer",
        provider=endpoint.provider,
        hint=f"is {endpoint.shown_url} the right base URL? A proxy or a sign-in page may also stand in between",
    )


def empty(endpoint: Endpoint, protocol: str) -> BadResponseError:
    """Turn an answer that has none of what its protocol promises into an error."""
    return BadResponseError(
        f"{endpoint.provider} answered without an answer in it",
        provider=endpoint.provider,
        retryable=True,
        hint=f"is {endpoint.shown_url} a server for {protocol}?",
    )


def bad_data(endpoint: Endpoint, problem: Exception) -> BadResponseError:
    """Turn an answer that breaks its own protocol into an error."""
    return BadResponseError(
        f"{endpoint.provider} sent data that its protocol does not allow: {_short(str(problem))}",
        provider=endpoint.provider,
        retryable=True,
        hint="try again; if it stays, the server does not speak the protocol it is set up for",
    )


def stream_error(endpoint: Endpoint, error: Any) -> ProviderError:
    """Turn an error object that came inside an answer into an error.

    Args:
        endpoint: Who sent it.
        error: The decoded value of its `error` field.
    """
    said = _clean(_find_message(error), endpoint) or "it did not say why"
    code, kind = _table(error).get("code"), _table(error).get("type")
    status = code if isinstance(code, int) else None
    if too_long := overflow(f"{kind} {code} {said}"):
        return ContextWindowError(
            f"{endpoint.provider} broke the answer off: {said}",
            tokens=too_long.tokens,
            limit=too_long.limit,
            provider=endpoint.provider,
            status=status,
            hint=HINT,
        )
    return BadResponseError(
        f"{endpoint.provider} broke the answer off: {said}",
        provider=endpoint.provider,
        status=status,
        retryable=kind not in _FINAL and (status is None or status in _RETRYABLE or status >= 500),
        hint="try again; if a part of it had come, that is in the event log",
    )


def _message(body: bytes, endpoint: Endpoint) -> str:
    """The vendor's own words, on one line, without the key should they repeat it."""
    found = _find_message(_parsed(body))
    if not found and not _is_html(body):
        found = body.decode("utf-8", "replace")
    return _clean(found, endpoint)


def _find_message(value: Any) -> str:
    """The message, in any of the shapes: `{"error": {"message"}}`, `{"error"}`, `{"message"}`, `{"detail"}`, `[…]`."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return next((found for item in cast("list[object]", value) if (found := _find_message(item))), "")
    table = _table(value)
    parts = (_find_message(table[key]) for key in ("error", "message", "detail", "msg") if table.get(key))
    found = next((part for part in parts if part), "")
    raw = _table(table.get("metadata")).get("raw")  # where OpenRouter tells what the vendor behind it said
    return f"{found}: {raw}" if isinstance(raw, str) and raw not in found else found


def _kind(body: bytes) -> str:
    """The machine-readable words: type and code."""
    value = _parsed(body)
    if isinstance(value, list):
        value = next(iter(cast("list[object]", value)), None)
    table = _table(value)
    table = _table(table.get("error")) or table
    return " ".join(str(table[key]) for key in ("type", "code") if isinstance(table.get(key), str))


def _table(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _parsed(body: bytes) -> Any:
    import msgspec

    try:
        return msgspec.json.decode(body)
    except ValueError:  # msgspec's errors, and UnicodeDecodeError
        return None


def _is_html(body: bytes) -> bool:
    return body.lstrip()[:1] == b"<"


def _clean(text: str, endpoint: Endpoint) -> str:
    for secret in (endpoint.key, *endpoint.secrets):
        text = text.replace(secret, "***") if secret else text
    return _short(text)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _key_hint(endpoint: Endpoint) -> str:
    if endpoint.key is None and endpoint.sign_in:
        return f"it was asked with the credentials of this machine; to get others: {endpoint.sign_in}"
    if endpoint.key is None:
        variable = endpoint.key_env or "its api_key_env"
        return f"no key was sent; set {variable}"
    if endpoint.key_env is None:
        return "the key was made by this program; this is a defect of it"
    source = {None: "", "environment": " (set in the environment)"}.get(
        endpoint.key_source, f" (set in {endpoint.key_source})"
    )
    return f"the key came from {endpoint.key_env}{source}; is it whole, still valid, and allowed to use this model?"


def _hint(endpoint: Endpoint, status: int, headers: Mapping[str, str], wait: float | None) -> str | None:
    if 300 <= status < 400:
        place = _clean(headers.get("location", "another place"), endpoint)
        return f"it points to {without_password(place)}; if that is right, make it the base URL"
    if status == 404:
        return f"is {endpoint.shown_url} the right base URL? Most of them end in /v1"
    if status == 413:
        return "the request is too large: attach less"
    if status == 429:
        return f"try again in {wait:g} s" if wait is not None else "wait a little and try again"
    return "the trouble is on their side: try again, or use another model" if status >= 500 else None


def _retryable(status: int, headers: Mapping[str, str]) -> bool:
    said = headers.get("x-should-retry")  # the vendors' own SDKs obey this header
    if said in {"true", "false"}:
        return said == "true"
    return status in _RETRYABLE or status >= 500


def _retry_after(headers: Mapping[str, str], body: bytes) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `Retry-After` (seconds or a date, RFC 9110 section 10.2.3).

    Google says it in the body instead, as a `google.rpc.RetryInfo`.
    """
    milliseconds, text = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if milliseconds is not None:
            return max(0.0, float(milliseconds) / 1000)
        if text is not None:
            return max(0.0, float(text))
    except ValueError:
        return _until(text) if text else None
    said = _RETRY_INFO.search(body)
    return float(said[1]) if said else None


def _until(date: str) -> float | None:
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    try:
        when = parsedate_to_datetime(date)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
