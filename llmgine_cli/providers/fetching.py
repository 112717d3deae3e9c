"""Fetches what a user attaches by its address."""

from contextlib import aclosing
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from llmgine_cli.errors import UsageError
from llmgine_cli.llm.attachments import too_large
from llmgine_cli.providers.http import mapped
from llmgine_cli.providers.transport import Endpoint

_REDIRECTS = 5


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
        UsageError: The server has no such file, or it is too large.
        ProviderError: The server cannot be reached, or stops in the middle.
        SettingsError: It is no address.
    """
    import httpx2

    parts = urlsplit(url)
    host = parts.hostname or url
    endpoint = Endpoint(provider=host, base_url=url, connect_timeout=connect_timeout, idle_timeout=idle_timeout)
    if not endpoint.is_sound:
        raise UsageError(f"{url!r} is no address", hint="it begins with http:// or https:// and names a host")
    data = bytearray()
    with mapped(endpoint, midway=False):
        async with (
            httpx2.AsyncClient(
                timeout=httpx2.Timeout(idle_timeout, connect=connect_timeout),
                follow_redirects=True,
                max_redirects=_REDIRECTS,
                trust_env=not endpoint.is_loopback,
            ) as client,
            client.stream("GET", url) as response,
        ):
            if not response.is_success:
                raise UsageError(f"cannot fetch {url}: {host} answers {response.status_code} {response.reason_phrase}")
            declared = response.headers.get("content-length", "")
            if declared.isdigit() and int(declared) > limit:
                raise too_large(url, limit, int(declared))
            async with aclosing(response.aiter_bytes()) as chunks:
                async for chunk in chunks:
                    data += chunk
                    if len(data) > limit:
                        raise too_large(url, limit)
    return Fetched(bytes(data), unquote(parts.path).rstrip("/").rpartition("/")[2] or host)
