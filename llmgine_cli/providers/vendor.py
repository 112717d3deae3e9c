"""Who serves models, as a row of data: `presets` has those that are known, `own_vendors` adds those of the settings."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from llmgine_cli.providers.quirks import Protocol, Quirk, Traits, traits_of

_SECRET_HEADER = re.compile(
    r"(^|[_-])(api)?(key|token|secret|pass|password|auth|authorization|cookie|credentials?|session|sid|signature)([_-]|$)",
    re.IGNORECASE,
)
# A value, or a part of one such as a cookie has several of; not the name before a `=`.
_SECRET_PART = re.compile(r'[^\s;,="]{8,}(?!=[^\s;,=])(?![^\s;,="])={0,2}')
Platform: TypeAlias = Literal["azure", "bedrock", "vertex"]


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """Who serves models, and how to talk to them.

    Attributes:
        name: The left half of `provider:model`.
        protocol: The wire format.
        base_url: Where requests go.
        base_url_env: The variable that says otherwise.
        key_env: The variable that holds the key; None: there is no key.
        more_key_envs: Other variables to look in when that one is empty.
        default_model: What to use when only the vendor is known.
        embedding_model: What to turn texts into vectors with when only the vendor is known.
        own_models: Regular expression for the names of its own models, which then need no `provider:` before them.
        serves: Regular expression found in the names of the models it can be asked for here; others may stand under its
            name in a list of prices.
        aliases: Short names of its models → the names by which it knows them.
        carries: Other vendors whose models it serves too → what it writes before their names.
        headers: Sent with every request.
        names: What the protocol calls an option of ours, where this vendor calls it otherwise, with dots for a field in
            a field; None: it has none.
        max_tokens: Sent when the user sets no limit; None: as its protocol has it.
        stream_usage: Whether it wants to be asked for usage in a stream.
        takes_files: Whether it takes documents other than text.
        fetches_images: Whether it fetches pictures from addresses; for others we do.
        reasoning_field: Where it wants the thoughts back that led to a tool call.
        call_signatures: Whether it signs tool calls and wants the signatures back.
        prompt_caching: Whether to have long prompts kept for the next request, where that must be asked for.
        routing: Who may serve the model, for a vendor that leaves it to others.
        thinkers: Regular expression for its models that may think; thoughts go back where the protocol takes them.
        quirks: What some of its models want otherwise.
        starter: For a server on the user's own machine: how to start it.
        transport: Who carries the bytes: our own HTTP client, or the vendor's SDK.
        platform: The cloud that serves another vendor's models; it has addresses and signatures of its own, which the
            SDK knows.
        api_version: Of a cloud's API.
        region: Of a cloud: in its address and in signatures.
        project: At a cloud.
        variables: What of the last three it cannot do without → the variables that say it where no setting does.
        region_urls: The base URLs of regions that do not follow the pattern in `base_url`.
        sign_in: For a cloud that is asked with the credentials of its own command line: how to get these.
        models_page: For a cloud that does not tell programs which models it has: where people find them.
    """

    name: str
    protocol: Protocol = "chat"
    base_url: str = ""
    base_url_env: str | None = None
    key_env: str | None = None
    more_key_envs: tuple[str, ...] = ()
    default_model: str | None = None
    embedding_model: str | None = None
    own_models: str | None = None
    serves: str = ""
    aliases: Mapping[str, str] = field(default_factory=dict[str, str])
    carries: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    names: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    max_tokens: int | None = None
    stream_usage: bool = True
    takes_files: bool = False
    fetches_images: bool = True
    reasoning_field: str | None = None
    call_signatures: bool = False
    prompt_caching: bool = True
    routing: Mapping[str, Any] = field(default_factory=dict[str, Any])
    thinkers: str | None = None
    quirks: tuple[Quirk, ...] = ()
    starter: str | None = None
    transport: Literal["http", "sdk"] = "http"
    platform: Platform | None = None
    api_version: str | None = None
    region: str | None = None
    project: str | None = None
    variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    region_urls: Mapping[str, str] = field(default_factory=dict[str, str])
    sign_in: str | None = None
    models_page: str | None = None

    @property
    def key_envs(self) -> tuple[str, ...]:
        """All variables that may hold its key, the best first."""
        return (self.key_env, *self.more_key_envs) if self.key_env else ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What of the headers may let others in, part by part."""
        values = [value for name, value in self.headers.items() if _SECRET_HEADER.search(name)]
        return tuple(part for value in values for part in _SECRET_PART.findall(value))

    def protocol_of(self, model: str) -> Protocol:
        """The wire format in which a model is asked."""
        for quirk in self.quirks:
            if quirk.protocol is not None and quirk.applies(model):
                return quirk.protocol
        return self.protocol

    def address(self, variable: Callable[[str], str | None]) -> str:
        """Where requests go, without a slash at the end.

        Args:
            variable: Gives the value of an environment variable.
        """
        said = variable(self.base_url_env) if self.base_url_env else None
        if said and self.base_url_env == "OLLAMA_HOST":
            said = ollama_url(said)
        return (said or self._usual_address(variable)).strip().rstrip("/")

    def found(self, field: str, variable: Callable[[str], str | None]) -> str | None:
        """Return `api_version`, `region` or `project`: what a setting says, else what a variable says.

        Args:
            field: Which of them.
            variable: Gives the value of an environment variable.
        """
        said = getattr(self, field)
        return said or next((value for name in self.variables.get(field, ()) if (value := variable(name))), None)

    def _usual_address(self, variable: Callable[[str], str | None]) -> str:
        region = self.found("region", variable)
        if region is None:
            return self.base_url
        return self.region_urls.get(region) or self.base_url.replace("{region}", region)

    def traits(self, model: str, fields: Mapping[str, Any] | None = None) -> Traits:
        """Return what one of its models wants otherwise.

        Args:
            model: Its name.
            fields: What the request says already, which may lift a quirk.
        """
        return traits_of(
            self.names, (quirk for quirk in self.quirks if quirk.applies(model) and quirk.holds(fields or {}))
        )

    def takes_images(self, model: str) -> bool:
        """Whether a model of this name takes pictures; of one that nobody has heard of it is believed."""
        return self.traits(model).images


def ollama_url(host: str) -> str:
    """Return the base URL that `OLLAMA_HOST` means, in all the forms in which Ollama takes it.

    Args:
        host: As `0.0.0.0`, `:8080`, `box:11434`, `[::1]`, `https://box`, `http://box:80/ollama`.
    """
    from urllib.parse import urlsplit

    text = host.strip().strip("\"'")
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "http", text
    default_port = (443 if scheme == "https" else 80) if separator else 11434
    if rest.count(":") > 1 and not rest.startswith("["):
        rest = f"[{rest}]"  # an IPv6 address as it is
    parts = urlsplit(f"{scheme}://{rest}")
    name = parts.hostname or "127.0.0.1"
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(name, name)  # noqa: S104 -- "every address" is where it listens, not where it is
    try:
        port = parts.port or default_port
    except ValueError:
        port = default_port
    path = parts.path.rstrip("/").removesuffix("/v1")
    return f"{scheme}://{f'[{name}]' if ':' in name else name}:{port}{path}/v1"
