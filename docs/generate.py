"""Write docs/commands.md from the program's own `--help`, or with `--check` say whether it is up to date."""

import difflib
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

TARGET = Path(__file__).with_name("commands.md")
PROGRAM = Path(sys.executable).with_name("llmgine")
# What changes how help looks, pinned: everybody gets the same text.
LOOK = {"COLUMNS": "80", "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "TERM": "dumb", "TERMINAL_WIDTH": "80"}
INTRODUCTION = """\
# Commands

What `llmgine COMMAND --help` prints, for every command. This page is generated: `make docs` writes it, `make check`
compares.
"""


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` compare it; 1 says it is out of date."""
    page = generate()
    if "--check" not in arguments:
        TARGET.write_text(page, encoding="utf-8")
        return 0
    current = TARGET.read_text(encoding="utf-8") if TARGET.exists() else ""
    if current == page:
        return 0
    changes = difflib.unified_diff(current.splitlines(), page.splitlines(), "docs/commands.md", "--help", lineterm="")
    print("\n".join(changes))
    print("docs/commands.md is out of date; make docs writes it", file=sys.stderr)
    return 1


def generate() -> str:
    """Return the page as it should be."""
    from typer.main import get_command

    from llmgine_cli.cli.app import program

    names = list(command_names(get_command(program()), ()))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        sections = pool.map(section, names)
    return INTRODUCTION + "".join(sections)


def command_names(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command that is not hidden, a group before its members."""
    yield path
    for name, member in getattr(command, "commands", {}).items():
        if not member.hidden:
            yield from command_names(member, (*path, name))


def section(path: tuple[str, ...]) -> str:
    """Return one command's heading and help."""
    words = " ".join(("llmgine", *path))
    level = "#" * min(2 + max(len(path) - 1, 0), 4)
    return f"\n{level} `{words}`\n\n```text\n{help_text(path)}\n```\n"


def help_text(path: tuple[str, ...]) -> str:
    """Return what the real program prints, trailing blanks removed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LLMGINE_", "_TYPER"))}
    done = subprocess.run(
        [PROGRAM, *path, "--help"],
        env={**kept, **LOOK},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=60,
    )
    lines = (line.rstrip() for line in done.stdout.decode().splitlines())
    return "\n".join(lines).strip("\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
