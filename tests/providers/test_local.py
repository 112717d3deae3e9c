"""The real embedded model, served by the real llama.cpp."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from llmgine_cli.errors import LlmgineError, NotFoundError, ProviderError, SettingsError, UsageError
from llmgine_cli.llm.messages import Message, ModelOptions, Request, ToolCall, ToolResult, ToolSpec, user
from llmgine_cli.llm.stream import Finished, Reply, TextDelta, UsageReported, fold
from llmgine_cli.providers.llama import LlamaServer
from llmgine_cli.providers.local import LocalProvider, installed
from tests.support import local_model
from tests.support.facts import wait_until

MODEL = "smollm2-135m"
WEATHER = ToolSpec(
    name="get_weather",
    description="Tell the current weather of a city.",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string", "description": "The city."}, "unit": {"enum": ["c", "f"]}},
        "required": ["city", "unit"],
        "additionalProperties": False,
    },
)
real = pytest.mark.local_model

# Files are small and local here: writing them in an async test blocks nobody.
# ruff: noqa: ASYNC240


@pytest.fixture(scope="session")
def file() -> Path:
    return local_model.model()


@pytest.fixture
def model(file: Path, home: Path) -> str:
    """Install the embedded model, and return its name."""
    local_model.install(file, home)
    return MODEL


@pytest.fixture
async def provider() -> AsyncIterator[LocalProvider]:
    made = LocalProvider(connect_timeout=10, idle_timeout=60)
    yield made
    await made.aclose()


def request(text: str = "Say hello.", *, model: str = MODEL, tools: Sequence[ToolSpec] = (), **options: Any) -> Request:
    stream = options.pop("stream", True)
    sampling = ModelOptions(**{"temperature": 0, "max_tokens": 40, **options})
    return Request(model=model, messages=(user(text),), tools=tuple(tools), options=sampling, stream=stream)


async def ask(provider: LocalProvider, asked: Request) -> Reply:
    return await fold(provider.stream(asked))


async def failure(provider: LocalProvider, asked: Request) -> LlmgineError:
    with pytest.raises(LlmgineError) as caught:
        await ask(provider, asked)
    assert "\n" not in caught.value.message
    return caught.value


def listens(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=10):
            return True
    except OSError:
        return False


def gone(address: str) -> bool:
    return not listens(address)


def address_of(provider: LocalProvider) -> str:
    (task,) = provider._serving.values()
    return task.result().endpoint.base_url


# -- what it is there for


@real
async def test_it_answers_in_pieces_and_says_what_it_took(provider: LocalProvider, model: str) -> None:
    events = [event async for event in provider.stream(request())]
    pieces = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(pieces) > 3
    assert "".join(pieces).strip()
    (usage,) = [event.usage for event in events if isinstance(event, UsageReported)]
    assert usage.input_tokens
    assert usage.output_tokens
    assert usage.output_tokens >= len(pieces)
    assert isinstance(events[-1], Finished)
    assert events[-1].model == MODEL


@real
async def test_it_knows_something(provider: LocalProvider, model: str) -> None:
    assert "Tokyo" in (await ask(provider, request("What is the capital of Japan?"))).text


@real
async def test_without_streaming_the_answer_comes_whole_and_is_the_same(provider: LocalProvider, model: str) -> None:
    streamed = await ask(provider, request())
    events = [event async for event in provider.stream(request(stream=False))]
    assert [event.text for event in events if isinstance(event, TextDelta)] == [streamed.text]


@real
async def test_at_temperature_0_it_repeats_itself(provider: LocalProvider, model: str) -> None:
    first, second = [await ask(provider, request("Tell me a story.")) for _ in range(2)]
    assert first.text == second.text


@real
async def test_a_request_that_does_not_say_is_sampled_as_the_makers_of_the_model_say(
    provider: LocalProvider, model: str
) -> None:
    await ask(provider, request())
    (task,) = provider._serving.values()
    page = json.loads(await task.result().transport.get("/props", seconds=10))
    sampling = page["default_generation_settings"]["params"]
    assert (round(sampling["temperature"], 3), round(sampling["top_p"], 3)) == (0.2, 0.9)


@real
async def test_an_answer_without_end_ends_by_itself_unless_the_request_says_where(
    provider: LocalProvider, model: str
) -> None:
    endless = {"ignore_eos": True}
    assert (await ask(provider, request(max_tokens=None, extra=endless))).usage.output_tokens == 512
    assert (await ask(provider, request(max_tokens=1100, extra=endless))).usage.output_tokens == 1100


@real
async def test_it_stops_at_max_tokens(provider: LocalProvider, model: str) -> None:
    reply = await ask(provider, request("Write a long story.", max_tokens=5))
    assert (reply.finish_reason, reply.usage.output_tokens) == ("length", 5)


@real
async def test_two_requests_share_one_server_and_both_are_answered(provider: LocalProvider, model: str) -> None:
    replies = await asyncio.gather(*(ask(provider, request("What is the capital of Japan?")) for _ in range(2)))
    assert all("Tokyo" in reply.text for reply in replies)
    assert len(provider._serving) == 1


@real
async def test_two_providers_at_once(provider: LocalProvider, model: str) -> None:
    other = LocalProvider(connect_timeout=10, idle_timeout=60)
    try:
        replies = await asyncio.gather(ask(provider, request()), ask(other, request()))
        assert replies[0].text == replies[1].text
        assert address_of(provider) != address_of(other)
    finally:
        await other.aclose()


@real
async def test_a_model_is_found_by_its_path(provider: LocalProvider, file: Path) -> None:
    Path("mine.gguf").symlink_to(file)
    assert (await ask(provider, request(model="mine.gguf"))).model == "mine"
    assert (await ask(provider, request(model=str(Path("mine.gguf").absolute())))).text


@real
async def test_an_answer_nobody_wants_any_more_does_not_hold_up_the_next(provider: LocalProvider, model: str) -> None:
    long = request("Write a very long story.", max_tokens=6000, extra={"ignore_eos": True})
    async with aclosing(provider.stream(long)) as stream:
        await anext(stream)
    assert (await ask(provider, request())).text


# -- tools


@real
async def test_a_tool_is_asked_for_and_its_result_is_used(provider: LocalProvider, model: str) -> None:
    question = "What is the weather in Paris?"
    reply = await ask(provider, request(question, tools=[WEATHER], max_tokens=200))
    (call,) = reply.tool_calls
    assert (call.name, reply.finish_reason, reply.text) == ("get_weather", "tool_calls", "")
    assert json.loads(call.arguments)["city"] == "Paris"
    assert set(json.loads(call.arguments)) == {"city", "unit"}

    result = Message("tool", (ToolResult(call_id=call.id, name=call.name, content="12 degrees, light rain"),))
    conversation = (user(question), reply.message, result)
    options = ModelOptions(temperature=0, max_tokens=200)
    answer = await ask(provider, Request(model=model, messages=conversation, tools=(WEATHER,), options=options))
    assert "12 degrees" in answer.text
    assert answer.tool_calls == ()


@real
@pytest.mark.parametrize(("choice", "calls"), [("calculate", ["calculate"]), ("required", None), ("none", [])])
async def test_the_choice_of_a_tool_is_enforced(
    provider: LocalProvider, model: str, choice: str, calls: list[str] | None
) -> None:
    """The text asks for no tool at all."""
    text = {"type": "object", "properties": {"text": {"type": "string", "maxLength": 20}}, "required": ["text"]}
    tools = [ToolSpec(name=name, description="", parameters=text) for name in ("calculate", "translate")]
    reply = await ask(provider, request("Say hello.", tools=tools, tool_choice=choice, max_tokens=80))
    called = [call.name for call in reply.tool_calls]
    assert called == calls if calls is not None else len(called) == 1
    assert bool(reply.text) is (choice == "none")


@real
async def test_a_conversation_that_had_tools_goes_on_without(provider: LocalProvider, model: str) -> None:
    call = Message("assistant", (ToolCall(id="1", name="get_weather", arguments='{"city": "Paris", "unit": "c"}'),))
    result = Message("tool", (ToolResult(call_id="1", name="get_weather", content="12 degrees"),))
    messages = (user("What is the weather in Paris?"), call, result)
    options = ModelOptions(temperature=0, max_tokens=40)
    assert (await ask(provider, Request(model=model, messages=messages, options=options))).text


# -- what goes wrong


@real
async def test_a_prompt_longer_than_the_context_is_told_in_tokens(provider: LocalProvider, model: str) -> None:
    error = await failure(provider, request("word " * 20_000))
    assert isinstance(error, ProviderError)
    assert error.message == "the conversation has 20031 tokens, and smollm2-135m takes 8192 at most"
    assert error.hint == "that is 11839 too many: shorten it, start a new one, or take a larger model"


@real
async def test_another_key_is_refused(model: str, file: Path) -> None:
    server = LlamaServer(file, name="x")
    try:
        address = await server.ready()

        def status(**headers: str) -> int:
            body = b'{"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}'
            asked = urllib.request.Request(f"{address}/chat/completions", body, headers)
            try:
                with urllib.request.urlopen(asked, timeout=60) as answer:
                    code: int = answer.status
            except urllib.error.HTTPError as error:
                code = error.code
                error.close()
            return code

        assert await asyncio.to_thread(status) == 401
        assert await asyncio.to_thread(status, Authorization="Bearer wrong") == 401
        assert await asyncio.to_thread(status, Authorization=f"Bearer {server.key}") == 200
    finally:
        server.stop()


@real
async def test_a_model_cut_short_is_told(provider: LocalProvider, file: Path) -> None:
    with file.open("rb") as whole:
        Path("cut.gguf").write_bytes(whole.read(5_000_000))
    error = await failure(provider, request(model="./cut.gguf"))
    assert isinstance(error, ProviderError)
    assert error.message.startswith("llama.cpp cannot load ")
    assert "damaged" in str(error.hint)


@pytest.mark.parametrize("content", [b"GGUF", b"GGUF" + os.urandom(100_000)])
async def test_a_damaged_model_is_told_and_the_next_try_is_a_new_one(provider: LocalProvider, content: bytes) -> None:
    Path("bad.gguf").write_bytes(content)
    for _ in range(2):
        error = await failure(provider, request(model="./bad.gguf"))
        assert error.message.startswith(("llama.cpp cannot load ", "llama.cpp died with "))


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04"])
async def test_a_file_that_is_no_model_is_told(provider: LocalProvider, content: bytes) -> None:
    Path("notes.gguf").write_bytes(content)
    error = await failure(provider, request(model="./notes.gguf"))
    assert isinstance(error, UsageError)
    assert error.message.endswith("notes.gguf is no GGUF file")


async def test_a_path_where_nothing_is_is_told(provider: LocalProvider) -> None:
    error = await failure(provider, request(model="/nowhere/model.gguf"))
    assert isinstance(error, UsageError)
    assert error.message == "cannot read the model /nowhere/model.gguf: No such file or directory"


async def test_the_embedded_model_that_is_not_here_is_told_with_how_to_get_it(provider: LocalProvider) -> None:
    error = await failure(provider, request())
    assert isinstance(error, SettingsError)
    assert (error.message, error.hint) == (
        "the model smollm2-135m is not on this machine yet",
        "get it with: llmgine models pull",
    )


async def test_an_unknown_name_is_told_with_the_nearest(provider: LocalProvider) -> None:
    error = await failure(provider, request(model="smollm2"))
    assert isinstance(error, NotFoundError)
    assert error.hint == "did you mean smollm2-135m?"


@real
async def test_a_server_that_died_between_two_requests_is_started_again(provider: LocalProvider, model: str) -> None:
    await ask(provider, request())
    (task,) = provider._serving.values()
    task.result().server._process.kill()
    task.result().server._process.wait()
    assert (await ask(provider, request())).text


@real
async def test_a_server_that_dies_in_the_middle_is_told(provider: LocalProvider, model: str) -> None:
    long = request("Write a very long story.", max_tokens=6000, extra={"ignore_eos": True})
    stream = provider.stream(long)
    await anext(stream)
    (task,) = provider._serving.values()
    task.result().server._process.kill()
    with pytest.raises(ProviderError, match=r"llama\.cpp died with smollm2-135m\.gguf \(exit status -9\)"):
        _ = [event async for event in stream]


@real
async def test_closing_stops_the_server_and_is_harmless_twice(provider: LocalProvider, model: str) -> None:
    await ask(provider, request())
    address = address_of(provider)
    assert listens(address)
    await provider.aclose()
    await provider.aclose()
    assert gone(address)


# -- as a program: nothing printed, nothing left behind

PROGRAM = """
import asyncio, sys
from llmgine_cli.llm.messages import Request, user
from llmgine_cli.llm.stream import fold
from llmgine_cli.providers.local import LocalProvider

async def main():
    provider = LocalProvider(connect_timeout=10, idle_timeout=60)
    reply = await fold(provider.stream(Request(model=sys.argv[1], messages=(user("Say hello."),))))
    print("answered" if reply.text else "nothing", flush=True)
    if "stay" in sys.argv:
        (task,) = provider._serving.values()
        print(task.result().endpoint.base_url, flush=True)
        await asyncio.Event().wait()
    if "leave" not in sys.argv:
        await provider.aclose()

asyncio.run(main())
"""


def start(*arguments: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-W", "default", "-c", PROGRAM, *arguments],
        stdout=pipe,
        stderr=pipe,
        text=True,
        start_new_session=True,
    )


@real
def test_llama_cpp_prints_nothing(model: str) -> None:
    with start(model) as process:
        said = process.communicate(timeout=120)
    assert (*said, process.returncode) == ("answered\n", "", 0)


@real
def test_a_program_that_leaves_without_closing_takes_the_server_with_it(model: str) -> None:
    with start(model, "leave") as process:
        assert process.stdout
        assert process.stdout.readline() == "answered\n"
        process.communicate(timeout=120)
    assert process.returncode == 0


@real
def test_a_program_that_is_killed_takes_the_server_with_it(model: str) -> None:
    with start(model, "stay") as process:
        assert process.stdout
        assert process.stdout.readline() == "answered\n"
        address = process.stdout.readline().strip()
        assert listens(address)
        process.kill()
    wait_until(lambda: gone(address))


def test_ctrl_c_while_a_model_loads_ends_the_program(tmp_path: Path) -> None:
    # A named pipe is a model that never comes: it begins with the right four bytes, and then there is no more writer.
    slow = tmp_path / "slow.gguf"
    os.mkfifo(slow)
    with start(str(slow)) as process:
        with slow.open("wb") as pipe:
            pipe.write(b"GGUF")
        child = wait_until(lambda: children(process.pid))
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert stderr.splitlines()[-1] == "KeyboardInterrupt"
    wait_until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in child))


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


async def test_closing_ends_a_load_that_would_never_end(provider: LocalProvider, tmp_path: Path) -> None:
    slow = tmp_path / "slow.gguf"
    os.mkfifo(slow)
    writer = asyncio.create_task(asyncio.to_thread(slow.write_bytes, b"GGUF"))
    asking = asyncio.create_task(ask(provider, request(model=str(slow))))
    await asyncio.to_thread(wait_until, lambda: bool(provider._serving))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await writer
    await provider.aclose()


# -- whether it can be used


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout


@real
def test_it_is_installed_when_library_and_weights_are_there_and_neither_is_loaded_to_see(model: str) -> None:
    code = (
        "import sys; from llmgine_cli.providers.local import installed; print(installed(), 'xllamacpp' in sys.modules)"
    )
    assert python(code) == "smollm2-135m False\n"


def test_without_weights_it_is_not_installed() -> None:
    assert installed() is None


@real
def test_without_the_library_it_is_not_installed_and_says_what_to_install(model: str) -> None:
    code = """
import asyncio, sys
sys.modules["xllamacpp"] = None
from llmgine_cli.errors import SettingsError
from llmgine_cli.llm.messages import Request, user
from llmgine_cli.llm.stream import fold
from llmgine_cli.providers.local import LocalProvider, installed

print(installed())
provider = LocalProvider(connect_timeout=10, idle_timeout=60)
try:
    asyncio.run(fold(provider.stream(Request(model="smollm2-135m", messages=(user("hi"),)))))
except SettingsError as error:
    print(error, "|", error.hint)
"""
    assert python(code) == (
        "None\nmodels on this machine need xllamacpp, which is not installed | pip install 'llmgine-cli[local]'\n"
    )
