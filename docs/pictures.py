"""Draw the README's pictures: run the real program on a pseudo-terminal and export what it showed as SVG.

Usage: ``.venv/bin/python docs/pictures.py [run|chat|logs]...`` after ``make run`` has fetched the embedded model.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import pexpect
import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

HERE = Path(__file__).resolve().parent
PROGRAM = Path(sys.executable).with_name("llmgine")
COLUMNS, ROWS = 96, 60
MODEL = "local:smollm2-135m"
_COLOURS = {"brown": "yellow"}  # pyte calls it so


class Recorder:
    """A terminal with the program on it."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self._child = pexpect.spawn(str(PROGRAM), arguments, env=environment, dimensions=(ROWS, COLUMNS), timeout=120)

    def read_until(self, text: str | None, *, seconds: float = 120) -> None:
        """Show what comes until the screen holds the text (None: until the program ends)."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                self._stream.feed(self._child.read_nonblocking(65536, timeout=0.2))
            except pexpect.TIMEOUT:
                pass
            except pexpect.EOF:
                return
            if text is not None and text in "\n".join(self._screen.display):
                return
        raise TimeoutError(f"{text!r} never came:\n" + "\n".join(self._screen.display))

    def settle(self) -> None:
        """Show what comes until nothing has come for a second."""
        quiet = 0
        while quiet < 5:
            try:
                self._stream.feed(self._child.read_nonblocking(65536, timeout=0.2))
                quiet = 0
            except pexpect.TIMEOUT:
                quiet += 1
            except pexpect.EOF:
                return

    def type(self, text: str) -> None:
        """Press these keys."""
        self._child.send(text)

    def text(self) -> Text:
        """The screen as styled text, without the empty rows at its end."""
        rows: list[Text] = []
        for number in range(ROWS):
            row = Text()
            for column in range(COLUMNS):
                cell = self._screen.buffer[number][column]
                row.append(cell.data, _style(cell))
            row.rstrip()
            rows.append(row)
        while rows and not rows[-1].plain:
            rows.pop()
        return Text("\n").join(rows)


def _style(cell: pyte.screens.Char) -> Style:
    def colour(name: str) -> str | None:
        if name == "default":
            return None
        if len(name) == 6 and all(digit in "0123456789abcdef" for digit in name):
            return f"#{name}"
        name = _COLOURS.get(name, name)
        return name.replace("bright", "bright_") if name.startswith("bright") else name

    return Style(
        color=colour(cell.fg), bgcolor=colour(cell.bg), bold=cell.bold, italic=cell.italics, reverse=cell.reverse
    )


def _save(name: str, shown: list[Text]) -> None:
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor")
        for text in shown:
            console.print(text)
        target = HERE / "pictures" / f"{name}.svg"
        target.parent.mkdir(exist_ok=True)
        console.save_svg(str(target), title="llmgine")
    sys.stdout.write(f"{target}\n")


def _prompt_line(command: str) -> Text:
    return Text.assemble(("$ ", "bold green"), command)


def _record(command: str, arguments: list[str], environment: dict[str, str]) -> list[Text]:
    recorder = Recorder(arguments, environment)
    recorder.read_until(None)
    return [_prompt_line(command), recorder.text()]


def _run(environment: dict[str, str]) -> list[Text]:
    question = "Write a Python function that reverses a string, in a code block, and explain it in one sentence."
    arguments = ["run", "-u", "-m", MODEL, "-o", "temperature", "0", "-o", "max_tokens", "220", question]
    return _record(f'llmgine run -u -m {MODEL} "{question}"', arguments, environment)


def _chat(environment: dict[str, str]) -> list[Text]:
    arguments = ["chat", "-m", MODEL, "-o", "temperature", "0", "-o", "max_tokens", "120", "-T", "calculate"]
    recorder = Recorder(arguments, environment)
    recorder.read_until("Ctrl-D")
    recorder.settle()
    recorder.type("What is 17 * 23?\r")
    recorder.read_until("Allow?")
    recorder.type("y")
    recorder.settle()
    recorder.type("/tools\r")
    recorder.settle()
    return [_prompt_line(f"llmgine chat -m {MODEL} -T calculate"), recorder.text()]


def _logs(environment: dict[str, str]) -> list[Text]:
    return _record("llmgine logs tail -n 24", ["logs", "tail", "-n", "24"], environment)


PICTURES = {"run": _run, "chat": _chat, "logs": _logs}


def main() -> None:
    """Draw the pictures named on the command line, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PICTURES)}; default: all")
    names = parser.parse_args().names or list(PICTURES)
    with tempfile.TemporaryDirectory() as home:
        # A home of its own, so that nobody's settings or keys are in the picture; the model is the user's own copy.
        data = Path(home) / "data"
        import platformdirs

        real = Path(platformdirs.user_data_path("llmgine", appauthor=False))
        data.symlink_to(real)
        environment = {**os.environ, "LLMGINE_HOME": home, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        environment["PROMPT_TOOLKIT_NO_CPR"] = "1"  # nobody answers such requests here
        for name in [name for name in os.environ if name.endswith("_API_KEY")]:
            del environment[name]
        os.chdir(home)
        for name in names:
            _save(name, PICTURES[name](environment))


if __name__ == "__main__":
    main()
