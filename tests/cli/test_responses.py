"""Models that are asked in OpenAI Responses, from the command line."""

import json
from pathlib import Path

import pytest

from tests.support.program import Program
from tests.support.server import Answer, FakeVendor, Fault, ToolCalls

MODEL = ("-m", "openai:gpt-5.6-sol")
ENV = {"OPENAI_API_KEY": "sk-test-0123456789abcdef0123"}
CALL = ("calculate", {"expression": "6*7"})


@pytest.fixture(autouse=True)
def settings(home: Path) -> Path:
    """The settings, without the address that a test's vendor has."""
    file = home / "config" / "config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('[providers.openai]\nprotocol = "responses"\n')
    return file


def env(vendor: FakeVendor) -> dict[str, str]:
    return {**ENV, "OPENAI_BASE_URL": vendor.url}


def inputs(vendor: FakeVendor) -> list[list[str]]:
    """The kinds of items in each request."""
    return [[item["type"] for item in sent.body["input"]] for sent in vendor.requests]


@pytest.mark.parametrize("stream", [(), ("--no-stream",)], ids=["streamed", "whole"])
def test_thoughts_go_back_in_the_tool_loop_and_after_a_restart(cli: Program, stream: tuple[str, ...]) -> None:
    answers = [
        ToolCalls(CALL, reasoning="six times seven?"),
        Answer("It is 42.", reasoning="so it is"),
        Answer("I said 42."),
    ]
    with FakeVendor(answers) as vendor:
        first = cli("run", *MODEL, *stream, "-T", "calculate", "--approve", "all", "6 times 7?", env=env(vendor))
        second = cli("run", "-c", *stream, "again?", env=env(vendor))
    assert (first.stdout, second.stdout) == ("It is 42.\n", "I said 42.\n")
    assert inputs(vendor) == [
        ["message"],
        ["message", "reasoning", "function_call", "function_call_output"],
        ["message", "reasoning", "function_call", "function_call_output", "reasoning", "message", "message"],
    ]
    thoughts = [item["encrypted_content"] for item in vendor.requests[2].body["input"] if item["type"] == "reasoning"]
    assert thoughts == ["gAAA-1", "gAAA-2"]


def test_a_conversation_goes_on_in_another_protocol_without_them(cli: Program, settings: Path) -> None:
    with FakeVendor([Answer("It is 42.", reasoning="six times seven"), Answer("I said 42.")]) as vendor:
        cli("run", *MODEL, "6 times 7?", env=env(vendor))
        settings.write_text('[providers.openai]\nprotocol = "chat"\n')
        assert cli("run", "-c", "again?", env=env(vendor)).stdout == "I said 42.\n"
    assert [sent.path for sent in vendor.requests] == ["/v1/responses", "/v1/chat/completions"]
    assert "gAAA" not in json.dumps(vendor.requests[1].body)


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (Fault(401, "Incorrect API key provided", "invalid_request_error", "invalid_api_key"), 3, "OPENAI_API_KEY"),
        (Fault(404, "The model 'gpt-5.6-sol' does not exist", "invalid_request_error", "model_not_found"), 1,
         "did you mean gpt-5.6-solo?"),
        (Fault(400, "Your input exceeds the context window of this model.", "invalid_request_error",
               "context_length_exceeded"), 1, "shorten it"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_to_do(cli: Program, fault: Fault, code: int, words: str) -> None:
    with FakeVendor([fault], models=["gpt-5.6-solo"]) as vendor:
        done = cli("run", *MODEL, "hi", env=env(vendor))
    assert (done.code, done.stdout) == (code, "")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_stream_without_its_end_keeps_what_came(cli: Program) -> None:
    with FakeVendor(always=Answer("half of an answer", then="end")) as vendor:
        done = cli("run", *MODEL, "hi", env=env(vendor))
    assert (done.code, done.stdout) == (1, "half of an answer\n")
    assert "cut off" in done.stderr


def test_sampling_is_as_the_user_says(cli: Program) -> None:
    given = ("-o", "max_tokens", "9", "-o", "temperature", "0")
    with FakeVendor([Answer("ok")]) as vendor:
        cli("run", "-m", "openai:gpt-4.1", *given, "hi", env=env(vendor))
    body = vendor.requests[0].body
    assert (body["max_output_tokens"], body["temperature"], body["store"]) == (9, 0, False)
