"""`llmgine sinks list`."""

import json

from tests.support.program import Program


def test_the_sinks_are_listed_with_their_state(cli: Program) -> None:
    done = cli("sinks", "list", env={"LLMGINE_LOG__SINKS": "jsonl,otel"})
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(row[0], row[1], row[3]) for row in rows] == [
        ("jsonl", "on", "built in"),
        ("console", "off", "built in"),
        ("otel", "on", "built in"),
    ]
    assert done.stderr == ""


def test_as_json(cli: Program) -> None:
    sinks = json.loads(cli("sinks", "list", "--json").stdout)
    assert {sink["name"]: sink["on"] for sink in sinks} == {"jsonl": True, "console": False, "otel": False}
    assert sinks[0].keys() == {"name", "on", "what", "origin", "package"}


def test_one_that_is_named_and_not_there_is_told(cli: Program) -> None:
    done = cli("sinks", "list", env={"LLMGINE_LOG__SINKS": "jsonl,datadog"})
    assert done.stderr == "warning: log.sinks names 'datadog', and no such sink is installed\n"


def test_a_log_that_is_off_switches_all_of_them_off(cli: Program) -> None:
    done = cli("sinks", "list", env={"LLMGINE_LOG__ENABLED": "false"})
    assert "\ton\t" not in done.stdout
    assert done.stderr == "log.enabled is false: all sinks are off\n"
