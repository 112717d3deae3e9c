"""A question has one answer: the user's, or the one that it declares for when nobody answers."""

import asyncio
from typing import Any

import pytest

from llmgine_cli import build
from llmgine_cli.asking import AskUser, UserAnswered, ask
from llmgine_cli.bus import Bus
from llmgine_cli.engine import Prompt, Run
from llmgine_cli.errors import UnansweredError, UsageError
from llmgine_cli.llm.history import History
from llmgine_cli.testing import Recorder, ScriptedProvider

QUESTION = AskUser(kind="select", question="Which?", choices=("red", "blue"))


def run_on(bus: Bus) -> Run:
    return Run(bus=bus, model=ScriptedProvider().model, history=History(bus))


async def test_the_answer_of_the_front_end_counts_and_is_told() -> None:
    bus = Bus()
    heard = Recorder(bus)
    bus.register(AskUser, lambda command: command.choices[1])
    assert await ask(bus, QUESTION) == "blue"
    (told,) = heard.only(UserAnswered)
    assert (told.question_id, told.answer, told.by) == (QUESTION.command_id, "blue", "user")


async def test_where_nobody_can_be_asked_the_declared_answer_counts_and_is_told() -> None:
    bus = Bus()
    heard = Recorder(bus)
    assert await ask(bus, AskUser(kind="text", question="Name?", unattended="nobody")) == "nobody"
    assert heard.only(UserAnswered)[0].by == "default"


async def test_without_a_declared_answer_it_is_an_error_that_names_the_question() -> None:
    with pytest.raises(UnansweredError, match=r"Which\?") as raised:
        await ask(Bus(), QUESTION)
    assert raised.value.exit_code == 4
    assert raised.value.hint


async def test_a_user_who_does_not_answer_is_as_nobody() -> None:
    bus = Bus()
    bus.register(AskUser, lambda _: None)
    assert await run_on(bus).confirm("Go on?", default=True, unattended=False) is False
    with pytest.raises(UnansweredError):
        await run_on(bus).confirm("Go on?", default=True)


async def test_a_user_who_takes_too_long_is_as_nobody_and_the_question_is_taken_back() -> None:
    bus = Bus()
    taken_back = asyncio.Event()

    async def never(_: AskUser) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            taken_back.set()
        return "red"

    bus.register(AskUser, never)
    late = AskUser(kind="select", question="Which?", choices=("red", "blue"), unattended="blue", timeout=0.01)
    assert await ask(bus, late) == "blue"
    assert taken_back.is_set()


async def test_an_interruption_is_no_answer() -> None:
    bus = Bus()
    asked = asyncio.Event()

    async def never(_: AskUser) -> str:
        asked.set()
        await asyncio.Event().wait()
        return "red"

    bus.register(AskUser, never)
    task = asyncio.create_task(ask(bus, QUESTION))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_front_end_that_fails_or_gives_no_answer_to_the_question_fails_it() -> None:
    bus = Bus()
    bus.register(AskUser, lambda _: "green")
    with pytest.raises(UsageError, match="green"):
        await ask(bus, QUESTION)
    bus.unregister(AskUser)
    bus.register(AskUser, lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        await ask(bus, QUESTION)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "select", "choices": ()},
        {"kind": "select", "choices": ("a", "a")},
        {"kind": "select", "choices": ("a", "")},
        {"kind": "select", "choices": ("a", "b"), "default": "c"},
        {"kind": "select", "choices": ("a", "b"), "unattended": "c"},
        {"kind": "confirm", "default": "maybe"},
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        AskUser(question="Which?", **wrong)


async def test_an_engine_asks_for_a_yes_a_choice_or_a_text() -> None:
    bus = Bus()
    answers = {"confirm": "yes", "select": "b", "text": ""}
    bus.register(AskUser, lambda command: answers[command.kind])
    run = run_on(bus)
    assert await run.confirm("Sure?") is True
    assert await run.select("Which?", ["a", "b"]) == "b"
    assert await run.input("Why?") == ""


async def test_from_python_an_engine_without_a_front_end_has_the_declared_answer() -> None:
    async with build() as app, app.conversation(engine="single_pass", model="echo:echo") as talk:
        handle = talk.engine.handle
        assert callable(handle)
        app.bus.unregister(Prompt, session_id=talk.session_id)

        async def curious(prompt: Prompt) -> str:
            return await run_on(app.bus).select(prompt.text, ["a", "b"], unattended="b")

        app.bus.register(Prompt, curious, session_id=talk.session_id)
        assert (await talk.send("Which?")).unwrap() == "b"
