"""Runs prompts that are due, one after the other, each in the folder it was scheduled in and in a session of its own.

They run in the process that has their lease: when it dies, they die with it, and another process may run them again
without two of them ever running at once.
"""

import asyncio
import errno
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmgine_cli.bus import Event, new_id
from llmgine_cli.bus.schedule import Entry, GiveUpError, HaltError, Scheduler, ScheduleStore, Terms
from llmgine_cli.cli.common import Cli
from llmgine_cli.cli.sanitize import safe_json
from llmgine_cli.cli.talk.later import QUEUE, PromptDue
from llmgine_cli.errors import LlmgineError, ProviderError, StorageError, UsageError

if TYPE_CHECKING:
    from llmgine_cli.settings import Settings

UNWRITTEN = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}  # what stdout may meet
DELAY = 60.0  # seconds before the second attempt, when a model failed that may not fail again
SHOWN = 60  # columns of a prompt


class Errands:
    """What a worker does with the prompts it is given.

    Args:
        cli: Where answers go.
        store: The schedule.
        as_json: Print each answer as a line of JSON.

    Attributes:
        code: The exit code of the first that failed; 0 while none did.
    """

    def __init__(self, cli: Cli, store: ScheduleStore, *, as_json: bool) -> None:
        self.code = 0
        self._cli = cli
        self._store = store
        self._as_json = as_json
        self._owner = ""

    def scheduler(self) -> Scheduler:
        """Return what takes prompts from the schedule and has them done here."""
        from llmgine_cli.eventlog.codec import decode, encode

        # One at a time: the folder one runs in is the process's.
        terms = Terms(together=1, delay=DELAY)
        made = Scheduler(
            self._store,
            self._do,
            encode=encode,
            decode=decode,
            queue=QUEUE,
            takes_unknown=lambda: True,  # to say what is the matter with it
            failed=self._tell,
            terms=terms,
        )
        self._owner = made.owner
        return made

    async def _do(self, event: Event, entry: Entry) -> None:
        """Answer one prompt.

        Raises:
            ProviderError: The model failed, and may not fail the next time.
            GiveUpError: It failed, and would fail again.
        """
        if not isinstance(event, PromptDue):
            raise GiveUpError("it was scheduled by another version of llmgine")
        session_id = new_id()
        await asyncio.to_thread(self._store.runs_in, entry.number, self._owner, session_id)
        try:
            await self._answer(event, entry, session_id)
            sys.stdout.flush()
        except LlmgineError as error:
            self.code = self.code or error.exit_code
            reason = f"{error.message} ({error.hint})" if error.hint else error.message
            if isinstance(error, ProviderError) and error.retryable:
                raise ProviderError(reason) from error
            raise GiveUpError(reason) from error
        except OSError as error:
            if error.errno in UNWRITTEN:
                raise HaltError("the answers cannot be written") from error
            raise GiveUpError(str(error)) from error

    async def _answer(self, job: PromptDue, entry: Entry, session_id: str) -> None:
        from llmgine_cli.cli.screen.spinner import clip

        try:
            os.chdir(job.folder)
        except OSError as error:
            raise UsageError(f"its folder {job.folder} is not there any more: {error.strerror}") from error
        self._cli.note(f"{entry.number}: {clip(job.line, SHOWN)} ({job.model}, session {session_id})")
        settings = self._cli.settings(
            {**job.overrides, "tools.approve": job.approve, **({} if job.log else {"log.enabled": False})}
        )
        await self._converse(job, entry, settings, session_id)

    async def _converse(self, job: PromptDue, entry: Entry, settings: "Settings", session_id: str) -> None:
        from llmgine_cli.bootstrap import build
        from llmgine_cli.cli.enginefault import explained
        from llmgine_cli.cli.run import facts, tell_ungranted
        from llmgine_cli.cli.screen.screen import Screen
        from llmgine_cli.cli.talk.account import Account
        from llmgine_cli.cli.talk.opening import open_talk

        async with build(settings, on_log_failure=self._log_failed, tell=self._cli.warn) as app:
            screen = Screen(self._cli, answer=not self._as_json)
            account = Account()
            screen.attach(app.bus)
            account.attach(app.bus)
            try:
                async with open_talk(self._cli, app, job.opening, session_id=session_id) as talk:
                    screen.await_form(talk.conversation.shape)
                    await app.bus.publish(replace(job, session_id=session_id))
                    outcome = await talk.put(job.turn)
            finally:
                await screen.finish()
            if outcome.error is not None:
                raise explained(talk.conversation.engine, outcome.error)
            if self._as_json:
                about: dict[str, Any] = {"id": entry.number, "prompt": job.line, "state": "done"}
                self._line({**about, **facts(talk.conversation, outcome.result, account)})
            else:
                screen.show_result(outcome.result)
            for remark in account.remarks(outcome.result):
                self._cli.note(remark)
            tell_ungranted(self._cli, talk.conversation, outcome.result)
            if talk.conversation.denied:
                self.code = self.code or 4

    async def _tell(self, entry: Entry, reason: str, delay: float | None) -> None:
        """Say that an attempt has failed."""
        from llmgine_cli.cli.talk.later import job_of

        self.code = self.code or 1  # those that killed their worker come here only
        if self._as_json:
            job = job_of(entry)
            prompt = job.line if job else None
            state = "failed" if delay is None else "waiting"
            self._line({"id": entry.number, "prompt": prompt, "state": state, "error": reason})
        elif delay is None:
            self._cli.warn(f"{entry.number} failed: {reason}")
        else:
            self._cli.warn(f"{entry.number} is tried again in {delay:g} s: {reason}")

    def _log_failed(self, error: StorageError) -> None:
        self.code = self.code or error.exit_code
        self._cli.warn(f"{error}; the prompt goes on without a log")

    def _line(self, value: dict[str, Any]) -> None:
        from json import dumps

        sys.stdout.write(safe_json(dumps(value, ensure_ascii=False, default=str)) + "\n")
        sys.stdout.flush()


def keep_places() -> None:
    """Have the folders that are named from where we stand stay the same when we go elsewhere."""
    for name in ("LLMGINE_HOME", "LLMGINE_CONFIG"):
        if named := os.environ.get(name):
            os.environ[name] = str(Path(named).expanduser().absolute())
