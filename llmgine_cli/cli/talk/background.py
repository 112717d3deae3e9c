"""While a chat is open, prompts that come due are answered beside it.

They are answered in a process of their own, `llmgine schedule run --once`: such a prompt has its own folder, trust and
approvals, and nobody to ask; nothing of it can touch the chat, and neither Ctrl-C nor the end of the chat stops it
halfway. That process holds the lease, so whatever becomes of the chat, the prompt is answered once.
"""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from llmgine_cli.cli.common import Cli
from llmgine_cli.cli.talk.lines import Lines
from llmgine_cli.errors import LlmgineError

if TYPE_CHECKING:
    from llmgine_cli.bus.schedule import Entry, ScheduleStore

LOOK_AGAIN = 30.0  # seconds after which one looks even if nobody has rung and nothing is due
SHOWN = 20  # columns of a prompt


class Interleaved:
    """Lines that somebody types, and what is said beside them: above the input, or when the answer is there.

    Args:
        cli: Where it is said.
        lines: Where the messages come from.
        logs: The folder of the logs.

    Attributes:
        logs: The folder of the logs.
    """

    def __init__(self, cli: Cli, lines: Lines, logs: Path) -> None:
        self.logs = logs
        self._cli = cli
        self._lines = lines
        self._typing = False
        self._unsaid: list[str] = []

    async def next(self) -> str | None:
        """Wait for the next message; None when there are no more."""
        while self._unsaid:
            self._cli.note(self._unsaid.pop(0))
        self._typing = True
        try:
            return await self._lines.next()
        finally:
            self._typing = False

    def hold(self) -> None:
        """Send nothing of what was typed so far."""
        self._lines.hold()

    async def say(self, text: str) -> None:
        """Say something without disturbing what is typed or answered."""
        if not self._typing:
            self._unsaid.append(text)
            return
        from prompt_toolkit.application import get_app

        # Not through prompt_toolkit's own `run_in_terminal`: it lets go of the terminal meanwhile, so that keys which
        # come just then are shown in the middle of it, and Enter begins a new line of the message.
        app = get_app()
        app.renderer.erase()
        self._cli.note(text)
        app.renderer.request_absolute_cursor_position()
        app.invalidate()


@asynccontextmanager
async def prompts_answered(cli: Cli, lines: Lines, logs: Path) -> AsyncGenerator[Lines]:
    """Have prompts that come due answered, and say so in one line each.

    Args:
        cli: Where to say it.
        lines: Where the chat's messages come from; it takes them from what this yields.
        logs: The folder of the logs.
    """
    beside = Interleaved(cli, lines, logs)
    task = asyncio.create_task(_answer(beside))
    try:
        yield beside
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _answer(beside: Interleaved) -> None:
    from llmgine_cli.bus.schedule import ScheduleStore
    from llmgine_cli.places import schedule_file

    store = ScheduleStore(schedule_file())
    try:
        await _watch(store, beside)
    except LlmgineError as error:  # the chat can do without
        await beside.say(f"prompts that come due are not answered here: {error}")
    finally:
        store.close()


async def _watch(store: "ScheduleStore", beside: Interleaved) -> None:
    from llmgine_cli.bus.schedule.wake import Bell
    from llmgine_cli.cli.talk.later import QUEUE

    rung = asyncio.Event()
    bell = Bell(store.bells, asyncio.get_running_loop(), rung.set)
    try:
        while True:
            rung.clear()
            seconds = await asyncio.to_thread(store.wait, QUEUE) if store.path.exists() else None
            if seconds is not None and seconds <= 0 and await _have_answered(store, beside):
                continue
            # What is due and was not answered is in somebody else's hands.
            pause = LOOK_AGAIN if seconds is None or seconds <= 0 else min(seconds, LOOK_AGAIN)
            with suppress(TimeoutError):
                await asyncio.wait_for(rung.wait(), pause)
    finally:
        bell.close()


async def _have_answered(store: "ScheduleStore", beside: Interleaved) -> bool:
    """Have what is due answered; say what came of it, and whether anything did."""
    begun = time.time()
    await _worker()
    entries = await asyncio.to_thread(store.entries)
    ended = [entry for entry in entries if (entry.finished or 0.0) >= begun and entry.state in ("done", "failed")]
    for entry in ended:
        await beside.say(_told(entry, beside.logs))
    return bool(ended)


async def _worker() -> None:
    """Run a worker to its end. It outlives us: nobody reads what it prints, and our terminal sends it no signals."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    process = subprocess.Popen(  # noqa: ASYNC220 -- asyncio would kill it when we end
        [sys.executable, "-P", "-m", "llmgine_cli", "schedule", "run", "--once", "--quiet"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def wait() -> None:
        process.wait()
        with suppress(RuntimeError):  # the chat was left meanwhile
            loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=wait, daemon=True).start()
    await ended.wait()


def _told(entry: "Entry", logs: Path) -> str:
    from llmgine_cli.cli.screen.spinner import clip
    from llmgine_cli.cli.talk.later import job_of
    from llmgine_cli.eventlog.glance import short
    from llmgine_cli.eventlog.reader import files

    job = job_of(entry)
    about = f"prompt {entry.number}" + (f" ({clip(job.line, SHOWN)})" if job else "")
    if entry.state == "failed":
        return f"{about} failed: {entry.error}"
    handle = short(entry.session_id or "", (file.session for file in files(logs)))
    return f"{about} is answered: llmgine chat --session {handle}"
