"""Measure llmgine beside `llm` and a bare script on the openai SDK, all in one run: `make bench`.

With `--quick` three rounds and no file: for trying out a change. With `bus` the message bus alone, with `tools` a turn
of the tool loop alone, and no file.
"""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tests.benchmarks import bus, log_write, logs, peers, report, tool_loop
from tests.benchmarks.server import LAST_WORD
from tests.benchmarks.timing import Contestant, race

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / ".bench"
PAGE = ROOT / "docs" / "benchmarks.md"
ROUNDS = 11
BUS_ROUNDS = 5

PROMPT = "Say something."
ONE_SHOT, LONG, MARKDOWN = "words-20", "words-20000", "markdown-5000"

TEXT = """\
# Benchmarks

How long a user waits, beside [llm](https://llm.datasette.io) and beside a script of ten lines on the `openai` SDK. All
programs run in turn, A B A B, on one machine, after one round of warming up; each has an environment of its own, with
the bytecode of its libraries compiled, as after the first use. A ratio below 1 says that llmgine is faster; ratios hold
from machine to machine, milliseconds do not. The server is on loopback and answers at once, so that what is measured is
the client. llmgine and llm keep their log, as they do by default; the script keeps none.

`make bench` measures again and writes this page.

"""
WRITE_TEXT = """
## Event → disk

Processor time of writing one event, each by a write of its own that `kill -9` cannot take back. The floor encodes a
ready object with msgspec and writes it. Only the event log looks for secrets and keeps a file for each session. To
reach: 0.60 of the floor.

"""
TOOL_TEXT = """
## A turn of the tool loop

Milliseconds of one turn over loopback: a prompt, a model that asks for a tool, the tool, the answer. Connections are
open and agents made. llmgine streams and keeps its log on disk; the others wait for whole answers and keep none. The
floor is a loop of twenty lines on httpx2. The first turn of a conversation has little to send: 0.15 of what
openai-agents take for it is less than the floor.

"""
BUS_TEXT = """
## The message bus

Microseconds for each event or command, the quickest of many short bursts, medians of five runs; "quicker by" above 1
says that llmgine is faster. The floor awaits the handlers directly, without any bus. Handlers are async functions that
count their calls; a run in which one was missed does not count. *upstream* is the `llmgine` on PyPI.

"""
NOTES = """
The log's queries are measured on one file of sessions as they really are (three rounds); DuckDB and `logs stats` answer
the same questions. On the terminal llm prints the text as it comes, llmgine renders it as markdown.
"""


def main(arguments: Sequence[str]) -> int:
    """Measure everything, print the table, and write the page."""
    quick = "--quick" in arguments
    rounds = 3 if quick else ROUNDS
    ours = Path(sys.executable).parent
    if "bus" in arguments:
        print(bus.run(BENCH, ours, rounds=3 if quick else BUS_ROUNDS))
        return 0
    if "tools" in arguments:
        print(tool_loop.run(BENCH, ours, rounds=3 if quick else BUS_ROUNDS))
        return 0
    llm = peers.environment(BENCH, "llm", "llm")
    sdk = peers.environment(BENCH, "openai-sdk", "openai")
    rows: list[report.Row] = []
    with serving() as base_url, tempfile.TemporaryDirectory() as folder:
        for what, contestants, targets in cases(Path(folder), ours, llm, sdk, base_url):
            print(f"measuring {what}", file=sys.stderr)
            results = race(contestants, rounds=rounds, folder=empty(Path(folder) / "work"))
            mine, *others = (results[contestant.name] for contestant in contestants)
            rows += [report.Row(what, mine, other, targets.get(other.name)) for other in others]
        rows += logs.rows(Path(folder) / "log", ours, rounds=logs.ROUNDS, size=logs.SIZE)
        print("measuring event → disk", file=sys.stderr)
        written = log_write.measure(log_write.ROUNDS, empty(Path(folder) / "written"))
    versions = {
        "llmgine": peers.version(ours, "llmgine-cli"),
        "llm": peers.version(llm, "llm"),
        "openai": peers.version(sdk, "openai"),
    }
    result = f"{report.conditions(versions, rounds)}\n\n{report.table(rows)}"
    result += WRITE_TEXT + log_write.table(written) + "\n"
    result += TOOL_TEXT + tool_loop.run(BENCH, ours, rounds=3 if quick else BUS_ROUNDS)
    result += BUS_TEXT + bus.run(BENCH, ours, rounds=3 if quick else BUS_ROUNDS)
    print(result)
    if not quick:
        PAGE.write_text(TEXT + result + NOTES, encoding="utf-8")
    return 0


Case = tuple[str, list[Contestant], dict[str, float]]


def cases(folder: Path, ours: Path, llm: Path, sdk: Path, base_url: str) -> Iterator[Case]:
    """Yield what is measured: a name, ours and the peers, and the ratios to reach by the peer's name."""
    home = {"LLMGINE_HOME": str(folder / "llmgine"), "OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": "none"}
    llm_home = {"LLM_USER_PATH": str(folder / "llm")}
    peers.write_llm_settings(folder / "llm", base_url, [ONE_SHOT, LONG, MARKDOWN])
    script = folder / "script.py"
    script.write_text(peers.SCRIPT, encoding="utf-8")

    def mine(*arguments: str, expects: str, terminal: bool = False) -> Contestant:
        return Contestant("llmgine", (str(ours / "llmgine"), *arguments), expects, home, terminal)

    def their(*arguments: str, expects: str, terminal: bool = False) -> Contestant:
        name = "llm" if PROMPT in arguments else f"`llm {' '.join(arguments)}`"
        return Contestant(name, (str(llm / "llm"), *arguments), expects, llm_home, terminal)

    def bare(model: str) -> Contestant:
        command = (str(sdk / "python"), str(script), model, PROMPT)
        return Contestant("openai SDK", command, LAST_WORD, home)

    def run(model: str, *, terminal: bool = False) -> list[Contestant]:
        return [
            mine("run", "-m", f"openai:{model}", PROMPT, expects=LAST_WORD, terminal=terminal),
            their("-m", model, PROMPT, expects=LAST_WORD, terminal=terminal),
        ]

    help_page = their("--help", expects="Usage")
    templates = their("templates", "list", expects="summarize")
    rendering = mine("prompt", "render", "summarize", "-p", "input", "hello", expects="hello")
    yield "`--version`", [mine("--version", expects="llmgine"), their("--version", expects="llm")], {}
    yield "`--help`", [mine("--help", expects="Usage"), help_page], {help_page.name: 0.40}
    yield "`tools list`", [mine("tools", "list", expects="calculate"), templates], {templates.name: 0.60}
    yield "`prompt render`", [rendering, templates], {templates.name: 0.60}
    yield "`run`, 20 chunks", [*run(ONE_SHOT), bare(ONE_SHOT)], {"llm": 0.50, "openai SDK": 0.60}
    first = [replace(each, first_byte=True) for each in [*run(ONE_SHOT), bare(ONE_SHOT)]]
    yield "`run`, to the first byte of the answer", first, {"llm": 0.50}
    yield "`run`, 20,000 chunks into a pipe", [*run(LONG), bare(LONG)], {"llm": 0.33}
    yield "`run`, 5,000 chunks of markdown on a terminal", run(MARKDOWN, terminal=True), {}


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Start the server in a process of its own; give its base URL."""
    command = [sys.executable, "-m", "tests.benchmarks.server"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.terminate()


def empty(folder: Path) -> Path:
    """Return a folder with nothing in it, for programs that look around where they stand."""
    folder.mkdir(exist_ok=True)
    return folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
