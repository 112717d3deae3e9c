"""May this tool run? The mode decides, or what was answered before, or whoever handles `ApproveToolCall`."""

import asyncio
import hashlib
import json
import logging
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from llmgine_cli import places
from llmgine_cli.bus import Bus
from llmgine_cli.errors import NobodyToAskError, NoHandlerError, StorageError
from llmgine_cli.llm.messages import ToolCall
from llmgine_cli.toolkit.messages import ApproveToolCall
from llmgine_cli.toolkit.tool import Tool

Mode: TypeAlias = Literal["ask", "auto-read", "all", "none"]

logger = logging.getLogger("llmgine_cli.toolkit")

_SWITCHED_OFF = "not approved: no tool may run (--approve none)"
_REFUSED = "not approved: the user said no"


@dataclass(frozen=True)
class Approvals:
    """The tools a user has approved for good, each in one project and as it was then.

    Args:
        project: The folder they are approved in.
        folder: Where the records are; default: `approvals` in the state directory.
    """

    project: Path
    folder: Path | None = None

    def allows(self, tool: Tool) -> bool:
        """Whether this very tool was approved for good in this project."""
        try:
            found: object = json.loads(self._file(tool.name).read_bytes())
        except (OSError, ValueError):
            return False
        return found == self._record(tool)

    def remember(self, tool: Tool) -> None:
        """Approve this tool for good in this project.

        Raises:
            StorageError: The record cannot be written.
        """
        file = self._file(tool.name)
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # A file of its own (mkstemp: 0600), replaced in one step: two processes never get into each other's way.
            descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=".new-")
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                json.dump(self._record(tool), stream)
            Path(temporary).replace(file)
        except OSError as error:
            raise StorageError(f"cannot write {file}: {error.strerror}") from error

    def everywhere(self) -> list[tuple[str, str]]:
        """Return what was approved in any project: (tool, project), sorted."""
        found: list[tuple[str, str]] = []
        for file in self._home.glob("*.json"):
            try:
                record = json.loads(file.read_bytes())
                found.append((str(record["tool"]), str(record["project"])))
            except (OSError, ValueError, KeyError, TypeError):
                continue  # it approves nothing either
        return sorted(found)

    def revoke(self, name: str) -> bool:
        """Ask again about the tool of this name in this project; say whether it was approved.

        Raises:
            StorageError: The record cannot be taken away.
        """
        file = self._file(name)
        try:
            file.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StorageError(f"cannot remove {file}: {error.strerror}") from error
        return True

    @property
    def _home(self) -> Path:
        return self.folder or places.state_dir() / "approvals"

    def _file(self, name: str) -> Path:
        return self._home / f"{_digest(str(self.project.resolve()), name)}.json"

    def _record(self, tool: Tool) -> dict[str, str]:
        """What was approved, where."""
        return {"project": str(self.project.resolve()), "tool": tool.name, "fingerprint": _fingerprint(tool)}


class Approval:
    """Decides about tool calls; remembers what was answered for the session.

    Args:
        bus: Where the question is asked.
        mode: "all" and "none" never ask, "auto-read" asks for what does more than read, "ask" for everything.
        remembered: What was approved for good; None: nothing is, and nothing can be.
    """

    def __init__(self, bus: Bus, mode: Mode, remembered: Approvals | None) -> None:
        self._bus = bus
        self._mode = mode
        self._remembered = remembered
        self._granted: set[str] = set()  # fingerprints: another tool of the same name may be granted later
        self._one_question = asyncio.Lock()

    async def refusal(self, tool: Tool, call: ToolCall) -> str | None:
        """Return None if the call may run, else why not, for the model to read.

        Raises:
            NobodyToAskError: It would have to be approved, and nobody can do that.
        """
        if self._mode == "none":
            return _SWITCHED_OFF
        if self._mode == "all" or (self._mode == "auto-read" and tool.effect == "read"):
            return None
        async with self._one_question:  # the answer to one may be the answer to the next
            if _fingerprint(tool) in self._granted or (self._remembered and self._remembered.allows(tool)):
                return None
            return await self._ask(tool, call)

    async def _ask(self, tool: Tool, call: ToolCall) -> str | None:
        question = ApproveToolCall(call=call, effect=tool.effect, origin=_origin(tool))
        try:
            outcome = await self._bus.execute(question)
        except NoHandlerError as error:
            raise NobodyToAskError(
                "not approved: there is no terminal to ask on",
                hint="--approve all lets every granted tool run, --approve auto-read those that only read",
            ) from error
        if outcome.error is not None:
            logger.warning("asking about %s failed: %s", tool.name, outcome.error, exc_info=outcome.error)
            return f"not approved: the question could not be asked ({outcome.error})"
        if outcome.result not in ("once", "session", "always"):
            return _REFUSED
        if outcome.result != "once":
            self._granted.add(_fingerprint(tool))
        if outcome.result == "always" and self._remembered is not None:
            self._remember(self._remembered, tool)
        return None

    def _remember(self, remembered: Approvals, tool: Tool) -> None:
        try:
            remembered.remember(tool)
        except StorageError as error:  # approved it is; only the next run will ask again
            logger.warning("%s", error)


def _fingerprint(tool: Tool) -> str:
    """With another name, schema, effect or file it is another tool, and is asked for again.

    The name of a module that was loaded from a file has the content of the file in it.
    """
    schema = json.dumps(tool.parameters, sort_keys=True)
    module = str(getattr(tool.function, "__module__", ""))
    return _digest(tool.name, tool.description, schema, tool.effect, str(tool.path), module)


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogateescape")).hexdigest()


def _origin(tool: Tool) -> str:
    if tool.path is None:
        return "of this program"
    return "ships with llmgine" if places.ships(tool.path) else str(tool.path)
