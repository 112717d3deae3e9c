"""What an adapter needs of whoever carries its bytes, so that it can be carried by plain HTTP or by a vendor's SDK."""

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit


def without_password(url: str) -> str:
    """Return a URL without the user and password in it."""
    scheme, _, rest = url.partition("://")
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    if "@" in authority:
        return f"{scheme}://{rest[authority.rindex('@') + 1 :]}"
    if "@" in rest and re.search(r":\D", authority):  # what stands for a port is none: the / is in the password
        return f"{scheme}://{rest.rpartition('@')[2]}"
    return url


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a provider is, and what an error about it must be able to say.

    Attributes:
        provider: The left half of `provider:model`.
        base_url: Where requests go; paths are appended to it.
        key: The key, if there is one.
        secrets: What else must not be told: what headers of the user's own let in with.
        key_env: The variable it came from, or should come from.
        key_source: Where that variable was set: "environment" or ".env".
        starter: For a server on the user's own machine: how to start it.
        sign_in: For a cloud that is asked with the credentials of its own command line: how to get these.
        models_page: For a cloud that does not tell programs which models it has: where people find them.
        connect_timeout: Seconds to wait for a connection.
        idle_timeout: Seconds to wait for the next byte of an answer.
    """

    provider: str
    base_url: str
    key: str | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    key_env: str | None = None
    key_source: str | None = None
    starter: str | None = None
    sign_in: str | None = None
    models_page: str | None = None
    connect_timeout: float = 10.0
    idle_timeout: float = 60.0

    @property
    def shown_url(self) -> str:
        """The base URL without a password in it."""
        return without_password(self.base_url)

    @property
    def is_sound(self) -> bool:
        """Whether the base URL is one: a scheme, a host that has a form, a port that exists."""
        try:
            parts = urlsplit(self.base_url)
            self.base_url.encode()  # which half characters do not let happen
            return parts.scheme in {"http", "https"} and bool((parts.hostname or "").encode("idna")) and parts.port != 0
        except ValueError:  # also UnicodeError, of a host that is none
            return False

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this very machine."""
        host = urlsplit(self.base_url).hostname or ""
        return re.fullmatch(r"localhost|::1|127(\.\d{1,3}){3}", host) is not None


class Answer(Protocol):
    """A vendor's answer with a status that promises a result."""

    @property
    def streamed(self) -> bool:
        """Whether it is a stream of server-sent events, whatever was asked for."""
        ...

    def events(self) -> AsyncGenerator[bytes, None]:
        """The data of each event, as it comes.

        Raises:
            TruncatedError: The connection broke.
            TimedOutError: Nothing came for too long.
        """
        ...

    async def whole(self) -> bytes:
        """The whole body.

        Raises:
            ProviderError: As for `events`.
        """
        ...


class Transport(Protocol):
    """Carries requests to one provider."""

    def post(self, path: str, body: Mapping[str, Any]) -> AbstractAsyncContextManager[Answer]:
        """Send a JSON body; leaving the block before the answer's end closes the connection.

        Raises:
            ProviderError: The vendor could not be reached, or answered with an error.
            SettingsError: The key was refused, or the address is no address.
        """
        ...

    async def get(self, path: str, *, seconds: float) -> bytes:
        """Fetch a page.

        Args:
            path: Appended to the base URL.
            seconds: How long all of it may take.

        Raises:
            ProviderError: As for `post`.
            SettingsError: As for `post`.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections. Harmless the second time."""
        ...
