"""What can be set: one typed model, each field with the words that explain it.

`config init`, `config show` and the documentation are made from this model, so they cannot drift from it.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from llmgine_cli import places
from llmgine_cli.trust import names_a_model_file


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


class ProviderSettings(_Table):
    """A vendor of models: one of your own, or changes to one that is known."""

    protocol: Annotated[Literal["chat", "anthropic"], Field(description="The wire format it speaks.")] = "chat"
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
    """

    project: Path | None = None
    notices: tuple[Notice, ...] = ()
    dotenv: Mapping[str, tuple[str, Path]] = field(default_factory=dict[str, tuple[str, Path]], repr=False)
    model_from: str | None = None


class Settings(BaseSettings):
    """All settings.

    Made directly, it takes what it is given and nothing else; `load` reads the environment and the files.
    """

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        case_sensitive=True,
        env_prefix="LLMGINE_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
    )

    model: Annotated[
        str | None,
        Field(
            description="The model when -m is not given: `provider:model` or an alias.",
            examples=["openai:gpt-5.4-mini"],
        ),
        MODEL,
    ] = None
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

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 -- the signature is theirs
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what is given: reading the machine is the business of `load`."""
        return (init_settings,)

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

    def key(self, variable: str) -> SecretStr | None:
        """A key from the environment, else from a `.env` file; an empty one is none.

        Args:
            variable: As `OPENAI_API_KEY`.
        """
        value = os.environ.get(variable) or self._dotenv(variable)
        return SecretStr(value) if value else None

    def key_source(self, variable: str) -> Literal["environment", ".env"] | None:
        """Where `key` has it from."""
        if os.environ.get(variable):
            return "environment"
        return ".env" if self._dotenv(variable) else None

    def address(self, variable: str) -> str | None:
        """An address from the environment only: a folder's `.env` may not say where keys are sent."""
        return os.environ.get(variable) or None

    def _dotenv(self, variable: str) -> str | None:
        value, _ = self._circumstances.dotenv.get(variable, (None, None))
        return value
