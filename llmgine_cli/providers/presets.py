"""The vendors, as data: a new one that speaks a known protocol is a row here, or a table in the settings.

Their order is the order in which a model is chosen when the user names none and several keys are set.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

Protocol: TypeAlias = Literal["chat", "anthropic", "local", "echo"]
Platform: TypeAlias = Literal["azure", "bedrock", "vertex"]


@dataclass(frozen=True, kw_only=True)
class Quirk:
    """What some models of a vendor want otherwise.

    Attributes:
        models: Regular expression that matches from the start of the model's name.
        drops: Options these models refuse, by their name in `ModelOptions`; they are left out, which is told once.
        with_tools: Fields to send whenever tools are offered, unless the user sets them.
        unless: A field and the value of it that lifts `drops`.
    """

    models: str
    drops: tuple[str, ...] = ()
    with_tools: Mapping[str, Any] = field(default_factory=dict[str, Any])
    unless: tuple[str, Any] | None = None

    def applies(self, model: str) -> bool:
        """Whether it is about this model."""
        return re.match(self.models, model) is not None


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
        own_models: Regular expression for the names of its own models, which then need no `provider:` before them.
        headers: Sent with every request.
        names: What the protocol calls an option of ours, where this vendor calls it otherwise; None: it has none.
        max_tokens: Sent when the user sets no limit; the Anthropic protocol demands one.
        stream_usage: Whether it wants to be asked for usage in a stream.
        takes_files: Whether it takes documents other than text.
        reasoning_field: Where it wants the thoughts back that led to a tool call.
        call_signatures: Whether it signs tool calls and wants the signatures back.
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
    own_models: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    names: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    max_tokens: int | None = None
    stream_usage: bool = True
    takes_files: bool = False
    reasoning_field: str | None = None
    call_signatures: bool = False
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


# o-series and the GPTs that always think take no sampling options; see also the tools below. GPT-5.1 to 5.4 think only
# when asked to, and take them.
_THINKERS = r"o\d|gpt-5(-(mini|nano|pro|codex|20).*)?$|gpt-5\.[5-9]|gpt-([6-9]|\d\d)"
_SAMPLING = ("temperature", "top_p")
# Up to Opus and Sonnet 4.6 and Haiku 4.5 the models take sampling options; later ones refuse them.
_NEW_CLAUDES = r"claude-(opus-4-[7-9]|[a-z]+-([5-9]|\d\d)\b|mythos|fable)"
_OPENAI_QUIRKS = (
    Quirk(models=_THINKERS, drops=_SAMPLING, unless=("reasoning_effort", "none")),
    Quirk(models=r"o\d", drops=("stop",)),
    # These answer tools on chat completions only when told not to think (400 otherwise).
    Quirk(models=r"gpt-5\.[6-9]|gpt-([6-9]|\d\d)", with_tools={"reasoning_effort": "none"}),
)

_ROWS = (
    Vendor(
        name="openai",
        base_url="https://api.openai.com/v1",
        base_url_env="OPENAI_BASE_URL",
        key_env="OPENAI_API_KEY",
        default_model="gpt-5.4-mini",
        own_models=r"gpt-\d|chatgpt-|o\d(-|$)",
        names={"max_tokens": "max_completion_tokens"},
        takes_files=True,
        quirks=_OPENAI_QUIRKS,
    ),
    Vendor(
        name="anthropic",
        protocol="anthropic",
        base_url="https://api.anthropic.com",
        base_url_env="ANTHROPIC_BASE_URL",
        key_env="ANTHROPIC_API_KEY",
        default_model="claude-sonnet-5-5",
        own_models=r"claude-",
        names={"stop": "stop_sequences", "seed": None},
        max_tokens=16_384,
        takes_files=True,
        quirks=(Quirk(models=_NEW_CLAUDES, drops=_SAMPLING),),
    ),
    Vendor(
        name="openrouter",
        base_url="https://openrouter.ai/api/v1",
        key_env="OPENROUTER_API_KEY",
        default_model="openrouter/auto",
        headers={"X-Title": "llmgine"},
        takes_files=True,
        call_signatures=True,
    ),
    Vendor(
        name="deepseek",
        base_url="https://api.deepseek.com",
        key_env="DEEPSEEK_API_KEY",
        default_model="deepseek-flash",
        own_models=r"deepseek-(flash|pro|chat|reasoner|v\d)",
        reasoning_field="reasoning_content",
    ),
    Vendor(
        name="gemini",
        base_url="https://generativelanguage.googleapis.com/v1beta/openai",
        key_env="GEMINI_API_KEY",
        more_key_envs=("GOOGLE_API_KEY",),
        default_model="gemini-3.8-flash",
        own_models=r"gemini-",
        call_signatures=True,
    ),
    Vendor(
        name="xai",
        base_url="https://api.x.ai/v1",
        key_env="XAI_API_KEY",
        default_model="grok-4.3",
        own_models=r"grok-",
    ),
    Vendor(
        name="groq",
        base_url="https://api.groq.com/openai/v1",
        key_env="GROQ_API_KEY",
        default_model="openai/gpt-oss-120b",
    ),
    Vendor(
        name="mistral",
        base_url="https://api.mistral.ai/v1",
        key_env="MISTRAL_API_KEY",
        default_model="mistral-small-latest",
        own_models=r"(mistral|ministral|codestral|devstral|magistral|pixtral)-",
        names={"seed": "random_seed"},
        stream_usage=False,  # it reports usage without being asked, and refuses fields it does not know
    ),
    Vendor(
        name="together",
        base_url="https://api.together.xyz/v1",
        base_url_env="TOGETHER_BASE_URL",
        key_env="TOGETHER_API_KEY",
        default_model="openai/gpt-oss-120b",
    ),
    Vendor(
        name="azure",
        base_url_env="AZURE_OPENAI_ENDPOINT",
        key_env="AZURE_OPENAI_API_KEY",
        more_key_envs=("AZURE_OPENAI_AD_TOKEN",),
        names={"max_tokens": "max_completion_tokens"},
        takes_files=True,
        quirks=_OPENAI_QUIRKS,  # a deployment is usually called what its model is called
        transport="sdk",
        platform="azure",
        variables={"api_version": ("OPENAI_API_VERSION",)},
        models_page="the deployments of the resource at https://ai.azure.com: their names are the models here",
    ),
    Vendor(
        name="bedrock",
        protocol="anthropic",
        base_url="https://bedrock-runtime.{region}.amazonaws.com",
        base_url_env="ANTHROPIC_BEDROCK_BASE_URL",
        key_env="AWS_BEARER_TOKEN_BEDROCK",
        names={"stop": "stop_sequences", "seed": None},
        max_tokens=16_384,
        takes_files=True,
        quirks=(Quirk(models=rf"([\w-]+\.)*{_NEW_CLAUDES}", drops=_SAMPLING),),
        transport="sdk",
        platform="bedrock",
        variables={"region": ("AWS_REGION", "AWS_DEFAULT_REGION")},
        models_page="the catalogue at https://console.aws.amazon.com/bedrock",
        sign_in="aws configure, aws sso login, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    Vendor(
        name="vertex",
        protocol="anthropic",
        base_url="https://{region}-aiplatform.googleapis.com/v1",
        base_url_env="ANTHROPIC_VERTEX_BASE_URL",
        names={"stop": "stop_sequences", "seed": None},
        max_tokens=16_384,
        takes_files=True,
        quirks=(Quirk(models=_NEW_CLAUDES, drops=_SAMPLING),),
        transport="sdk",
        platform="vertex",
        variables={
            "region": ("CLOUD_ML_REGION",),
            "project": ("ANTHROPIC_VERTEX_PROJECT_ID", "GOOGLE_CLOUD_PROJECT"),
        },
        region_urls={
            "global": "https://aiplatform.googleapis.com/v1",
            "us": "https://aiplatform.us.rep.googleapis.com/v1",
            "eu": "https://aiplatform.eu.rep.googleapis.com/v1",
        },
        models_page="the model garden at https://console.cloud.google.com/vertex-ai",
        sign_in="gcloud auth application-default login, or GOOGLE_APPLICATION_CREDENTIALS",
    ),
    Vendor(
        name="ollama",
        base_url="http://127.0.0.1:11434/v1",
        base_url_env="OLLAMA_HOST",
        starter="ollama serve",
    ),
    Vendor(
        name="lmstudio",
        base_url="http://127.0.0.1:1234/v1",
        base_url_env="LMSTUDIO_BASE_URL",
        starter="lms server start",
    ),
    Vendor(name="local", protocol="local", default_model="smollm2-135m"),
    Vendor(name="echo", protocol="echo", default_model="echo"),
)
VENDORS: Mapping[str, Vendor] = {vendor.name: vendor for vendor in _ROWS}


def merged(vendors: Mapping[str, Vendor], changes: Mapping[str, Mapping[str, Any]]) -> dict[str, Vendor]:
    """Add vendors, or change those that are known.

    Args:
        vendors: The known ones.
        changes: Name → what is otherwise: `protocol`, `base_url`, `api_key_env`, `headers`, or any field of `Vendor`;
            None means: not said.

    Returns:
        The known ones in their order, then the new ones.
    """
    result = dict(vendors)
    for name, table in changes.items():
        said = {key: value for key, value in table.items() if value is not None}
        if "api_key_env" in said:
            said["key_env"] = said.pop("api_key_env")
            said["more_key_envs"] = ()
        if "base_url" in said:
            # What a setting says is not overruled by a variable of the old address, nor by a region.
            said |= {"base_url_env": None, "region_urls": {}}
        known = result.get(name)
        if known is None:
            result[name] = _own(name, said)
        else:
            result[name] = replace(known, **{**said, "headers": {**known.headers, **said.get("headers", {})}})
    return result


def _own(name: str, said: Mapping[str, Any]) -> Vendor:
    """A vendor nobody knows: as generous as its protocol allows, or as a cloud's own row where it is one."""
    if platform := said.get("platform"):
        return replace(VENDORS[platform], **{**said, "name": name})
    model = VENDORS["anthropic"] if said.get("protocol") == "anthropic" else None
    basis = (
        Vendor(name=name, names=model.names, max_tokens=model.max_tokens, takes_files=True)
        if model
        else Vendor(name=name, takes_files=True, call_signatures=True)
    )
    return replace(basis, **said)


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
