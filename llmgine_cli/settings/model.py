"""What can be set: typed tables, each field with the words that explain it.

`config init`, `config show` and the documentation are made from these, so they cannot drift from them.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

import msgspec
from msgspec import Meta

from llmgine_cli import places
from llmgine_cli.keys import KeyStore, Secret
from llmgine_cli.settings.table import DAY, FINITE, HARMLESS, HIDDEN, MODEL, NAME, Check, Table
from llmgine_cli.settings.vendors import ProviderSettings

KeySource: TypeAlias = Literal["environment", ".env", "keyring", "keys.json"]


class ToolsSettings(Table, frozen=True):
    """How tools run."""

    approve: Annotated[
        Literal["ask", "auto-read", "all", "none"],
        Meta(
            description="Which calls run without asking: none of them (ask), those that only read, all; or refuse all."
        ),
    ] = "ask"
    timeout: Annotated[float, Meta(gt=0, le=DAY, description="Seconds a tool may take.")] = 60.0
    options: Annotated[
        dict[str, dict[str, Any]],
        Meta(
            description="What a tool leaves to you to set; `llmgine tools show NAME` lists it.",
            examples=[{"get_weather": {"base_url": "https://api.open-meteo.com"}}],
            extra=HIDDEN,
        ),
    ] = {}


def _check_finite(number: float | None) -> None:
    if number is not None and not isfinite(number):
        raise ValueError("input should be a finite number")


class LimitsSettings(Table, frozen=True):
    """When to give up."""

    connect_timeout: Annotated[
        float, Meta(gt=0, le=DAY, description="Seconds to wait for a connection to a vendor."), HARMLESS
    ] = 10.0
    idle_timeout: Annotated[
        float, Meta(gt=0, le=DAY, description="Seconds an answer may stand still before the call fails."), HARMLESS
    ] = 60.0
    retries: Annotated[
        int,
        Meta(ge=0, le=100, description="How often a call that failed before the first word is made again."),
        HARMLESS,
    ] = 2
    retry_after_cap: Annotated[
        float,
        Meta(ge=0, le=DAY, description="Seconds a vendor may ask us to wait; if it asks for more, the call fails."),
        HARMLESS,
    ] = 60.0
    breaker_failures: Annotated[
        int,
        Meta(
            ge=0,
            description="How often in a row no connection can be made until a provider is left alone; 0: it never is.",
        ),
        HARMLESS,
    ] = 5
    breaker_cooldown: Annotated[
        float, Meta(gt=0, le=DAY, description="Seconds for which it is left alone."), HARMLESS
    ] = 30.0
    attachment_mb: Annotated[
        float, Meta(gt=0, le=1000, description="Megabytes that one attachment may have."), HARMLESS
    ] = 20.0
    # Not harmless: a folder that somebody else made may not allow more to be spent.
    max_cost: Annotated[
        Annotated[float, Meta(ge=0, extra=FINITE)] | None,
        Meta(
            description="US dollars that one run of the program, or one chat, may cost; `--max-cost` goes before it.",
            examples=[0.5],
        ),
        Check(_check_finite),
    ] = None
    max_cost_session: Annotated[
        Annotated[float, Meta(ge=0, extra=FINITE)] | None,
        Meta(
            description="US dollars that one session may cost, however often it is gone on with.",
            examples=[2.0],
        ),
        Check(_check_finite),
    ] = None
    max_cost_day: Annotated[
        Annotated[float, Meta(ge=0, extra=FINITE)] | None,
        Meta(
            description="US dollars that everything together may cost from midnight to midnight.",
            examples=[10.0],
        ),
        Check(_check_finite),
    ] = None


class ChatSettings(Table, frozen=True):
    """`llmgine chat`."""

    engine: Annotated[str, Meta(description="The engine when -e is not given."), NAME] = "tool_chat"
    tools: Annotated[
        list[str],
        Meta(description="Tools granted when -T is not given.", examples=[["current_time", "calculate"]]),
    ] = []
    vi_mode: Annotated[bool, Meta(description="Edit the input as in vi."), HARMLESS] = False
    width: Annotated[
        Annotated[int, Meta(ge=20)] | None,
        Meta(description="Columns an answer may fill; default: the terminal's.", examples=[100]),
        HARMLESS,
    ] = None


class LogSettings(Table, frozen=True):
    """The event log."""

    enabled: Annotated[
        bool,
        Meta(description="Keep a log of every session; `chat --continue` needs it. Off, no sink is on either."),
    ] = True
    sinks: Annotated[
        list[str],
        Meta(
            description="What takes the events: jsonl is the log itself, console and otel ship beside it;\n"
            "`llmgine sinks list` names those that are installed.",
            examples=[["jsonl", "otel"]],
        ),
    ] = msgspec.field(default_factory=lambda: ["jsonl"])
    dir: Annotated[
        Path | None,
        Meta(
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


class Tables(Table, frozen=True):
    """Everything that can be set."""

    model: Annotated[
        str | None,
        Meta(
            description="The model when -m is not given: `provider:model` or an alias.",
            examples=["openai:gpt-5.4-mini"],
        ),
        MODEL,
    ] = None
    embedding_model: Annotated[
        str | None,
        Meta(
            description="The model of `llmgine embed` when -m is not given.",
            examples=["openai:text-embedding-3-small"],
        ),
    ] = None
    fallback: Annotated[
        list[str],
        Meta(
            description="Models that answer in this order when the first one cannot.",
            examples=[["openrouter:openai/gpt-5.4-mini", "local:smollm2-135m"]],
        ),
    ] = []
    engine: Annotated[
        str | None,
        Meta(
            description="The engine of `llmgine run` when -e is not given; default: tool_chat with tools, or\n"
            "single_pass without.",
            examples=["single_pass"],
        ),
        NAME,
    ] = None
    aliases: Annotated[
        dict[str, str],
        Meta(
            description="Short names for models; a name as `provider:model` always means itself. In a project's\n"
            "llmgine.toml they count once you trust it.",
            examples=[{"fast": "groq:llama-3.3-70b-versatile"}],
        ),
    ] = {}
    limits: LimitsSettings = msgspec.field(default_factory=LimitsSettings)
    chat: ChatSettings = msgspec.field(default_factory=ChatSettings)
    log: LogSettings = msgspec.field(default_factory=LogSettings)
    tools: ToolsSettings = msgspec.field(default_factory=ToolsSettings)
    engines: Annotated[
        dict[str, dict[str, Any]],
        Meta(
            description="Options of engines; `llmgine engines show NAME` lists them. -o goes before them.",
            examples=[{"tool_chat": {"max_rounds": 10}}],
        ),
    ] = {}
    sinks: Annotated[
        dict[str, dict[str, Any]],
        Meta(
            description="Options of sinks that `log.sinks` names.",
            examples=[{"otel": {"endpoint": "http://localhost:4318"}}],
            extra=HIDDEN,
        ),
    ] = {}
    providers: Annotated[
        dict[str, ProviderSettings],
        Meta(description=ProviderSettings.__doc__, examples=["myvendor"]),
    ] = {}


class Settings(Tables, frozen=True):
    """All settings, and under which circumstances they were read.

    `load` reads them from the environment and the files, `made_of` takes what it is given and nothing else; both check
    it. Made directly, types are not checked.
    """

    circumstances: Circumstances = Circumstances()

    def under(self, circumstances: Circumstances) -> Self:
        """Return these settings as read under other circumstances."""
        return msgspec.structs.replace(self, circumstances=circumstances)

    @property
    def project(self) -> Path | None:
        """The folder of the project the program runs in."""
        return self.circumstances.project

    @property
    def notices(self) -> tuple[str, ...]:
        """What was ignored and why, for people: what a folder nobody trusted wants, variables nobody knows."""
        return tuple(notice.text for notice in self.circumstances.notices)

    def told(self) -> None:
        """Remember that the notices were shown: those about want of trust are not shown again until that changes."""
        for notice in self.circumstances.notices:
            notice.told()

    @property
    def log_dir(self) -> Path:
        """Where the event logs are."""
        return self.log.dir or places.state_dir() / "logs"

    @property
    def vendor_changes(self) -> dict[str, dict[str, Any]]:
        """What is said of each provider, and nothing that is not: see `providers.own_vendors.merged`."""
        return {name: table.changes for name, table in self.providers.items()}

    def key(self, variable: str) -> Secret | None:
        """A key from the environment, else as the user stored it, else from a `.env` file; an empty one is none.

        Args:
            variable: As `OPENAI_API_KEY`.

        Raises:
            SettingsError: The system's keyring has it and cannot be opened.
        """
        value = os.environ.get(variable)
        if not value and (stored := self.circumstances.stored) is not None:
            value = stored.get(variable)  # before a `.env`, which comes with a folder: it may be anybody's account
        value = value or self._dotenv(variable)
        return Secret(value) if value else None

    def key_source(self, variable: str) -> KeySource | None:
        """Where `key` has it from; the keyring is not opened for this."""
        if os.environ.get(variable):
            return "environment"
        stored = self.circumstances.stored
        if stored is not None and (where := stored.where(variable)) is not None:
            return where
        return ".env" if self._dotenv(variable) else None

    def address(self, variable: str) -> str | None:
        """An address from the environment only: a folder's `.env` may not say where keys are sent."""
        return os.environ.get(variable) or None

    def _dotenv(self, variable: str) -> str | None:
        value, _ = self.circumstances.dotenv.get(variable, (None, None))
        return value
