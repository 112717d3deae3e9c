"""How `run` and `chat` open a conversation as the options say, and what is said in it."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from llmgine_cli.cli.common import Cli
from llmgine_cli.cli.talk.options import Opening
from llmgine_cli.cli.talk.resume import GoingOn, take_up
from llmgine_cli.errors import UsageError

if TYPE_CHECKING:
    from llmgine_cli.bootstrap import Application
    from llmgine_cli.bus import CommandResult
    from llmgine_cli.conversation import Conversation
    from llmgine_cli.engine import Engine
    from llmgine_cli.llm.messages import Message, Part
    from llmgine_cli.prompting.template import Template

LONG_TO_READ = 1500  # tokens; some ten seconds on two slow processors


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

    @property
    def system(self) -> str:
        """The system message; empty if there is none, or none yet."""
        said = (message.text for message in self.conversation.history.messages if message.role == "system")
        return self._opening.system or next(said, "")

    async def use_system(self, text: str) -> None:
        """Go on with another system message."""
        from llmgine_cli.llm.messages import system

        self._opening = replace(self._opening, system=text)
        if self.conversation.history.messages:
            await self.conversation.history.change_system(system(text))

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
    own, sampling = app.options_of(strategy, given)
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
