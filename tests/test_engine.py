"""Engines, their options, and what a run gives them."""

import asyncio
from contextlib import nullcontext
from dataclasses import MISSING, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest

from llmgine_cli.engine import Engine, Prompt, Run, engine
from llmgine_cli.errors import (
    DeniedError,
    InvalidAnswerError,
    LimitReachedError,
    NobodyToAskError,
    NoHandlerError,
    RateLimitedError,
    UsageError,
)
from llmgine_cli.llm.events import LLMCallStarted, MessageAdded, StatusChanged, SystemChanged, TextChunk
from llmgine_cli.llm.messages import (
    Image,
    Message,
    ModelOptions,
    ResponseFormat,
    Text,
    ToolCall,
    ToolResult,
    ToolSpec,
    assistant,
    system,
    user,
)
from llmgine_cli.llm.stream import Finished, FinishReason, Reply, TextDelta
from llmgine_cli.plugins import Plugins
from llmgine_cli.structured.concise import expand
from llmgine_cli.structured.holding import Structured
from llmgine_cli.structured.shape import Shape
from llmgine_cli.testing import Recorder, ScriptedProvider, asks_for, says, scripted_run
from llmgine_cli.toolkit.messages import CallTool
from llmgine_cli.trust import TrustStore

TOOL = ToolSpec(name="t", description="", parameters={})


@dataclass(frozen=True, kw_only=True)
class Draft(Prompt):
    rounds: int
    style: Literal["plain", "ornate"] = "plain"
    heat: float = 0.5
    quick: bool = False
    topics: tuple[str, ...] = field(default_factory=tuple)


@engine(uses_tools=True)
async def draft(prompt: Draft, run: Run) -> str:
    """Write drafts."""
    return prompt.style


@engine
async def plain(prompt: Prompt, run: Run) -> Reply:
    """One prompt, one reply."""
    await run.say(prompt)
    return await run.ask()


def provider_of(run: Run) -> ScriptedProvider:
    assert isinstance(run.model.provider, ScriptedProvider)
    return run.model.provider


def call(number: int, name: str = "t") -> ToolCall:
    return ToolCall(id=f"c{number}", name=name)


def result(number: int, content: str, name: str = "t") -> ToolResult:
    return ToolResult(call_id=f"c{number}", name=name, content=content)


def unanswered(messages: tuple[Message, ...]) -> list[str]:
    """The ids of calls without a result right after them: what vendors refuse."""
    left: list[str] = []
    for message in messages:
        if message.role != "tool":
            if left:
                break
            left = [call.id for call in message.tool_calls]
        for part in message.parts:
            if isinstance(part, ToolResult):
                left.remove(part.call_id)
    return left


# -- @engine


def test_an_engine_is_made_of_a_function() -> None:
    assert isinstance(plain, Engine)
    assert (plain.name, plain.command, plain.uses_tools) == ("plain", Prompt, False)
    assert plain.doc == "One prompt, one reply."
    assert (draft.name, draft.command, draft.uses_tools) == ("draft", Draft, True)


def test_an_engine_may_have_another_name() -> None:
    @engine(name="other")
    async def something(prompt: Prompt, run: Run) -> None: ...

    assert something.name == "other"


def test_a_function_whose_first_parameter_is_no_prompt_is_refused() -> None:
    async def wrong(prompt: str, run: Run) -> None: ...

    async def bare(prompt, run): ...  # type: ignore[no-untyped-def]

    for function in (wrong, bare):
        with pytest.raises(TypeError, match="must be annotated with Prompt or a subclass"):
            engine(function)  # type: ignore[type-var]


# -- options


def test_the_options_are_the_fields_the_engine_added() -> None:
    assert plain.options == {}
    assert draft.options == {
        "rounds": (int, MISSING),
        "style": (Literal["plain", "ornate"], "plain"),
        "heat": (float, 0.5),
        "quick": (bool, False),
        "topics": (tuple[str, ...], ()),
    }


def test_text_becomes_what_the_options_type_says() -> None:
    given = {"rounds": "3", "style": "ornate", "heat": "0", "quick": "true"}
    prompt = draft.prompt(given, text="Hi", system="Be brief.", session_id="s")
    assert isinstance(prompt, Draft)
    assert (prompt.rounds, prompt.style, prompt.heat, prompt.quick) == (3, "ornate", 0.0, True)
    assert (prompt.text, prompt.system, prompt.session_id) == ("Hi", "Be brief.", "s")


def test_values_from_python_are_taken_as_they_are() -> None:
    prompt = draft.prompt({"rounds": 0, "topics": ["a", "b"]})
    assert isinstance(prompt, Draft)
    assert (prompt.rounds, prompt.topics) == (0, ("a", "b"))


class Eye(Enum):
    SHARP = "sharp"
    SOFT = "soft"


class Size(Enum):
    SMALL = 1
    BIG = 2


@dataclass(frozen=True, kw_only=True)
class Rich(Prompt):
    topics: list[str] = field(default_factory=list)
    pair: tuple[int, str] = (1, "a")
    weights: dict[str, float] | None = None
    folder: Path = Path("here")
    folders: tuple[Path, ...] = ()
    eye: Eye = Eye.SHARP
    size: Size = Size.BIG
    odd: str | Path = ""


@engine
async def rich(prompt: Rich, run: Run) -> None: ...


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("topics", '["a", "b"]', ["a", "b"]),
        ("pair", '[2, "b"]', (2, "b")),
        ("weights", '{"a": 1}', {"a": 1.0}),
        ("weights", "null", None),
        ("folder", "a/b", Path("a/b")),
        ("folder", Path("a/b"), Path("a/b")),
        ("folders", '["a", "b"]', (Path("a"), Path("b"))),
        ("eye", "sharp", Eye.SHARP),
        ("eye", Eye.SOFT, Eye.SOFT),
        ("size", "1", Size.SMALL),
        ("size", Size.SMALL, Size.SMALL),
    ],
)
def test_text_for_lists_and_tables_is_json_and_paths_and_choices_are_made_of_it(
    name: str, text: Any, value: object
) -> None:
    assert getattr(rich.prompt({name: text}), name) == value


@pytest.mark.parametrize(
    ("name", "text", "message", "hint"),
    [
        ("topics", "a,b", "must be a list of texts, not 'a,b'", "a list or table is given as JSON: -o topics '[…]'"),
        ("topics", "[1]", "must be a list of texts, not '[1]'", None),
        ("topics", '{"a": 1}', "must be a list of texts, not", None),
        ("weights", "a", "must be a table, not 'a'", "a list or table is given as JSON"),
        ("folder", 3, "must be a path, not 3", None),
        ("eye", "blind", "must be one of: sharp, soft, not 'blind'", None),
        ("eye", "sharpe", "must be one of: sharp, soft", "did you mean sharp?"),
        ("size", "3", "must be one of: 1, 2, not '3'", None),
        ("odd", "a", "not supported", None),
    ],
)
def test_what_does_not_fit_a_rich_type_is_told(name: str, text: Any, message: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as raised:
        rich.prompt({name: text})
    assert raised.value.message.startswith(f"engine 'rich': {name} ")
    assert message in raised.value.message
    assert (raised.value.hint or "").startswith(hint or "")
    assert bool(raised.value.hint) == bool(hint)


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"rounds": 1, "stile": "x"}, "engine 'draft' has no option 'stile'", "did you mean style?"),
        ({"rounds": 1, "text": "x"}, "engine 'draft' has no option 'text'", "known: "),
        ({"rounds": "many"}, "engine 'draft': rounds must be a whole number, not 'many'", None),
        ({"rounds": 1.5}, "engine 'draft': rounds must be a whole number, not 1.5", None),
        ({"rounds": 1, "style": "loud"}, "engine 'draft': style must be one of: plain, ornate, not 'loud'", None),
        ({}, "engine 'draft' needs the option rounds", "give it with -o rounds VALUE"),
    ],
)
def test_a_wrong_option_is_an_error_that_names_it(options: dict[str, Any], message: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as raised:
        draft.prompt(options)
    assert raised.value.message.startswith(message)
    assert (raised.value.hint or "").startswith(hint or "")


# -- say and ask


async def test_say_adds_the_system_message_then_the_templates_messages_then_the_text() -> None:
    run = scripted_run()
    await run.say(Prompt(text="b", system="Be brief.", messages=(user("a"), assistant("x"))))
    assert run.history.messages == (system("Be brief."), user("a"), assistant("x"), user("b"))


async def test_the_same_system_message_is_said_once_and_another_one_takes_its_place() -> None:
    run = scripted_run()
    changes = Recorder(run.bus, SystemChanged)
    for text in ("Be brief.", "Be brief.", "Be long.", None):
        await run.say(Prompt(text="a", system=text))
    assert run.history.messages == (system("Be long."), *[user("a")] * 4)
    assert [change.message for change in changes.only(SystemChanged)] == [system("Be long.")]


async def test_an_empty_text_adds_no_message() -> None:
    run = scripted_run()
    await run.say(Prompt(messages=(user("a"),)))
    assert run.history.messages == (user("a"),)


async def test_ask_sends_the_conversation_and_adds_the_answer() -> None:
    options = ModelOptions(temperature=0)
    run = scripted_run(says("Hel", "lo"), options=options, stream=False)
    reply = await plain.handle(Prompt(text="Hi"), run)
    assert reply.text == "Hello"
    assert run.history.messages == (user("Hi"), assistant("Hello"))
    (request,) = provider_of(run).requests
    assert (request.model, request.messages, request.tools) == ("model-1", (user("Hi"),), ())
    assert (request.options, request.stream) == (options, False)


@pytest.mark.parametrize(
    ("choice", "then"), [("required", None), (TOOL.name, None), ("auto", "auto"), ("none", "none"), (None, None)]
)
async def test_a_model_that_called_what_it_had_to_may_answer(choice: str | None, then: str | None) -> None:
    call = ToolCall(id="1", name=TOOL.name)
    run = scripted_run(
        asks_for(call), says("done"), says("again"), tools=[TOOL], options=ModelOptions(tool_choice=choice, seed=1)
    )
    await run.say(Prompt(text="Hi"))
    await run.ask(tools=[TOOL])
    await run.history.add(Message("tool", (ToolResult(call_id="1", name=TOOL.name, content="42"),)))
    await run.ask(tools=[TOOL])
    await run.say(Prompt(text="And again"))
    await run.ask(tools=[TOOL])
    asked = [request.options for request in provider_of(run).requests]
    assert [options.tool_choice for options in asked] == [choice, then, choice]
    assert [options.seed for options in asked] == [1, 1, 1]


async def test_ask_offers_only_the_tools_it_is_given() -> None:
    run = scripted_run(says("a"), says("b"), tools=[TOOL])
    await run.ask()
    await run.ask(tools=run.tools)
    assert [request.tools for request in provider_of(run).requests] == [(), (TOOL,)]


async def test_a_failed_answer_is_not_part_of_the_conversation() -> None:
    run = scripted_run([*says("half")[:-1], RateLimitedError("slow down")])
    await run.say(Prompt(text="Hi"))
    with pytest.raises(RateLimitedError):
        await run.ask()
    assert run.history.messages == (user("Hi"),)


async def test_consult_asks_aside() -> None:
    run = scripted_run(says("an opinion"))
    added, shown = Recorder(run.bus, MessageAdded), Recorder(run.bus, TextChunk)
    reply = await run.consult([user("What do you think?")], tools=[TOOL])
    assert reply.text == "an opinion"
    assert (run.history.messages, added.events, shown.events) == ((), [], [])
    (request,) = provider_of(run).requests
    assert (request.messages, request.tools, request.stream) == ((user("What do you think?"),), (TOOL,), False)


async def test_status_is_an_event() -> None:
    run = scripted_run()
    heard = Recorder(run.bus, StatusChanged)
    await run.status("thinking")
    assert [event.status for event in heard.only(StatusChanged)] == ["thinking"]


# -- call_tools


async def test_the_calls_of_a_turn_run_in_parallel_and_their_results_keep_the_order_of_the_calls() -> None:
    run = scripted_run()
    together = asyncio.Barrier(3)
    order: list[str] = []

    async def handle(command: CallTool) -> ToolResult:
        await together.wait()  # nobody gets further unless all three run at once
        for _ in range(3 - int(command.call.id[1])):
            await asyncio.sleep(0)
        order.append(command.call.id)
        return ToolResult(call_id=command.call.id, name="t", content=command.call.id)

    run.bus.register(CallTool, handle)
    results = await run.call_tools([call(0), call(1), call(2)])
    assert order == ["c2", "c1", "c0"]
    assert [one.call_id for one in results] == ["c0", "c1", "c2"]
    assert run.history.messages == tuple(Message("tool", (one,)) for one in results)


async def test_an_error_of_ours_becomes_a_result_that_the_model_reads() -> None:
    run = scripted_run()

    def refuse(command: CallTool) -> ToolResult:
        raise DeniedError("the user said no")

    run.bus.register(CallTool, refuse)
    (one,) = await run.call_tools([call(0)])
    assert (one.is_error, one.content, one.call_id, one.name) == (True, "the user said no", "c0", "t")


@pytest.mark.parametrize("refused", [{"c0"}, {"c0", "c1"}])
async def test_a_turn_ends_the_run_only_when_none_of_its_calls_can_ever_be_approved(refused: set[str]) -> None:
    run = scripted_run()

    def handle(command: CallTool) -> ToolResult:
        if command.call.id in refused:
            raise NobodyToAskError("there is nobody to ask")
        return answer(command)

    run.bus.register(CallTool, handle)
    with pytest.raises(NobodyToAskError) if len(refused) == 2 else nullcontext():
        await run.call_tools([call(0), call(1)])
    told = [part for message in run.history.messages for part in message.parts if isinstance(part, ToolResult)]
    assert [part.call_id for part in told if part.is_error] == sorted(refused)
    assert len(told) == 2, "the conversation stays valid"


async def test_no_calls_are_no_results() -> None:
    run = scripted_run()
    assert await run.call_tools([]) == ()
    assert run.history.messages == ()


async def test_an_answer_that_is_interrupted_is_added_as_far_as_it_came() -> None:
    run = scripted_run([TextDelta("Once "), TextDelta("upon"), asyncio.Event()], messages=(user("Tell me a story"),))
    came = asyncio.Event()
    run.bus.subscribe(TextChunk, lambda chunk: came.set() if chunk.text == "upon" else None)
    task = asyncio.create_task(run.ask())
    await came.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert run.history.messages == (user("Tell me a story"), assistant("Once upon"))


async def test_an_answer_that_is_interrupted_before_its_first_word_adds_nothing() -> None:
    run = scripted_run([asyncio.Event()], messages=(user("Tell me a story"),))
    started = asyncio.Event()
    run.bus.subscribe(LLMCallStarted, lambda _: started.set())
    task = asyncio.create_task(run.ask())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert run.history.messages == (user("Tell me a story"),)


async def test_calls_that_were_interrupted_are_answered_before_the_cancellation_goes_on() -> None:
    asked = Message("assistant", (call(0), call(1), call(2)))
    run = scripted_run(messages=(user("Hi"), asked))
    reached = asyncio.Event()
    stopped: list[str] = []

    async def handle(command: CallTool) -> ToolResult:
        if command.call.id == "c0":
            return result(0, "done")
        if command.call.id == "c2":
            reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(command.call.id)
        raise AssertionError

    run.bus.register(CallTool, handle)
    added = Recorder(run.bus, MessageAdded)
    task = asyncio.create_task(run.call_tools(asked.tool_calls))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    answers = [part for message in run.history.messages[2:] for part in message.parts if isinstance(part, ToolResult)]
    assert [(one.call_id, one.is_error) for one in answers] == [("c0", False), ("c1", True), ("c2", True)]
    assert answers[0].content == "done"
    assert "interrupted by the user" in answers[1].content
    assert sorted(stopped) == ["c1", "c2"]
    assert len(added.events) == 3
    assert unanswered(run.history.messages) == []


async def test_a_tool_that_will_not_stop_does_not_keep_a_second_interruption_waiting() -> None:
    asked = Message("assistant", (call(0),))
    run = scripted_run(messages=(asked,))
    reached, ignored = asyncio.Event(), asyncio.Event()

    async def stubborn(command: CallTool) -> ToolResult:
        reached.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ignored.set()
        await asyncio.Event().wait()
        raise AssertionError

    run.bus.register(CallTool, stubborn)
    task = asyncio.create_task(run.call_tools(asked.tool_calls))
    await reached.wait()
    task.cancel()
    await ignored.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert unanswered(run.history.messages) == []


async def test_an_interruption_while_the_results_are_added_loses_none_of_them() -> None:
    asked = Message("assistant", (call(0), call(1)))
    run = scripted_run(messages=(asked,))
    run.bus.register(CallTool, lambda command: ToolResult(call_id=command.call.id, name="t", content="done"))
    reached, go = asyncio.Event(), asyncio.Event()

    async def slow(event: MessageAdded) -> None:
        reached.set()
        await go.wait()

    run.bus.subscribe(MessageAdded, slow)
    task = asyncio.create_task(run.call_tools(asked.tool_calls))
    await reached.wait()
    task.cancel()
    await asyncio.sleep(0)
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert unanswered(run.history.messages) == []


async def test_a_failure_that_is_not_the_tools_is_raised_and_the_history_stays_valid() -> None:
    asked = Message("assistant", (call(0), call(1)))
    run = scripted_run(messages=(asked,))
    with pytest.raises(NoHandlerError):
        await run.call_tools(asked.tool_calls)
    assert unanswered(run.history.messages) == []

    def broken(command: CallTool) -> ToolResult:
        raise ZeroDivisionError

    run.bus.register(CallTool, broken)
    await run.history.add(asked)
    with pytest.raises(ZeroDivisionError):
        await run.call_tools(asked.tool_calls)
    assert unanswered(run.history.messages) == []


# -- tool_chat, which ships


@pytest.fixture
def tool_chat() -> Engine:
    return Plugins(project=None, trust=TrustStore()).engine("tool_chat")


def answer(command: CallTool) -> ToolResult:
    return ToolResult(call_id=command.call.id, name=command.call.name, content=f"result of {command.call.id}")


async def test_tool_chat_asks_again_until_no_more_tools_are_wanted(tool_chat: Engine) -> None:
    run = scripted_run(asks_for(call(0), call(1), text="I look."), asks_for(call(2)), says("Done."), tools=[TOOL])
    run.bus.register(CallTool, answer)
    reply = await tool_chat.handle(tool_chat.prompt({}, text="Hi"), run)
    assert reply.text == "Done."
    assert [message.role for message in run.history.messages] == [
        *("user", "assistant", "tool", "tool"),
        *("assistant", "tool", "assistant"),
    ]
    assert [len(request.messages) for request in provider_of(run).requests] == [1, 4, 6]
    assert all(request.tools == (TOOL,) for request in provider_of(run).requests)


@pytest.mark.parametrize("rounds", [1, 2])
async def test_tool_chat_at_its_limit_leaves_a_valid_history_that_can_go_on(tool_chat: Engine, rounds: int) -> None:
    run = scripted_run(*(asks_for(call(number)) for number in range(rounds)), says("On we go."), tools=[TOOL])
    ran: list[str] = []

    def count(command: CallTool) -> ToolResult:
        ran.append(command.call.id)
        return answer(command)

    run.bus.register(CallTool, count)
    with pytest.raises(LimitReachedError, match=f"after {rounds} round") as raised:
        await tool_chat.handle(tool_chat.prompt({"max_rounds": str(rounds)}, text="Hi"), run)
    assert raised.value.exit_code == 5
    assert "-o max_rounds" in (raised.value.hint or "")
    assert unanswered(run.history.messages) == []
    assert len(provider_of(run).requests) == rounds
    assert len(ran) == rounds - 1, "nobody would read what the last ones say"
    assert "limit of rounds" in str(run.history.messages[-1].parts)
    reply = await tool_chat.handle(tool_chat.prompt({}, text="Go on"), run)
    assert reply.text == "On we go."


async def test_tool_chat_without_a_round_is_refused_before_anything_is_said(tool_chat: Engine) -> None:
    run = scripted_run(tools=[TOOL])
    with pytest.raises(UsageError, match="max_rounds is 0"):
        await tool_chat.handle(tool_chat.prompt({"max_rounds": "0"}, text="Hi"), run)
    assert (run.history.messages, provider_of(run).requests) == ((), [])


async def test_tool_chat_interrupted_during_a_tool_leaves_a_valid_history(tool_chat: Engine) -> None:
    run = scripted_run(asks_for(call(0)), tools=[TOOL])
    reached = asyncio.Event()

    async def hang(command: CallTool) -> ToolResult:
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    run.bus.register(CallTool, hang)
    task = asyncio.ensure_future(tool_chat.handle(tool_chat.prompt({}, text="Hi"), run))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [message.role for message in run.history.messages] == ["user", "assistant", "tool"]
    assert unanswered(run.history.messages) == []


# -- attachments


PICTURE = Image(media_type="image/png", data=b"x", name="x.png")


def test_attachments_come_before_the_text_they_belong_to() -> None:
    prompt = Prompt(text="What is it?", messages=(assistant("Hi."),), attachments=(PICTURE,))
    assert prompt.said == (assistant("Hi."), Message("user", (PICTURE, Text("What is it?"))))


def test_attachments_go_with_the_last_message_of_a_template_or_stand_alone() -> None:
    assert Prompt(messages=(user("a"), user("b")), attachments=(PICTURE,)).said == (
        user("a"),
        Message("user", (PICTURE, Text("b"))),
    )
    assert Prompt(messages=(assistant("b"),), attachments=(PICTURE,)).said == (
        assistant("b"),
        Message("user", (PICTURE,)),
    )
    assert Prompt(attachments=(PICTURE,)).said == (Message("user", (PICTURE,)),)


async def test_what_is_attached_reaches_the_model() -> None:
    run = scripted_run(says("a dot"))
    await run.say(Prompt(text="What is it?", attachments=(PICTURE,)))
    await run.ask()
    assert provider_of(run).requests[0].messages[-1].parts == (PICTURE, Text("What is it?"))


# -- the form of an answer


FORM = Shape(schema=expand("name, age int"))
RIGHT = '{"name": "Ada", "age": 36}'


async def test_without_a_form_what_an_engine_returns_is_left_alone() -> None:
    run = scripted_run()
    assert await run.hold(3) == 3


async def test_an_answer_of_the_form_is_its_value() -> None:
    run = scripted_run(says(RIGHT), shape=FORM)
    held = await run.hold(await run.ask())
    assert isinstance(held, Structured)
    assert (held.value, held.reply.text) == ({"name": "Ada", "age": 36}, RIGHT)
    assert provider_of(run).requests[0].response_format == FORM.response_format


async def test_a_form_of_one_request_goes_before_that_of_the_run() -> None:
    run = scripted_run(says("{}"), shape=FORM)
    await run.ask(response_format=ResponseFormat(name="other"))
    assert provider_of(run).requests[0].response_format == ResponseFormat(name="other")


async def test_what_is_asked_aside_has_no_form() -> None:
    run = scripted_run(says("x"), shape=FORM)
    await run.consult([user("x")])
    assert provider_of(run).requests[0].response_format is None


async def test_a_model_that_misses_the_form_is_told_what_is_wrong_and_asked_once_more() -> None:
    run = scripted_run(says('{"name": 1}'), says(RIGHT), shape=FORM)
    await run.history.add(user("Who?"))
    held = await run.hold(await run.ask())
    assert held.value == {"name": "Ada", "age": 36}
    told = provider_of(run).requests[1].messages
    assert [message.role for message in told] == ["user", "assistant", "user"]
    assert "- 'age' is a required property\n- name: 1 is not of type 'string'\n" in told[-1].text
    assert '"additionalProperties":false' in told[-1].text
    assert provider_of(run).requests[1].response_format == FORM.response_format
    assert len(run.history.messages) == 4, "the conversation is as it was held"


async def test_a_model_that_misses_it_twice_has_failed() -> None:
    run = scripted_run(says("no"), says("never"), shape=FORM)
    with pytest.raises(InvalidAnswerError) as caught:
        await run.hold(await run.ask())
    assert (caught.value.answer, caught.value.exit_code) == ("never", 1)
    assert provider_of(run).left == 0


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("length", "it stopped at the token limit"),
        ("content_filter", "the vendor's content filter cut it"),
        ("refusal", "the model refused: I cannot"),
    ],
)
async def test_an_answer_that_was_cut_or_refused_is_not_asked_for_again(reason: FinishReason, said: str) -> None:
    run = scripted_run([TextDelta("I cannot"), Finished(reason=reason)], shape=FORM)
    with pytest.raises(InvalidAnswerError) as caught:
        await run.hold(await run.ask())
    assert caught.value.problems == (said,)


async def test_a_text_that_an_engine_returns_is_held_to_the_form_and_an_object_is_refused() -> None:
    run = scripted_run(shape=FORM)
    assert (await run.hold(RIGHT)).value == {"name": "Ada", "age": 36}
    with pytest.raises(UsageError, match="returns no answer of a model but int"):
        await run.hold(3)
