"""The one place where objects are made and wired together.

::

    async with build() as app:
        async with app.conversation(engine="tool_chat", tools=["current_time"]) as talk:
            outcome = await talk.send("What time is it in Lima?")

Nothing here is global: two applications can live in one process.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from llmgine_cli.bus import Bus, CommandResult
from llmgine_cli.engine import Engine, Prompt, Run
from llmgine_cli.errors import EngineError, UsageError, near_miss
from llmgine_cli.llm.history import History
from llmgine_cli.llm.messages import Message, ModelOptions, ToolSpec
from llmgine_cli.llm.provider import Model
from llmgine_cli.toolkit.messages import CallTool

if TYPE_CHECKING:
    from llmgine_cli.errors import StorageError
    from llmgine_cli.eventlog.writer import EventLog
    from llmgine_cli.plugins import Plugins
    from llmgine_cli.providers.catalog import Catalog
    from llmgine_cli.settings import Settings
    from llmgine_cli.toolkit.runner import ToolRunner
    from llmgine_cli.toolkit.tool import Tool


class Conversation:
    """One session with an engine, a model, tools and a history; made by `Application.conversation`.

    Attributes:
        session_id: Its id on the bus and in the event log.
        engine: The strategy in use.
        model: Whom it talks to.
        history: What was said so far.
        options: How to sample.
        stream: Whether answers come in pieces.
    """

    def __init__(
        self,
        app: "Application",
        *,
        session_id: str,
        engine: Engine,
        model: Model,
        history: History,
        options: ModelOptions,
        stream: bool,
    ) -> None:
        self._app = app
        self._runner: ToolRunner | None = None
        self.session_id = session_id
        self.engine = engine
        self.model = model
        self.history = history
        self.options = options
        self.stream = stream

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        """What the model may ask for."""
        return self._runner.specs if self._runner else ()

    @property
    def denied(self) -> bool:
        """Whether a tool call was refused for want of an approval."""
        return bool(self._runner and self._runner.denied)

    def use_model(self, name: str) -> None:
        """Go on with another model.

        Raises:
            NotFoundError: There is no such provider.
            CredentialsError: Its key is missing.
        """
        self.model = self._app.catalog.model(name)

    def use_tools(self, names: Sequence[str]) -> None:
        """Grant these tools and no others: names, or paths of files whose tools are all meant.

        What was approved for the session stays approved.

        Raises:
            NotFoundError: There is no such tool.
            UntrustedError: It is in a folder nobody has trusted.
            UsageError: The engine calls no tools.
        """
        if names and not self.engine.uses_tools:
            raise UsageError(f"engine {self.engine.name!r} calls no tools", hint="use one that does: -e tool_chat")
        if self._runner is not None:
            self._runner.use(self._app.find_tools(names))
        elif names:
            self._runner = self._app.tool_runner(names)

    async def send(
        self, text: str, *, system: str | None = None, messages: Sequence[Message] = (), **options: Any
    ) -> CommandResult[Any]:
        """Have the engine handle a prompt.

        Args:
            text: What the user says.
            system: The system message.
            messages: Messages that come before the text.
            options: The engine's own options; text is converted to what the option's type says.

        Returns:
            What came of it; the engine's exception is in it, not raised.

        Raises:
            UsageError: An option is unknown, missing or of the wrong type.
        """
        prompt = self.engine.prompt(
            {**self._app.settings.engines.get(self.engine.name, {}), **options},
            text=text,
            system=system,
            messages=tuple(messages),
            session_id=self.session_id,
        )
        return await self._app.bus.execute(prompt)

    async def handle(self, prompt: Prompt) -> Any:
        """Handle the engine's command; registered on the bus for this session."""
        run = Run(
            bus=self._app.bus,
            model=self.model,
            history=self.history,
            tools=self.tools,
            options=self.options,
            stream=self.stream,
        )
        try:
            return await self.engine.handle(prompt, run)
        except SystemExit as error:  # an engine has a result or fails; the program is not its to end
            raise EngineError(f"engine {self.engine.name} failed: it called exit({error.code!r})") from error

    async def call_tool(self, command: CallTool) -> Any:
        """Handle a tool call; registered on the bus for this session."""
        return await (self._runner or self._app.tool_runner(())).handle(command)


class Application:
    """Everything one program run needs, wired together by `build`; an async context manager.

    Attributes:
        settings: As loaded.
        bus: What everything talks over.
        plugins: Where engines and tools are found.
        catalog: Where models are found.
        log: The event log; None when it is off.
    """

    def __init__(
        self, *, settings: "Settings", bus: Bus, plugins: "Plugins", catalog: "Catalog", log: "EventLog | None"
    ) -> None:
        self.settings = settings
        self.bus = bus
        self.plugins = plugins
        self.catalog = catalog
        self.log = log

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Finish what runs, close connections and the log. Harmless the second time."""
        try:
            await self.bus.aclose()
        finally:
            try:
                await self.catalog.aclose()
            finally:
                if self.log is not None:
                    self.log.close()

    @asynccontextmanager
    async def conversation(
        self,
        *,
        engine: str | None = None,
        model: str | None = None,
        template_model: str | None = None,
        tools: Sequence[str] = (),
        options: ModelOptions | None = None,
        session_id: str | None = None,
        messages: Sequence[Message] = (),
        stream: bool = True,
    ) -> AsyncGenerator[Conversation]:
        """Open a session on the bus with an engine that handles its prompts.

        Args:
            engine: Name, or path of a file; default: the setting, else `tool_chat` with tools, `single_pass` without.
            model: `provider:model` or an alias; default: see `Catalog.choose`.
            template_model: What a prompt template asks for; `model` goes before it.
            tools: Names of tools, or paths of files whose tools are all granted.
            options: How to sample.
            session_id: To go on with an earlier session.
            messages: What was said in it.
            stream: Whether answers come in pieces.

        Raises:
            NotFoundError: No engine, tool or provider of that name.
            NoModelError: No model was named and none can be chosen.
            CredentialsError: The provider's key is missing.
            UntrustedError: The engine or tool is in a folder nobody has trusted.
        """
        name = engine or self.settings.engine or ("tool_chat" if tools else "single_pass")
        found = self.plugins.engine(name)
        chosen = self.catalog.choose(flag=model, template=template_model, setting=self.settings.model)
        session = self.bus.session(session_id)
        talk = Conversation(
            self,
            session_id=session.id,
            engine=found,
            model=chosen,
            history=History(self.bus, messages),
            options=options or ModelOptions(),
            stream=stream,
        )
        talk.use_tools(tools)
        async with session:
            session.register(found.command, talk.handle)
            session.register(CallTool, talk.call_tool)
            yield talk

    def find_tools(self, names: Sequence[str]) -> "list[Tool]":
        """Return the named tools: names, or paths of files whose tools are all meant.

        Raises:
            NotFoundError: There is no such tool.
            UntrustedError: It is in a folder nobody has trusted.
        """
        return [tool for name in names for tool in self.plugins.tool(name)]

    def tool_runner(self, names: Sequence[str]) -> "ToolRunner":
        """Make what runs the named tools, with approvals and time limits as the settings say.

        Raises:
            NotFoundError: There is no such tool.
            UntrustedError: It is in a folder nobody has trusted.
        """
        from llmgine_cli.toolkit.approval import Approvals
        from llmgine_cli.toolkit.runner import ToolRunner

        return ToolRunner(
            self.bus,
            self.find_tools(names),
            approve=self.settings.tools.approve,
            timeout=self.settings.tools.timeout,
            options=self.settings.tools.options,
            remembered=Approvals(project=self.settings.project or Path.cwd()),
        )


def build(
    settings: "Settings | None" = None, *, on_log_failure: "Callable[[StorageError], None] | None" = None
) -> Application:
    """Make an application.

    Args:
        settings: Default: loaded from the environment and the files.
        on_log_failure: Called once if the event log cannot be written; the run goes on without it.

    Raises:
        SettingsError: A setting is wrong.
    """
    from llmgine_cli.plugins import Plugins
    from llmgine_cli.providers.catalog import Catalog
    from llmgine_cli.providers.presets import VENDORS, merged
    from llmgine_cli.settings import load
    from llmgine_cli.trust import TrustStore

    settings = settings or load()
    changes = {name: table.model_dump(exclude_unset=True) for name, table in settings.providers.items()}
    vendors = merged(VENDORS, changes)
    variables = [variable for vendor in vendors.values() for variable in vendor.key_envs]
    keys = [key.get_secret_value() for variable in variables if (key := settings.key(variable))]
    leftovers = log = None
    if settings.log.enabled:
        from llmgine_cli.eventlog.undelivered import UndeliveredFile

        leftovers = UndeliveredFile(settings.log_dir, secrets=keys)
    bus = Bus(leftovers=leftovers)
    if settings.log.enabled:
        from llmgine_cli.eventlog.writer import EventLog

        log = EventLog(settings.log_dir, secrets=keys, on_failure=on_log_failure)
        log.attach(bus)
    return Application(
        settings=settings,
        bus=bus,
        plugins=Plugins(project=settings.project, trust=TrustStore()),
        catalog=Catalog(
            vendors=vendors,
            aliases=settings.aliases,
            key=settings.key,
            key_source=settings.key_source,
            address=settings.address,
            connect_timeout=settings.limits.connect_timeout,
            idle_timeout=settings.limits.idle_timeout,
        ),
        log=log,
    )


async def run_engine(
    name: str,
    prompt: str,
    *,
    model: str | None = None,
    tools: Sequence[str] = (),
    system: str | None = None,
    settings: "Settings | None" = None,
    **options: Any,
) -> Any:
    """Run one engine on one prompt, from Python, and return its result.

    Args:
        name: The engine's name, or the path of its file.
        prompt: What the user says.
        model: `provider:model` or an alias; default: as the command line would choose.
        tools: Names of tools to grant.
        system: The system message.
        settings: Default: loaded from the environment and the files.
        options: Sampling options and the engine's own options.

    Raises:
        LlmgineError: Whatever went wrong.
    """
    async with build(settings) as app:
        engine = app.plugins.engine(name)
        own, sampling = split_options(engine, options)
        async with app.conversation(engine=name, model=model, tools=tools, options=sampling) as talk:
            outcome = await talk.send(prompt, system=system, **own)
    return outcome.unwrap()


def split_options(engine: Engine, given: Mapping[str, Any]) -> tuple[dict[str, Any], ModelOptions]:
    """Tell an engine's own options from those of the model.

    Args:
        engine: Its options come first.
        given: Name → value; text is converted.

    Raises:
        UsageError: Nobody knows the option, or its value is of the wrong type.
    """
    import msgspec

    known = {field.name: field.type for field in msgspec.structs.fields(ModelOptions)}
    own: dict[str, Any] = {}
    sampling: dict[str, Any] = {}
    for name, value in given.items():
        if name in engine.options:
            own[name] = value
        elif name not in known:
            raise UsageError(f"no option named {name!r}", hint=near_miss(name, [*known, *engine.options]))
        else:
            sampling[name] = _option(name, known[name], value)
    return own, ModelOptions(**sampling)


def _option(name: str, kind: Any, value: Any) -> Any:
    import msgspec

    if not isinstance(value, str):
        return msgspec.convert(value, kind)
    if name == "stop":
        return (value,)
    try:
        if name == "extra":
            return msgspec.json.decode(value, type=dict[str, Any])
        return msgspec.convert(value, kind, strict=False)
    except msgspec.MsgspecError as error:
        raise UsageError(f"option {name!r} is {value!r}: {error}", hint=f"as in -o {name} VALUE") from error
