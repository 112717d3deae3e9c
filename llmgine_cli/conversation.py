"""A conversation: one session in which an engine, a model and tools answer what the user says."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from llmgine_cli.bus import Bus, CommandResult
from llmgine_cli.engine import Engine, Prompt, Run
from llmgine_cli.errors import EngineError, UsageError
from llmgine_cli.llm.calls import Calls
from llmgine_cli.llm.history import History
from llmgine_cli.llm.messages import File, Image, Message, ModelOptions, Part, ToolSpec, named
from llmgine_cli.llm.provider import Model
from llmgine_cli.structured.shape import Shape
from llmgine_cli.toolkit.messages import CallTool

if TYPE_CHECKING:
    from llmgine_cli.providers.catalog import Catalog
    from llmgine_cli.settings import Settings
    from llmgine_cli.toolkit.runner import ToolRunner
    from llmgine_cli.toolkit.tool import Tool


class Surroundings(Protocol):
    """What a conversation needs of the application that it is a part of: `bootstrap.Application` is one.

    Attributes:
        settings: As loaded.
        bus: What everything talks over.
        catalog: Where models are found.
        calls: Calls them.
    """

    settings: "Settings"
    bus: Bus
    catalog: "Catalog"
    calls: Calls

    def find_tools(self, names: Sequence[str]) -> "list[Tool]":
        """Return the named tools."""
        ...

    def tool_runner(self, names: Sequence[str]) -> "ToolRunner":
        """Make what runs the named tools."""
        ...


class Conversation:
    """One session with an engine, a model, tools and a history; made by `Application.conversation`.

    Attributes:
        session_id: Its id on the bus and in the event log.
        engine: The strategy in use.
        model: Whom it talks to.
        history: What was said so far.
        options: How to sample.
        stream: Whether answers come in pieces.
        fallbacks: Who answers in the model's place should it fail, in this order.
        shape: The form that answers must have; None: any text.
    """

    def __init__(
        self,
        app: Surroundings,
        *,
        session_id: str,
        engine: Engine,
        model: Model,
        history: History,
        options: ModelOptions,
        engine_options: Mapping[str, Any],
        stream: bool,
        fallbacks: Sequence[Model] = (),
        shape: Shape | None = None,
    ) -> None:
        self._app = app
        self._runner: ToolRunner | None = None
        self.session_id = session_id
        self.engine = engine
        self.model = model
        self.history = history
        self.options = options
        self._engine_options = engine_options  # as the settings have them; what comes with a turn goes before
        self.stream = stream
        self.fallbacks = tuple(fallbacks)
        self.shape = shape

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
        self,
        text: str,
        *,
        system: str | None = None,
        messages: Sequence[Message] = (),
        attachments: Sequence[Part] = (),
        **options: Any,
    ) -> CommandResult[Any]:
        """Have the engine handle a prompt.

        Args:
            text: What the user says.
            system: The system message.
            messages: Messages that come before the text.
            attachments: Pictures, documents and quoted files that go with the last thing the user says.
            options: The engine's own options; text is converted to what the option's type says.

        Returns:
            What came of it; the engine's exception is in it, not raised. The result is `Structured` where a form is
            wanted.

        Raises:
            UsageError: An option is unknown, missing or of the wrong type, or the model does not take what is attached.
        """
        self._refuse_untaken((*self.history.messages, *messages, Message("user", tuple(attachments))))
        prompt = self.engine.prompt(
            {**self._engine_options, **options},
            text=text,
            system=system,
            messages=tuple(messages),
            attachments=tuple(attachments),
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
            calls=self._app.calls,
            fallbacks=self.fallbacks,
            shape=self.shape,
        )
        try:
            result = await self.engine.handle(prompt, run)
        except SystemExit as error:  # an engine has a result or fails; the program is not its to end
            raise EngineError(f"engine {self.engine.name} failed: it called exit({error.code!r})") from error
        return await run.hold(result)

    def _refuse_untaken(self, messages: Sequence[Message]) -> None:
        """Pictures for a model without eyes, and files that its vendor does not read, are refused before all else.

        Raises:
            UsageError: There are some.
        """
        for part in (part for message in messages for part in message.parts if isinstance(part, Image | File)):
            if not self._app.catalog.takes(self.model, part):
                if isinstance(part, Image):
                    what, way_out = "pictures", "take a model that does: -m provider:model"
                else:
                    what, way_out = f"files of type {part.media_type}", "give it as text, or take a model that does"
                raise UsageError(f"{self.model} takes no {what}, as {named(part)} is", hint=way_out)

    async def call_tool(self, command: CallTool) -> Any:
        """Handle a tool call; registered on the bus for this session."""
        return await (self._runner or self._app.tool_runner(())).handle(command)
