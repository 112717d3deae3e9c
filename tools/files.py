"""Look at files: read one, list a folder, search in them. Nothing outside the working folder, and no secrets.

`roots` in `[tools.options.NAME]` names further folders, for each of the three tools on its own.
"""

import codecs
import faulthandler
import io
import json
import os
import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatch, fnmatchcase
from pathlib import Path, PurePath
from typing import Annotated, Any

from llmgine_cli.api import Setting, ToolError, tool

FILE_LIMIT = 20_000_000  # bytes of the largest file that is opened
TEXT_LIMIT = 80_000  # characters of one answer
LINE_LIMIT = 400  # characters of one line that was found
ENTRY_LIMIT = 1_000
SECONDS = 10.0  # for one search

Roots = Annotated[Sequence[str], Setting()]

# Never opened, wherever they are: names of files and folders.
SECRET = (
    ".env", ".env.*", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.gpg", "*.age",
    "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk", ".netrc", "_netrc", ".pgpass",
    ".npmrc", ".pypirc", ".git-credentials", ".htpasswd", ".dockercfg", ".vault-token", "credentials",
    "credentials.json", ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".password-store",
)  # fmt: skip
NOT_SECRET = (".env.example", ".env.sample", ".env.template", ".env.dist")
# Big, and nothing anybody wrote; hidden folders are left out as well.
SKIPPED = {"node_modules", "__pycache__", "venv"}


@tool(effect="read", timeout=20)
def read_file(path: str, start_line: int = 1, end_line: int | None = None, *, roots: Roots = ()) -> str:
    """Read a text file, or some of its lines.

    Args:
        path: Of the file, from the working folder.
        start_line: First line to read, counted from 1.
        end_line: Last line to read. Default: to the end, as far as one answer goes.
        roots: Further folders that may be looked into.
    """
    if start_line < 1:
        raise ToolError(f"start_line is {start_line}; lines are counted from 1")
    if end_line is not None and end_line < start_line:
        raise ToolError(f"end_line {end_line} comes before start_line {start_line}")
    text = _text(_Ground.of(roots).existing(path), path)
    lines = io.StringIO(text).readlines()
    if start_line > max(len(lines), 1):
        raise ToolError(f"{path} has only {len(lines)} lines")
    wanted = lines[start_line - 1 : end_line]
    shown = _fitting(wanted)
    notes: list[str] = []
    if len(shown) < len(wanted):
        last = start_line + len(shown) - 1
        notes.append(f"[lines {start_line} to {last} of {len(lines)}; go on with start_line={last + 1}]")
    if any(len(line) > TEXT_LIMIT for line in shown):
        notes.append(f"[cut: the line has {len(shown[0]):,} characters]")
    if "\ufffd" in text:
        notes.append("[what is not UTF-8 is shown as \ufffd]")
    return "\n".join(["".join(shown)[:TEXT_LIMIT], *notes]) or "[the file is empty]"


@tool(effect="read", timeout=20)
def list_directory(path: str = ".", depth: int = 1, glob: str = "*", hidden: bool = False, *, roots: Roots = ()) -> str:
    """List the files and folders in a folder, one a line: folders end with /, files have their size.

    Args:
        path: Of the folder, from the working folder.
        depth: Levels of folders to go down, 1 to 10.
        glob: Only files of such a name, for example "*.py".
        hidden: Also what starts with a dot.
        roots: Further folders that may be looked into.
    """
    if not 1 <= depth <= 10:
        raise ToolError(f"depth is {depth}; it may be 1 to 10")
    place = _Ground.of(roots).existing(path)
    if not place.is_dir():
        raise ToolError(f"{path} is no folder", hint="read_file reads a file")
    lines: list[str] = []
    for line in _listed(place, "", depth, glob, hidden):
        if len(lines) == ENTRY_LIMIT:
            lines.append(f"[cut after {ENTRY_LIMIT:,} entries; list a folder further down, or use glob]")
            break
        lines.append(line)
    return "\n".join(lines) or "[nothing there]"


@tool(effect="read", timeout=30)
def search_text(
    pattern: str,
    path: str = ".",
    *,
    glob: str = "*",
    regex: bool = False,
    ignore_case: bool = False,
    context: int = 0,
    max_results: int = 50,
    roots: Roots = (),
) -> str:
    """Search for text in a file, or in the files of a folder and all below it. Binary and hidden files are left out.

    Args:
        pattern: What to look for: plain text, or with regex a regular expression of Python.
        path: Of the file or folder, from the working folder.
        glob: Only in files of such a name, for example "*.py".
        regex: Whether the pattern is a regular expression.
        ignore_case: Whether capital and small letters are the same.
        context: Lines to show before and after each one found, 0 to 10.
        max_results: Lines to find at most, 1 to 500.
        roots: Further folders that may be looked into.
    """
    if not pattern:
        raise ToolError("pattern is empty")
    if not 0 <= context <= 10:
        raise ToolError(f"context is {context}; it may be 0 to 10")
    if not 1 <= max_results <= 500:
        raise ToolError(f"max_results is {max_results}; it may be 1 to 500")
    place = _Ground.of(roots).existing(path)
    search = Search(str(place), path, pattern, glob, regex, ignore_case, context, max_results)
    return _apart(search) if regex else search.run()


@dataclass(frozen=True)
class _Ground:
    """The folders that may be looked into."""

    roots: tuple[Path, ...]

    @classmethod
    def of(cls, further: Sequence[str]) -> "_Ground":
        return cls(tuple(Path(root).expanduser().resolve() for root in (".", *further)))

    def existing(self, path: str) -> Path:
        """Return where a path really leads, links followed, if one may look there."""
        try:
            given = self.roots[0] / Path(path).expanduser()
            place = given.resolve()
            exists = place.exists()
        except (OSError, RuntimeError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ToolError(f"{path[:100]!r} is no path: {reason}") from None
        root = next((root for root in self.roots if place.is_relative_to(root)), None)
        if root is None:
            allowed = ", ".join(map(str, self.roots))
            raise ToolError(f"{path} is outside of what may be looked into", hint=f"only what is below {allowed}")
        if _is_secret(place.relative_to(root)) or _is_secret(PurePath(given.name)):
            raise ToolError(f"{path} may hold secrets; it is not opened")
        if not exists:
            raise ToolError(f"there is no {path}", hint=_nearby(place))
        return place


def _is_secret(path: PurePath) -> bool:
    names = [part.casefold() for part in path.parts]
    return any(fnmatchcase(name, secret) for name in names if name not in NOT_SECRET for secret in SECRET)


def _nearby(place: Path) -> str | None:
    from difflib import get_close_matches

    try:
        names = [entry.name for entry in os.scandir(place.parent)]
    except OSError:
        return f"there is no folder {place.parent.name} either"
    near = get_close_matches(place.name, names)
    return f"did you mean {' or '.join(near)}?" if near else None


def _text(place: Path, path: str) -> str:
    if not place.is_file():
        raise ToolError(f"{path} is no file", hint="list_directory lists a folder" if place.is_dir() else None)
    try:
        with place.open("rb") as stream:
            data = stream.read(FILE_LIMIT + 1)
    except OSError as error:
        raise ToolError(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > FILE_LIMIT:
        raise ToolError(f"{path} is larger than {FILE_LIMIT:,} bytes")
    text = _decoded(data)
    if text is None:
        raise ToolError(f"{path} is not text ({len(data):,} bytes)")
    return text


def _decoded(data: bytes) -> str | None:
    """Return the text, or None for what is none."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    return None if b"\0" in data[:8192] else data.decode("utf-8-sig", "replace")


def _fitting(lines: list[str]) -> list[str]:
    """Return as many whole lines as fit into one answer, but at least one."""
    total = 0
    for count, line in enumerate(lines):
        total += len(line)
        if total > TEXT_LIMIT:
            return lines[: max(count, 1)]
    return lines


def _listed(folder: Path, prefix: str, depth: int, glob: str, hidden: bool) -> Iterator[str]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: (not entry.is_dir(follow_symlinks=False), entry.name))
    except OSError as error:
        yield f"{prefix}[cannot be listed: {error.strerror}]"
        return
    for entry in entries:
        name = prefix + entry.name
        if entry.name.startswith(".") and not hidden:
            continue
        if entry.is_dir(follow_symlinks=False):
            if glob == "*":
                yield f"{name}/"
            if depth > 1 and not _is_secret(PurePath(entry.name)):
                yield from _listed(Path(entry.path), f"{name}/", depth - 1, glob, hidden)
        elif fnmatch(entry.name, glob) or fnmatch(name, glob):
            yield _entry(entry, name)


def _entry(entry: "os.DirEntry[str]", name: str) -> str:
    try:
        if entry.is_symlink():
            return f"{name} -> {os.readlink(entry.path)}"  # noqa: PTH115 -- an entry has a text, not a Path
        return f"{name}  {entry.stat().st_size:,} bytes"
    except OSError:
        return name  # gone in the meantime


@dataclass(frozen=True)
class Search:
    """A search: where, what for, and how much of it is shown.

    Attributes:
        place: Where it really is, as found to be allowed.
        shown: The same, as it was asked for.
    """

    place: str
    shown: str
    pattern: str
    glob: str
    regex: bool
    ignore_case: bool
    context: int
    max_results: int

    def run(self) -> str:
        """Search, and return what was found as text for the model."""
        matches = self._matcher()
        until = time.monotonic() + SECONDS
        lines: list[str] = []
        found = searched = size = too_large = 0
        for file in self._files():
            if time.monotonic() > until:
                lines.append(f"[stopped after {SECONDS:g} s; narrow it with path or glob]")
                break
            text = self._read(file)
            if text is None:
                too_large += _is_too_large(file)
                continue
            searched += 1
            hits = self._in(text, matches, self._name(file), self.max_results - found)
            found += sum(1 for is_hit, _ in hits if is_hit)
            lines += [line for _, line in hits]
            size += sum(len(line) for _, line in hits)
            if found >= self.max_results or size > TEXT_LIMIT:
                lines.append(f"[stopped after {found} results; there may be more]")
                break
        if too_large:
            lines.append(f"[not searched: {too_large:,} files larger than {FILE_LIMIT:,} bytes]")
        return "\n".join(lines if found else [f"[nothing found in {searched:,} files]", *lines])

    def _matcher(self) -> Callable[[str], object]:
        if self.regex:
            return re.compile(self.pattern, re.IGNORECASE if self.ignore_case else 0).search
        pattern = self.pattern.casefold() if self.ignore_case else self.pattern
        return lambda line: pattern in (line.casefold() if self.ignore_case else line)

    def _files(self) -> Iterator[Path]:
        place = Path(self.place)
        if not place.is_dir():
            yield place
            return
        for folder, folders, files in os.walk(place):
            # Links are not followed: they may lead out, or in circles.
            folders[:] = sorted(name for name in folders if not _is_left_out(name))
            for name in sorted(files):
                path = Path(folder, name)
                fits = fnmatch(name, self.glob) or fnmatch(path.relative_to(place).as_posix(), self.glob)
                if fits and not _is_left_out(name) and not path.is_symlink():
                    yield path

    def _read(self, file: Path) -> str | None:
        """Return a file's text, or None if it is none; of the one file that was asked for, say why."""
        if str(file) == self.place:
            return _text(file, self.shown)
        try:
            if not file.is_file() or _is_too_large(file):
                return None
            return _decoded(file.read_bytes())
        except OSError:
            return None

    def _name(self, file: Path) -> str:
        return (PurePath(self.shown) / file.relative_to(self.place)).as_posix()

    def _in(self, text: str, matches: Callable[[str], object], name: str, most: int) -> list[tuple[bool, str]]:
        """Return the lines to show of one file, each with whether it was found or only stands near."""
        before: deque[tuple[int, str]] = deque(maxlen=self.context)
        shown: list[tuple[bool, str]] = []
        hits = after = last = 0
        for number, line in enumerate(map(_without_end, io.StringIO(text)), 1):
            if hits < most and matches(line):
                if self.context and last and number - len(before) > last + 1:
                    shown.append((False, "--"))
                shown += [(False, f"{name}-{at}- {_short(near)}") for at, near in before]
                before.clear()
                shown.append((True, f"{name}:{number}: {_short(line)}"))
                hits, after, last = hits + 1, self.context, number
            elif after:
                shown.append((False, f"{name}-{number}- {_short(line)}"))
                after, last = after - 1, number
            else:
                before.append((number, line))
                if hits >= most:
                    break
        return shown


def _is_left_out(name: str) -> bool:
    return name.startswith(".") or name in SKIPPED or _is_secret(PurePath(name))


def _is_too_large(file: Path) -> bool:
    try:
        return file.stat().st_size > FILE_LIMIT
    except OSError:
        return False


def _without_end(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r")


def _short(line: str) -> str:
    return line if len(line) <= LINE_LIMIT else line[:LINE_LIMIT] + "…"


def _apart(search: Search) -> str:
    """Search in a process of its own: some regular expressions never end, and while one runs nothing else does."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", __file__],
            input=json.dumps(asdict(search)).encode(),
            capture_output=True,
            timeout=SECONDS * 2,
            check=False,
        )
        answer: dict[str, Any] = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        raise ToolError(f"the search took longer than {SECONDS:g} s", hint="use a simpler pattern, or glob") from None
    except OSError as error:
        raise ToolError(f"the search cannot be started: {error.strerror}") from None
    if "error" in answer:
        raise ToolError(str(answer["error"]))
    return str(answer["text"])


def _serve() -> None:
    # Ends this process from outside the interpreter, whoever started it may be gone by then.
    faulthandler.dump_traceback_later(SECONDS + 2, exit=True)
    search = Search(**json.load(sys.stdin))
    try:
        answer = {"text": search.run()}
    except ToolError as error:
        answer = {"error": error.message}
    except (re.error, RecursionError, OverflowError) as error:
        answer = {"error": f"the pattern is not a regular expression: {error}"}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    _serve()
