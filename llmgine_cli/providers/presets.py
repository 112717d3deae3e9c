"""The vendors, as data: a new one that speaks a known protocol is a row here, or a table in the settings.

Their order is the order in which a model is chosen when the user names none and several keys are set.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from llmgine_cli.providers.quirks import Protocol, Quirk, Traits, names_of, quirk_of, traits_of


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
        aliases: Short names of its models → the names by which it knows them.
        carries: Other vendors whose models it serves too → what it writes before their names.
        headers: Sent with every request.
        names: What the protocol calls an option of ours, where this vendor calls it otherwise, with dots for a field in
            a field; None: it has none.
        max_tokens: Sent when the user sets no limit; the Anthropic protocol demands one.
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

    @property
    def key_envs(self) -> tuple[str, ...]:
        """All variables that may hold its key, the best first."""
        return (self.key_env, *self.more_key_envs) if self.key_env else ()

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
        return (said or self.base_url).strip().rstrip("/")

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


_SAMPLING = ("temperature", "top_p")
_THINKING = ("reasoning_effort", "reasoning_budget")
# o-series and the GPTs that always think take no sampling options; those from 5.1 to 5.4 think only when asked to.
_THINKERS = (
    r"o\d|gpt-5(-(mini|nano|pro|codex|20).*)?$|gpt-5\.[1-4]-(chat|pro)|gpt-5\.1-codex|gpt-5\.[5-9]|gpt-([6-9]|\d\d)"
)
_OPTIONAL_THINKERS = r"gpt-5\.[1-4](?!-(chat|pro)|(?<=1)-codex)"
_NO_TOOLS_WHILE_THINKING = r"gpt-5\.[6-9]|gpt-([6-9]|\d\d)"
# Served in Responses alone: https://platform.openai.com/docs/models, and the lists of names in OpenAI's own SDK.
_ONLY_RESPONSES = (
    r"o\d-pro|o\d(-mini)?-deep-research|computer-use-|codex-|gpt-\d+(\.\d+)?-(pro|codex)|gpt-(daybreak|rosalind)-"
)
# All that think, if only when asked to.
_MAY_THINK = r"o\d|codex-|gpt-5(?!(\.\d+)?-chat)|gpt-([6-9]|1\d)|gpt-(daybreak|rosalind)-"
# Models of others that many serve, under whatever prefix, and that read nothing but text.
_TEXT_ONLY = (
    r"([\w.-]+/)*(gpt-oss|gpt-3\.5|o1-mini|o3-mini|deepseek(?!-(vl|ocr))|smollm2|codestral|qwen3(?!\.|-vl)|qwen2\.5(?!-?vl)|kimi-k2(?!\.)"
    r"|llama-?3(\.[13]|[:-]|$)|llama-?3\.2[:-]([13]b|latest)|mistral-7b|mixtral|grok-3)"
)
# Up to Opus and Sonnet 4.6 and Haiku 4.5 the models take sampling options; later ones refuse them, and a budget.
# Clouds write something before these names.
_CLAUDE = r"([\w-]+\.)*claude-"
_CLAUDE_LATER = rf"{_CLAUDE}(opus-4-[7-9]|[a-z]+-([5-9]|\d\d)\b|mythos|fable)"
_CLAUDE_3_7_TO_4_5 = rf"{_CLAUDE}(3-7-|(sonnet|opus|haiku)-4(-[015]\b|-20|@|$))"
_CLAUDE_TO_3_5 = rf"{_CLAUDE}([12]\b|instant|3-(5-|opus|sonnet|haiku))"

_OPENAI_QUIRKS = (
    Quirk(models=_ONLY_RESPONSES, drops=_SAMPLING, protocol="responses"),
    # In chat completions they would have to do without thinking whenever they are offered tools; see below.
    Quirk(models=_NO_TOOLS_WHILE_THINKING, protocol="responses"),
    Quirk(models="", most={"stop": 4}),
    Quirk(models=r"gpt-[34]|gpt-5-chat|chatgpt-", drops=("reasoning_effort",)),
    Quirk(models=_THINKERS, drops=_SAMPLING, unless=("reasoning_effort", "none")),
    Quirk(models=_OPTIONAL_THINKERS, drops=_SAMPLING, unless=("reasoning_effort", ("none", None))),
    Quirk(models=r"o\d", drops=("stop", "parallel_tool_calls")),
    Quirk(models=r"o\d", efforts={"none": "low", "minimal": "low", "xhigh": "high"}),
    Quirk(models=r"gpt-5(-(mini|nano|codex|20).*)?$", efforts={"none": "minimal", "xhigh": "high"}),
    Quirk(models=r"gpt-5-pro", efforts=dict.fromkeys(("none", "minimal", "low", "medium", "xhigh"), "high")),
    Quirk(models=r"gpt-5\.1", efforts={"minimal": "low", "xhigh": "high"}),
    Quirk(models=r"gpt-5\.[2-9]|gpt-([6-9]|\d\d)", efforts={"minimal": "low"}),
    # These answer tools on chat completions only when told not to think (400 otherwise).
    Quirk(models=_NO_TOOLS_WHILE_THINKING, with_tools={"reasoning_effort": "none"}),
    Quirk(models=r"gpt-3\.5|gpt-4(-0|-1|-turbo)|gpt-4o-2024-05", formats=("json_object",)),
    Quirk(models=r"gpt-4(-0[36]|-32k|$)", formats=()),
    Quirk(models=r"gpt-3\.5|gpt-4(-0|-1|-32k|$)|o1-mini|o3-mini", images=False),
    Quirk(models=r"o1-(mini|preview)", system_role="user"),
)
# https://platform.claude.com/docs/en/build-with-claude/{thinking,effort,structured-outputs}
_CLAUDE_QUIRKS = (
    Quirk(models="", least={"reasoning_budget": 1024}, efforts={"minimal": "low"}, formats=()),
    Quirk(models=_CLAUDE_LATER, drops=(*_SAMPLING, "reasoning_budget")),
    Quirk(models=rf"{_CLAUDE}(opus-5-5|mythos|fable)", efforts={"none": "low"}),  # they always think
    Quirk(models=rf"{_CLAUDE}(mythos|fable)", forced_tools=False),
    Quirk(models=rf"{_CLAUDE}sonnet-4-6", efforts={"xhigh": "high"}),
    Quirk(models=rf"{_CLAUDE}opus-4-6", efforts={"xhigh": "max"}),
    Quirk(
        models=_CLAUDE_3_7_TO_4_5,
        budgets={"minimal": 1024, "low": 2048, "medium": 8192, "high": 16_384, "xhigh": 24_576},
    ),
    Quirk(models=_CLAUDE_TO_3_5, drops=_THINKING, most={"max_tokens": 8192}),
    Quirk(models=rf"{_CLAUDE}(2|instant|3-(opus|sonnet|haiku))", most={"max_tokens": 4096}),
    Quirk(models=rf"{_CLAUDE}(2|instant)", images=False),
    Quirk(models=rf"{_CLAUDE}(sonnet|opus|haiku)-4-5|{_CLAUDE}opus-4-1", formats=("json_schema",)),
    Quirk(models=rf"{_CLAUDE}(sonnet|opus)-4-6|{_CLAUDE_LATER}", formats=("json_schema",)),
)
_ROWS = (
    Vendor(
        name="openai",
        base_url="https://api.openai.com/v1",
        base_url_env="OPENAI_BASE_URL",
        key_env="OPENAI_API_KEY",
        default_model="gpt-5.4-mini",
        embedding_model="text-embedding-3-small",
        own_models=r"gpt-\d|chatgpt-|o\d(-|$)|text-embedding-",
        names={"max_tokens": "max_completion_tokens"},
        takes_files=True,
        thinkers=_MAY_THINK,
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
        # The API knows these only with their date.
        aliases={
            "claude-3-5-haiku": "claude-3-5-haiku-20241022",
            "claude-3-5-haiku-latest": "claude-3-5-haiku-20241022",
            "claude-3-5-sonnet": "claude-3-5-sonnet-20241022",
            "claude-3-7-sonnet": "claude-3-7-sonnet-20250219",
            "claude-sonnet-4": "claude-sonnet-4-20250514",
            "claude-opus-4": "claude-opus-4-20250514",
            "claude-opus-4-1": "claude-opus-4-1-20250805",
        },
        max_tokens=16_384,
        takes_files=True,
        quirks=_CLAUDE_QUIRKS,
    ),
    Vendor(
        name="openrouter",
        base_url="https://openrouter.ai/api/v1",
        key_env="OPENROUTER_API_KEY",
        default_model="openrouter/auto",
        aliases={
            "anthropic/claude-3-5-haiku": "anthropic/claude-3.5-haiku",
            "anthropic/claude-3-7-sonnet": "anthropic/claude-3.7-sonnet",
            "anthropic/claude-haiku-4-5": "anthropic/claude-haiku-4.5",
            "anthropic/claude-sonnet-4-5": "anthropic/claude-sonnet-4.5",
            "anthropic/claude-opus-4-5": "anthropic/claude-opus-4.5",
            "anthropic/claude-sonnet-5-5": "anthropic/claude-sonnet-5.5",
            "anthropic/claude-haiku-5-5": "anthropic/claude-haiku-5.5",
            "anthropic/claude-opus-5-5": "anthropic/claude-opus-5.5",
        },
        carries={
            "openai": "openai/",
            "anthropic": "anthropic/",
            "gemini": "google/",
            "xai": "x-ai/",
            "deepseek": "deepseek/",
        },
        headers={"X-Title": "llmgine"},
        names={
            "reasoning_effort": "reasoning.effort",
            "reasoning_budget": "reasoning.max_tokens",
            "routing": "provider",
        },
        takes_files=True,
        call_signatures=True,
        quirks=(Quirk(models=_TEXT_ONLY, images=False),),
    ),
    Vendor(
        name="deepseek",
        base_url="https://api.deepseek.com",
        key_env="DEEPSEEK_API_KEY",
        default_model="deepseek-flash",
        own_models=r"deepseek-(flash|pro|chat|reasoner|v\d)",
        reasoning_field="reasoning_content",
        # https://api-docs.deepseek.com/guides/thinking_mode
        quirks=(
            Quirk(models="", formats=("json_object",), images=False),
            Quirk(models="", efforts={"none": {"thinking": {"type": "disabled"}}}),
            Quirk(models=r"deepseek-(?!chat)", forced_tools=False, unless=("thinking", {"type": "disabled"})),
        ),
    ),
    Vendor(
        name="gemini",
        base_url="https://generativelanguage.googleapis.com/v1beta/openai",
        key_env="GEMINI_API_KEY",
        more_key_envs=("GOOGLE_API_KEY",),
        default_model="gemini-3.8-flash",
        embedding_model="gemini-embedding-001",
        own_models=r"gemini-",
        names={"reasoning_budget": "extra_body.google.thinking_config.thinking_budget"},
        fetches_images=False,
        call_signatures=True,
        quirks=(
            Quirk(models=r"gemini-(1|2\.0)", drops=_THINKING),
            Quirk(models=r"gemini-[12]", formats_with_tools=False),
            Quirk(models="", efforts={"xhigh": "high"}),
            Quirk(models=r"gemini-(2\.5-pro|[3-9])", efforts={"none": "low"}),  # they always think
        ),
    ),
    Vendor(
        name="xai",
        base_url="https://api.x.ai/v1",
        key_env="XAI_API_KEY",
        default_model="grok-4.3",
        own_models=r"grok-",
        quirks=(
            Quirk(models=r"grok-(3-mini|4(?!.*non-reasoning))", drops=("stop",)),
            Quirk(models=r"grok-(2|3(?!-mini)|4(?!\.[3-9])|code)", drops=("reasoning_effort",)),
            Quirk(models="", efforts={"minimal": "low", "xhigh": "high"}),
            Quirk(models=r"grok-3-mini", efforts={"none": "low", "medium": "high"}),
            Quirk(models=r"grok-(3|code)", images=False),
        ),
    ),
    Vendor(
        name="groq",
        base_url="https://api.groq.com/openai/v1",
        key_env="GROQ_API_KEY",
        default_model="openai/gpt-oss-120b",
        quirks=(
            Quirk(models=_TEXT_ONLY, images=False),
            Quirk(models="", formats_with_tools=False),
            Quirk(models=r"(?!openai/gpt-oss|qwen/)", drops=("reasoning_effort",)),
            Quirk(models=r"openai/gpt-oss", efforts={"none": "low", "minimal": "low", "xhigh": "high"}),
            Quirk(models=r"qwen/", efforts=dict.fromkeys(("minimal", "low", "medium", "high", "xhigh"), "default")),
            Quirk(models=r"(?!openai/gpt-oss|meta-llama/llama-4|moonshotai/kimi-k2)", formats=("json_object",)),
        ),
    ),
    Vendor(
        name="mistral",
        base_url="https://api.mistral.ai/v1",
        key_env="MISTRAL_API_KEY",
        default_model="mistral-small-latest",
        embedding_model="mistral-embed",
        own_models=r"(mistral|ministral|codestral|devstral|magistral|pixtral)-",
        names={"seed": "random_seed"},
        stream_usage=False,  # it reports usage without being asked, and refuses fields it does not know
        quirks=(
            Quirk(models="", efforts=dict.fromkeys(("minimal", "low", "medium", "xhigh"), "high")),
            Quirk(models=r"(?!mistral-(small|medium)-(latest|26|3))", drops=("reasoning_effort",)),
            Quirk(
                models=r"codestral|open-mi|mistral-(tiny|nemo)|mistral-(small|large)-24|mistral-small-2501|ministral-\d+b-24",
                images=False,
            ),
        ),
    ),
    Vendor(
        name="together",
        base_url="https://api.together.xyz/v1",
        base_url_env="TOGETHER_BASE_URL",
        key_env="TOGETHER_API_KEY",
        default_model="openai/gpt-oss-120b",
        quirks=(Quirk(models=_TEXT_ONLY, images=False),),
    ),
    Vendor(
        name="ollama",
        base_url="http://127.0.0.1:11434/v1",
        base_url_env="OLLAMA_HOST",
        names={"tool_choice": None, "parallel_tool_calls": None},  # passed over in silence there
        fetches_images=False,
        starter="ollama serve",
        quirks=(Quirk(models=_TEXT_ONLY, images=False),),
    ),
    Vendor(
        name="lmstudio",
        base_url="http://127.0.0.1:1234/v1",
        base_url_env="LMSTUDIO_BASE_URL",
        fetches_images=False,
        starter="lms server start",
        quirks=(Quirk(models="", formats=("json_schema",)), Quirk(models=_TEXT_ONLY, images=False)),
    ),
    Vendor(
        name="vllm",
        base_url="http://127.0.0.1:8000/v1",
        base_url_env="VLLM_BASE_URL",
        starter="vllm serve MODEL",
        quirks=(
            Quirk(models=_TEXT_ONLY, images=False),
            Quirk(models=r"(google/)?gemma-2-", system_role="user"),  # its template refuses a system message
        ),
    ),
    Vendor(
        name="local",
        protocol="local",
        default_model="smollm2-135m",
        embedding_model="smollm2-135m",
        quirks=(
            Quirk(models="", images=False),  # llama.cpp is started without an eye
            Quirk(models=r"smollm2", drops=("reasoning_effort",)),
        ),
    ),
    Vendor(name="echo", protocol="echo", default_model="echo", takes_files=True),
)
VENDORS: Mapping[str, Vendor] = {vendor.name: vendor for vendor in _ROWS}


def merged(vendors: Mapping[str, Vendor], changes: Mapping[str, Mapping[str, Any]]) -> dict[str, Vendor]:
    """Add vendors, or change those that are known.

    Args:
        vendors: The known ones.
        changes: Name → what is otherwise: `protocol`, `base_url`, `api_key_env`, `headers`, or any field of `Vendor`;
            None means: not said. Tables add to what is known; quirks, as tables, come after those that are known.

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
            said["base_url_env"] = None  # what a setting says is not overruled by a variable of the old address
        known = result.get(name) or _unknown(name, said.get("protocol"))
        if "protocol" in said:  # it goes before what is known of single models
            known = replace(known, quirks=tuple(replace(quirk, protocol=None) for quirk in known.quirks))
        for key in ("headers", "aliases", "routing"):
            if key in said:
                said[key] = {**getattr(known, key), **said[key]}
        if "names" in said:
            said["names"] = {**known.names, **names_of(said["names"])}
        if "quirks" in said:
            said["quirks"] = (*known.quirks, *(quirk_of(quirk) for quirk in said["quirks"]))
        result[name] = replace(known, **said)
    return result


def _unknown(name: str, protocol: str | None) -> Vendor:
    """A vendor nobody knows: as generous as its protocol allows."""
    if protocol == "anthropic":
        return replace(
            Vendor(name=name, protocol="anthropic", takes_files=True),
            names=VENDORS["anthropic"].names,
            max_tokens=VENDORS["anthropic"].max_tokens,
            quirks=VENDORS["anthropic"].quirks,
        )
    if protocol == "responses":
        return Vendor(name=name, thinkers=VENDORS["openai"].thinkers, takes_files=True)
    return Vendor(name=name, takes_files=True, call_signatures=True, quirks=(Quirk(models=_TEXT_ONLY, images=False),))


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
