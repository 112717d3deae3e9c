"""The benchmark of the log compares like with like: everybody writes every event, as a line with the same in it."""

import json
from pathlib import Path

from tests.benchmarks.log_write import BATCH, FLOOR, OURS, measure, table


def test_everybody_writes_every_event(tmp_path: Path) -> None:
    taken = measure(2, tmp_path)

    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) == len(taken) == 5
    for path in written:
        lines = [json.loads(line) for line in path.read_bytes().splitlines()]
        assert len(lines) == 2 * BATCH
        assert {line["session_id"] for line in lines} == {"18ead0941bde801700000f204c3"}
        assert len({line["event_id"] for line in lines}) == 2 * BATCH


def test_the_table_says_how_many_times_the_floor_each_is() -> None:
    rows = table({OURS: 4000.0, FLOOR: 2000.0}).splitlines()
    assert rows[2] == f"| {OURS} | 4.00 | 250,000 | 0.50 |"
