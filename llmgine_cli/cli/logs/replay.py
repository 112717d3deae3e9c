"""`llmgine logs replay`."""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from llmgine_cli.cli.common import Cli, command
from llmgine_cli.cli.logs.chosen import Session, chosen, events
from llmgine_cli.cli.logs.group import Folder, SessionName, app
from llmgine_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from llmgine_cli.bus import Event
    from llmgine_cli.cli.screen.screen import Screen
    from llmgine_cli.eventlog.views.pace import Beat


@command(app)
def replay(
    cli: Cli,
    session: Session = None,
    *,
    named: SessionName = None,
    speed: Annotated[str, typer.Option("--speed", metavar="N", help="Times as fast as it was; max: at once.")] = "1",
    max_pause: Annotated[
        float, typer.Option("--max-pause", metavar="SECONDS", min=0, help="The longest pause.", show_default=True)
    ] = 2.0,
    folder: Folder = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the events instead, one a line, each at its time.")
    ] = False,
) -> None:
    """Show a session again as it was on the screen then, pauses included.

    Nothing is asked of a model or of you, no tool runs, and nothing is written to any log.
    """
    factor = _speed(speed)
    path = chosen(cli, session, named, folder)
    from llmgine_cli.eventlog.views.pace import beats

    import_module("llmgine_cli.toolkit.messages")  # what tools did is read back as types that must be known
    shown = beats(list(events(cli, path)))
    play = _print if as_json else _play
    cli.run(play(cli, _in_time(shown, speed=factor, most=max_pause)))


async def _in_time(shown: "list[Beat]", *, speed: float, most: float) -> "AsyncGenerator[Event]":
    import asyncio

    from llmgine_cli.eventlog.views.pace import pauses

    begin, waited = asyncio.get_running_loop().time(), 0.0
    for pause, event in pauses(shown, speed=speed, most=most):
        waited += pause
        # Against the clock, so that the time that showing takes does not add up.
        await asyncio.sleep(max(0.0, begin + waited - asyncio.get_running_loop().time()))
        yield event


async def _play(cli: Cli, happening: "AsyncGenerator[Event]") -> None:
    from llmgine_cli.bus import Bus
    from llmgine_cli.cli.screen.screen import Screen

    bus = Bus()
    screen = Screen(cli)
    screen.attach(bus)
    narrator = _Narrator(cli, screen)
    try:
        async for event in happening:
            await narrator.tell(event)
            await bus.publish(event)
    finally:
        await screen.finish()


async def _print(_: Cli, happening: "AsyncGenerator[Event]") -> None:
    from llmgine_cli.cli.sanitize import safe_json
    from llmgine_cli.eventlog.codec import encode

    async for event in happening:
        sys.stdout.write(safe_json(encode(event).decode()))
        sys.stdout.flush()


class _Narrator:
    """Shows what a screen does not: what was typed, and what the program said itself; all of it on stderr."""

    def __init__(self, cli: Cli, screen: "Screen") -> None:
        self._cli = cli
        self._screen = screen
        self._began = False
        self._told = ""

    async def tell(self, event: "Event") -> None:
        """Say what there is to say before this event is shown."""
        from llmgine_cli.bus import CommandFinished
        from llmgine_cli.eventlog.views.story import plain_text
        from llmgine_cli.llm.events import HistoryRewound, LLMCallFailed, LLMCallInterrupted, MessageAdded

        match event:
            case MessageAdded(message=message) if message.role == "user":
                text = "\n".join(f"> {line}" for line in plain_text(message).split("\n"))
                await self._say(f"\n{text}\n" if self._began else f"{text}\n")
                self._began = True
            case LLMCallFailed(error=error) | CommandFinished(success=False, cancelled=False, error=str(error)):
                if error != self._told:  # the call fails, and then for the same reason the turn
                    await self._say(f"llmgine: {error}")
                self._told = error
            case LLMCallInterrupted():
                await self._say("stopped")
            case HistoryRewound(kept=0):
                await self._say("the conversation begins anew")
            case _:
                self._told = ""

    async def _say(self, text: str) -> None:
        await self._screen.finish()
        self._cli.note(text)
        sys.stderr.flush()


def _speed(text: str) -> float:
    try:
        speed = 0.0 if text == "max" else float(text)
    except ValueError:
        speed = -1.0
    if not 0 <= speed < float("inf"):
        raise UsageError(f"--speed {text} is no speed", hint="2 is twice as fast, 0.5 half as fast, max at once")
    return speed
