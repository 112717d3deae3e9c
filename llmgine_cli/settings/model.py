"""What can be set: one typed model, each field with the words that explain it.

`config init`, `config show` and the documentation are made from this model, so they cannot drift from it.
"""

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, SecretStr

from llmgine_cli import places
from llmgine_cli.keys import KeyStore
from llmgine_cli.trust import names_a_model_file

KeySource: TypeAlias = Literal["environment", ".env", "keyring", "keys.json"]


@dataclass(frozen=True)
class Harmless:
    """Marks a setting that counts even in a folder nobody trusted.

    Harmless is what cannot say where data or keys are sent, what runs without asking, or where files are written.
    Without this mark a setting is not.

    Attributes:
        accepts: Whether this value is harmless too.
    """

    accepts: Callable[[Any], bool] = lambda _: True


def _is_plain_name(value: Any) -> bool:
    """Not the path of a file: naming one runs it, and only the user's own words may do that."""
    return isinstance(value, str) and not any(mark in value for mark in ("/", "\\", ".py"))


def _is_no_model_file(value: Any) -> bool:
    return not (isinstance(value, str) and names_a_model_file(value))


HARMLESS = Harmless()
NAME = Harmless(_is_plain_name)
MODEL = Harmless(_is_no_model_file)


DAY = 86_400.0  # seconds; what waits longer waits for ever


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _is_pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error
    return text


Pattern = Annotated[str, AfterValidator(_is_pattern)]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
# The fields of `ModelOptions` that are sent one by one.
Option = Literal[
    "temperature",
    "max_tokens",
    "top_p",
    "stop",
    "seed",
    "reasoning_effort",
    "reasoning_budget",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "cache",
    "routing",
]
Count = Literal["temperature", "max_tokens", "top_p", "stop", "seed", "reasoning_budget"]
Names = dict[Option, str | Literal[False]]


class QuirkSettings(_Table):
    """What some models of a vendor want otherwise."""

    models: Annotated[Pattern, Field(description="Regular expression that matches from the start of a model's name.")]
    unless: Annotated[
        dict[str, Any], Field(max_length=1, description="A field, and the value or values of it that lift all this.")
    ] = {}
    drops: Annotated[list[Option], Field(description="Options they refuse; left out, which is told once.")] = []
    names: Annotated[Names, Field(description="What they call an option; false: they have none.")] = {}
    with_tools: Annotated[dict[str, Any], Field(description="Fields to send whenever tools are offered.")] = {}
    efforts: Annotated[
        dict[Effort, str | dict[str, Any]], Field(description="Reasoning effort -> what is sent, or fields instead.")
    ] = {}
    budgets: Annotated[
        dict[Effort, Annotated[int, Field(gt=0)]],
        Field(description="Reasoning effort -> tokens to think (protocol anthropic)."),
    ] = {}
    least: Annotated[dict[Count, int], Field(description="The smallest number they take for an option.")] = {}
    most: Annotated[dict[Count, int], Field(description="The largest number they take; of stop: how many texts.")] = {}
    forced_tools: Annotated[bool | None, Field(description="Whether they can be made to call a tool.")] = None
    formats: Annotated[
        list[Literal["json_schema", "json_object"]] | None, Field(description="How they can be held to JSON.")
    ] = None
    formats_with_tools: Annotated[
        bool | None, Field(description="Whether they can be held to it when they are offered tools.")
    ] = None
    images: Annotated[bool | None, Field(description="Whether they take pictures.")] = None
    system_role: Annotated[
        Literal["system", "developer", "user"] | None, Field(description="Who says the system message.")
    ] = None


class RoutingSettings(_Table):
    """Who may serve a model that a router (OpenRouter) has from many; -o routing goes before it, key by key."""

    order: Annotated[
        list[str] | None, Field(description="Whom to try, the first first.", examples=[["anthropic", "google-vertex"]])
    ] = None
    allow_fallbacks: Annotated[
        bool | None, Field(description="Whether others may be asked when those fail.", examples=[False])
    ] = None
    require_parameters: Annotated[
        bool | None, Field(description="Ask only those that take every option of the request.", examples=[True])
    ] = None
    data_collection: Annotated[
        Literal["allow", "deny"] | None,
        Field(description="deny: only those that keep nothing of what they are sent.", examples=["deny"]),
    ] = None
    only: Annotated[list[str] | None, Field(description="Nobody else.", examples=[["azure"]])] = None
    ignore: Annotated[list[str] | None, Field(description="Not these.", examples=[["deepinfra"]])] = None
    sort: Annotated[
        Literal["price", "throughput", "latency"] | None, Field(description="What matters most.", examples=["price"])
    ] = None


class ProviderSettings(_Table):
    """A vendor of models: one of your own, or changes to one that is known."""

    protocol: Annotated[Literal["chat", "responses", "anthropic"], Field(description="The wire format it speaks.")] = (
        "chat"
    )
    base_url: Annotated[str | None, Field(description="Where requests go.", examples=["http://127.0.0.1:8000/v1"])] = (
        None
    )
    api_key_env: Annotated[
        str | None, Field(description="The environment variable that holds its key.", examples=["MY_API_KEY"])
    ] = None
    headers: Annotated[
        dict[str, str],
        Field(description="Sent with every request.", examples=[{"X-Title": "llmgine"}], repr=False),
    ] = {}
    requests_per_minute: Annotated[
        int | None,
        Field(ge=1, description="How many requests may begin within any 60 seconds; the rest wait.", examples=[60]),
    ] = None
    max_concurrency: Annotated[
        int | None, Field(ge=1, description="How many requests may be under way at a time.", examples=[4])
    ] = None
    default_model: Annotated[
        str | None, Field(description="The model when only the provider is named.", examples=["mine-large"])
    ] = None
    own_models: Annotated[
        Pattern | None,
        Field(
            description="Regular expression for names of models that need no `provider:` before them.",
            examples=["mine-"],
        ),
    ] = None
    aliases: Annotated[
        dict[str, str],
        Field(description="Short names of its models.", examples=[{"large": "mine-large-2026-10"}]),
    ] = {}
    names: Annotated[
        Names,
        Field(
            description="What it calls an option of ours, with dots for a field in a field; false: it has none.",
            examples=[{"max_tokens": "max_completion_tokens"}],
        ),
    ] = {}
    max_tokens: Annotated[int | None, Field(gt=0, description="Sent when you set no limit.", examples=[16_384])] = None
    stream_usage: Annotated[
        bool | None, Field(description="Whether it wants to be asked for usage in a stream.", examples=[True])
    ] = None
    takes_files: Annotated[
        bool | None, Field(description="Whether it takes documents such as PDFs.", examples=[False])
    ] = None
    reasoning_field: Annotated[
        str | None,
        Field(description="Where it wants the thoughts back that led to a tool call.", examples=["reasoning_content"]),
    ] = None
    prompt_caching: Annotated[
        bool | None,
        Field(
            description="Whether to have long prompts kept (protocol anthropic); -o cache sets it for a call.",
            examples=[False],
        ),
    ] = None
    routing: RoutingSettings = RoutingSettings()
    quirks: Annotated[
        list[QuirkSettings],
        Field(
            description="What some of its models want otherwise; these come after what is known of them.",
            examples=[[{"models": "mine-small", "drops": ["temperature"], "images": False}]],
        ),
    ] = []

    @property
    def pace(self) -> dict[str, int | None]:
        """How fast it may be asked; all the rest is about the vendor."""
        return {"requests_per_minute": self.requests_per_minute, "max_concurrency": self.max_concurrency}

    transport: Annotated[
        Literal["http", "sdk"],
        Field(description="What carries the requests: llmgine's own client, or the vendor's official library."),
    ] = "http"
    platform: Annotated[
        Literal["azure", "bedrock", "vertex"] | None,
        Field(description="The cloud it is a part of, as one more region or resource there.", examples=["azure"]),
    ] = None
    api_version: Annotated[str | None, Field(description="Of Azure's API.", examples=["2025-04-01-preview"])] = None
    region: Annotated[str | None, Field(description="Of Bedrock or Vertex.", examples=["us-east-1"])] = None
    project: Annotated[str | None, Field(description="At Google, for Vertex.", examples=["my-project"])] = None


class ToolsSettings(_Table):
    """How tools run."""

    approve: Annotated[
        Literal["ask", "auto-read", "all", "none"],
        Field(
            description="Which calls run without asking: none of them (ask), those that only read, all; or refuse all."
        ),
    ] = "ask"
    timeout: Annotated[float, Field(gt=0, le=DAY, description="Seconds a tool may take.")] = 60.0
    options: Annotated[
        dict[str, dict[str, Any]],
        Field(
            description="What a tool leaves to you to set; `llmgine tools show NAME` lists it.",
            examples=[{"get_weather": {"base_url": "https://api.open-meteo.com"}}],
            repr=False,
        ),
    ] = {}


class LimitsSettings(_Table):
    """When to give up."""

    connect_timeout: Annotated[
        float, Field(gt=0, le=DAY, description="Seconds to wait for a connection to a vendor."), HARMLESS
    ] = 10.0
    idle_timeout: Annotated[
        float, Field(gt=0, le=DAY, description="Seconds an answer may stand still before the call fails."), HARMLESS
    ] = 60.0
    retries: Annotated[
        int,
        Field(ge=0, le=100, description="How often a call that failed before the first word is made again."),
        HARMLESS,
    ] = 2
    retry_after_cap: Annotated[
        float,
        Field(ge=0, le=DAY, description="Seconds a vendor may ask us to wait; if it asks for more, the call fails."),
        HARMLESS,
    ] = 60.0
    breaker_failures: Annotated[
        int,
        Field(
            ge=0,
            description="How often in a row no connection can be made until a provider is left alone; 0: it never is.",
        ),
        HARMLESS,
    ] = 5
    breaker_cooldown: Annotated[
        float, Field(gt=0, le=DAY, description="Seconds for which it is left alone."), HARMLESS
    ] = 30.0
    attachment_mb: Annotated[
        float, Field(gt=0, le=1000, description="Megabytes that one attachment may have."), HARMLESS
    ] = 20.0
    # Not harmless: a folder that somebody else made may not allow more to be spent.
    max_cost: Annotated[
        float | None,
        Field(
            ge=0,
            allow_inf_nan=False,
            description="US dollars that one run of the program, or one chat, may cost; `--max-cost` goes before it.",
            examples=[0.5],
        ),
    ] = None
    max_cost_session: Annotated[
        float | None,
        Field(
            ge=0,
            allow_inf_nan=False,
            description="US dollars that one session may cost, however often it is gone on with.",
            examples=[2.0],
        ),
    ] = None
    max_cost_day: Annotated[
        float | None,
        Field(
            ge=0,
            allow_inf_nan=False,
            description="US dollars that everything together may cost from midnight to midnight.",
            examples=[10.0],
        ),
    ] = None


class ChatSettings(_Table):
    """`llmgine chat`."""

    engine: Annotated[str, Field(description="The engine when -e is not given."), NAME] = "tool_chat"
    tools: Annotated[
        list[str],
        Field(description="Tools granted when -T is not given.", examples=[["current_time", "calculate"]]),
    ] = []
    vi_mode: Annotated[bool, Field(description="Edit the input as in vi."), HARMLESS] = False
    width: Annotated[
        int | None,
        Field(ge=20, description="Columns an answer may fill; default: the terminal's.", examples=[100]),
        HARMLESS,
    ] = None


class LogSettings(_Table):
    """The event log."""

    enabled: Annotated[
        bool,
        Field(description="Keep a log of every session; `chat --continue` needs it. Off, no sink is on either."),
    ] = True
    sinks: Annotated[
        list[str],
        Field(
            description="What takes the events: jsonl is the log itself, console and otel ship beside it;\n"
            "`llmgine sinks list` names those that are installed.",
            examples=[["jsonl", "otel"]],
        ),
    ] = ["jsonl"]
    dir: Annotated[
        Path | None,
        AfterValidator(lambda path: path.expanduser() if path else None),
        Field(
            description="Where the logs are; default: `logs` in the state directory. Made for you alone; one that is\n"
            "there keeps its permissions, and nobody else can read the files in it.",
            examples=["~/llmgine-logs"],
        ),
    ] = None


@dataclass(frozen=True)
class Notice:
    """Something that was ignored, for people.

    Attributes:
        text: What, why, and the way out.
        about: A digest of what it is about, to tell it only once; None to tell it every time.
    """

    text: str
    about: str | None = None

    def was_told(self) -> bool:
        """Whether this was told before."""
        return self.about is not None and self._mark(self.about).is_file()

    def told(self) -> None:
        """Remember that it was told; a state directory that cannot be written is no failure: it is told again."""
        if self.about is not None:
            mark = self._mark(self.about)
            with suppress(OSError):
                mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                mark.touch(mode=0o600)

    @staticmethod
    def _mark(about: str) -> Path:
        return places.state_dir() / "told" / about[:32]


@dataclass(frozen=True)
class Circumstances:
    """What else was found while the settings were read.

    Attributes:
        project: The folder of the project.
        notices: What was ignored and why, for people.
        dotenv: What the `.env` files say: variable → (value, file).
        model_from: Where the model is named, if nobody has vouched for that: a `.env`, or an untrusted project's file.
        stored: The keys that the user has stored with us.
        withheld: What the project's file sets and does not count for want of trust, as keys: `("providers", "mine")`.
    """

    project: Path | None = None
    notices: tuple[Notice, ...] = ()
    dotenv: Mapping[str, tuple[str, Path]] = field(default_factory=dict[str, tuple[str, Path]], repr=False)
    model_from: str | None = None
    stored: KeyStore | None = field(default=None, compare=False)
    withheld: tuple[tuple[str, ...], ...] = ()


class Settings(_Table):
    """All settings.

    Made directly, it takes what it is given and nothing else; `load` reads the environment and the files.
    """

    model: Annotated[
        str | None,
        Field(
            description="The model when -m is not given: `provider:model` or an alias.",
            examples=["openai:gpt-5.4-mini"],
        ),
        MODEL,
    ] = None
    embedding_model: Annotated[
        str | None,
        Field(
            description="The model of `llmgine embed` when -m is not given.",
            examples=["openai:text-embedding-3-small"],
        ),
    ] = None
    fallback: Annotated[
        list[str],
        Field(
            description="Models that answer in this order when the first one cannot.",
            examples=[["openrouter:openai/gpt-5.4-mini", "local:smollm2-135m"]],
        ),
    ] = []
    engine: Annotated[
        str | None,
        Field(description="The engine of `llmgine run` when -e is not given.", examples=["single_pass"]),
        NAME,
    ] = None
    aliases: Annotated[
        dict[str, str],
        Field(
            description="Short names for models; a name as `provider:model` always means itself. In a project's\n"
            "llmgine.toml they count once you trust it.",
            examples=[{"fast": "groq:llama-3.3-70b-versatile"}],
        ),
    ] = {}
    limits: LimitsSettings = LimitsSettings()
    chat: ChatSettings = ChatSettings()
    log: LogSettings = LogSettings()
    tools: ToolsSettings = ToolsSettings()
    engines: Annotated[
        dict[str, dict[str, Any]],
        Field(
            description="Options of engines; `llmgine engines show NAME` lists them. -o goes before them.",
            examples=[{"tool_chat": {"max_rounds": 10}}],
        ),
    ] = {}
    sinks: Annotated[
        dict[str, dict[str, Any]],
        Field(
            description="Options of sinks that `log.sinks` names.",
            examples=[{"otel": {"endpoint": "http://localhost:4318"}}],
            repr=False,
        ),
    ] = {}
    providers: Annotated[
        dict[str, ProviderSettings],
        Field(description=ProviderSettings.__doc__, examples=["myvendor"]),
    ] = {}

    _circumstances: Circumstances = PrivateAttr(default_factory=Circumstances)

    def under(self, circumstances: Circumstances) -> Self:
        """Remember under which circumstances the settings were read."""
        self._circumstances = circumstances
        return self

    @property
    def circumstances(self) -> Circumstances:
        """Under which circumstances the settings were read."""
        return self._circumstances

    @property
    def project(self) -> Path | None:
        """The folder of the project the program runs in."""
        return self._circumstances.project

    @property
    def notices(self) -> tuple[str, ...]:
        """What was ignored and why, for people: what a folder nobody trusted wants, variables nobody knows."""
        return tuple(notice.text for notice in self._circumstances.notices)

    def told(self) -> None:
        """Remember that the notices were shown: those about want of trust are not shown again until that changes."""
        for notice in self._circumstances.notices:
            notice.told()

    @property
    def log_dir(self) -> Path:
        """Where the event logs are."""
        return self.log.dir or places.state_dir() / "logs"

    @property
    def vendor_changes(self) -> dict[str, dict[str, Any]]:
        """What is said of each provider, and nothing that is not: see `providers.own_vendors.merged`."""
        return {
            name: table.model_dump(exclude_unset=True, exclude={*table.pace}) for name, table in self.providers.items()
        }

    def key(self, variable: str) -> SecretStr | None:
        """A key from the environment, else as the user stored it, else from a `.env` file; an empty one is none.

        Args:
            variable: As `OPENAI_API_KEY`.

        Raises:
            SettingsError: The system's keyring has it and cannot be opened.
        """
        value = os.environ.get(variable)
        if not value and (stored := self._circumstances.stored) is not None:
            value = stored.get(variable)  # before a `.env`, which comes with a folder: it may be anybody's account
        value = value or self._dotenv(variable)
        return SecretStr(value) if value else None

    def key_source(self, variable: str) -> KeySource | None:
        """Where `key` has it from; the keyring is not opened for this."""
        if os.environ.get(variable):
            return "environment"
        stored = self._circumstances.stored
        if stored is not None and (where := stored.where(variable)) is not None:
            return where
        return ".env" if self._dotenv(variable) else None

    def address(self, variable: str) -> str | None:
        """An address from the environment only: a folder's `.env` may not say where keys are sent."""
        return os.environ.get(variable) or None

    def _dotenv(self, variable: str) -> str | None:
        value, _ = self._circumstances.dotenv.get(variable, (None, None))
        return value
