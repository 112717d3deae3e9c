"""A session as a request to OpenAI's chat completions, in the eyes of OpenAI's own library."""

from pathlib import Path
from typing import Any

import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter

from llmgine_cli.eventlog.views.export.openai import messages_of, request_of
from llmgine_cli.llm.events import HistoryRewound
from llmgine_cli.llm.messages import (
    File,
    Image,
    Message,
    ModelOptions,
    Reasoning,
    Text,
    ToolCall,
    assistant,
    system,
    user,
)
from tests.support.session import Session, call, result_message

SUM = call("calculate", "1", {"expression": "2+2"})


def valid(body: dict[str, Any]) -> dict[str, Any]:
    """The body, if OpenAI's types say that it is one."""
    for message in body["messages"]:
        TypeAdapter(ChatCompletionMessageParam).validate_python(message)
    for tool in body.get("tools", []):
        TypeAdapter(ChatCompletionToolParam).validate_python(tool)
    TypeAdapter(CompletionCreateParamsNonStreaming).validate_python({"model": "unknown", **body})
    return body


def test_a_conversation_with_tools_is_a_request(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.say(system("Be kind."), 0)
    turn = session.prompt("2+2?", 0)
    options = ModelOptions(temperature=0.0, max_tokens=50, stop=("end",))
    asked = session.ask(turn, 0, tools=("calculate", "clock"), options=options, model="openai:gpt-4.1-mini")
    session.answered(turn, asked, Message("assistant", (Reasoning(text="hm"), SUM)), 10, 10, reason="tool_calls")
    session.tool_done(session.tool(turn, SUM, 20), SUM, "4", 30, 10)
    session.say(result_message(SUM, "4"), 30)
    session.say(assistant("Four."), 40)

    assert valid(request_of(session.records)) == {
        "model": "gpt-4.1-mini",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "2+2?"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "1",
                        "type": "function",
                        "function": {"name": "calculate", "arguments": '{"expression": "2+2"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "1", "content": "4"},
            {"role": "assistant", "content": "Four."},
        ],
        "temperature": 0.0,
        "max_completion_tokens": 50,
        "stop": ["end"],
        "tools": [
            {"type": "function", "function": {"name": "calculate"}},
            {"type": "function", "function": {"name": "clock"}},
        ],
    }


def test_what_was_taken_back_is_not_in_it(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.say(user("one"), 0)
    session.say(assistant("two"), 10)
    session.write(HistoryRewound, 20, kept=0)
    session.say(user("three"), 30)

    assert valid(request_of(session.records))["messages"] == [{"role": "user", "content": "three"}]


def test_every_call_has_a_result_also_when_the_log_has_none(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.say(Message("assistant", (SUM,)), 0)
    session.say(user("well?"), 10)

    roles = [message["role"] for message in valid(request_of(session.records))["messages"]]

    assert roles == ["assistant", "tool", "user"]


def test_pictures_and_files_are_parts(tmp_path: Path) -> None:
    message = Message(
        "user",
        (
            Text("look"),
            Image(media_type="image/png", data=b"\x89PNG"),
            Image(media_type="image/png", url="https://example.org/a.png"),
            File(name="a.pdf", media_type="application/pdf", data=b"%PDF"),
        ),
    )

    (wire,) = valid({"messages": messages_of([message])})["messages"]

    assert [part["type"] for part in wire["content"]] == ["text", "image_url", "image_url", "file"]
    assert wire["content"][1]["image_url"]["url"] == "data:image/png;base64,iVBORw=="


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("", "{}"),
        ('{"a": 1}', '{"a": 1}'),
        ("{broken", '{"invalid_arguments": "{broken"}'),
        ("[]", '{"invalid_arguments": "[]"}'),
    ],
)
def test_arguments_are_always_an_object(written: str, sent: str) -> None:
    (wire,) = messages_of([Message("assistant", (ToolCall(id="1", name="clock", arguments=written),))])

    assert wire["tool_calls"][0]["function"]["arguments"] == sent


def test_an_answer_without_a_word_is_left_out() -> None:
    assert messages_of([assistant(""), user("hi")]) == [{"role": "user", "content": "hi"}]
