"""The bus that remembers."""

from dataclasses import dataclass

from llmgine_cli.bus import Command, Event
from llmgine_cli.testing import Recorder, RecordingBus


@dataclass(frozen=True, kw_only=True)
class Ring(Command[str]):
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Chime(Event):
    text: str = ""


async def test_every_event_is_kept_before_anybody_acts_on_it(recording_bus: RecordingBus) -> None:
    kept: list[int] = []
    recording_bus.subscribe(Chime, lambda chime: kept.append(len(recording_bus.events)), first=True)
    await recording_bus.publish(Chime(text="a"))
    async with recording_bus.session("s"):
        await recording_bus.publish(Chime(text="b"))
    assert kept == [1, 3]
    assert recording_bus.names == ["Chime", "SessionStarted", "Chime", "SessionEnded"]
    assert [chime.text for chime in recording_bus.only(Chime)] == ["a", "b"]


async def test_commands_are_kept_in_the_order_of_their_execution(recording_bus: RecordingBus) -> None:
    recording_bus.register(Ring, lambda command: command.text)
    rings = [Ring(text="a"), Ring(text="b")]
    for ring in rings:
        await recording_bus.execute(ring)
    assert recording_bus.commands == rings


async def test_a_recorder_keeps_what_it_listens_to(recording_bus: RecordingBus) -> None:
    all_of_s, chimes = Recorder(recording_bus, session_id="s"), Recorder(recording_bus, Chime)
    async with recording_bus.session("s"):
        await recording_bus.publish(Chime(session_id="other"))
    assert all_of_s.names == ["SessionStarted", "SessionEnded"]
    assert chimes.names == ["Chime"]
