"""Where models are found: from a name, or from what is configured, to a model that can be called."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, Protocol

from llmgine_cli.errors import CredentialsError, NoModelError, NotFoundError, SettingsError, UsageError, near_miss
from llmgine_cli.llm.embeddings import no_embeddings
from llmgine_cli.llm.messages import File, Image, Part
from llmgine_cli.llm.provider import Model, Provider, ProviderContext
from llmgine_cli.providers.presets import VENDORS
from llmgine_cli.providers.quirks import Protocol as WireFormat
from llmgine_cli.providers.transport import Endpoint, Transport
from llmgine_cli.providers.vendor import Vendor
from llmgine_cli.providers.wire import quoted_file

_ARTICLES = {"api_version": "the version of its API", "region": "a region", "project": "a project"}


class Secret(Protocol):
    """A key that does not show itself by accident, such as `keys.Secret`."""

    def get_secret_value(self) -> str:
        """The key itself."""
        ...


class Catalog:
    """Turns names into models, and makes each provider when it is first used.

    Args:
        vendors: Who there is, in the order of choice.
        aliases: Names the user made up → what they stand for; none for `provider:model`, which says what it means.
        key: Gives the key that a variable holds.
        address: Gives the address that a variable holds.
        connect_timeout: Seconds to wait for a connection.
        idle_timeout: Seconds to wait for the next byte of an answer.
        untrusted: Names of providers and aliases that a project sets and nobody trusts, for errors.
        key_source: Says where a key's variable was set, for errors.
    """

    def __init__(
        self,
        *,
        vendors: Mapping[str, Vendor],
        aliases: Mapping[str, str],
        key: Callable[[str], Secret | None],
        address: Callable[[str], str | None],
        connect_timeout: float,
        idle_timeout: float,
        key_source: Callable[[str], str | None] | None = None,
        untrusted: Collection[str] = (),
    ) -> None:
        self._vendors = vendors
        self._aliases = aliases
        self._key = key
        self._address = address
        self._key_source = key_source
        self._untrusted = untrusted
        self._connect_timeout = connect_timeout
        self._idle_timeout = idle_timeout
        self._providers: dict[tuple[str, WireFormat], Provider] = {}

    def model(self, name: str, *, reason: str = "named", explicit: bool = True) -> Model:
        """Return the model of that name.

        Args:
            name: `provider:model`, an alias, a provider (its usual model), or a model whose name tells its vendor.
            reason: Why it was chosen, for people.
            explicit: Whether the user asked for it by name.

        Raises:
            NotFoundError: There is no such provider; the nearest names are in the hint.
            UsageError: The provider needs to be told which of its models.
            CredentialsError: The provider's key is missing.
            SettingsError: The aliases go in a circle.
        """
        vendor, model, detour = self._resolve(name)
        return Model(
            provider=self._provider(vendor, model),
            name=model,
            reason=f"{reason}; {detour}" if detour else reason,
            explicit=explicit and detour is None,
        )

    def choose_for_embedding(self, *, flag: str | None, setting: str | None = None) -> Model:
        """Return the model to make vectors with: as asked for, else of the first provider with a key that has one.

        Args:
            flag: What the command line names; of a provider alone, its usual model for vectors is meant.
            setting: What the settings name.

        Raises:
            NoModelError: Nothing is named and nothing is configured.
            NotFoundError: As for `model`.
            UsageError: As for `model`.
            SettingsError: As for `model`.
        """
        for name, reason in ((flag, "named with -m"), (setting, "named in the settings")):
            if name:
                vendor = self._vendors.get(self._unalias(name))
                usual = f"{vendor.name}:{vendor.embedding_model}" if vendor and vendor.embedding_model else name
                served_by, _ = self.resolve(usual)
                if served_by.protocol == "anthropic":  # told before anybody looks for its key
                    raise no_embeddings(served_by.name)
                return self.model(usual, reason=reason)
        usual_models = ((vendor, vendor.embedding_model) for vendor in self._vendors.values())
        return self._first(usual_models, "there is no model to make embeddings with")

    def resolve(self, name: str) -> tuple[Vendor, str]:
        """Return who serves the model of that name, and what they call it; nobody is asked, and no key is needed.

        Args:
            name: As for `model`.

        Raises:
            NotFoundError: As for `model`.
            UsageError: As for `model`.
            SettingsError: The aliases go in a circle.
        """
        vendor, model, _ = self._resolve(name)
        return vendor, model

    async def models(self, provider: str, *, seconds: float) -> list[str]:
        """Return the names of the models that a provider has now.

        Args:
            provider: The left half of `provider:model`.
            seconds: How long it may take to tell.

        Raises:
            ProviderError: The provider could not be asked.
            SettingsError: Its key is missing or was refused.
        """
        vendor = self._vendors[provider]
        return await self._provider(vendor, vendor.default_model or "").models(seconds=seconds)

    def choose(
        self,
        *,
        flag: str | None,
        template: str | None = None,
        session: str | None = None,
        setting: str | None = None,
        unvouched: str | None = None,
    ) -> Model:
        """Return the model to use: as asked for, else the first there is a key for, else the local one.

        Args:
            flag: What the command line names.
            template: What the prompt's front matter names.
            session: What the conversation had that is gone on with.
            setting: What the settings name.
            unvouched: Where the setting is from, if nobody has vouched for that: the user is to be told.

        Raises:
            NoModelError: Nothing is named and nothing is configured; the hint tells all ways out.
            NotFoundError: As for `model`.
            UsageError: As for `model`.
            SettingsError: As for `model`.
        """
        named = (
            (flag, "named with -m", True),
            (template, "named by the prompt", False),
            (session, "as before in this conversation", True),
            (setting, f"named in {unvouched or 'the settings'}", unvouched is None),
        )
        for name, reason, explicit in named:
            if name:
                try:
                    return self.model(name, reason=reason, explicit=explicit)
                except (NotFoundError, UsageError) as error:
                    if name != flag:  # whoever did not write the name here must be told where it is written
                        error.message = f"{error.message}, {reason}"
                    raise
        usual_models = ((vendor, vendor.default_model) for vendor in self._vendors.values())
        return self._first(usual_models, "there is no model to talk to")

    def takes(self, model: Model, part: Part) -> bool:
        """Whether a model takes this picture or file, as far as is known; what is text, all take."""
        vendor = self._vendors.get(model.provider.name)
        match part:
            case Image() if vendor is not None:
                return vendor.takes_images(model.name)
            case File() if vendor is not None:
                return vendor.takes_files or quoted_file(part) is not None
            case _:
                return True

    def fetches_images(self, model: Model) -> bool:
        """Whether a model's vendor fetches pictures from addresses itself."""
        vendor = self._vendors.get(model.provider.name)
        return vendor is None or vendor.fetches_images

    async def aclose(self) -> None:
        """Close all providers, also when closing one of them fails. Harmless the second time."""
        async with AsyncExitStack() as stack:
            for provider in self._providers.values():
                stack.push_async_callback(provider.aclose)
            self._providers = {}

    # -- names

    def _resolve(self, name: str) -> tuple[Vendor, str, str | None]:
        """Return whose model it is, its name there, and, where the user could expect another vendor, why that one."""
        vendor, model, detour = self._found(self._unalias(name))
        return vendor, vendor.aliases.get(model, model), detour

    def _found(self, name: str) -> tuple[Vendor, str, str | None]:
        left, colon, right = name.partition(":")
        vendor = self._vendors.get(left)
        if vendor is not None:
            model = right or vendor.default_model
            if model is None:
                raise UsageError(
                    f"which model of {left}?", hint=f"name it, as in -m {left}:MODEL{self._known_models(vendor)}"
                )
            return vendor, model, None
        if (owner := self._owner(name)) is not None:
            return self._carried(owner, name) or (owner, name, None)
        if colon:
            missing = NotFoundError("provider", left, self._vendors)
            if left in self._untrusted:
                missing.hint = "the llmgine.toml of this project sets it, and is not trusted: llmgine trust shows it"
                raise missing
            missing.hint = self._closest(left, right) or f"write provider:model; known: {', '.join(self._vendors)}"
            raise missing
        if name in self._untrusted:
            advice = "the llmgine.toml of this project makes it an alias, and is not trusted: llmgine trust shows it"
            raise NotFoundError("model", name, (), hint=advice)
        raise NotFoundError("model", name, (), hint=self._advice(name))

    def _first(self, usual_models: Iterable[tuple[Vendor, str | None]], none: str) -> Model:
        """Return the first of these models there is a key for, else the local one.

        Raises:
            NoModelError: There is neither; `none` says so.
        """
        for vendor, model in usual_models:
            if model and (variable := self._variable(vendor)):
                return self.model(f"{vendor.name}:{model}", reason=f"{variable} is set", explicit=False)
        if "local" in self._vendors and (local := _local_model()):
            return self.model(f"local:{local}", reason="no key is set, and a model is installed here", explicit=False)
        raise NoModelError(none, hint=self._ways_out())

    def _unalias(self, name: str) -> str:
        seen: list[str] = []
        while name in self._aliases and not self._is_full(name):
            if name in seen:
                raise SettingsError(
                    f"the aliases go in a circle: {' → '.join([*seen, name])}", hint="mend [aliases] in the settings"
                )
            seen.append(name)
            name = self._aliases[name]
        return name

    def _is_full(self, name: str) -> bool:
        """Whether it says outright which provider is meant: nothing may turn that into another."""
        provider, colon, _ = name.partition(":")
        return bool(colon) and provider in self._vendors

    def _owner(self, model: str) -> Vendor | None:
        """The one vendor that such a name can only belong to."""
        owners = [
            vendor
            for vendor in self._vendors.values()
            if vendor.own_models is not None and re.match(vendor.own_models, model)
        ]
        return owners[0] if len(owners) == 1 else None

    def _carried(self, owner: Vendor, model: str) -> tuple[Vendor, str, str] | None:
        """Another vendor that serves a model too, if there is a key for that one only.

        It is done for a name that leaves the vendor open, never for `provider:model`.
        """
        if not self._lacks_key(owner):
            return None
        for vendor in self._vendors.values():
            prefix = vendor.carries.get(owner.name)
            if prefix is not None and (variable := self._variable(vendor)):
                return vendor, f"{prefix}{model}", f"{owner.key_env} is not set, {variable} is"
        return None

    def _closest(self, left: str, right: str) -> str | None:
        """The full name that was probably meant, so that it can be copied."""
        from difflib import get_close_matches

        if "ollama" in self._vendors and re.search(r"[\d./]", left) and re.fullmatch(r"[\w.-]+", right):
            return f"did you mean ollama:{left}:{right}?"  # a model with a tag, as Ollama writes them
        close = get_close_matches(left, list(self._vendors), n=1, cutoff=0.7)
        return f"did you mean {close[0]}:{right}?" if close else None

    def _advice(self, name: str) -> str:
        usual = {f"{vendor.name}:{vendor.default_model}" for vendor in self._vendors.values() if vendor.default_model}
        close = near_miss(name, [*self._vendors, *self._aliases, *(full.partition(":")[2] for full in usual)])
        if "/" in name and "openrouter" in self._vendors:
            return f"write provider:model; did you mean openrouter:{name}?"
        if close and close.startswith("did you mean"):
            meant = close.removeprefix("did you mean ").removesuffix("?").split(" or ")[0]
            full = next((full for full in usual if full.endswith(f":{meant}")), meant)
            return f"did you mean {full}?"
        return f"write provider:model, as in openai:{name or 'MODEL'}; providers are {', '.join(self._vendors)}"

    def _known_models(self, vendor: Vendor) -> str:
        return f"; {vendor.starter.split()[0]} list shows them" if vendor.starter == "ollama serve" else ""

    def _ways_out(self) -> str:
        variable = next((vendor.key_env for vendor in self._vendors.values() if vendor.key_env), "")
        return (
            f"llmgine models pull gets a small one that runs here; or set a key, as {variable}: "
            "llmgine models list names them all; or name a model with -m, as ollama:MODEL"
        )

    # -- providers

    def _provider(self, vendor: Vendor, model: str) -> Provider:
        """The vendor's provider; one for each protocol in which it serves models."""
        # Only of its own server is it known what that serves; what stands in for it need not serve as much.
        protocol = vendor.protocol_of(model) if self._is_at_home(vendor) else vendor.protocol
        if (vendor.name, protocol) not in self._providers:
            self._providers[vendor.name, protocol] = self._make(vendor, protocol)
        return self._providers[vendor.name, protocol]

    def _make(self, vendor: Vendor, protocol: WireFormat) -> Provider:
        """Make a provider; its adapter is imported only now."""
        if protocol == "echo":
            from llmgine_cli.providers.echo import EchoProvider

            return EchoProvider()
        if protocol == "local":
            from llmgine_cli.providers.local import LocalProvider

            return LocalProvider(connect_timeout=self._connect_timeout, idle_timeout=self._idle_timeout)
        if protocol == "installed":
            from llmgine_cli.providers.installed import make

            return make(
                ProviderContext(
                    name=vendor.name,
                    key=self._secret,
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
        variable = self._variable(vendor)
        key = self._secret(variable) if variable else None
        url = vendor.address(self._address)
        if not url:
            variable_too = f"export {vendor.base_url_env}=…, or " if vendor.base_url_env else ""
            raise SettingsError(
                f"provider {vendor.name!r} has no base URL",
                hint=f"{variable_too}set base_url in [providers.{vendor.name}]",
            )
        if self._lacks_key(vendor):
            raise CredentialsError(
                f"{vendor.name} needs a key: {' or '.join(vendor.key_envs)} is not set",
                hint=f"llmgine keys set {vendor.name} stores it; or export {vendor.key_env}; or use another model: -m",
            )
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

    def _lacks_key(self, vendor: Vendor) -> bool:
        """Whether it cannot be asked for want of a key.

        What stands in for a known vendor may do without one, as a server on the user's machine does, and so may a cloud
        that has a sign-in of its own; a vendor's own address never does, nor any other cloud, nor a provider of the
        user's own for which a variable is named.
        """
        if vendor.key_env is None or vendor.sign_in is not None:
            return False
        needs_one = vendor.platform is not None or vendor.name not in VENDORS or self._is_at_home(vendor)
        return needs_one and self._variable(vendor) is None

    def _is_at_home(self, vendor: Vendor) -> bool:
        """Whether it is asked at its own address."""
        preset = VENDORS.get(vendor.name)
        return preset is not None and vendor.address(self._address) == preset.base_url

    def _variable(self, vendor: Vendor) -> str | None:
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


def _local_model() -> str | None:
    from llmgine_cli.providers.local import installed

    return installed()
