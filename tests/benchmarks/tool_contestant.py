"""One turn with one tool call, measured in its own environment: ``python tool_contestant.py NAME BASE_URL TURNS``.

Prints one JSON object, case → the milliseconds of a turn, the median of many: a prompt, a model that asks for a tool,
the tool, the answer. `fresh` is the first turn of a conversation, `later` one after twenty questions and answers.
Connections are kept open. Only that one framework is imported.
"""

import asyncio
import inspect
import json
import logging
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

PROMPT = "What is 2 + 40? Use the tool."
ANSWER = "forty-two"
MODEL = "tool-loop"
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}
TOOLS = [{"type": "function", "function": {"name": "add", "description": "Add.", "parameters": SCHEMA}}]
WARM_UP = 30  # turns
EXCHANGES = 20  # questions and answers before a later turn

Turn = Callable[[], Awaitable[str]]
Said = list[tuple[str, str]]  # question, answer


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def as_dicts(said: Said) -> list[Any]:
    """Return what was said before as chat completions have it."""
    return [
        {"role": role, "content": text} for pair in said for role, text in zip(("user", "assistant"), pair, strict=True)
    ]


@asynccontextmanager
async def httpx2(base_url: str, said: Said) -> AsyncIterator[Turn]:
    """The floor: a loop of twenty lines on the HTTP client that we and the SDKs use; answers come whole."""
    import httpx2

    async with httpx2.AsyncClient(headers={"Authorization": "Bearer none"}) as client:

        async def turn() -> str:
            messages = [*as_dicts(said), {"role": "user", "content": PROMPT}]
            while True:
                body = {"model": MODEL, "messages": messages, "tools": TOOLS}
                response = await client.post(f"{base_url}/chat/completions", json=body)
                message = response.json()["choices"][0]["message"]
                if not message.get("tool_calls"):
                    return str(message["content"])
                messages.append(message)
                for call in message["tool_calls"]:
                    result = add(**json.loads(call["function"]["arguments"]))
                    messages.append({"role": "tool", "tool_call_id": call["id"], "content": str(result)})

        yield turn


@asynccontextmanager
async def llmgine(base_url: str, said: Said) -> AsyncIterator[Turn]:
    """Ours as a user runs it: streamed, over the bus, with the event log on disk."""
    os.environ.update(OPENAI_BASE_URL=base_url, OPENAI_API_KEY="none")
    from llmgine_cli.bootstrap import build
    from llmgine_cli.llm.messages import assistant, user
    from llmgine_cli.settings import load

    before = [message for question, answer in said for message in (user(question), assistant(answer))]
    Path("add.py").write_text(inspect.getsource(add), encoding="utf-8")  # noqa: ASYNC240 -- nothing else runs yet
    async with (
        build(load({"tools.approve": "all"})) as app,
        app.conversation(engine="tool_chat", model=f"openai:{MODEL}", tools=["add.py"], messages=before) as talk,
    ):

        async def turn() -> str:
            await talk.history.rewind(len(before))
            return str((await talk.send(PROMPT)).unwrap().text)

        yield turn


@asynccontextmanager
async def openai_sdk(base_url: str, said: Said) -> AsyncIterator[Turn]:
    """The same loop on the official client; answers come whole."""
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=base_url, api_key="none") as client:

        async def turn() -> str:
            messages = [*as_dicts(said), {"role": "user", "content": PROMPT}]
            while True:
                tools: Any = TOOLS
                completion = await client.chat.completions.create(model=MODEL, messages=messages, tools=tools)
                message: Any = completion.choices[0].message
                if not message.tool_calls:
                    return str(message.content)
                messages.append(message)
                for call in message.tool_calls:
                    result = add(**json.loads(call.function.arguments))
                    messages.append({"role": "tool", "tool_call_id": call.id, "content": str(result)})

        yield turn


@asynccontextmanager
async def pydantic_ai(base_url: str, said: Said) -> AsyncIterator[Turn]:
    """An agent of pydantic-ai with a plain tool."""
    from pydantic_ai import Agent
    from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, UserPromptPart
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    agent = Agent(OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=base_url, api_key="none")))
    agent.tool_plain(add)
    before: list[Any] = []
    for question, answer in said:
        before += [ModelRequest(parts=[UserPromptPart(question)]), ModelResponse(parts=[TextPart(answer)])]

    async def turn() -> str:
        return str((await agent.run(PROMPT, message_history=before)).output)

    yield turn


@asynccontextmanager
async def openai_agents(base_url: str, said: Said) -> AsyncIterator[Turn]:
    """An agent of openai-agents with a function tool, its tracing off."""
    from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
    from openai import AsyncOpenAI

    set_tracing_disabled(True)
    client = AsyncOpenAI(base_url=base_url, api_key="none")
    model = OpenAIChatCompletionsModel(model=MODEL, openai_client=client)
    agent = Agent(name="bench", model=model, tools=[function_tool(add)])

    async def turn() -> str:
        return str((await Runner.run(agent, [*as_dicts(said), {"role": "user", "content": PROMPT}])).final_output)

    yield turn


CONTESTANTS = {one.__name__.replace("_", "-"): one for one in (httpx2, llmgine, openai_sdk, pydantic_ai, openai_agents)}


async def measure(turn: Turn, count: int) -> float:
    """Return the milliseconds of a turn.

    Raises:
        RuntimeError: The answer was not the one the model gives.
    """
    times: list[float] = []
    for number in range(WARM_UP + count):
        start = time.perf_counter()
        answer = await turn()
        if number >= WARM_UP:
            times.append(time.perf_counter() - start)
        if answer != ANSWER:
            raise RuntimeError(f"the answer was {answer!r}")
    return statistics.median(times) * 1000


async def main(name: str, base_url: str, turns: int) -> None:
    """Measure one contestant, print the times, and leave."""
    said = [(f"question {number} " * 10, f"answer {number} " * 30) for number in range(EXCHANGES)]
    results: dict[str, float] = {}
    for case, before in (("fresh", []), ("later", said)):
        async with CONTESTANTS[name](base_url, before) as turn:
            results[case] = await measure(turn, turns)
    print(json.dumps(results), flush=True)
    os._exit(0)


if __name__ == "__main__":
    logging.disable()
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
