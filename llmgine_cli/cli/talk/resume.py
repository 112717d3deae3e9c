"""Going on with an earlier conversation: which one, in its own session or in a new one, and how to come back to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from llmgine_cli.cli.common import Cli
from llmgine_cli.cli.complete import complete_session
from llmgine_cli.errors import LlmgineError, UsageError

if TYPE_CHECKING:
    from llmgine_cli.bootstrap import Application
    from llmgine_cli.conversation import Conversation
    from llmgine_cli.eventlog.conversation import Earlier
    from llmgine_cli.llm.messages import Message
    from llmgine_cli.settings import Settings

LOOKED_AT = 50  # files; a session in which nothing was said is passed over, but not for ever
SHOWN = 60  # columns of the last question
PLAIN_ENGINE = "single_pass"

Continue = Annotated[bool, typer.Option("-c", "--continue", help="Go on with the latest conversation.")]
SessionRef = Annotated[
    str | None,
    typer.Option(
        "--session",
        "--cid",
        metavar="SESSION",
        help="Go on with this conversation: its name, its id or a part of it.",
        autocompletion=complete_session,
    ),
]
Fork = Annotated[bool, typer.Option("--fork", help="Go on in a new session, and leave the earlier one as it is.")]
SessionName = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="Call the session so; --session NAME goes on with it.")
]


@dataclass(frozen=True, kw_only=True)
class Resuming:
    """The options about earlier conversations that `run` and `chat` share, as they were typed."""

    go_on: Continue = False
    session: SessionRef = None
    fork: Fork = False
    name: SessionName = None

    @property
    def said(self) -> bool:
        """Whether any of them was given."""
        return self.go_on or self.session is not None or self.fork or self.name is not None


@dataclass(frozen=True, kw_only=True)
class GoingOn:
    """What the command line says about earlier conversations.

    Attributes:
        path: The log of the one to go on with; None: begin a new one.
        fork: Whether to leave its session as it is.
        name: How to call the session from now on.
        guessed: Whether the user did not name it in full, so that which one it is should be told.
    """

    path: Path | None = None
    fork: bool = False
    name: str | None = None
    guessed: bool = False


def read_going_on(settings: "Settings", resuming: Resuming) -> GoingOn:
    """Return what the options say that `run` and `chat` share.

    Raises:
        UsageError: They contradict each other, or there is nothing to go on with.
        NotFoundError: There is no such session.
        StorageError: The logs cannot be read.
    """
    from llmgine_cli.eventlog import names
    from llmgine_cli.eventlog.reader import find, is_whole

    if resuming.go_on and resuming.session is not None:
        raise UsageError("--continue and --session exclude each other", hint="--session names one conversation")
    if resuming.fork and not resuming.go_on and resuming.session is None:
        raise UsageError("--fork needs a conversation to leave as it is", hint="say which with -c or --session NAME")
    if resuming.name is not None and not settings.log.enabled:
        raise UsageError("a session without a log cannot be found by a name", hint="leave out --name or -n")
    if resuming.name is not None:
        names.check(resuming.name)
    folder = settings.log_dir
    if resuming.session is not None:
        path = find(folder, resuming.session)
        return GoingOn(
            path=path, fork=resuming.fork, name=resuming.name, guessed=not is_whole(folder, resuming.session, path)
        )
    return GoingOn(
        path=_latest(folder) if resuming.go_on else None, fork=resuming.fork, name=resuming.name, guessed=resuming.go_on
    )


class Before:
    """What a conversation begins with.

    Args:
        going_on: What the command line says.
        earlier: What the log tells of the conversation to go on with.
        in_place: Whether it goes on in its own session.
        coming: Whether another program is still writing to it.

    Attributes:
        session_id: Of the session to go on in; None: a new one.
        messages: What was said in it.
        model: The model it had.
        engine: The strategy it had.
    """

    def __init__(
        self, going_on: GoingOn, earlier: "Earlier | None" = None, *, in_place: bool = False, coming: bool = False
    ) -> None:
        self._going_on = going_on
        self._coming = coming
        self._earlier = earlier
        self._in_place = in_place
        self.session_id = earlier.session_id if earlier and in_place else None
        self.messages: tuple[Message, ...] = earlier.messages if earlier and in_place else ()
        self.model = earlier.model if earlier else None
        self.engine = earlier.engine if earlier else None

    def engine_for(self, tools: Sequence[str], default: str | None) -> str | None:
        """Return the engine to go on with; None: the choice is free.

        Args:
            tools: What is granted now.
            default: What would be taken otherwise.
        """
        # That one was taken for want of tools.
        return None if self.engine == PLAIN_ENGINE and (tools or default) else self.engine

    async def enter(self, cli: Cli, app: "Application", conversation: "Conversation") -> None:
        """Tell what is gone on with; in a new session, say there what was said before."""
        from llmgine_cli.llm.events import SessionForked

        earlier = self._earlier
        if earlier is not None:
            if not self._in_place:
                event = SessionForked(from_session=earlier.session_id, at_event=earlier.last_event)
                await app.bus.publish(event)
                await conversation.history.add(*earlier.messages)
            _tell(cli, earlier, conversation, coming=self._coming)
        if self._going_on.name is not None:
            await _give_name(cli, app, conversation.session_id, self._going_on.name)


def take_up(cli: Cli, app: "Application", going_on: GoingOn) -> Before:
    """Read the earlier conversation, if there is one; it goes on in its own session where that is ours to write.

    Raises:
        StorageError: It cannot be read.
        UsageError: There is no conversation in the file.
    """
    from llmgine_cli.eventlog.conversation import recall, session_in
    from llmgine_cli.eventlog.lock import is_being_written
    from llmgine_cli.trust import names_a_model_file

    path = going_on.path
    if path is None:
        return Before(going_on)
    session_id = session_in(path)
    if going_on.guessed:
        _tell_which(cli, path)
    in_place = not going_on.fork and _claimed(cli, app, path, session_id)
    coming = not in_place and is_being_written(path)  # before it is read: what ends meanwhile was not interrupted
    before = Before(going_on, recall(path), in_place=in_place, coming=coming)
    if path.parent.resolve() != app.settings.log_dir.resolve():
        before.model = before.engine = None  # anybody may have written this log, and only the user chooses what runs
    if before.engine is not None and not _usable(cli, app, before.engine):
        before.engine = None
    if before.model is not None and names_a_model_file(before.model):
        cli.note(f"the conversation had a model from a file; to go on with it: -m {quote(before.model)}")
        before.model = None
    return before


def recap(messages: "tuple[Message, ...]") -> str:
    """Say in one line what the conversation was about."""
    from llmgine_cli.cli.screen.spinner import clip

    asked = [message.question for message in messages if message.role == "user" and message.question]
    last = f"; the last question: {clip(asked[-1], SHOWN)}" if asked else ""
    return f"going on with {len(messages)} messages{last}"


def how_to_resume(folder: Path, path: Path, command: str) -> str:
    """Say how to come back to a conversation.

    Args:
        folder: Where the logs are.
        path: The conversation's.
        command: `run` or `chat`.
    """
    from llmgine_cli.eventlog.glance import handle_of

    return f"go on with: llmgine {command} --continue (later: --session {handle_of(folder, path)})"


def _latest(folder: Path) -> Path:
    """The log of the latest session in which something was said.

    Raises:
        UsageError: There is none.
        StorageError: The logs cannot be read.
    """
    from llmgine_cli.eventlog.conversation import rebuild
    from llmgine_cli.eventlog.reader import files

    newest = sorted(files(folder), key=lambda file: file.modified_ns, reverse=True)
    for file in newest[:LOOKED_AT]:
        if rebuild(file.path) and not _is_errand(file.path):
            return file.path
    raise UsageError("there is no conversation to go on with", hint=f"nothing was said yet in the logs in {folder}")


def _is_errand(path: Path) -> bool:
    """Whether the schedule asked this, and nobody has taken it up since: it is no conversation of the user's yet."""
    from llmgine_cli.eventlog.filters import Filter
    from llmgine_cli.eventlog.reader import LogReader

    types = [record.type for record in LogReader(path).matching(Filter(types=("PromptDue", "ConversationOpened")))]
    return "PromptDue" in types and types.count("ConversationOpened") == 1


def _claimed(cli: Cli, app: "Application", path: Path, session_id: str) -> bool:
    """Whether the conversation can go on in its own session; why not is told."""
    if app.log is None:
        cli.note("without a log: what is said now is not kept")
        return True
    if path.parent.resolve() != app.log.folder.resolve():
        # A session stands in one file, and this one is not among ours.
        cli.note("this log is not in your folder of logs: going on in a new session, and the log stays as it is")
        return False
    try:
        if app.log.claim(session_id, path):
            return True
        cli.warn("another program is in this session: going on in a new one, from where it stands now")
    except OSError as error:
        cli.warn(f"the session cannot be written ({error.strerror}): going on in a new one")
    return False


def _usable(cli: Cli, app: "Application", engine: str) -> bool:
    """Whether the engine of a log can be taken without being asked for."""
    from llmgine_cli.plugins import names_a_file

    if names_a_file(engine):
        cli.note(f"the conversation had an engine from a file; to go on with it: -e {quote(engine)}")
        return False
    try:
        app.plugins.engine(engine)
    except LlmgineError as error:
        cli.note(f"the conversation had the engine {engine}, which cannot be used here: {error}")
        return False
    return True


def _tell_which(cli: Cli, path: Path) -> None:
    from llmgine_cli.eventlog.glance import glance_at

    if (seen := glance_at(path.parent, path)) is not None:
        cli.note(f"the conversation is {seen}")


def _tell(cli: Cli, earlier: "Earlier", conversation: "Conversation", *, coming: bool) -> None:
    from llmgine_cli.cli.screen.spinner import clip

    if earlier.skipped:
        lines = "a line" if earlier.skipped == 1 else f"{earlier.skipped} lines"
        cli.warn(f"{lines} of the log could not be read: what they said is missing")
    if earlier.gone:
        cli.warn(f"attachments are not kept any more, and the model is told so: {', '.join(earlier.gone)}")
    if earlier.interrupted:
        last = earlier.messages[-1] if earlier.messages else None
        came = clip(last.text, SHOWN) if last is not None and last.role == "assistant" else ""
        if coming and earlier.unended:
            how = f"with what there is of it: {came}" if came else "without it"
            cli.note(f"the last answer is still being written: this goes on {how}")
        else:
            cli.note("the last answer was interrupted" + (f": {came}" if came else " before anything came of it"))
    granted = {tool.name for tool in conversation.tools}
    if missing := [name for name in earlier.tools if name not in granted]:
        grants = " ".join(f"-T {quote(name)}" for name in missing)
        cli.note(f"the conversation had tools, and only you can grant them again: {grants}")


async def _give_name(cli: Cli, app: "Application", session_id: str, name: str) -> None:
    from llmgine_cli.eventlog import names
    from llmgine_cli.llm.events import SessionNamed

    folder = app.settings.log_dir
    holder = names.lookup(folder, name)
    await app.bus.publish(SessionNamed(name=name))
    if app.log is not None and holder is not None and holder != app.log.path(session_id):
        from llmgine_cli.eventlog.glance import handle_of

        cli.note(f"{name} was the name of an earlier session, which is now {handle_of(folder, holder)}")
