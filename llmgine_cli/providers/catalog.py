"""Where models are found: from a name, or from what is configured, to a model that can be called."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from llmgine_cli.errors import NoModelError, NotFoundError, SettingsError, UsageError, near_miss
from llmgine_cli.llm.embeddings import no_embeddings
from llmgine_cli.llm.messages import File, Image, Part
from llmgine_cli.llm.provider import Model, Provider
from llmgine_cli.providers.making import Maker, Secret
from llmgine_cli.providers.vendor import Vendor
from llmgine_cli.providers.wire import quoted_file

if TYPE_CHECKING:
    from llmgine_cli.providers.quirks import Protocol as WireFormat


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
        self._untrusted = untrusted
        self._maker = Maker(
            key=key,
            address=address,
            connect_timeout=connect_timeout,
            idle_timeout=idle_timeout,
            key_source=key_source,
        )
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
            if model and (variable := self._maker.variable(vendor)):
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
        if not self._maker.lacks_key(owner):
            return None
        for vendor in self._vendors.values():
            prefix = vendor.carries.get(owner.name)
            if prefix is not None and (variable := self._maker.variable(vendor)):
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
        protocol = vendor.protocol_of(model) if self._maker.is_at_home(vendor) else vendor.protocol
        if (vendor.name, protocol) not in self._providers:
            self._providers[vendor.name, protocol] = self._maker.make(vendor, protocol)
        return self._providers[vendor.name, protocol]


def _local_model() -> str | None:
    from llmgine_cli.providers.local import installed

    return installed()
