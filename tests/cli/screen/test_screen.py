import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from llmgine_cli.cli.common import Cli
from llmgine_cli.cli.screen.answer import RenderedAnswer
from tests.support.terminal import Terminal

PLAY = Path(__file__).parents[2] / "support" / "play.py"
MARKDOWN = (
    "# Title\n\nSome **bold** text.\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nx = 1\n```\n"
)


def argv(*steps: Sequence[Any], flags: tuple[str, ...] = ()) -> list[str]:
    return [sys.executable, str(PLAY), json.dumps(steps), *flags]


def piped(*steps: Sequence[Any], flags: tuple[str, ...] = ()) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(argv(*steps, flags=flags), capture_output=True, timeout=60, stdin=subprocess.DEVNULL)


# -- into a pipe


def test_into_a_pipe_goes_the_raw_text_and_one_newline() -> None:
    done = piped(["call"], ["text", "# Hi **"], ["text", "there**"], ["end"])
    assert (done.stdout, done.stderr) == (b"# Hi **there**\n", b"")


@pytest.mark.parametrize("end", ["", "\n", "\n\n\n"])
def test_into_a_pipe_the_answer_ends_with_exactly_one_newline(end: str) -> None:
    assert piped(["call"], ["text", "a\n"], ["text", f"\nb{end}"], ["end"]).stdout == b"a\n\nb\n"


def test_no_answer_is_no_output() -> None:
    assert piped(["call"], ["end"]).stdout == b""


def test_a_second_answer_is_a_paragraph_of_its_own() -> None:
    done = piped(["call"], ["text", "first\n"], ["end"], ["call"], ["text", "second"], ["end"])
    assert done.stdout == b"first\n\nsecond\n"


def test_into_a_pipe_a_piece_is_there_at_once(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with subprocess.Popen(
        argv(["call"], ["text", "now"], ["gate", str(gate)], ["text", " later"]), stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.read(3) == b"now"
        gate.touch()
        assert process.stdout.read() == b" later\n"


def test_escapes_in_an_answer_are_made_visible() -> None:
    assert piped(["call"], ["text", "a\x1b[31m\u202eb"]).stdout.decode() == "a␛[31m<U+202E>b\n"


def test_raw_passes_an_answer_on_as_it_is() -> None:
    assert piped(["call"], ["text", "a\x1b[31mb"], flags=("raw",)).stdout == b"a\x1b[31mb\n"


def test_half_an_emoji_does_not_lose_the_rest() -> None:
    assert piped(["call"], ["text", "a\ud83db"]).stdout == b"a?b\n"


def test_a_closed_pipe_ends_the_run() -> None:
    steps: list[list[Any]] = [["call"], ["repeat", 1000, ["text", "word " * 1000]], ["raise"]]
    with subprocess.Popen(argv(*steps), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.read(1)
        process.stdout.close()
        assert b"BrokenPipeError" in process.stderr.read()


def test_a_full_disk_is_told() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(argv(["call"], ["text", "a"]), stdout=full, stderr=subprocess.PIPE)
    assert b"the answer could not be written: No space left on device" in done.stderr


def test_rich_is_not_imported_for_a_pipe() -> None:
    code = (
        "import asyncio, sys\n"
        "from llmgine_cli.bus import Bus\n"
        "from llmgine_cli.cli.common import Cli\n"
        "from llmgine_cli.cli.screen.screen import Screen\n"
        "from llmgine_cli.llm.events import TextChunk\n"
        "async def main():\n"
        "    bus, screen = Bus(), Screen(Cli())\n"
        "    screen.attach(bus)\n"
        "    await bus.publish(TextChunk(call_id='a', text='hi'))\n"
        "    await screen.finish()\n"
        "before = set(sys.modules)\n"
        "asyncio.run(main())\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new & {'rich', 'markdown_it', 'pygments'}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "hi\n[]\n"


def test_what_an_engine_returned_can_be_shown() -> None:
    assert piped(["call"], ["end"], ["show", "the result"]).stdout == b"the result\n"


def test_without_the_answer_only_the_rest_is_shown() -> None:
    done = piped(["call"], ["text", "a"], ["result", "f", "12", False], flags=("no-answer",))
    assert done.stdout == b""
    assert b"12" in done.stderr


# -- tools, on stderr


def test_a_tool_call_is_told_on_stderr() -> None:
    done = piped(["tool", "f", "{}"], ["result", "f", "cold\nwet\ndark\nlong\n", False])
    assert done.stdout == b""
    assert done.stderr.decode() == '✓ f(city="Oslo") 12 ms\n  cold\n  wet\n  dark\n  … 1 more lines\n'


def test_a_failed_tool_call_is_told_on_stderr() -> None:
    assert piped(["result", "f", "no such city", True]).stderr.decode().startswith('✗ f(city="Oslo") 12 ms\n  no such')


def test_quiet_leaves_the_tool_calls_out() -> None:
    assert piped(["result", "f", "cold", False], flags=("quiet",)).stderr == b""


def test_a_tool_cannot_drive_the_terminal() -> None:
    done = piped(["result", "f\x1b[2J", "[bold]\x1b]0;x\x07", False])
    assert b"\x1b" not in done.stderr
    assert b"[bold]" in done.stderr


def test_thoughts_go_to_stderr_when_they_are_wanted() -> None:
    steps: tuple[list[Any], ...] = (["call"], ["think", "hm\x1b[2J"], ["text", "yes"])
    wanted, unwanted = piped(*steps, flags=("reasoning",)), piped(*steps)
    assert (wanted.stdout, wanted.stderr.decode()) == (b"yes\n", "hm␛[2J\n\n")
    assert (unwanted.stdout, unwanted.stderr) == (b"yes\n", b"")


# -- on a terminal


def test_on_a_terminal_markdown_is_rendered() -> None:
    with Terminal(argv(["call"], *(["text", letter] for letter in MARKDOWN), ["end"])) as terminal:
        assert terminal.wait_end() == 0
        screen = terminal.screen()
        assert " • one\n • two" in screen
        assert "**" not in screen
        assert "```" not in screen
        assert b"\x1b[1mbold\x1b[0m" in terminal.raw


@pytest.mark.parametrize("cols", [20, 80, 200])
def test_a_long_answer_is_on_the_terminal_once_and_in_order(cols: int) -> None:
    items = "".join(f"- item {n} is here\n\n" if n % 7 == 0 else f"- item {n}\n" for n in range(200))
    steps = [["text", items[n : n + 5]] for n in range(0, len(items), 5)]
    with Terminal(argv(["call"], *steps, ["end"]), cols=cols) as terminal:
        assert terminal.wait_end() == 0
        found = [int(line.split()[2]) for line in terminal.everything().splitlines() if "item" in line]
        assert found == list(range(200))


def test_no_color_keeps_the_layout_and_drops_the_colours() -> None:
    with Terminal(argv(["call"], ["text", MARKDOWN], ["end"]), env={"NO_COLOR": "1"}) as terminal:
        assert terminal.wait_end() == 0
        assert " • one" in terminal.screen()
        assert b"\x1b[38" not in terminal.raw
        assert b"\x1b[48" not in terminal.raw
        assert b"\x1b[3" not in terminal.raw.replace(b"\x1b[3m", b"")


def test_a_dumb_terminal_gets_the_raw_text() -> None:
    with Terminal(argv(["call"], ["text", "**a**"], ["end"]), env={"TERM": "dumb"}) as terminal:
        assert terminal.wait_end() == 0
        assert terminal.raw == b"**a**\r\n"


def test_escapes_in_an_answer_do_not_reach_the_terminal() -> None:
    with Terminal(argv(["call"], ["text", "a\x1b]0;evil\x07 `\x1b[2J`\n\n```\n\x1b[2J\n```"], ["end"])) as terminal:
        assert terminal.wait_end() == 0
        assert b"evil\x07" not in terminal.raw
        assert b"\x1b[2J" not in terminal.raw
        assert "␛]0;evil␇" in terminal.screen()


def test_a_first_piece_of_blanks_counts() -> None:
    with Terminal(argv(["call"], ["text", "    "], ["text", "code()"], ["end"])) as terminal:
        assert terminal.wait_end() == 0
        assert terminal.screen() == "\ncode()"  # a paragraph would have no blank row above


def test_a_table_taller_than_the_screen_is_there_once(tmp_path: Path) -> None:
    gates = [str(tmp_path / str(number)) for number in range(3)]
    steps: list[list[Any]] = [["call"], ["text", "| a | b |\n|---|---|\n"]]
    for part, gate in enumerate(gates):
        rows = "".join(f"| row{part}{n:02} | {'x' * part} |\n" for n in range(30))
        steps += [["text", rows], ["gate", gate]]
    with Terminal(argv(*steps, ["end"])) as terminal:
        for part, gate in enumerate(gates):
            terminal.wait_for(f"row{part}29")
            Path(gate).touch()
        assert terminal.wait_end() == 0
        found = [line.split()[0] for line in terminal.everything().splitlines() if "row" in line]
        assert found == [f"row{part}{n:02}" for part in range(3) for n in range(30)]


async def test_an_answer_that_cannot_be_rendered_is_shown_as_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    class FailingConsole(Console):
        def print(self, *objects: Any, **options: Any) -> None:
            raise RuntimeError("no")

    class FailingCli(Cli):
        def console(self, *, stderr: bool = False) -> Console:
            return FailingConsole()

    answer = RenderedAnswer(FailingCli(verbose=True))
    for text in ("**one** ", "two\x1b[2J"):
        answer.write(text)
    answer.separate()
    answer.write("three")
    answer.close()
    printed = capsys.readouterr()
    assert printed.out == "**one** two␛[2J\n\nthree\n"
    assert "cannot be rendered: RuntimeError: no" in printed.err


def test_links_are_text_and_cannot_hide_where_they_lead() -> None:
    with Terminal(argv(["call"], ["text", "[bank](http://evil.example)"], ["end"])) as terminal:
        assert terminal.wait_end() == 0
        assert "bank (http://evil.example)" in terminal.screen()
        assert b"\x1b]8" not in terminal.raw


def test_the_spinner_says_what_is_going_on_and_goes_away(tmp_path: Path) -> None:
    gates = [str(tmp_path / name) for name in "abc"]
    steps: list[list[Any]] = [
        ["call"], ["gate", gates[0]], ["text", "Let me see."], ["end"],
        ["tool", "get_weather", "{}"], ["gate", gates[1]], ["result", "get_weather", "cold", False],
        ["status", "summing\x1b[2J up"], ["gate", gates[2]], ["text", "Cold."], ["end"],
    ]  # fmt: skip
    with Terminal(argv(*steps)) as terminal:
        for text, gate in zip(("thinking", "calling get_weather", "summing␛[2J up"), gates, strict=True):
            terminal.wait_for(text)
            Path(gate).touch()
        assert terminal.wait_end() == 0
        assert terminal.screen().split("\n") == [
            "Let me see.", '✓ get_weather(city="Oslo") 12 ms', "  cold", "", "Cold.",
        ]  # fmt: skip


def test_quiet_shows_no_spinner(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with Terminal(argv(["call"], ["text", "a"], ["gate", str(gate)], ["end"], flags=("quiet",))) as terminal:
        terminal.wait_for("a")
        gate.touch()
        terminal.wait_end()
        assert b"thinking" not in terminal.raw


def test_with_the_answer_in_a_pipe_the_spinner_is_still_on_the_terminal(tmp_path: Path) -> None:
    gate, answer = tmp_path / "gate", tmp_path / "answer"
    command = f'exec "$@" > {answer}'
    steps = argv(["call"], ["gate", str(gate)], ["text", "**a**"], ["end"])
    with Terminal(["/bin/sh", "-c", command, "sh", *steps]) as terminal:
        terminal.wait_for("thinking")
        gate.touch()
        assert terminal.wait_end() == 0
        assert terminal.screen() == ""
    assert answer.read_text() == "**a**\n"


@pytest.mark.parametrize("state", ["spinner", "text"])
def test_ctrl_c_leaves_the_terminal_as_it_was(state: str, tmp_path: Path) -> None:
    gate = str(tmp_path / "never")
    steps = [["call"], *([["text", "An *answer* that"]] if state == "text" else []), ["gate", gate]]
    with Terminal(argv(*steps)) as terminal:
        terminal.wait_for("An answer that" if state == "text" else "thinking")
        terminal.send("\x03")
        terminal.wait_for("KeyboardInterrupt")
        terminal.wait_end()
        first = terminal.everything().split("\n")[0]
        assert first.startswith("An answer that" if state == "text" else "Traceback")
        assert "thinking" not in terminal.everything()
        assert "^C" not in terminal.everything()


def test_an_exception_leaves_the_answer_whole() -> None:
    with Terminal(argv(["call"], ["text", "An *answer* that ends"], ["raise"])) as terminal:
        terminal.wait_end()
        assert terminal.screen().startswith("An answer that ends\nTraceback")


def test_a_terminal_that_is_made_narrower_between_blocks_is_used_as_it_is(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    words = "word " * 30
    steps = [["call"], ["text", f"{words}\n\nnext"], ["gate", str(gate)], ["text", f" {words}"], ["end"]]
    with Terminal(argv(*steps), cols=80) as terminal:
        terminal.wait_for("next")
        terminal.resize(24, 40)
        gate.touch()
        terminal.wait_end()
        assert terminal.everything().count("word") == 60


def test_a_picture_costs_the_program_little() -> None:
    """What is on the screen already is not written again: 2,000 pieces, far fewer bytes than 2,000 pictures."""
    steps = [["text", f"word{n} "] for n in range(2000)]
    with Terminal(argv(["call"], *steps, ["end"])) as terminal:
        terminal.wait_end()
        assert len(terminal.raw) < 20 * sum(len(text) for _, text in steps)


def test_a_signal_that_ends_the_program_needs_no_repair(tmp_path: Path) -> None:
    with Terminal(argv(["call"], ["text", "An answer"], ["gate", str(tmp_path / "never")])) as terminal:
        terminal.wait_for("An answer")
        terminal.signal(signal.SIGTERM)
        assert terminal.wait_end() == -signal.SIGTERM
        assert b"\x1b[?25l" not in terminal.raw  # the cursor was never hidden
