"""Makes the official clients. Their libraries are imported here and nowhere else: they take one and two seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol, cast

from llmgine_cli.errors import SettingsError
from llmgine_cli.providers.http import unfit_key
from llmgine_cli.providers.transport import Endpoint
from llmgine_cli.providers.vendor import Vendor

if TYPE_CHECKING:
    import httpx2

# A client that is given no key looks for one of its own in the environment, which would be sent to whoever this is.
_NO_KEY = "none"


class Client(Protocol):
    """What is used of an official client; all of them have it."""

    async def get(
        self, path: str, *, cast_to: "type[httpx2.Response]", options: Mapping[str, Any], stream: bool
    ) -> "httpx2.Response":
        """Fetch a page."""
        ...

    async def post(
        self,
        path: str,
        *,
        cast_to: "type[httpx2.Response]",
        body: Mapping[str, Any],
        options: Mapping[str, Any],
        stream: bool,
    ) -> "httpx2.Response":
        """Send a JSON body."""
        ...


@dataclass(frozen=True)
class Sdk:
    """An official client, and what each of its requests is sent with."""

    client: Client
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    async def send(self, method: str, path: str, body: Mapping[str, Any] | None) -> "httpx2.Response":
        """Return the answer to a request, its body unread."""
        from httpx2 import Response

        # Asked for a raw response in a stream, all clients hand it over as it is.
        if method == "GET":
            return await self.client.get(path, cast_to=Response, options=self.options, stream=True)
        return await self.client.post(path, cast_to=Response, body=body or {}, options=self.options, stream=True)


def open_sdk(vendor: Vendor, endpoint: Endpoint, http: "httpx2.AsyncClient") -> Sdk:
    """Make the client for a vendor.

    Args:
        vendor: Its platform or else its protocol says which; what its platform needs is set.
        endpoint: Where it is, and its key.
        http: Carries the requests.

    Raises:
        SettingsError: A library is missing.
        CredentialsError: The key has characters that no key has.
    """
    if endpoint.key and not (endpoint.key.isascii() and endpoint.key.isprintable()):
        raise unfit_key(endpoint)
    common: dict[str, Any] = {"http_client": http, "timeout": http.timeout, "max_retries": 0}
    match vendor.platform:
        case "azure":
            return _azure(vendor, endpoint, common)
        case "bedrock":
            return _bedrock(vendor, endpoint, common)
        case "vertex":
            return _vertex(vendor, endpoint, common)
        case None:
            return (_anthropic if vendor.protocol == "anthropic" else _openai)(vendor, endpoint, common)


def _openai(vendor: Vendor, endpoint: Endpoint, common: Mapping[str, Any]) -> Sdk:
    from openai import AsyncOpenAI, Omit

    headers = vendor.headers if vendor.name == "openai" else _without_organization(vendor, Omit())
    client = AsyncOpenAI(base_url=endpoint.base_url, api_key=endpoint.key or _NO_KEY, default_headers=headers, **common)
    return Sdk(cast("Client", client), _without_key(vendor, endpoint, Omit()))


def _azure(vendor: Vendor, endpoint: Endpoint, common: Mapping[str, Any]) -> Sdk:
    from openai import AsyncAzureOpenAI, Omit

    is_token = endpoint.key_env == "AZURE_OPENAI_AD_TOKEN"
    client = AsyncAzureOpenAI(
        azure_endpoint=endpoint.base_url,
        api_version=vendor.api_version,
        api_key=None if is_token else endpoint.key,
        azure_ad_token=endpoint.key if is_token else None,
        default_headers=_without_organization(vendor, Omit()),
        **common,
    )
    return Sdk(cast("Client", client))


def _anthropic(vendor: Vendor, endpoint: Endpoint, common: Mapping[str, Any]) -> Sdk:
    from anthropic import AsyncAnthropic, Omit

    client = AsyncAnthropic(
        base_url=endpoint.base_url, api_key=endpoint.key or _NO_KEY, default_headers=vendor.headers, **common
    )
    return Sdk(cast("Client", client), _without_key(vendor, endpoint, Omit()))


def _bedrock(vendor: Vendor, endpoint: Endpoint, common: Mapping[str, Any]) -> Sdk:
    _need("boto3", vendor)
    from anthropic.lib.bedrock import AsyncAnthropicBedrock

    client = AsyncAnthropicBedrock(
        base_url=endpoint.base_url,
        api_key=endpoint.key,
        aws_region=vendor.region,
        default_headers=vendor.headers,
        **common,
    )
    return Sdk(cast("Client", client))


def _vertex(vendor: Vendor, endpoint: Endpoint, common: Mapping[str, Any]) -> Sdk:
    _need("google.auth", vendor)
    from anthropic.lib.vertex import AsyncAnthropicVertex

    client = AsyncAnthropicVertex(
        base_url=endpoint.base_url,
        access_token=endpoint.key,
        region=vendor.region or "",
        project_id=vendor.project or "",
        default_headers=vendor.headers,
        **common,
    )
    return Sdk(cast("Client", client))


def _without_organization(vendor: Vendor, omit: object) -> dict[str, Any]:
    """The vendor's headers, without what the client has from the environment and tells OpenAI: it is nobody else's."""
    return {"OpenAI-Organization": omit, "OpenAI-Project": omit, **vendor.headers}


def _without_key(vendor: Vendor, endpoint: Endpoint, omit: object) -> dict[str, Any]:
    """What takes the key out of a request to a server that wants none, or has it in a header of the user's own."""
    given = {name.lower() for name in vendor.headers}
    if endpoint.key is not None or given & {"authorization", "x-api-key"}:
        return {}
    return {"headers": {"Authorization": omit, "X-Api-Key": omit}}


def _need(library: str, vendor: Vendor) -> None:
    """Raise if a library is not installed that only one platform needs."""
    package, _, _ = library.partition(".")
    if find_spec(package) is None or find_spec(library) is None:
        raise SettingsError(
            f"{vendor.name} needs {library}, which is not installed",
            hint=f"pip install 'llmgine-cli[{vendor.platform}]'",
        )
