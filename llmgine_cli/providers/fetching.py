"""Fetches what a user attaches by its address."""

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from llmgine_cli.errors import TimedOutError, UnreachableError, UsageError
from llmgine_cli.llm.attachments import too_large
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
    """Fetch a file over HTTP; redirects are followed, no key and no cookie is sent.

    Args:
        url: Begins with http:// or https://.
        limit: The most bytes it may have; reading stops there.
        connect_timeout: Seconds to wait for a connection.
        idle_timeout: Seconds to wait for the next byte.

    Raises:
        UsageError: The server has no such file, it is too large, or that is no address.
        ProviderError: The server cannot be reached, or stops in the middle.
    """
    import httpx2

    parts = urlsplit(url)
    host = parts.hostname or url
    endpoint = Endpoint(provider=host, base_url=url, connect_timeout=connect_timeout, idle_timeout=idle_timeout)
    if not endpoint.is_sound:
        raise UsageError(f"{url!r} is no address", hint="it begins with http:// or https:// and names a host")
    try:
        data = await _read(url, limit, httpx2.Timeout(idle_timeout, connect=connect_timeout), own=endpoint.is_loopback)
    except httpx2.TimeoutException as error:
        raise TimedOutError(f"{host} says nothing: {url} cannot be fetched", hint=_INSTEAD) from error
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
        why = str(error) or type(error).__name__
        raise UnreachableError(f"cannot fetch {url}: {why}", hint=_INSTEAD) from error
    return Fetched(data, unquote(parts.path).rstrip("/").rpartition("/")[2] or host)


async def _read(url: str, limit: int, patience: "httpx2.Timeout", *, own: bool) -> bytes:
    import httpx2

    data = bytearray()
    async with (
        # What is on this machine needs no proxy.
        httpx2.AsyncClient(
            timeout=patience, follow_redirects=True, max_redirects=_REDIRECTS, trust_env=not own
        ) as client,
        client.stream("GET", url) as response,
    ):
        if not response.is_success:
            raise UsageError(f"cannot fetch {url}: the server answers {response.status_code} {response.reason_phrase}")
        declared = response.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit:
            raise too_large(url, limit, int(declared))
        async with aclosing(response.aiter_bytes()) as chunks:
            async for chunk in chunks:
                data += chunk
                if len(data) > limit:
                    raise too_large(url, limit)
    return bytes(data)
