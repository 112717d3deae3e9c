"""What was said and done is found, once, with what happened around it."""

import re
from collections.abc import Iterable
from pathlib import Path

from llmgine_cli.bus import CommandStarted, Event
from llmgine_cli.engine import Prompt
from llmgine_cli.eventlog.codec import encode
from llmgine_cli.eventlog.filters import Filter
from llmgine_cli.eventlog.queries.search import Hit, Passage, Search, passages
from llmgine_cli.eventlog.record import Record
from llmgine_cli.llm.events import LLMCallFinished, MessageAdded
from llmgine_cli.llm.messages import Message, ToolCall, ToolResult, assistant, user
from llmgine_cli.llm.stream import Reply
from llmgine_cli.toolkit.messages import ToolCallFinished
from tests.support.messages import Pong


def search(folder: Path, *events: Event, text: str, context: int = 0, raw: bool = False) -> list[Hit]:
    path = folder / "log.jsonl"
    path.write_bytes(b"".join(map(encode, events)))
    return list(Search(path, Filter(text=text, raw=raw), context))


def pongs(*texts: str) -> list[Pong]:
    return [Pong(text=text) for text in texts]


def told(records: Iterable[Record]) -> list[str]:
    return [record.data["text"] for record in records]


def test_readable_texts_are_searched_and_ids_and_names_of_fields_are_not(tmp_path: Path) -> None:
    call = ToolCall(id="call_77", name="read_file", arguments='{"path": "notes.md"}')
    result = ToolResult(call_id="call_77", name="read_file", content="the harbour")
    event = ToolCallFinished(session_id="abc", call=call, result=result, duration_ms=1)

    for text in ("read_file", '"notes.md"', "harbour"):
        assert search(tmp_path, event, text=text), text
    for text in ("call_77", "ToolCallFinished", "tool_call", "content", "abc", "duration_ms", "call_id", "timestamp"):
        assert not search(tmp_path, event, text=text), text
        assert text == "tool_call" or search(tmp_path, event, text=text, raw=True), text


def test_what_stands_in_several_events_is_told_once(tmp_path: Path) -> None:
    reply = Reply(message=assistant("It is noon."), finish_reason="stop")
    hits = search(
        tmp_path,
        CommandStarted(command=Prompt(text="Is it noon?")),
        MessageAdded(message=user("Is it noon?")),
        LLMCallFinished(call_id="c", model="m", reply=reply, duration_ms=1),
        MessageAdded(message=assistant("It is noon.")),
        MessageAdded(message=Message("assistant", ())),
        MessageAdded(message=user("And noon tomorrow?")),
        text="noon",
    )

    assert [hit.record.type for hit in hits] == ["CommandStarted", "LLMCallFinished", "MessageAdded"]


def test_each_line_with_a_match_is_a_passage_with_all_its_places() -> None:
    text = "one two one\nnothing\nand one"

    assert list(passages(text, re.compile("one"))) == [
        Passage("one two one", ((0, 3), (8, 11))),
        Passage("and one", ((4, 7),)),
    ]
    assert list(passages(text, re.compile(r"two[\s\S]*and"))) == [Passage("one two one", ((4, 11),))]
    assert list(passages("", re.compile("x"))) == []
    assert list(passages("ab", re.compile("x*"))) == [Passage("ab", ((0, 0), (1, 1), (2, 2)))]


def test_context_is_told_once_and_never_beyond_the_next_find(tmp_path: Path) -> None:
    hits = search(tmp_path, *pongs("a", "b", "X1", "c", "X2", "d", "e", "f", "g", "X3"), text="X", context=2)

    assert [(told(hit.before), hit.record.data["text"], told(hit.after)) for hit in hits] == [
        (["a", "b"], "X1", ["c"]),
        ([], "X2", ["d", "e"]),
        (["f", "g"], "X3", []),
    ]
