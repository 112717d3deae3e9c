"""How long the log's queries take beside `rg`, `grep`, `jq`, `tail` and DuckDB, on one file that all of them read.

Alone: `python -m tests.benchmarks.logs`.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from llmgine_cli.bus import Event
from tests.benchmarks import peers
from tests.benchmarks.biglog import RARE, Story, write_file
from tests.benchmarks.report import Row, table
from tests.benchmarks.timing import Contestant, Result, clean_environment, race

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / ".bench"
SIZE = 1_000_000_000  # bytes of the log
ROUNDS = 3
FOLLOWED = 200  # events
FOLLOW_TARGET = 0.005  # seconds
NAME = "events_20261118T000000.000000Z_big.jsonl"

QUERY = """\
import sys

import duckdb

columns = {
    "event_type": "VARCHAR", "timestamp": "VARCHAR", "model": "VARCHAR", "duration_ms": "DOUBLE",
    "first_token_ms": "DOUBLE", "call": "STRUCT(name VARCHAR)", "error_type": "VARCHAR",
    "reply": "STRUCT(usage STRUCT(input_tokens BIGINT, output_tokens BIGINT))",
}
duckdb.sql(f'''
    create temp table event as
    select event_type, timestamp[:10] as "day", model, reply.usage.input_tokens as given, call.name as tool,
           reply.usage.output_tokens as made, duration_ms, first_token_ms, error_type
    from read_json('{sys.argv[1]}', format='newline_delimited', ignore_errors=true, columns={columns})
    where event_type in ('LLMCallFinished', 'LLMCallFailed', 'ToolCallFinished')
''')
parts = "quantile_disc(duration_ms, [0.5, 0.9, 0.99])"
for by in ("model", "day"):
    print(duckdb.sql(f'''
        select "{by}", count(*), sum(given), sum(made), {parts}, quantile_disc(first_token_ms, [0.5, 0.9, 0.99])
        from event where event_type = 'LLMCallFinished' group by all order by all
    ''').fetchall())
print(duckdb.sql(f"select tool, count(*), {parts} from event where tool is not null group by all").fetchall())
print(duckdb.sql("select error_type, count(*) from event where error_type is not null group by all").fetchall())
"""


def rows(folder: Path, ours: Path, *, rounds: int, size: int) -> Iterator[Row]:
    """Make the log, measure, and yield the comparisons; a peer that is not installed is named and left out.

    Args:
        folder: For the log; removed by whoever made it.
        ours: The folder of our program.
        rounds: How often everybody runs.
        size: Bytes of the log.
    """
    print(f"writing a log of {size // 1_000_000} MB", file=sys.stderr)
    (folder / "logs").mkdir(parents=True)
    log, small = folder / "logs" / NAME, folder / "small.jsonl"
    write_file(log, size)
    write_file(small, 100_000)
    for what, contestants, targets in cases(folder, ours, log, small, size):
        there = [one for one in contestants if shutil.which(one.command[0])]
        for one in contestants:
            if one not in there:
                print(f"{one.name} is not installed: left out", file=sys.stderr)
        print(f"measuring {what}", file=sys.stderr)
        results = race(there, rounds=rounds, folder=folder)
        mine, *others = (results[one.name] for one in there)
        yield from (Row(what, mine, other, targets.get(other.name)) for other in others)
    yield follow(folder, ours)


Case = tuple[str, list[Contestant], Mapping[str, float]]


def cases(folder: Path, ours: Path, log: Path, small: Path, size: int) -> Iterator[Case]:
    """Yield what is measured: a name, ours and the peers, and the ratios to reach by the peer's name."""
    home = {"LLMGINE_HOME": str(folder / "home")}
    much = f"{size // 1_000_000} MB"
    duckdb = peers.environment(BENCH, "duckdb", "duckdb")
    script = folder / "query.py"
    script.write_text(QUERY, encoding="utf-8")

    def mine(name: str, *arguments: str, expects: str, file: Path = log) -> Contestant:
        return Contestant(name, (str(ours / "llmgine"), "logs", *arguments, "--session", str(file)), expects, home)

    last = mine("llmgine", "tail", "-n", "20", expects="SessionEnded")
    same = mine("itself on 0.1 MB", "tail", "-n", "20", expects="SessionEnded", file=small)
    yield f"`logs tail -n 20` of {much}", [last, same], {same.name: 1.2}

    failed = '"event_type":"LLMCallFailed"'
    kind = mine("llmgine", "tail", "-n", "1000000", "--json", "--type", "LLMCallFailed", expects="RateLimitedError")
    rg = Contestant("rg", ("rg", "--no-config", failed, str(log)), "RateLimitedError")
    jq = Contestant("jq", ("jq", "-c", 'select(.event_type == "LLMCallFailed")', str(log)), "RateLimitedError")
    yield f"`logs tail --type`, {much}", [kind, rg, jq], {"rg": 5, "jq": 0.15}

    rare = mine("llmgine", "search", RARE, expects=RARE)
    grep = Contestant("grep", ("grep", RARE, str(log)), RARE)
    yield f"`logs search`, {much}", [rare, grep, Contestant("rg", ("rg", RARE, str(log)), RARE)], {"grep": 5}

    counted = mine("llmgine", "stats", expects="gpt-4o")
    database = Contestant("DuckDB", (str(duckdb / "python"), str(script), str(log)), "gpt-4o")
    yield f"`logs stats`, {much}", [counted, database], {"DuckDB": 1.2}


def follow(folder: Path, ours: Path) -> Row:
    """Measure how long after its writing an event comes out of `logs tail -f` and of `tail -f`."""
    print("measuring follow", file=sys.stderr)
    path = folder / "logs" / "events_20261119T000000.000000Z_followed.jsonl"
    path.write_bytes(b"")
    program = str(ours / "llmgine")
    mine = (program, "logs", "tail", "-n", "0", "-f", "--json", "--session", str(path))
    home = {"LLMGINE_HOME": str(folder / "home")}
    us = Result("llmgine", _latencies(mine, path, home))
    them = Result("tail -f", _latencies(("tail", "-n", "0", "-f", str(path)), path, {}))
    return Row("`logs tail -f`, written to shown", us, them, FOLLOW_TARGET / them.median)


def _latencies(command: Sequence[str], path: Path, env: Mapping[str, str]) -> tuple[float, ...]:
    """Append events one by one and wait for each to come out; those while the program starts do not count."""
    from llmgine_cli.eventlog.codec import encode

    lines = [encode(event) for _, event in zip(range(FOLLOWED), _events(), strict=False)]
    found: list[float] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**clean_environment(), **env}) as process:
        assert process.stdout
        os.set_blocking(process.stdout.fileno(), False)
        while not process.stdout.read():  # until it watches
            _append(path, lines[0])
            time.sleep(0.02)
        time.sleep(0.2)
        process.stdout.read()
        os.set_blocking(process.stdout.fileno(), True)
        for line in lines:
            begin = time.perf_counter()
            _append(path, line)
            process.stdout.readline()
            found.append(time.perf_counter() - begin)
            time.sleep(0.002)
        process.terminate()
    return tuple(found)


def _events() -> Iterator[Event]:
    story = Story(2)
    while True:
        yield from story.session(5)


def _append(path: Path, line: bytes) -> None:
    with path.open("ab", buffering=0) as file:
        file.write(line)


def main(arguments: Sequence[str]) -> int:
    """Measure the log alone and print the table."""
    size = 100_000_000 if "--quick" in arguments else SIZE
    with tempfile.TemporaryDirectory() as folder:
        found = list(rows(Path(folder), Path(sys.executable).parent, rounds=ROUNDS, size=size))
    print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
