"""How `run` and `chat` open a conversation: the options they share, and what becomes of them."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from llmgine_cli.cli.common import Cli, pairs
from llmgine_cli.cli.complete import complete_engine, complete_model, complete_template, complete_tool
from llmgine_cli.cli.talk.resume import GoingOn, take_up
from llmgine_cli.errors import UsageError

if TYPE_CHECKING:
    from llmgine_cli.bootstrap import Application
    from llmgine_cli.bus import CommandResult
    from llmgine_cli.cli.talk.attaching import Source
    from llmgine_cli.conversation import Conversation
    from llmgine_cli.engine import Engine
    from llmgine_cli.llm.messages import Message, Part
    from llmgine_cli.prompting.template import Template
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
LONG_TO_READ = 1500  # tokens; some ten seconds on two slow processors
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

    return tuple(name for word in words for name in ([word] if names_a_file(word) else word.split(",")) if name)


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


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What goes to the engine in one turn, the template filled in."""

    text: str
    system: str | None = None
    messages: "tuple[Message, ...]" = ()
    attachments: "tuple[Part, ...]" = ()


class Talk:
    """An open conversation, and what the command line said about its turns.

    Attributes:
        conversation: Where the turns go.
        engine: The engine as it was named: by the flag, the template, a setting or default.
        options: All options, the template's included, as they were given.
        attached: What goes with the next turn.
    """

    def __init__(
        self,
        cli: Cli,
        conversation: "Conversation",
        opening: Opening,
        template: "Template | None",
        engine_options: Mapping[str, Any],
        *,
        engine: str,
        options: Mapping[str, Any],
        attached: "tuple[Part, ...]" = (),
    ) -> None:
        self._cli = cli
        self.conversation = conversation
        self.engine = engine
        self.options = options
        self.attached = attached
        self._opening = opening
        self._template = template
        self._engine_options = engine_options
        self._turns = 0
        self._model_told = conversation.model.explicit

    def tell_model(self) -> None:
        """Say on stderr, once, which model was chosen if the user named none."""
        if not self._model_told:
            self._cli.note(f"model: {self.conversation.model} ({self.conversation.model.reason})")
        self._model_told = True

    async def send(self, text: str) -> "CommandResult[Any]":
        """Have the engine answer what `compose` makes of the text."""
        turn = self.compose(text)
        self._turns += 1
        self.attached = ()
        self.tell_model()
        return await self.put(turn)

    async def put(self, turn: Turn) -> "CommandResult[Any]":
        """Have the engine answer a turn that is composed."""
        self._tell_long(turn)
        return await self.conversation.send(
            turn.text,
            system=turn.system,
            messages=turn.messages,
            attachments=turn.attachments,
            **self._engine_options,
        )

    def compose(self, text: str) -> Turn:
        """Make the next turn: the template and the system message open the first one.

        A template with an `{input}` placeholder frames every turn; another one opens the conversation only.

        Raises:
            UsageError: There is nothing to ask.
            PromptError: A value has no placeholder or is not what the front matter says.
        """
        system = self._opening.system
        messages: tuple[Message, ...] = ()
        template = self._template
        if template is not None and (self._turns == 0 or template.takes_input):
            rendered = template.fill(self._opening.params, text)
            system = system or rendered.system
            messages, text = rendered.messages, ""
            self._tell_missing(rendered.missing)
        if not (text or messages or self.attached):
            raise UsageError("there is nothing to ask", hint="the prompt template needs your text beside it")
        return Turn(text=text, system=system, messages=messages, attachments=self.attached)

    def _tell_long(self, turn: Turn) -> None:
        """Say that a long text takes a model on this machine long to read: nothing is seen of it meanwhile."""
        from llmgine_cli.llm.estimate import tokens_of_message, tokens_of_text

        if self.conversation.model.provider.name != "local":
            return
        tokens = tokens_of_text(turn.text) + sum(map(tokens_of_message, turn.messages))
        if tokens >= LONG_TO_READ:
            self._cli.note(f"reading about {tokens:,} tokens, which takes a model on this machine a while")

    def begin_anew(self) -> None:
        """Let the next turn open the conversation again: what was said is forgotten."""
        self._turns = 0

    def _tell_missing(self, missing: tuple[str, ...]) -> None:
        from llmgine_cli.prompting.template import INPUT, how_to_give

        if INPUT in missing:
            raise UsageError("there is nothing to ask", hint=how_to_give(missing))
        if missing:
            self._cli.note(f"placeholders without a value: {', '.join(missing)} ({how_to_give(missing)})")


@asynccontextmanager
async def open_talk(
    cli: Cli,
    app: "Application",
    opening: Opening,
    going_on: GoingOn = GoingOn(),  # noqa: B008 -- it is frozen
    *,
    default_engine: str | None = None,
    session_id: str | None = None,
) -> AsyncGenerator[Talk]:
    """Open a conversation as the command line says.

    Args:
        cli: Where to tell it.
        app: What to open it in.
        opening: What the user asked for.
        going_on: Which earlier conversation to go on with, if any.
        default_engine: When neither a flag, nor the template, nor the conversation names one; default: the setting.
        session_id: What to call a new session; default: any new id.

    Raises:
        NotFoundError: There is no such engine, template, tool or provider.
        UsageError: An option is unknown or of the wrong type.
        SettingsError: No model can be chosen, or its key is missing.
        StorageError: The earlier conversation cannot be read.
    """
    from llmgine_cli.cli.talk.attaching import fetch_rest
    from llmgine_cli.cli.talk.forms import shape_of_template

    template = _find_template(cli, app, opening)
    before = take_up(cli, app, going_on)
    engine = opening.engine or (template.engine if template else None)
    engine = engine or before.engine_for(opening.tools, default_engine)
    engine = engine or app.usual_engine(opening.tools, default_engine)
    strategy = app.plugins.engine(engine)
    given = {**(template.config if template else {}), **_rounds(strategy, opening), **opening.options}
    own, sampling = strategy.split(given)
    async with app.conversation(
        engine=engine,
        model=opening.model,
        template_model=template.model if template else None,
        session_model=before.model,
        tools=opening.tools,
        options=sampling,
        session_id=before.session_id or session_id,
        messages=before.messages,
        stream=opening.stream,
        shape=opening.shape or (shape_of_template(template) if template else None),
    ) as conversation:
        attached = await fetch_rest(app, conversation.model, opening.attached)
        await before.enter(cli, app, conversation)
        if conversation.history.messages and opening.system:
            # Now, because a turn that fails is counted from what was there before it.
            from llmgine_cli.llm.messages import system

            await conversation.history.change_system(system(opening.system))
        yield Talk(cli, conversation, opening, template, own, engine=engine, options=given, attached=attached)


def _rounds(engine: "Engine", opening: Opening) -> dict[str, str]:
    if opening.rounds is None:
        return {}
    if "max_rounds" not in engine.options:
        raise UsageError(
            f"--cl limits the rounds of tool calls, and engine {engine.name!r} has none",
            hint="grant a tool with -T NAME, or take an engine that calls tools: -e tool_chat",
        )
    return {"max_rounds": str(opening.rounds)}


def _find_template(cli: Cli, app: "Application", opening: Opening) -> "Template | None":
    if opening.template is None:
        return None
    from llmgine_cli.errors import UntrustedError
    from llmgine_cli.plugins import names_a_file
    from llmgine_cli.prompting.find import find, hidden
    from llmgine_cli.trust import names_a_model_file

    folders = app.plugins.folders("prompts")
    template = find(opening.template, folders)
    if (origin := hidden(opening.template, folders)) is not None:
        whose = "your own" if origin == "user" else "the bundled one"
        cli.note(f"the prompt {opening.template} is this project's, not {whose}")
    if opening.engine is None and template.engine and names_a_file(template.engine):
        raise UntrustedError(
            f"the prompt {template.name!r} wants to run the file {template.engine}, and only you can allow that",
            hint=f"-e {template.engine} allows it, -e NAME takes another engine",
        )
    if opening.model is None and template.model and names_a_model_file(template.model):
        raise UntrustedError(
            f"the prompt {template.name!r} wants to load the model file {template.model}, and only you can allow that",
            hint=f"-m {template.model} allows it, -m NAME takes another model",
        )
    if "extra" in template.config:
        raise UntrustedError(
            f"the prompt {template.name!r} wants to send fields of its own to the vendor, and only you can allow that",
            hint="take config.extra out of it, and give it with -o extra '{…}'",
        )
    missing = [name for name in template.tools if name not in opening.tools]
    if missing:
        grants = " ".join(f"-T {name}" for name in missing)
        cli.note(f"the prompt asks for tools, and only you can grant them: {grants}")
    return template
