"""Logs as large as one likes, written through our own codec: what real sessions look like, the same at every run."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from llmgine_cli.bus import CommandFinished, CommandStarted, Event, SessionEnded, SessionStarted
from llmgine_cli.engine import Prompt
from llmgine_cli.eventlog.codec import encode
from llmgine_cli.llm.events import LLMCallFailed, LLMCallFinished, LLMCallStarted, MessageAdded
from llmgine_cli.llm.messages import Message, ToolCall, ToolResult, assistant, user
from llmgine_cli.llm.stream import Reply, Usage
from llmgine_cli.toolkit.messages import ToolCallFinished, ToolCallStarted

START = 1_795_000_000_000_000_000  # nanoseconds since 1970
MODELS = ("openai:gpt-4o", "anthropic:claude-sonnet-4-5", "gemini:gemini-2.5-flash", "local:smollm2-135m")
TOOLS = ("read_file", "search_files", "run_command", "calculate")
RARE = "quetzalcoatlus"
"""A word that stands in one message of a log."""

_TEXT = """
the a of to and in that it is was for with as on be at by this from or an which you were we have are not but all
file function returns value error request response token model server client path name list index test module
because however therefore should could would about after before between without within através größe naïve 東京
"""
_WORDS = _TEXT.split()


class Story:
    """Makes up sessions.

    Args:
        seed: The same one makes the same sessions.
    """

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._texts = [self._text(self._random.randint(20, 700)) for _ in range(400)]
        self._clock = START
        self._count = 0

    def session(self, turns: int) -> Iterator[Event]:
        """Yield the events of a session of so many turns."""
        self._count += 1
        name = f"{self._clock:016x}{self._count & 0xFFFFF:05x}abcdef"
        yield self._at(SessionStarted(session_id=name))
        for _ in range(turns):
            yield from self._turn(name)
        yield self._at(SessionEnded(session_id=name, duration_ms=turns * 2000.0))

    def _turn(self, name: str) -> Iterator[Event]:
        question, answer = self._random.choice(self._texts), self._random.choice(self._texts)
        prompt = Prompt(text=question, session_id=name, time_ns=self._clock)
        yield self._at(CommandStarted(session_id=name, parent_id=prompt.command_id, command=prompt))
        yield self._at(MessageAdded(session_id=name, parent_id=prompt.command_id, message=user(question)))
        model = self._random.choices(MODELS, (50, 30, 15, 5))[0]
        if self._random.random() < 0.4:
            yield from self._tool(name, prompt.command_id)
        call = LLMCallStarted(session_id=name, parent_id=prompt.command_id, model=model, history=3, tools=TOOLS)
        yield self._at(call)
        took = self._random.lognormvariate(7, 0.8)
        if self._random.random() < 0.02:
            yield self._at(
                LLMCallFailed(
                    session_id=name, parent_id=prompt.command_id, call_id=call.event_id, model=model,
                    partial=assistant(""),
                    error="the vendor asks us to slow down", error_type="RateLimitedError", duration_ms=took,
                )
            )  # fmt: skip
        else:
            yield from self._answer(name, prompt.command_id, call, answer, took)
        yield self._at(
            CommandFinished(
                session_id=name, parent_id=prompt.command_id, command_type="Prompt", success=True, duration_ms=took
            )
        )

    def _answer(self, name: str, parent: str, call: LLMCallStarted, answer: str, took: float) -> Iterator[Event]:
        usage = Usage(input_tokens=self._random.randint(200, 20_000), output_tokens=len(answer) // 4, cached_tokens=128)
        reply = Reply(message=assistant(answer), finish_reason="stop", usage=usage, model=call.model.partition(":")[2])
        yield self._at(
            LLMCallFinished(
                session_id=name, parent_id=parent, call_id=call.event_id, model=call.model, reply=reply,
                duration_ms=took, first_token_ms=took / 3,
            )
        )  # fmt: skip
        yield self._at(MessageAdded(session_id=name, parent_id=parent, message=assistant(answer)))

    def _tool(self, name: str, parent: str) -> Iterator[Event]:
        tool, text = self._random.choice(TOOLS), self._random.choice(self._texts)
        call = ToolCall(id="call_1", name=tool, arguments='{"path": "src/main.py", "limit": 200}')
        result = ToolResult(call_id=call.id, name=tool, content=text, is_error=self._random.random() < 0.05)
        yield self._at(ToolCallStarted(session_id=name, parent_id=parent, call=call))
        took = self._random.lognormvariate(3, 1)
        yield self._at(ToolCallFinished(session_id=name, parent_id=parent, call=call, result=result, duration_ms=took))
        yield self._at(MessageAdded(session_id=name, parent_id=parent, message=Message("tool", (result,))))

    def _at(self, event: Event) -> Event:
        self._clock += self._random.randint(1_000_000, 900_000_000)
        return replace(event, time_ns=self._clock)

    def _text(self, words: int) -> str:
        parts = (
            self._random.choice(_WORDS) + self._random.choice((" ", " ", " ", " ", ", ", ". ", ".\n"))
            for _ in range(words)
        )
        return "".join(parts)


def write_file(path: Path, size: int, *, turns: int = 40) -> str:
    """Write one file of many sessions, of at least so many bytes, with `RARE` in the middle; return a session's id."""
    story, written, rare, last = Story(), 0, False, ""
    with path.open("wb", buffering=1 << 20) as file:
        while written < size:
            for event in story.session(turns):
                if not rare and written > size // 2 and isinstance(event, MessageAdded):
                    event, rare = replace(event, message=user(f"What is a {RARE}?")), True  # noqa: PLW2901 -- this one
                written += file.write(encode(event))
                last = event.session_id or last
    return last


def write_folder(folder: Path, count: int, *, turns: int = 2) -> None:
    """Write so many sessions, a file each, as the writer names them."""
    from llmgine_cli.eventlog.writer import EventLog

    story, log = Story(), EventLog(folder)
    for _ in range(count):
        for event in story.session(turns):
            log.write(event)
