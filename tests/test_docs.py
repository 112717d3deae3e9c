"""What the documentation says is true: commands and options exist, links lead somewhere, the reference is current."""

import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from llmgine_cli.cli.app import program

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    str(path.relative_to(ROOT)): path
    for path in [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
}
SHELL_BLOCK = re.compile(r"^```(console|bash|sh|shell)\n(.*?)^```", re.MULTILINE | re.DOTALL)
ANY_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)[^)]*\)|(?:src|srcset|href)=\"([^\"]+)\"")
SEPARATORS = {"|", "||", "&", "&&", ";", "(", ")", ">", ">>", "2>", "<", "|&", "2>&1", "&>"}


def shell_lines(page: str) -> Iterator[str]:
    """Yield the command lines of a page's shell blocks; in a console block only those after the prompt sign."""
    for kind, body in SHELL_BLOCK.findall(page):
        for line in body.replace("\\\n", " ").splitlines():
            if kind != "console":
                yield line
            elif line.startswith("$ "):
                yield line[2:]


def calls(line: str) -> Iterator[list[str]]:
    """Yield the arguments of each call of llmgine in a shell line, pipes and redirections cut off."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    part: list[str] = []
    for word in [*lexer, ";"]:
        if word not in SEPARATORS:
            part.append(word)
            continue
        while part and re.fullmatch(r"\w+=.*", part[0]):
            part = part[1:]  # a variable set for this call
        if part and Path(part[0]).name == "llmgine":
            yield part[1:]
        part = []


def complaint(arguments: list[str]) -> str | None:
    """Return what is wrong with the names in a call, or None: its command and options must exist."""
    command: Any = get_command(program())
    context = command.context_class(command, info_name="llmgine", **command.context_settings)
    words = list(arguments)
    while hasattr(command, "commands"):
        if not words:
            return "the command is missing"
        if words[0].startswith("-"):
            return None if words[0] in known_options(command, context) else f"no option {words[0]}"
        if words[0] not in command.commands:
            return f"no command {words[0]}"
        command = command.commands[words.pop(0)]
        context = command.context_class(command, info_name=command.name, parent=context, **command.context_settings)
    options = known_options(command, context)
    for word in words:
        if word == "--":
            break
        name = word.partition("=")[0] if word.startswith("--") else word[:2]
        if word.startswith("-") and word != "-" and not word[1:].isdigit() and name not in options:
            return f"no option {name} in {context.command_path}"
    return None


def known_options(command: Any, context: Any) -> set[str]:
    """Return every spelling of every option of a command."""
    return {name for option in command.get_params(context) for name in (*option.opts, *option.secondary_opts)}


def slugs(page: str) -> set[str]:
    """Return the anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ +(.*)$", ANY_BLOCK.sub("", page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def load_generator() -> Any:
    """Return docs/generate.py as a module."""
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", PAGES)
def test_every_command_line_on_the_page_names_what_exists(name: str) -> None:
    page = PAGES[name].read_text(encoding="utf-8")
    wrong = {line: found for line in shell_lines(page) for call in calls(line) if (found := complaint(call))}
    assert wrong == {}


@pytest.mark.parametrize("name", PAGES)
def test_every_make_target_on_the_page_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    lines = shell_lines(PAGES[name].read_text(encoding="utf-8"))
    named = {line.split()[1] for line in lines if re.match(r"make +[a-z]+", line)}
    assert named <= targets


@pytest.mark.parametrize("name", PAGES)
def test_every_link_on_the_page_leads_somewhere(name: str) -> None:
    path = PAGES[name]
    broken: list[str] = []
    for target in (first or second for first, second in LINK.findall(ANY_BLOCK.sub("", path.read_text("utf-8")))):
        if re.match(r"[a-z]+:", target):
            continue  # another site; tests do not leave this machine
        file, _, anchor = target.partition("#")
        page = (path.parent / file) if file else path
        if not page.exists() or (anchor and page.suffix == ".md" and anchor not in slugs(page.read_text("utf-8"))):
            broken.append(target)
    assert broken == []


def test_the_command_reference_is_what_help_prints() -> None:
    generator = load_generator()
    assert PAGES["docs/commands.md"].read_text(encoding="utf-8") == generator.generate()


def test_each_dependency_has_its_reason_and_nothing_else_has() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    declared = project["build-system"]["requires"] + project["project"]["dependencies"]
    for extra in project["project"]["optional-dependencies"].values():
        declared += extra
    names = sorted({re.split(r"[\[<>=;~! ]", requirement)[0].lower() for requirement in declared})
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \|$", page, re.MULTILINE)
    assert sorted(name.lower() for name, _ in rows) == names
    assert [name for name, reason in rows if len(reason.split()) < 4] == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("git diff | llmgine run -m echo:echo 'why' | head -1", None),
        ("OPENAI_API_KEY=x llmgine run --model=echo:echo -- -nonsense", None),
        ("llmgine --version", None),
        ("llmgine rum hello", "no command rum"),
        ("llmgine tools lost", "no command lost"),
        ("cat x | llmgine run --modle x", "no option --modle in llmgine run"),
        ("llmgine", "the command is missing"),
        ("llm run --modle", None),
    ],
)
def test_the_check_of_a_line(line: str, wrong: str | None) -> None:
    found = [complaint(call) for call in calls(line)]
    assert found == ([] if line.startswith("llm ") else [wrong])


def test_console_blocks_count_by_their_prompt_and_continued_lines_as_one() -> None:
    page = "```console\n$ llmgine run \\\n  hi\nan answer\n```\n```sh\nmake run\n```\n```python\nllmgine\n```\n"
    assert list(shell_lines(page)) == ["llmgine run    hi", "make run"]
