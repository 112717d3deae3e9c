"""Fetches what a user attaches by its address."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from llmgine_cli.errors import TimedOutError, UnreachableError, UsageError
from llmgine_cli.llm.attachments import too_large
from llmgine_cli.providers.http import connecting
from llmgine_cli.providers.transport import Endpoint

if TYPE_CHECKING:
    import httpx2

_REDIRECTS = 5
_INSTEAD = "try again, or download it and attach the file"


@dataclass(frozen=True)
class Fetched:
    """What was at an address.

    Attributes:
        data: The bytes.
        name: The last part of the address's path, else its host.
    """

    data: bytes
    name: str


async def fetch(url: str, *, limit: int, connect_timeout: float, idle_timeout: float) -> Fetched:
    """Fetch a file over HTTP; no key and no cookie is sent.

    Redirects are followed, but not from the outside to an address on this machine or in its network: what is there
    would go to the model, and the user has not asked for it.

    Args:
        url: Begins with http:// or https://.
        limit: The most bytes it may have; reading stops there.
        connect_timeout: Seconds to wait for a connection.
        idle_timeout: Seconds to wait for the next byte.

    Raises:
        UsageError: The server has no such file, it is too large, the user may not have meant it, or that is no address.
        ProviderError: The server cannot be reached, or stops in the middle.
        SettingsError: The proxies or certificates of the environment are none.
    """
    import httpx2

    check_address(url)
    parts = urlsplit(url)
    host = parts.hostname or url
    endpoint = Endpoint(provider=host, base_url=url, connect_timeout=connect_timeout, idle_timeout=idle_timeout)
    shown = endpoint.shown_url
    try:
        data = await _read(endpoint, limit)
    except httpx2.TimeoutException as error:
        raise TimedOutError(f"{host} says nothing: {shown} cannot be fetched", hint=_INSTEAD) from error
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
        why = str(error) or type(error).__name__
        raise UnreachableError(f"cannot fetch {shown}: {why}", hint=_INSTEAD) from error
    return Fetched(data, unquote(parts.path).rstrip("/").rpartition("/")[2] or host)


def check_address(url: str) -> None:
    """Raise a `UsageError` if that is no address of anything on the web."""
    endpoint = Endpoint(provider="", base_url=url)
    if not endpoint.is_sound:
        raise UsageError(
            f"{endpoint.shown_url!r} is no address", hint="it begins with http:// or https:// and names a host"
        )


async def _read(endpoint: Endpoint, limit: int) -> bytes:
    import httpx2

    shown = endpoint.shown_url
    data = bytearray()
    with connecting():
        client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(endpoint.idle_timeout, connect=endpoint.connect_timeout),
            follow_redirects=True,
            max_redirects=_REDIRECTS,
            trust_env=not endpoint.is_loopback,  # what is on this machine needs no proxy
            event_hooks={"request": [_guard(endpoint)]},
        )
    async with client, client.stream("GET", endpoint.base_url) as response:
        if not response.is_success:
            raise UsageError(
                f"cannot fetch {shown}: the server answers {response.status_code} {response.reason_phrase}"
            )
        declared = response.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit:
            raise too_large(shown, limit, int(declared))
        async with aclosing(response.aiter_bytes()) as chunks:
            async for chunk in chunks:
                data += chunk
                if len(data) > limit:
                    raise too_large(shown, limit)
    return bytes(data)


def _guard(asked: Endpoint) -> Callable[["httpx2.Request"], Awaitable[None]]:
    """Return what looks at each request before it goes out, those that redirects lead to included."""
    from_inside = _is_inside(urlsplit(asked.base_url).hostname or "")

    async def look(request: "httpx2.Request") -> None:
        if not from_inside and _is_inside(request.url.host):
            raise UsageError(
                f"{asked.shown_url} leads to {request.url.host}, which is on this machine or in its network",
                hint="if that is what you mean, attach that address itself",
            )

    return look


def _is_inside(host: str) -> bool:
    """Whether a host is an address that is not on the internet; names that stand for one are not looked up here."""
    import ipaddress
    import socket

    host = host.lower().rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not ipaddress.ip_address(socket.inet_aton(host)).is_global  # which reads 127.1 and 0x7f000001 as well
    except OSError:
        pass
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False
