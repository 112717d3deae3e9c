"""Our messages as those of chat completions: what is no more than text takes a shorter way to the same."""

import pytest

from llmgine_cli.llm.messages import Message, Reasoning, Role, Text, ToolResult
from llmgine_cli.providers.chat_messages import messages_of
from llmgine_cli.providers.presets import VENDORS

OPENAI = VENDORS["openai"]


@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_a_text_is_said_by_whoever_says_it(role: Role) -> None:
    assert messages_of([Message(role, (Text("hi"),))], OPENAI) == [{"role": role, "content": "hi"}]


@pytest.mark.parametrize("role", ["system", "user", "assistant"])
@pytest.mark.parametrize("parts", [(), (Text(""),), (Text(""), Text(""))])
def test_what_says_nothing_is_left_out(role: Role, parts: tuple[Text, ...]) -> None:
    assert messages_of([Message(role, parts)], OPENAI) == []


def test_several_texts_are_one() -> None:
    assert messages_of([Message("user", (Text("a"), Text("b")))], OPENAI) == [{"role": "user", "content": "ab"}]


def test_results_of_tools_are_messages_of_their_own_and_a_text_beside_them_is_the_users() -> None:
    results = (
        ToolResult(call_id="1", name="f", content="42"),
        ToolResult(call_id="2", name="g", content="", is_error=True),
    )
    assert messages_of([Message("tool", results), Message("tool", (Text("and?"),))], OPENAI) == [
        {"role": "tool", "tool_call_id": "1", "content": "42"},
        {"role": "tool", "tool_call_id": "2", "content": "Error: "},
        {"role": "user", "content": "and?"},
    ]


def test_thoughts_alone_are_no_message() -> None:
    assert messages_of([Message("assistant", (Reasoning(text="hm"),))], OPENAI) == []
