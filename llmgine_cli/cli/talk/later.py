"""Prompts that run later: what is settled when one is put into the schedule, and how.

Settled now: the text, with the template filled in; the system message; the engine, the model and the tools, by name;
the options; what the command line says of retries, time limits and fallbacks; which tool calls may run; whether it is
logged; the folder. Read when it runs: the settings of that folder and of the user, keys, and the code of engines and
tools, which must be trusted then as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from llmgine_cli.bus import Event
from llmgine_cli.cli.common import Cli
from llmgine_cli.cli.talk.moments import When, shown
from llmgine_cli.cli.talk.opening import Talk, Turn, open_talk
from llmgine_cli.cli.talk.options import Opening
from llmgine_cli.errors import UsageError
from llmgine_cli.llm.messages import File, Image, Message, Part, named

if TYPE_CHECKING:
    from llmgine_cli.bus.schedule import Entry, ScheduleStore
    from llmgine_cli.settings import Settings

QUEUE = "prompts"
Approve = Literal["ask", "auto-read", "all", "none"]


@dataclass(frozen=True, kw_only=True)
class PromptDue(Event):
    """A prompt that was put off is due.

    Attributes:
        text: What the user says; empty when `messages` says it all.
        system: The system message.
        messages: Messages that come before the text, as a template wrote them.
        attachments: What goes with it.
        schema: JSON Schema of the answer; None: any text, or with `is_json` any JSON object.
        is_json: Whether the answer must be JSON.
        many: Whether it must be a list of what the schema says.
        engine: The engine's name, or the path of its file.
        model: `provider:model`.
        tools: What is granted: names, or paths of files.
        options: Of the engine and the model.
        stream: Whether the answer comes in pieces.
        overrides: Settings about how models are called that the command line gave, by dotted key.
        approve: Which tool calls run; nobody can be asked.
        log: Whether it is logged.
        folder: Where it runs: its project's settings, engines and tools count.
    """

    text: str
    system: str | None = None
    messages: tuple[Message, ...] = ()
    attachments: tuple[Part, ...] = ()
    schema: Mapping[str, Any] | None = None
    is_json: bool = False
    many: bool = False
    engine: str
    model: str
    tools: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    stream: bool = True
    overrides: Mapping[str, Any] = field(default_factory=dict[str, Any])
    approve: Approve
    log: bool = True
    folder: Path

    @property
    def opening(self) -> Opening:
        """How its conversation is opened."""
        from llmgine_cli.structured.shape import Shape

        return Opening(
            engine=self.engine,
            model=self.model,
            tools=self.tools,
            options=dict(self.options),
            stream=self.stream,
            shape=Shape(schema=self.schema, many=self.many) if self.is_json else None,
        )

    @property
    def turn(self) -> Turn:
        """What is said in it."""
        return Turn(text=self.text, system=self.system, messages=self.messages, attachments=self.attachments)

    @property
    def line(self) -> str:
        """What it asks, in one line, for people to see: what is shaped like a key is left out."""
        from llmgine_cli.eventlog.redact import Redactor

        said = self.text or next((message.text for message in reversed(self.messages) if message.text), "")
        return " ".join(Redactor().text(said).split())


def put_off(
    cli: Cli, settings: "Settings", opening: Opening, text: str, *, when: When, asks: bool, as_json: bool
) -> None:
    """Put a prompt into the schedule, and print its id once it is on disk.

    Args:
        cli: Where to print.
        settings: With the flags that are settings too.
        opening: What was asked for.
        text: The prompt.
        when: When it is due.
        asks: Whether it was said for this prompt which tool calls may run.
        as_json: Print all about it.

    Raises:
        UsageError: There are tools, and nobody said which of their calls may run; or as `open_talk`.
        StorageError: It could not be kept.
    """
    from llmgine_cli.bus.schedule import ScheduleStore
    from llmgine_cli.places import schedule_file

    if opening.tools and settings.tools.approve == "ask" and not asks:
        raise UsageError(
            "nobody can be asked when it runs: say now which tool calls may run then",
            hint="--approve auto-read, all or none; --approve ask lets those run that you approved for good",
        )
    job = cli.run(_settle(cli, settings, opening, text))
    store = ScheduleStore(schedule_file())
    try:
        number = keep(store, job, when)
        entry = store.find(str(number))
    finally:
        store.close()
    if as_json and entry is not None:
        cli.json(as_facts(entry, job))
    else:
        cli.print(str(number))
    due = shown(when.moment(datetime.now().astimezone()))
    cli.note(f"due {due}; llmgine schedule run answers it then, and so does a chat that is open")


def keep(store: "ScheduleStore", job: PromptDue, when: When) -> int:
    """Put a prompt into a schedule; return its number.

    Raises:
        StorageError: It could not be kept.
    """
    from llmgine_cli.eventlog.codec import encode

    return store.add(
        encode(job),
        event_id=job.event_id,
        event_type=type(job).__name__,
        queue=QUEUE,
        at=when.at.timestamp() if when.at else None,
        after=when.after or 0.0,
    )


def job_of(entry: "Entry") -> PromptDue | None:
    """Return the prompt of an entry; None where it is something else, or cannot be read."""
    from llmgine_cli.errors import LlmgineError
    from llmgine_cli.eventlog.codec import decode

    try:
        event = decode(entry.event)
    except LlmgineError:
        return None
    return event if isinstance(event, PromptDue) else None


def as_facts(entry: "Entry", job: PromptDue | None) -> dict[str, Any]:
    """All about an entry, for programs; times in ISO 8601, UTC."""

    def iso(seconds: float | None) -> str | None:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")

    facts: dict[str, Any] = {
        "id": entry.number,
        "event_id": entry.id,
        "queue": entry.queue,
        "type": entry.type,
        "due": iso(entry.due),
        "state": entry.state,
        "attempts": entry.attempts,
        "session_id": entry.session_id,
        "error": entry.error,
        "created": iso(entry.created),
        "finished": iso(entry.finished),
    }
    if job is not None:
        facts |= {
            "prompt": job.line,
            "engine": job.engine,
            "model": job.model,
            "tools": list(job.tools),
            "approve": job.approve,
            "options": dict(job.options),
            "overrides": dict(job.overrides),
            "attachments": [named(part) for part in job.attachments if isinstance(part, Image | File)],
            "schema": job.schema,
            "folder": str(job.folder),
        }
    return facts


async def _settle(cli: Cli, settings: "Settings", opening: Opening, text: str) -> PromptDue:
    """Open the conversation as it will be opened, so that what is wrong is told now, and say nothing in it."""
    from msgspec.structs import replace

    from llmgine_cli.bootstrap import build

    # Nothing happens yet that would be worth a log.
    quiet = replace(settings, log=replace(settings.log, enabled=False))
    async with build(quiet) as app, open_talk(cli, app, opening) as talk:
        turn = talk.compose(text)
        talk.tell_model()
        return _job(settings, opening, talk, turn)


def _job(settings: "Settings", opening: Opening, talk: Talk, turn: Turn) -> PromptDue:
    shape = talk.conversation.shape
    return PromptDue(
        session_id=None,
        parent_id=None,
        text=turn.text,
        system=turn.system,
        messages=turn.messages,
        attachments=turn.attachments,
        schema=shape.schema if shape else None,  # of a model, too: it is not imported again
        is_json=shape is not None,
        many=shape is not None and shape.many,
        engine=_settled(talk.engine),
        model=str(talk.conversation.model),
        tools=tuple(_settled(name) for name in opening.tools),
        options=talk.options,
        stream=opening.stream,
        overrides=opening.overrides,
        approve=settings.tools.approve,
        log=settings.log.enabled,
        folder=Path.cwd(),
    )


def _settled(name: str) -> str:
    """A name as it is; the path of a file in full."""
    from llmgine_cli.plugins import names_a_file

    return str(Path(name).expanduser().resolve()) if names_a_file(name) else name
