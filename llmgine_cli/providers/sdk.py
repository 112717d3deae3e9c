"""The transport over a vendor's own SDK: it knows the addresses, keys and signatures, and we read what comes back.

The bytes of an answer are taken from the SDK as they are and go the way that those of the transport over plain HTTP
go, so the two cannot differ in what they see. Retries are not the SDK's business here.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractContextManager, aclosing
from typing import TYPE_CHECKING, Any, cast

from llmgine_cli.errors import ProviderError
from llmgine_cli.providers import sdk_faults
from llmgine_cli.providers.http import HttpAnswer, HttpTransport
from llmgine_cli.providers.transport import Endpoint
from llmgine_cli.providers.vendor import Vendor
from llmgine_cli.providers.wire import sendable

if TYPE_CHECKING:
    import httpx2

    from llmgine_cli.providers.sdk_clients import Client, Sdk

_AWS_STREAM = "application/vnd.amazon.eventstream"


class SdkTransport(HttpTransport):
    """Talks to one provider through an official client.

    Args:
        vendor: Who it is: says which client, and for a cloud which part of it.
        endpoint: Where it is.
    """

    def __init__(self, vendor: Vendor, endpoint: Endpoint) -> None:
        super().__init__(endpoint, {})
        self._vendor = vendor
        self._sdk: Sdk | None = None

    async def aclose(self) -> None:
        """Close all connections. Harmless the second time."""
        self._sdk = None
        await super().aclose()

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> "httpx2.Response":
        if self._sdk is None:
            from llmgine_cli.providers.sdk_clients import open_sdk

            http = self._open()
            # A refusal becomes our error before the SDK reads it: it would read a page without end to its end.
            http.event_hooks = {"response": [self._check]}
            self._sdk = open_sdk(self._vendor, self._endpoint, http)
        said, upload = sendable(body) if body is not None else (None, 0)
        # The libraries that sign in at a cloud would wait for minutes, were it to hang.
        signing_in = self._endpoint.sign_in is not None and self._endpoint.key is None
        async with self._begun_in_time(upload, more=self._endpoint.idle_timeout if signing_in else 0.0):
            return await self._sdk.send(method, self._path(method, path), said)

    def _path(self, method: str, path: str) -> str:
        """The path under which the SDK knows the page."""
        endpoint = self._endpoint
        if method == "GET" and endpoint.models_page:
            raise ProviderError(
                f"{endpoint.provider} does not tell which models it has",
                provider=endpoint.provider,
                hint=f"look at {endpoint.models_page}",
            )
        # These clients make the path of the cloud from the one that Anthropic itself has, whatever the base URL.
        in_cloud = self._vendor.platform in {"bedrock", "vertex"} and path.endswith("/messages")
        return "/v1/messages" if in_cloud else path

    def _mapped(self) -> AbstractContextManager[None]:
        return sdk_faults.mapped(self._endpoint)

    def _answer(self, response: "httpx2.Response") -> HttpAnswer:
        if self._sdk is not None and response.headers.get("content-type", "").startswith(_AWS_STREAM):
            return _AwsAnswer(self._endpoint, response, self._sdk.client)
        return super()._answer(response)


class _AwsAnswer(HttpAnswer):
    """A stream in the frames of AWS, which the SDK takes apart."""

    def __init__(self, endpoint: Endpoint, response: "httpx2.Response", client: "Client") -> None:
        super().__init__(endpoint, response)
        self.streamed = True
        self._is_clear = True
        self._response = response
        self._client: Any = client

    async def events(self) -> AsyncGenerator[bytes, None]:
        """The data of each event, as it comes.

        Raises:
            ProviderError: As for any other answer.
        """
        import msgspec
        from anthropic import AsyncStream

        stream: AsyncStream[object] = AsyncStream(cast_to=object, response=self._response, client=self._client)
        with sdk_faults.mapped(self._endpoint, midway=True):
            async with aclosing(cast("AsyncGenerator[object, None]", aiter(stream))) as events:
                async for event in events:
                    yield msgspec.json.encode(event)
