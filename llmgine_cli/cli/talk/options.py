"""The options that `run`, `chat` and `schedule add` share, and what they say together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from llmgine_cli.cli.common import Cli, pairs
from llmgine_cli.cli.complete import complete_engine, complete_model, complete_template, complete_tool
from llmgine_cli.errors import UsageError

if TYPE_CHECKING:
    from llmgine_cli.cli.talk.attaching import Source
    from llmgine_cli.llm.messages import Part
    from llmgine_cli.settings import Settings
    from llmgine_cli.structured.shape import Shape

EngineName = Annotated[
    str | None,
    typer.Option("-e", "--engine", help="Engine: a name, or the path of its file.", autocompletion=complete_engine),
]
ModelName = Annotated[
    str | None,
    typer.Option("-m", "--model", help="Model: provider:name, or an alias.", autocompletion=complete_model),
]
SystemText = Annotated[str | None, typer.Option("-s", "--system", help="System message.")]
TemplateName = Annotated[
    str | None,
    typer.Option("-t", "--template", help="Prompt template: a name or a path.", autocompletion=complete_template),
]
Params = Annotated[
    list[str] | None,
    typer.Option("-p", "--param", metavar="KEY VALUE", help="Value for a placeholder of the template."),
]
ToolNames = Annotated[
    list[str] | None,
    typer.Option(
        "-T", "--tool", help="Grant a tool: a name, or the path of a file of tools.", autocompletion=complete_tool
    ),
]
Options = Annotated[
    list[str] | None,
    typer.Option("-o", "--option", metavar="KEY VALUE", help="Option of the engine or the model, as temperature 0."),
]
ApproveMode = Annotated[
    Literal["ask", "auto-read", "all", "none"] | None,
    typer.Option("--approve", help="Which tool calls may run: ask for each, all that only read, all, none."),
]
AskFirst = Annotated[bool, typer.Option("--ta", "--tools-approve", help="Ask before each tool call: --approve ask.")]
ChainLimit = Annotated[
    int | None,
    typer.Option("--cl", "--chain-limit", metavar="N", min=1, help="Rounds of tool calls: -o max_rounds N."),
]
Fallbacks = Annotated[
    list[str] | None,
    typer.Option(
        "--fallback",
        metavar="MODEL",
        help="Model that answers when the first one cannot; repeat it for more, in this order.",
        autocompletion=complete_model,
    ),
]
Retries = Annotated[
    int | None,
    typer.Option("--retries", metavar="N", min=0, max=100, help="How often a call that failed is made again."),
]
Timeout = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", help="How long an answer may stand still, its beginning included."),
]
MaxCost = Annotated[
    float | None,
    typer.Option("--max-cost", metavar="USD", help="The most that this may cost, in US dollars."),
]
NoStream = Annotated[bool, typer.Option("--no-stream", help="Wait for the whole answer.")]
DAY = 86_400.0  # seconds
NoLog = Annotated[bool, typer.Option("-n", "--no-log", help="Leave no trace in the event log.")]
Raw = Annotated[bool, typer.Option("--raw", help="Print the answer as it is: no markdown, no escaping of controls.")]
ToolsDebug = Annotated[
    bool, typer.Option("--td", "--tools-debug", help="Show calls of tools and what they return in full.")
]


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What the user asked for on the command line; None and empty where they left the choice to us.

    Attributes:
        overrides: What of it takes the place of settings about how models are called, by dotted key.
    """

    engine: str | None = None
    model: str | None = None
    system: str | None = None
    template: str | None = None
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    tools: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    rounds: int | None = None
    stream: bool = True
    overrides: Mapping[str, Any] = field(default_factory=dict[str, Any])
    attached: "tuple[Part | Source, ...]" = ()
    shape: "Shape | None" = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The options that `run`, `chat` and `schedule add` share, as they were typed."""

    model: ModelName = None
    system: SystemText = None
    template: TemplateName = None
    param: Params = None
    engine: EngineName = None
    option: Options = None
    tool: ToolNames = None
    approve: ApproveMode = None
    ask_first: AskFirst = False
    chain_limit: ChainLimit = None
    fallback: Fallbacks = None
    retries: Retries = None
    timeout: Timeout = None
    max_cost: MaxCost = None
    no_stream: NoStream = False
    no_log: NoLog = False

    @property
    def settles_approval(self) -> bool:
        """Whether they say which tool calls may run."""
        return bool(self.approve) or self.ask_first

    @property
    def overrides(self) -> dict[str, Any]:
        """What they say of how models are called, as the settings it takes the place of."""
        said = {
            "fallback": self.fallback,
            "limits.retries": self.retries,
            "limits.idle_timeout": self.timeout,
            "limits.max_cost": self.max_cost,
        }
        return {key: value for key, value in said.items() if value is not None}


def read_options(cli: Cli, asked: Asked) -> "tuple[Settings, Opening]":
    """Return the settings, with the flags that are settings too, and what else the shared options say.

    Raises:
        UsageError: Two of the flags say different things.
        SettingsError: A setting is wrong.
    """
    if asked.ask_first and asked.approve not in (None, "ask"):
        raise UsageError(
            f"--ta asks before each tool call, and --approve {asked.approve} does not", hint="leave one out"
        )
    if asked.param and asked.template is None:
        raise UsageError("-p gives a value to a prompt template, and none is named", hint="name it with -t NAME")
    approve = "ask" if asked.ask_first else asked.approve
    check_timeout(asked.timeout)
    check_cost(asked.max_cost)
    overrides: dict[str, Any] = dict(asked.overrides)
    if asked.no_log:
        overrides["log.enabled"] = False
    if approve:
        overrides["tools.approve"] = approve
    opening = Opening(
        engine=asked.engine,
        model=asked.model,
        system=asked.system,
        template=asked.template,
        params=pairs(asked.param),
        tools=granted(asked.tool or ()),
        options=pairs(asked.option),
        rounds=asked.chain_limit,
        stream=not asked.no_stream,
        overrides=asked.overrides,
    )
    return cli.settings(overrides), opening


def granted(words: Iterable[str]) -> tuple[str, ...]:
    """Return the names that were given with `-T`, of which one word may hold several with commas between."""
    from llmgine_cli.plugins import names_a_file

    names = (name.strip() for word in words for name in ([word] if names_a_file(word) else word.split(",")))
    return tuple(name for name in names if name)


def check_timeout(seconds: float | None) -> None:
    """Check what `--timeout` says.

    Raises:
        UsageError: It is no time to wait.
    """
    if seconds is not None and not 0 < seconds <= DAY:
        raise UsageError(f"--timeout {seconds:g} is no time to wait", hint="give seconds, as in --timeout 30")


def check_cost(most: float | None) -> None:
    """Check what `--max-cost` says.

    Raises:
        UsageError: It is no amount of money.
    """
    if most is not None and not 0 <= most < inf:
        raise UsageError(f"--max-cost {most:g} is no amount", hint="give US dollars, as in --max-cost 0.50")
