"""What is said on stderr fits the terminal without breaking words."""

from llmgine_cli.cli.wrapping import wrap
from tests.support.program import PROGRAM, Program
from tests.support.terminal import Terminal


def test_a_line_breaks_between_words_and_options_stay_whole() -> None:
    assert wrap("give --approve auto-read or --approve all", 24) == ["give --approve", "auto-read or --approve", "all"]


def test_a_line_that_fits_stays_as_it_is() -> None:
    assert wrap("  as it  is", 11) == ["  as it  is"]


def test_a_word_that_fits_no_line_is_broken() -> None:
    assert "".join(wrap("x" * 50, 24)) == "x" * 50


def test_on_a_terminal_an_error_breaks_between_words() -> None:
    with Terminal([str(PROGRAM), "tools", "show", "no_tool_at_all"], cols=40) as terminal:
        assert terminal.wait_end() == 2
        lines = [line.rstrip() for line in terminal.screen().splitlines() if line.strip()]
    assert len(lines) > 1
    words = " ".join(lines).split()
    assert {"calculate,", "list_directory,", "llmgine:"} <= set(words)


def test_in_a_pipe_an_error_is_one_line(cli: Program) -> None:
    assert cli("tools", "show", "no_tool_at_all").stderr.count("\n") == 1
