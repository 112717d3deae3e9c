"""The transport over plain HTTP: httpx2, and the mapping of all its exceptions to ours.

httpx2 is imported with the first request: listing or choosing models must not wait for it.
"""

from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import AbstractContextManager, aclosing, asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from llmgine_cli.errors import (
    BadResponseError,
    CredentialsError,
    LlmgineError,
    ProviderError,
    SettingsError,
    TimedOutError,
    TruncatedError,
)
from llmgine_cli.providers import faults
from llmgine_cli.providers.sse import Decoder, EventTooLargeError
from llmgine_cli.providers.transport import Endpoint
from llmgine_cli.providers.unreachable import unreachable
from llmgine_cli.providers.wire import encode

if TYPE_CHECKING:
    import httpx2

_LARGEST_ERROR = 1024 * 1024  # bytes of an error page that are read
_LARGEST_ANSWER = 256 * 1024 * 1024  # bytes of an answer that is not streamed

_SLOWEST_UPLOAD = 16 * 1024  # bytes a second; who uploads slower than that has to wait longer by a setting

# Seconds an idle connection is kept. llama.cpp's server and Node's hang up after five: a request that is sent at that
# very moment fails, and on this machine a new connection costs nothing.
_EXPIRY = 30.0
_LOOPBACK_EXPIRY = 2.0


class HttpTransport:
    """Talks to one provider, over connections that are kept open.

    Args:
        endpoint: Whom to talk to.
        headers: Sent with every request, the key among them.
    """

    def __init__(self, endpoint: Endpoint, headers: Mapping[str, str]) -> None:
        self._endpoint = endpoint
        self._headers = dict(headers)
        self._client: httpx2.AsyncClient | None = None

    @asynccontextmanager
    async def post(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator["HttpAnswer", None]:
        """Send a JSON body; leaving the block before the answer's end closes the connection.

        Raises:
            ProviderError: The vendor could not be reached, or answered with an error.
            SettingsError: The key was refused, or the address is no address.
        """
        with self._mapped():
            response = await self._send("POST", path, body)
        try:
            await self._check(response)
            answer = self._answer(response)
            await answer.look()
            yield answer
        finally:
            await response.aclose()

    async def get(self, path: str, *, seconds: float) -> bytes:
        """Fetch a page.

        Args:
            path: Appended to the base URL.
            seconds: How long all of it may take.

        Raises:
            ProviderError: As for `post`.
            SettingsError: As for `post`.
        """
        import asyncio

        try:
            async with asyncio.timeout(seconds):
                with self._mapped():
                    response = await self._send("GET", path)
                try:
                    await self._check(response)
                    return await self._answer(response).whole()
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise silent(self._endpoint, seconds) from error

    async def aclose(self) -> None:
        """Close all connections. Harmless the second time."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> "httpx2.Response":
        """Return the answer to a request once its head is there; the caller closes it."""
        client = self._open()
        request = client.build_request(
            method,
            self._endpoint.base_url + path,
            content=None if body is None else encode(body),
            headers=None
            if body is None
            else {"Content-Type": "application/json", "Accept": "text/event-stream, application/json"},
        )
        async with self._begun_in_time(int(request.headers.get("content-length", 0))):
            return await client.send(request, stream=True)

    @asynccontextmanager
    async def _begun_in_time(self, upload: int, *, more: float = 0.0) -> AsyncGenerator[None, None]:
        """Give up when the head of an answer is late: all of it, not only its next byte.

        Args:
            upload: Bytes that are sent first.
            more: Seconds for what goes before that.

        Raises:
            TimedOutError: It is not there in time.
        """
        import asyncio

        endpoint = self._endpoint
        try:
            async with asyncio.timeout(
                endpoint.connect_timeout + endpoint.idle_timeout + upload / _SLOWEST_UPLOAD + more
            ):
                yield
        except TimeoutError as error:
            raise silent(endpoint, endpoint.idle_timeout + more) from error

    def _mapped(self) -> AbstractContextManager[None]:
        return mapped(self._endpoint)

    def _answer(self, response: "httpx2.Response") -> "HttpAnswer":
        return HttpAnswer(self._endpoint, response)

    def _open(self) -> "httpx2.AsyncClient":
        if self._client is None:
            import httpx2

            endpoint = self._endpoint
            if not endpoint.is_sound:
                raise _no_address(endpoint)
            # What is on this machine needs neither the proxy nor, without https, the costly list of authorities.
            plain = endpoint.is_loopback and endpoint.base_url.startswith("http:")
            try:
                with connecting():
                    self._client = httpx2.AsyncClient(
                        headers=self._headers,
                        timeout=httpx2.Timeout(endpoint.idle_timeout, connect=endpoint.connect_timeout, pool=None),
                        limits=httpx2.Limits(
                            max_connections=None,
                            max_keepalive_connections=20,
                            keepalive_expiry=_LOOPBACK_EXPIRY if endpoint.is_loopback else _EXPIRY,
                        ),
                        follow_redirects=False,  # a redirect must not carry the key elsewhere
                        trust_env=not endpoint.is_loopback,
                        verify=False if plain else httpx2.create_ssl_context(),
                    )
            except UnicodeEncodeError as error:
                raise unfit_key(endpoint) from error
        return self._client

    async def _check(self, response: "httpx2.Response") -> None:
        if response.is_success:
            return
        import asyncio

        body = b""
        # The status tells more than that its page stands still, drips or breaks off: what came of it will do.
        with suppress(ProviderError, TimeoutError), mapped(self._endpoint):
            async with asyncio.timeout(self._endpoint.idle_timeout), aclosing(response.aiter_bytes()) as chunks:
                async for chunk in chunks:
                    body += chunk
                    if len(body) > _LARGEST_ERROR:
                        break
        raise faults.refusal(self._endpoint, response.status_code, response.headers, body)


class HttpAnswer:
    """An answer whose body has not been read yet.

    Attributes:
        streamed: Whether it is a stream of server-sent events; right once `look` has run.
    """

    def __init__(self, endpoint: Endpoint, response: "httpx2.Response") -> None:
        self._endpoint = endpoint
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        self.streamed = kind == "text/event-stream"
        self._is_clear = self.streamed or kind in {"application/json", "text/html"}
        self._begin = b""
        # Without compression two layers of httpx2 can be left out.
        compressed = "content-encoding" in response.headers
        self._chunks = response.aiter_bytes() if compressed else response.aiter_raw()

    async def look(self) -> None:
        """Tell a stream by its first bytes where the header does not: some servers of the users' own send none."""
        if self._is_clear:
            return
        with mapped(self._endpoint, midway=True):
            self._begin = await anext(self._chunks, b"")
        self.streamed = self._begin.startswith((b"data:", b"event:", b"id:", b"retry:", b":"))

    async def events(self) -> AsyncGenerator[bytes, None]:
        """The data of each event, as it comes.

        Raises:
            TruncatedError: The connection broke.
            TimedOutError: Nothing came for too long.
            BadResponseError: The stream is not what it says it is.
        """
        decoder = Decoder()
        with mapped(self._endpoint, midway=True):
            for data in decoder.feed(self._begin):
                yield data
            async with aclosing(self._chunks) as chunks:
                async for chunk in chunks:
                    for data in decoder.feed(chunk):
                        yield data

    async def whole(self) -> bytes:
        """The whole body.

        Raises:
            TruncatedError: The connection broke.
            TimedOutError: Nothing came for too long.
            BadResponseError: It is too large to be an answer.
        """
        pieces = [self._begin]
        size = len(self._begin)
        with mapped(self._endpoint, midway=True):
            async with aclosing(self._chunks) as chunks:
                async for chunk in chunks:
                    pieces.append(chunk)
                    size += len(chunk)
                    if size > _LARGEST_ANSWER:
                        raise BadResponseError(
                            f"{self._endpoint.provider} sent more than {_LARGEST_ANSWER // 2**20} MiB",
                            provider=self._endpoint.provider,
                        )
        return b"".join(pieces)


@contextmanager
def connecting() -> Generator[None, None, None]:
    """Raise a `SettingsError` where no client can be made with the proxies and certificates of the environment."""
    try:
        yield
    except UnicodeEncodeError:  # of a header, which is none of that
        raise
    except (ImportError, OSError, ValueError) as error:
        raise SettingsError(
            f"no connection can be made with these proxy or certificate settings: {error}",
            hint="look at HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR",
        ) from error


@contextmanager
def mapped(endpoint: Endpoint, *, midway: bool = False) -> Generator[None, None, None]:
    """Raise our errors in place of httpx2's.

    Args:
        endpoint: Whom we talk to.
        midway: Whether an answer has begun.
    """
    import httpx2

    try:
        yield
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.CookieConflict, httpx2.StreamError) as error:
        raise translated(error, endpoint, midway=midway) from error
    except UnicodeEncodeError as error:
        raise unfit_key(endpoint) from error
    except EventTooLargeError as error:
        raise faults.bad_data(endpoint, error) from error


def translated(error: Exception, endpoint: Endpoint, *, midway: bool = False) -> LlmgineError:
    """Return our error for one of httpx2's.

    Args:
        error: Any exception that httpx2 defines.
        endpoint: Whom we talk to.
        midway: Whether an answer has begun.
    """
    import httpx2

    name = endpoint.provider
    match error:
        case httpx2.ConnectTimeout() | httpx2.PoolTimeout():
            return unreachable(endpoint, f"no connection within {endpoint.connect_timeout:g} s")
        case httpx2.TimeoutException():
            return silent(endpoint, endpoint.idle_timeout)
        case httpx2.UnsupportedProtocol() | httpx2.InvalidURL():
            return _no_address(endpoint)
        case httpx2.LocalProtocolError():
            return unfit_key(endpoint)
        case httpx2.NetworkError() | httpx2.RemoteProtocolError() if midway:
            return TruncatedError(
                f"the connection to {name} broke in the middle of the answer",
                provider=name,
                retryable=True,
                hint="the part that came is in the event log; try again",
            )
        case httpx2.NetworkError() | httpx2.RemoteProtocolError() | httpx2.ProxyError():
            return unreachable(endpoint, str(error) or type(error).__name__, error)
        case httpx2.DecodingError() | httpx2.SSEError() | httpx2.TooManyRedirects() | httpx2.CookieConflict():
            return faults.bad_data(endpoint, error)
        case _:
            return ProviderError(f"the talk with {name} failed: {str(error) or type(error).__name__}", provider=name)


def silent(endpoint: Endpoint, seconds: float) -> TimedOutError:
    """Return the error for an answer that has stood still for so many seconds."""
    return TimedOutError(
        f"{endpoint.provider} has said nothing for {seconds:g} s",
        provider=endpoint.provider,
        retryable=True,
        hint="try again; it gets more time by idle_timeout in [limits], and in run and chat by --timeout",
    )


def _no_address(endpoint: Endpoint) -> SettingsError:
    return SettingsError(
        f"the base URL of {endpoint.provider} is no address that can be used: {endpoint.shown_url!r}",
        hint="it must begin with http:// or https:// and name a host",
    )


def unfit_key(endpoint: Endpoint) -> CredentialsError:
    """Return the error for a key, or another header, that HTTP cannot carry."""
    return CredentialsError(
        f"the key of {endpoint.provider}, or a header set for it, has characters that cannot be sent",
        hint=f"look at {endpoint.key_env or 'its headers'}: a key has neither spaces, line ends nor accents in it",
    )
