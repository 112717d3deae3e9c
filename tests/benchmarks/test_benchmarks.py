"""The benchmark measures what it says: runs that fail do not count, and the table judges by the target."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks import bus, tool_loop
from tests.benchmarks.bus_contestant import Case, Tally, floor, llmgine
from tests.benchmarks.bus_contestant import measure as measure_bus
from tests.benchmarks.report import Row, table
from tests.benchmarks.server import LAST_WORD, stream
from tests.benchmarks.timing import Contestant, Result, clean_environment, measure, race


def python(name: str, code: str, *, expects: str = "", terminal: bool = False) -> Contestant:
    return Contestant(name, (sys.executable, "-c", code), expects, terminal=terminal)


def test_everybody_runs_in_turn_and_the_first_round_does_not_count(tmp_path: Path) -> None:
    code = "import sys; open('order', 'a').write(sys.argv[1])"
    contestants = [Contestant(name, (sys.executable, "-c", code, name)) for name in "ab"]
    results = race(contestants, rounds=3, folder=tmp_path)
    assert (tmp_path / "order").read_text() == "abababab"
    assert [len(results[name].seconds) for name in "ab"] == [3, 3]


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("code", ["print('no')", "print('yes'); raise SystemExit(1)"])
def test_a_run_without_the_expected_output_or_success_is_no_time(tmp_path: Path, code: str, terminal: bool) -> None:
    with pytest.raises(RuntimeError, match="ended with"):
        measure(python("x", code, expects="yes", terminal=terminal), tmp_path)


def test_on_a_terminal_a_program_sees_a_terminal(tmp_path: Path) -> None:
    code = "import sys; print('terminal' if sys.stdout.isatty() else 'pipe')"
    assert measure(python("x", code, expects="terminal", terminal=True), tmp_path) > 0
    assert measure(python("x", code, expects="pipe"), tmp_path) > 0


def test_nothing_that_slows_python_or_names_a_key_reaches_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "OPENAI_API_KEY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "1")
        assert name not in clean_environment()


@pytest.mark.parametrize(
    ("ours", "target", "mark"),
    [(0.1, 0.5, "reached"), (0.6, 0.5, "**missed**"), (0.9, None, "ahead"), (1.1, None, "**behind**")],
)
def test_the_table_judges_by_the_target_and_else_by_who_is_first(ours: float, target: float | None, mark: str) -> None:
    row = Row("`run`", Result("llmgine", (9.0, ours, 0.0)), Result("llm", (1.0,)), target)
    assert table([row]).splitlines()[-1].endswith(f"| {mark} |")
    assert f"| {ours * 1000:.0f} | llm | 1000 | {ours:.2f} |" in table([row])


@pytest.mark.parametrize(
    ("theirs", "target", "mark"), [(0.5, 0.35, "reached"), (0.2, 0.35, "**missed**"), (0.2, 0, "")]
)
def test_the_table_of_the_bus_says_how_close_we_come(theirs: float, target: float, mark: str) -> None:
    line = bus.row("publish 1", "floor", 1.0, theirs, target)
    assert line.endswith(f"| {mark} |\n")
    assert f"| 1.00 | floor | {theirs:.2f} | {theirs:.2f} |" in line


async def test_a_bus_that_misses_a_handler_has_no_time() -> None:
    tally = Tally()
    handler = tally.handler()
    with pytest.raises(RuntimeError, match="not 2 each"):
        await measure_bus(Case(lambda: handler(None), handled=2), tally, seconds=0)


async def test_every_case_of_ours_and_of_the_floor_reaches_its_handlers() -> None:
    for contestant in (floor, llmgine):
        tally = Tally()
        for case in (await contestant(tally)).values():
            assert await measure_bus(case, tally, seconds=0) > 0


def test_the_server_sends_as_many_chunks_as_the_model_is_called() -> None:
    events = stream("words-20").decode().split("\n\n")
    choices = [json.loads(event[6:])["choices"] for event in events if event.startswith("data: {")]
    texts = [choice[0]["delta"].get("content") for choice in choices if choice]
    assert len([text for text in texts if text]) == 20 + 1  # the last word comes on top
    assert LAST_WORD in texts[-2]
    assert events[-2] == "data: [DONE]"


@pytest.mark.parametrize("code", ["print('no')", "print('yes'); raise SystemExit(1)", ""])
def test_a_first_byte_counts_only_when_the_right_answer_follows_it(tmp_path: Path, code: str) -> None:
    first = replace(python("x", code, expects="yes"), first_byte=True)
    with pytest.raises(RuntimeError, match="ended with"):
        measure(first, tmp_path)
    assert measure(replace(python("x", "print('yes')", expects="yes"), first_byte=True), tmp_path) > 0


def test_the_tool_loop_counts_only_turns_that_called_the_tool() -> None:
    ours = Path(sys.executable).parent
    with tool_loop.serving() as base_url:
        times = {name: tool_loop.measure(ours, name, base_url, turns=2) for name in ("httpx2", "llmgine")}
    assert all(times[name][case] > 0 for name in times for case in tool_loop.TARGETS)


@pytest.mark.parametrize(("ours", "mark"), [(1.0, "reached"), (3.0, "**missed**")])
def test_the_tool_loop_is_judged_by_its_targets(ours: float, mark: str) -> None:
    times = {name: {"later": 10.0, "fresh": 10.0} for name in tool_loop.TARGETS["later"]}
    table = tool_loop.table({**times, "llmgine": {"later": ours, "fresh": ours}})
    assert next(line for line in table.splitlines() if "pydantic-ai" in line).endswith(f"| {mark} |")
