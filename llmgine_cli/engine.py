"""Engines: conversation strategies, and what they are given to work with.

An engine is an async function from a `Prompt` (or a command derived from it, whose fields are the engine's own options)
and a `Run` to a result::

    @engine
    async def single_pass(prompt: Prompt, run: Run) -> Reply:
        '''One prompt, one reply.'''
        await run.say(prompt)
        return await run.ask()
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from typing import Any, TypeVar, get_type_hints, overload

import msgspec

from llmgine_cli.asking import YES, AskUser, ask, word
from llmgine_cli.bus import Bus, Command
from llmgine_cli.errors import (
    LlmgineError,
    NobodyToAskError,
    ToolError,
    UsageError,
    near_miss,
)
from llmgine_cli.llm.calls import Calls
from llmgine_cli.llm.events import StatusChanged
from llmgine_cli.llm.history import History
from llmgine_cli.llm.messages import (
    Message,
    ModelOptions,
    Part,
    Request,
    ResponseFormat,
    ToolCall,
    ToolResult,
    ToolSpec,
    assistant,
    failed_result,
    system,
    user,
)
from llmgine_cli.llm.provider import Model
from llmgine_cli.llm.stream import Reply, ReplyBuilder
from llmgine_cli.structured.holding import held, short
from llmgine_cli.structured.shape import Shape
from llmgine_cli.toolkit.messages import CallTool
from llmgine_cli.values import value_of


@dataclass(frozen=True, kw_only=True)
class Prompt(Command[Any]):
    """What the user wants. An engine derives its own command from this to have options of its own.

    Attributes:
        text: The user's message; empty when `messages` says it all.
        system: The system message; takes the place of the one that the conversation has.
        messages: Messages that come before `text`, as a template wrote them.
        attachments: Pictures, documents and quoted files that go with the last thing the user says.
    """

    text: str = ""
    system: str | None = None
    messages: tuple[Message, ...] = ()
    attachments: tuple[Part, ...] = ()

    @property
    def said(self) -> tuple[Message, ...]:
        """All that the user says: the messages and the text, attachments before the text they belong to."""
        said = [*self.messages, *([user(self.text)] if self.text else [])]
        if self.attachments:
            last = said.pop().parts if said and said[-1].role == "user" else ()
            said.append(Message("user", (*self.attachments, *last)))
        return tuple(said)


_BASE_FIELDS = frozenset(field.name for field in fields(Prompt))
_ENOUGH = 3  # times in a row that the same calls may fail in the same way
P = TypeVar("P", bound=Prompt)
EngineFunction = Callable[[P, "Run"], Awaitable[Any]]


@dataclass(frozen=True)
class Engine:
    """A conversation strategy.

    Attributes:
        name: As in `-e NAME`.
        command: The command it handles: `Prompt` or a class derived from it.
        handle: Turns the command into a result.
        uses_tools: Whether it calls tools; without, `-T` is an error rather than ignored.
        doc: What it does, from its docstring.
    """

    name: str
    command: type[Prompt]
    handle: EngineFunction[Any]
    uses_tools: bool
    doc: str

    @cached_property
    def options(self) -> Mapping[str, tuple[Any, Any]]:
        """Its own options: name → (type, default); `dataclasses.MISSING` where one must be given."""
        hints = get_type_hints(self.command)
        return {
            field.name: (
                hints[field.name],
                field.default_factory() if field.default_factory is not MISSING else field.default,
            )
            for field in fields(self.command)
            if field.name not in _BASE_FIELDS
        }

    def prompt(self, options: Mapping[str, Any], **base: Any) -> Prompt:
        """Make the engine's command; values given as text (from a command line) become what the field's type says.

        Raises:
            UsageError: An option is unknown, missing or of the wrong type.
        """
        known = self.options
        values: dict[str, Any] = {}
        for name, value in options.items():
            if name not in known:
                raise UsageError(f"engine {self.name!r} has no option {name!r}", hint=near_miss(name, known))
            values[name] = value_of(value, known[name][0], name=name, owner=f"engine {self.name!r}")
        missing = [name for name, (_, default) in known.items() if default is MISSING and name not in values]
        if missing:
            raise UsageError(
                f"engine {self.name!r} needs the option {', '.join(missing)}",
                hint=f"give it with -o {missing[0]} VALUE",
            )
        return self.command(**base, **values)

    def split(self, given: Mapping[str, Any]) -> tuple[dict[str, Any], ModelOptions]:
        """Tell its own options from those of the model.

        Args:
            given: Name → value; text is converted. Its own come first.

        Raises:
            UsageError: Nobody knows the option, or its value is of the wrong type.
        """
        known = {field.name: field.type for field in msgspec.structs.fields(ModelOptions)}
        own: dict[str, Any] = {}
        sampling: dict[str, Any] = {}
        for name, value in given.items():
            if name in self.options:
                own[name] = value
            elif name not in known:
                raise UsageError(f"no option named {name!r}", hint=near_miss(name, [*known, *self.options]))
            elif name == "stop" and isinstance(value, str) and not _is_list(value):
                sampling[name] = (value,)
            else:
                sampling[name] = value_of(value, known[name], name=name)
        return own, ModelOptions(**sampling)


@overload
def engine(function: EngineFunction[P]) -> Engine: ...
@overload
def engine(*, name: str | None = None, uses_tools: bool = False) -> Callable[[EngineFunction[P]], Engine]: ...
def engine(
    function: EngineFunction[Any] | None = None, *, name: str | None = None, uses_tools: bool = False
) -> Engine | Callable[[EngineFunction[Any]], Engine]:
    """Make an engine of an async function ``(prompt, run) -> result``.

    Args:
        function: Its first parameter is annotated with `Prompt` or a class derived from it.
        name: Default: the function's own name.
        uses_tools: Whether it calls tools.

    Raises:
        TypeError: The first parameter is not annotated with a prompt class.
    """

    def make(function: EngineFunction[Any]) -> Engine:
        hints = get_type_hints(function)
        hints.pop("return", None)
        command = next(iter(hints.values()), None)
        if not (isinstance(command, type) and issubclass(command, Prompt)):
            raise TypeError(f"the first parameter of engine {function!r} must be annotated with Prompt or a subclass")
        own_name: str = getattr(function, "__name__", "engine")
        return Engine(
            name=name or own_name, command=command, handle=function, uses_tools=uses_tools, doc=function.__doc__ or ""
        )

    return make if function is None else make(function)


class Run:
    """What an engine works with while it handles one prompt: the model, the conversation, the tools, the bus.

    Attributes:
        bus: For commands and events of the engine's own.
        model: The model in use.
        history: The conversation so far.
        tools: The tools the user granted.
        options: How to sample, as the user asked.
        fallbacks: The models that answer in its place should it fail, in this order.
        shape: The form that the user wants the answer in; None: any text.
    """

    def __init__(
        self,
        *,
        bus: Bus,
        model: Model,
        history: History,
        tools: Sequence[ToolSpec] = (),
        options: ModelOptions | None = None,
        stream: bool = True,
        calls: Calls | None = None,
        fallbacks: Sequence[Model] = (),
        shape: Shape | None = None,
    ) -> None:
        self.bus = bus
        self.model = model
        self.history = history
        self.tools = tuple(tools)
        self.options = options or ModelOptions()
        self.fallbacks = tuple(fallbacks)
        self._calls = calls or Calls(bus)
        self.shape = shape
        self._stream = stream
        self._failures: tuple[tuple[str, str, str], ...] = ()  # of the last round, if all its calls failed
        self._times = 0  # that these came in a row

    async def say(self, prompt: Prompt) -> None:
        """Add what the user said to the conversation: messages, then text with what is attached to it.

        Its system message is that of the prompt.
        """
        if prompt.system:
            await self.history.change_system(system(prompt.system))
        await self.history.add(*prompt.said)

    async def ask(self, *, tools: Sequence[ToolSpec] = (), response_format: ResponseFormat | None = None) -> Reply:
        """Have the model answer the conversation, streamed to the screen, and add the answer to it.

        When the run is cancelled, the text that had come is added.

        Args:
            tools: What the model may ask for in this answer.
            response_format: The form that the answer must have; default: the one that the user wants, if any.

        Raises:
            ProviderError: The model failed.
            LimitReachedError: There is not enough money left for it.
        """
        messages = self.history.messages
        request = Request(
            model=self.model.name,
            messages=messages,
            tools=tuple(tools),
            options=self._sampling(messages),
            response_format=response_format or (self.shape.response_format if self.shape else None),
            stream=self._stream,
        )
        builder = ReplyBuilder()
        try:
            reply = await self._calls.call(
                self.model, request, fallbacks=self.fallbacks, history=len(messages), builder=builder
            )
        except asyncio.CancelledError:
            if text := builder.message.text:
                await self._add(assistant(text))
            raise
        await self.history.add(reply.message)
        return reply

    async def hold(self, result: Any) -> Any:
        """Hold what an engine returned to the form that the user wants; a model that missed it is asked once more.

        The runtime does this with what the engine returns; an engine need not.

        Args:
            result: A `Reply`, or a text.

        Returns:
            The result as it is where no form is wanted, else `Structured`.

        Raises:
            InvalidAnswerError: The answer has another form, also the second time.
            ProviderError: The model failed.
        """
        if self.shape is None:
            return result

        async def corrected(correction: str) -> Reply:
            await self.history.add(user(correction))
            await self.status("asking for the form again")
            return await self.ask()

        return await held(result, self.shape, corrected)

    async def consult(self, messages: Sequence[Message], *, tools: Sequence[ToolSpec] = ()) -> Reply:
        """Ask the model aside: not part of the conversation, not shown on the screen, but logged.

        Raises:
            ProviderError: The model failed.
        """
        request = Request(
            model=self.model.name, messages=tuple(messages), tools=tuple(tools), options=self.options, stream=False
        )
        return await self._calls.call(self.model, request, fallbacks=self.fallbacks, visible=False)

    async def call_tools(self, calls: Sequence[ToolCall]) -> tuple[ToolResult, ...]:
        """Run the calls of one turn in parallel and add their results to the conversation, in the order of the calls.

        A tool that fails or is refused has an error result, which the model reads as any other. So have the calls that
        were not done when the run was cancelled: vendors refuse a conversation with unanswered calls.

        Raises:
            NobodyToAskError: All of them need an approval that nobody can give; asking the model again changes nothing.
            ToolError: The same calls have failed in the same way several times in a row: the model learns nothing.
        """
        unasked: list[NobodyToAskError] = []
        tasks = [asyncio.ensure_future(self._call_tool(call, unasked)) for call in calls]
        try:
            await _all(tasks)
            results = tuple(task.result() for task in tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            try:
                await _all(tasks)
            finally:  # a second Ctrl-C ends the waiting
                await self._add(*_told(_result_of(call, task) for call, task in zip(calls, tasks, strict=True)))
            raise
        await self._add(*_told(results))
        if calls and len(unasked) == len(calls):
            raise unasked[0]
        self._stop_when_in_vain(calls, results)
        return results

    def _stop_when_in_vain(self, calls: Sequence[ToolCall], results: Sequence[ToolResult]) -> None:
        """Small models ask the same again and again; each time costs a call of the model, and maybe of the user."""
        pairs = list(zip(calls, results, strict=True))
        failures = tuple((call.name, call.arguments, result.content) for call, result in pairs if result.is_error)
        if len(failures) < len(pairs):
            failures = ()
        self._times = self._times + 1 if failures == self._failures else 1
        self._failures = failures
        if failures and self._times == _ENOUGH:
            name, arguments, why = failures[0]
            raise ToolError(
                f"the model asked {_ENOUGH} times for what cannot be done: {name} {short(arguments)}: {short(why)}",
                hint="say it in other words, or take another model",
            )

    def _sampling(self, messages: Sequence[Message]) -> ModelOptions:
        """How to sample: a model that has called what it had to is free; it would never come to an answer."""
        called = bool(messages) and messages[-1].role == "tool"
        if not called or self.options.tool_choice in {None, "auto", "none"}:
            return self.options
        return msgspec.structs.replace(self.options, tool_choice=None)

    async def status(self, text: str) -> None:
        """Say what is going on, for the spinner."""
        await self.bus.publish(StatusChanged(status=text))

    async def confirm(self, question: str, *, default: bool | None = None, unattended: bool | None = None) -> bool:
        """Have the user say yes or no.

        Args:
            question: One sentence.
            default: What Enter alone means; None: nothing.
            unattended: What it means that nobody can be asked, or nobody answers; None: that is an error.

        Raises:
            UnansweredError: Nobody answered, and `unattended` does not say what that means.
        """
        command = AskUser(kind="confirm", question=question, default=word(default), unattended=word(unattended))
        return await ask(self.bus, command) == YES

    async def select(
        self, question: str, choices: Sequence[str], *, default: str | None = None, unattended: str | None = None
    ) -> str:
        """Have the user choose one of several; arguments and errors as for `confirm`."""
        command = AskUser(
            kind="select", question=question, choices=tuple(choices), default=default, unattended=unattended
        )
        return await ask(self.bus, command)

    async def input(self, question: str, *, default: str | None = None, unattended: str | None = None) -> str:
        """Have the user write a line of text, which may be empty; arguments and errors as for `confirm`."""
        return await ask(self.bus, AskUser(kind="text", question=question, default=default, unattended=unattended))

    async def _call_tool(self, call: ToolCall, unasked: list[NobodyToAskError]) -> ToolResult:
        outcome = await self.bus.execute(CallTool(call=call))
        if isinstance(outcome.error, NobodyToAskError):
            unasked.append(outcome.error)
        if isinstance(outcome.error, LlmgineError):
            return failed_result(call, str(outcome.error))
        return outcome.unwrap()

    async def _add(self, *messages: Message) -> None:
        """Add all of them, even when the run is cancelled halfway."""
        adding = asyncio.ensure_future(self.history.add(*messages))
        try:
            await asyncio.shield(adding)
        except asyncio.CancelledError:
            await adding
            raise


def _is_list(text: str) -> bool:
    """Whether a text is a list of texts, as JSON."""
    try:
        msgspec.json.decode(text, type=list[str])
    except msgspec.DecodeError:
        return False
    return True


def _told(results: Iterable[ToolResult]) -> Iterator[Message]:
    return (Message("tool", (result,)) for result in results)


async def _all(tasks: "Sequence[asyncio.Task[ToolResult]]") -> None:
    """Wait until all are done. Unlike `gather`, this can be cancelled when a task will not stop."""
    if tasks:
        await asyncio.wait(tasks)


def _result_of(call: ToolCall, task: "asyncio.Task[ToolResult]") -> ToolResult:
    """What the model is told of a call when the turn could not be finished."""
    if not task.done() or task.cancelled():
        return failed_result(call, "interrupted by the user before it was done")
    if error := task.exception():
        return failed_result(call, f"it could not be run: {error or type(error).__name__}")
    return task.result()
