"""The body of a template with `format: jinja`: rendered as a whole, in a process that can be killed."""

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from llmgine_cli.errors import PromptError
from llmgine_cli.prompting.body import Filled
from llmgine_cli.prompting.frontmatter import Scalar
from llmgine_cli.prompting.sections import Section, SectionRole, replace_markers, without_empty

MEMORY = 512 * 1024 * 1024  # bytes of address space; Python and Jinja need about a tenth of it
CPU_SECONDS = 2
WALL_SECONDS = 20.0  # for a machine that is busy with other things
LENGTH = 4 * 1024 * 1024  # characters of rendered text

# All that Python needs to start; a template that breaks out finds no keys.
_ENVIRONMENT = ("PATH", "HOME", "PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "APPDATA")


class _Answer(Struct):
    text: str | None = None
    names: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    error: str | None = None
    line: int | None = None


class JinjaBody:
    """A body in Jinja's language.

    Args:
        text: The body.
        path: Its file, for error messages.
        line: Number of the body's first line in the file.
    """

    def __init__(self, text: str, path: Path, line: int) -> None:
        self._text = text
        self._path = path
        self._line = line
        self._names: tuple[str, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """All variables that the template does not set itself.

        Raises:
            PromptError: It is no valid Jinja.
        """
        if self._names is None:
            answer = self._ask(self._text, None)
            if answer.error is not None:
                raise self._wrong(answer)
            self._names = answer.names
        return self._names

    def fill(self, values: Mapping[str, Scalar]) -> Filled:
        """Render it.

        Raises:
            PromptError: It is no valid Jinja, fails, or takes too much time or memory.
        """
        # Markers are told from the text of values by a word that nobody can know beforehand.
        word = os.urandom(16).hex()

        def write(role: SectionRole) -> str:
            return f"{word}:{role}"

        answer = self._ask(replace_markers(self._text, write), values)
        if answer.missing:
            raise PromptError(
                f"{self._where(answer.line)}: no value for {', '.join(answer.missing)}",
                hint=f"give it with -p {answer.missing[0]} VALUE",
            )
        if answer.text is None:
            raise self._wrong(answer)
        return Filled(without_empty(_sections(answer.text, word)), answer.names, ())

    def _ask(self, source: str, values: Mapping[str, Scalar] | None) -> _Answer:
        import subprocess
        import sys

        import msgspec

        worker = Path(__file__).with_name("jinja_worker.py")
        question = {
            "source": source,
            "values": values,
            "memory": MEMORY,
            "seconds": CPU_SECONDS,
            "length": LENGTH,
        }
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-B", str(worker)],
                input=msgspec.json.encode(question),
                capture_output=True,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
                timeout=WALL_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return _Answer(error=f"it was not done after {WALL_SECONDS:.0f} s")
        except OSError as error:
            return _Answer(error=f"the process that renders it cannot be started: {error}")
        if done.returncode < 0:
            return _Answer(error="it needs too much time or memory")
        if done.returncode > 0:
            last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            return _Answer(error=f"the process that renders it failed: {last}")
        return msgspec.json.decode(done.stdout, type=_Answer)

    def _where(self, line: int | None) -> str:
        return f"{self._path}:{line + self._line - 1}" if line else str(self._path)

    def _wrong(self, answer: _Answer) -> PromptError:
        return PromptError(f"{self._where(answer.line)}: the template cannot be rendered: {answer.error}")


def _sections(text: str, word: str) -> list[Section]:
    first, *others = text.split(f"{word}:")
    sections = [Section("user", first)]
    for piece in others:
        role, _, rest = piece.partition("\n")
        sections.append(Section(role, rest))  # type: ignore[arg-type]  # written by `write` above
    return sections
