"""Where prompts are: a path, or a name in one of the folders."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from llmgine_cli import places
from llmgine_cli.errors import NotFoundError, PromptError
from llmgine_cli.prompting.template import Template, read

SUFFIX = ".md"
# People link their own files into their own folder. Elsewhere a link could pass a private file off as a prompt.
_MAY_LINK = "user"

Folders = Sequence[tuple[str, Path]]


@dataclass(frozen=True)
class Listed:
    """A prompt in a list.

    Attributes:
        name: What to call it by.
        origin: The folder's label: "project", "user" or "bundled".
        path: Its file.
        template: What it says; None when it is broken.
        problem: Why it is.
    """

    name: str
    origin: str
    path: Path
    template: Template | None
    problem: str | None


def prompt_folders() -> list[tuple[str, Path]]:
    """The folders that may have prompts, in the order of search. Prompts are data: a project's need no trust."""
    project = places.project_dir()
    folders = [("project", project / "prompts")] if project else []
    return [*folders, ("user", places.config_dir() / "prompts"), ("bundled", places.bundled_root() / "prompts")]


def locate(name: str, folders: Folders) -> tuple[str, Path]:
    """Find a prompt's file.

    Args:
        name: A name, with `/` for a folder in a folder, or a path: `./x.md`, `dir/x.md`, `~/x.md`.
        folders: Where to look for a name: (label, folder), first wins.

    Returns:
        The folder's label, "argument" for a path; and the file.

    Raises:
        NotFoundError: There is none.
        PromptError: The name leads out of the folders.
    """
    path = Path(name).expanduser()
    if path.suffix == SUFFIX or path.is_absolute() or name.startswith("."):
        if path.exists():
            return "argument", path
        if path.is_absolute() or name.startswith("."):
            raise NotFoundError("prompt file", name, (), hint="a name without ./ is looked up in the prompt folders")
        name = name.removesuffix(SUFFIX)
    parts = name.split("/")
    if not all(_is_plain(part) for part in parts):
        raise PromptError(f"{name!r} is no name of a prompt", hint="a path begins with ./ or ends with .md")
    for origin, folder in folders:
        file = folder.joinpath(*parts[:-1], parts[-1] + SUFFIX)
        if file.is_file() and _belongs(origin, file):
            _refuse_escape(origin, folder, file)
            return origin, file
    raise NotFoundError("prompt", name, (known for known, _, _ in _files(folders)), hint="llmgine prompt list")


def hidden(name: str, folders: Folders) -> str | None:
    """Return the folder's label whose prompt of this name a project's takes the place of; None if there is none.

    Args:
        name: As for `locate`.
        folders: As for `locate`.
    """
    if locate(name, folders)[0] != "project":
        return None
    try:
        return locate(name, [folder for folder in folders if folder[0] != "project"])[0]
    except (NotFoundError, PromptError):
        return None


def find(name: str, folders: Folders) -> Template:
    """Find and read a prompt.

    Args:
        name: As for `locate`.
        folders: As for `locate`.

    Raises:
        NotFoundError: There is none.
        PromptError: It cannot be read, or leads out of its folder.
    """
    return read(locate(name, folders)[1])


def available(folders: Folders) -> list[Listed]:
    """List all prompts that can be had by name, broken ones with their problem; sorted by name."""
    found: dict[str, Listed] = {}
    for name, origin, file in _files(folders):
        if name not in found:
            found[name] = _listed(name, origin, file, dict(folders)[origin])
    return [found[name] for name in sorted(found)]


def _listed(name: str, origin: str, file: Path, folder: Path) -> Listed:
    try:
        _refuse_escape(origin, folder, file)
        return Listed(name, origin, file, read(file), None)
    except PromptError as error:
        return Listed(name, origin, file, None, error.message)


def _files(folders: Folders) -> Iterator[tuple[str, str, Path]]:
    for origin, folder in folders:
        for file in sorted(folder.rglob(f"*{SUFFIX}")):
            parts = file.relative_to(folder).with_suffix("").parts
            if all(_is_plain(part) for part in parts) and file.is_file() and _belongs(origin, file):
                yield "/".join(parts), origin, file


def _belongs(origin: str, file: Path) -> bool:
    """In a checkout of llmgine, the project's prompts and those that ship are in one folder."""
    here = origin in ("project", "bundled") and file.is_relative_to(places.bundled_root())
    return not here or places.ships(file) == (origin == "bundled")


def _is_plain(part: str) -> bool:
    return bool(part) and not part.startswith(".") and not any(sign in part for sign in "/\\:\0")


def _refuse_escape(origin: str, folder: Path, file: Path) -> None:
    if origin != _MAY_LINK and not file.resolve().is_relative_to(folder.resolve()):
        raise PromptError(f"{file}: a link that leads out of its folder", hint="copy the file, or give its own path")
