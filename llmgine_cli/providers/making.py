"""Makes providers of rows of data: the adapter of the protocol, the key, the address, what a cloud needs."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from llmgine_cli.errors import CredentialsError, SettingsError
from llmgine_cli.llm.provider import Provider, ProviderContext
from llmgine_cli.providers.presets import VENDORS, is_at_home
from llmgine_cli.providers.quirks import Protocol as WireFormat
from llmgine_cli.providers.transport import Endpoint, Transport
from llmgine_cli.providers.vendor import Vendor

_ARTICLES = {"api_version": "the version of its API", "region": "a region", "project": "a project"}


class Secret(Protocol):
    """A key that does not show itself by accident, such as `keys.Secret`."""

    def get_secret_value(self) -> str:
        """The key itself."""
        ...


class Maker:
    """Makes providers, and knows what there is to make them with.

    Args:
        key: Gives the key that a variable holds.
        address: Gives the address that a variable holds.
        connect_timeout: Seconds to wait for a connection.
        idle_timeout: Seconds to wait for the next byte of an answer.
        key_source: Says where a key's variable was set, for errors.
    """

    def __init__(
        self,
        *,
        key: Callable[[str], Secret | None],
        address: Callable[[str], str | None],
        connect_timeout: float,
        idle_timeout: float,
        key_source: Callable[[str], str | None] | None = None,
    ) -> None:
        self._key = key
        self._address = address
        self._key_source = key_source
        self._connect_timeout = connect_timeout
        self._idle_timeout = idle_timeout

    def make(self, vendor: Vendor, protocol: WireFormat) -> Provider:
        """Make a provider; its adapter is imported only now.

        Raises:
            SettingsError: What it needs is not there, a key above all.
        """
        if protocol == "echo":
            from llmgine_cli.providers.echo import EchoProvider

            return EchoProvider()
        if protocol == "local":
            from llmgine_cli.providers.local import LocalProvider

            return LocalProvider(connect_timeout=self._connect_timeout, idle_timeout=self._idle_timeout)
        if protocol == "installed":
            from llmgine_cli.providers.installed import make

            variable = self.variable(vendor)
            self._refuse_keyless(vendor)
            return make(
                ProviderContext(
                    name=vendor.name,
                    key=self._secret,
                    api_key=self._secret(variable) if variable else None,
                    base_url=vendor.base_url or None,
                    headers=vendor.headers,
                    connect_timeout=self._connect_timeout,
                    idle_timeout=self._idle_timeout,
                )
            )
        vendor = self._placed(vendor)
        endpoint = self._endpoint(vendor)
        transport = _sdk_transport(vendor, endpoint) if vendor.transport == "sdk" else None
        if protocol == "anthropic":
            from llmgine_cli.providers.anthropic import AnthropicProvider

            return AnthropicProvider(vendor, endpoint, transport)
        if protocol == "responses":
            from llmgine_cli.providers.responses import ResponsesProvider

            return ResponsesProvider(vendor, endpoint, transport)
        from llmgine_cli.providers.chat import ChatProvider

        return ChatProvider(vendor, endpoint, transport)

    def _placed(self, vendor: Vendor) -> Vendor:
        """Return it with region, project and version of the API filled in, as a cloud needs them."""
        table = f"[providers.{vendor.name}]"
        if vendor.platform and vendor.transport != "sdk":
            raise SettingsError(
                f"{table} has transport = {vendor.transport!r}, and {vendor.platform} is reached through the SDK alone",
                hint="take transport out",
            )
        places: dict[str, Any] = {}
        for field in ("api_version", "region", "project"):
            value = vendor.found(field, self._address)
            if value is None and vendor.platform == "bedrock" and field == "region":
                value = _profile_region()
            variables = vendor.variables.get(field)
            if variables and value:
                places[field] = value
            elif variables:
                raise SettingsError(
                    f"{vendor.name} needs {_ARTICLES[field]}: {' or '.join(variables)} is not set",
                    hint=f"export {variables[0]}=…, or set {field} in {table}",
                )
            elif value:
                raise SettingsError(f"{table} has {field}, and {vendor.name} has none", hint=f"take {field} out")
        return replace(vendor, **places)

    def _endpoint(self, vendor: Vendor) -> Endpoint:
        variable = self.variable(vendor)
        key = self._secret(variable) if variable else None
        url = vendor.address(self._address)
        if not url:
            variable_too = f"export {vendor.base_url_env}=…, or " if vendor.base_url_env else ""
            raise SettingsError(
                f"provider {vendor.name!r} has no base URL",
                hint=f"{variable_too}set base_url in [providers.{vendor.name}]",
            )
        self._refuse_keyless(vendor)
        return Endpoint(
            provider=vendor.name,
            base_url=url,
            key=key,
            secrets=vendor.secrets,
            key_env=variable or vendor.key_env,
            key_source=self._key_source(variable) if self._key_source and variable else None,
            starter=vendor.starter,
            sign_in=vendor.sign_in,
            models_page=vendor.models_page,
            connect_timeout=self._connect_timeout,
            idle_timeout=self._idle_timeout,
        )

    def _refuse_keyless(self, vendor: Vendor) -> None:
        if self.lacks_key(vendor):
            raise CredentialsError(
                f"{vendor.name} needs a key: {' or '.join(vendor.key_envs)} is not set",
                hint=f"llmgine keys set {vendor.name} stores it; or export {vendor.key_env}; or use another model: -m",
            )

    def lacks_key(self, vendor: Vendor) -> bool:
        """Whether it cannot be asked for want of a key.

        What stands in for a known vendor may do without one, as a server on the user's machine does, and so may a cloud
        that has a sign-in of its own; a vendor's own address never does, nor any other cloud, nor a provider of the
        user's own for which a variable is named.
        """
        if vendor.key_env is None or vendor.sign_in is not None:
            return False
        needs_one = vendor.platform is not None or vendor.name not in VENDORS or self.is_at_home(vendor)
        return needs_one and self.variable(vendor) is None

    def is_at_home(self, vendor: Vendor) -> bool:
        """Whether it is asked at its own address."""
        return is_at_home(vendor, self._address)

    def variable(self, vendor: Vendor) -> str | None:
        """The variable that holds the vendor's key, if any does."""
        return next((name for name in vendor.key_envs if self._secret(name)), None)

    def _secret(self, variable: str) -> str | None:
        """The key in a variable; what is blank is none."""
        secret = self._key(variable)
        return (secret.get_secret_value().strip() or None) if secret else None


def _profile_region() -> str | None:
    from llmgine_cli.providers.aws import profile_region

    return profile_region()


def _sdk_transport(vendor: Vendor, endpoint: Endpoint) -> Transport:
    from llmgine_cli.providers.sdk import SdkTransport

    return SdkTransport(vendor, endpoint)
