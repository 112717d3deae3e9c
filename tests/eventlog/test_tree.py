"""Guides that show what happened inside what."""

import json

from llmgine_cli.bus import Bus, Event
from llmgine_cli.eventlog.codec import encode
from llmgine_cli.eventlog.reader import Record
from llmgine_cli.eventlog.tree import REMEMBERED, Tree
from tests.support.messages import Fetch, Pong


async def lines() -> list[Record]:
    bus = Bus()
    found: list[Record] = []

    def keep(event: Event) -> None:
        line = encode(event)
        found.append(Record(line, json.loads(line)))

    async def fetch(command: Fetch) -> None:
        await bus.publish(Pong(text=command.url))
        if command.tries:
            await bus.execute(Fetch(url="inner", tries=command.tries - 1))

    async def echo(event: Pong) -> None:
        if event.text == "inner":
            await bus.publish(Pong(text="because of it"))

    bus.subscribe(Event, keep, first=True)
    async with bus.session() as session:
        session.register(Fetch, fetch)
        session.subscribe(Pong, echo)
        await session.execute(Fetch(url="outer", tries=1))
    return found


def drawn(records: list[Record], tree: Tree | None = None) -> list[str]:
    tree = tree or Tree()
    return [f"{tree.guides(record)}{record.type}" for record in records]


async def test_commands_are_drawn_around_what_happens_in_them() -> None:
    assert drawn(await lines()) == [
        "SessionStarted",
        "┌ CommandStarted",
        "│ Pong",
        "│ ┌ CommandStarted",
        "│ │ Pong",
        "│ │ ╰ Pong",
        "│ └ CommandFinished",
        "└ CommandFinished",
        "SessionEnded",
    ]


async def test_a_tree_that_begins_in_the_middle_stands_as_if_its_first_command_were_open() -> None:
    records = (await lines())[4:]

    assert drawn(records) == [
        "│ Pong",
        "│ ╰ Pong",
        "└ CommandFinished",
        "└ CommandFinished",
        "SessionEnded",
    ]


async def test_what_came_before_can_be_learned() -> None:
    records = await lines()
    tree = Tree()
    drawn(records[:4], tree)

    assert drawn(records[4:6], tree) == ["│ │ Pong", "│ │ ╰ Pong"]


def test_following_for_ever_does_not_fill_the_memory() -> None:
    tree = Tree()
    for number in range(REMEMBERED + 100):
        tree.guides(Record(b"", {"event_type": "Pong", "event_id": str(number), "parent_id": None}))

    assert len(tree._events) == REMEMBERED
