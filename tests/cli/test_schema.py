"""Answers in JSON of a form: --schema and --schema-multi."""

import json
from pathlib import Path

import pytest

from tests.cli.test_run import vendor_env
from tests.support.facts import logged
from tests.support.program import PROGRAM, Completed, Program
from tests.support.server import Answer, FakeVendor, ToolCalls
from tests.support.terminal import Terminal

RIGHT = '{"name": "Ada", "age": 36}'
MODELS = "from pydantic import BaseModel\nclass Person(BaseModel):\n    name: str\n    age: int = 0\n"


def run(cli: Program, vendor: FakeVendor, *arguments: str) -> Completed:
    return cli("run", "-m", "openai:gpt-4.1-mini", *arguments, env=vendor_env(vendor))


@pytest.mark.parametrize("text", [RIGHT, f"```json\n{RIGHT}\n```", '\n{\n "name" : "Ada",\n "age" : 36}\n'])
def test_into_a_pipe_the_answer_is_one_line_of_json(cli: Program, text: str) -> None:
    with FakeVendor([Answer(text)]) as vendor:
        done = run(cli, vendor, "--schema", "name, age int", "Who?")
    assert (done.stdout, done.code) == (f"{RIGHT}\n", 0)


def test_on_a_terminal_it_is_laid_out() -> None:
    with Terminal([str(PROGRAM), "run", "-m", "echo:echo", "--schema", "name, age int", RIGHT]) as terminal:
        assert terminal.wait_end() == 0
        assert [line.rstrip() for line in terminal.screen().split("\n") if line.strip()] == [
            "{",
            '  "name": "Ada",',
            '  "age": 36',
            "}",
        ]


def test_many_items_are_an_array(cli: Program) -> None:
    with FakeVendor([Answer(f'{{"items": [{RIGHT}, {RIGHT}]}}')]) as vendor:
        done = run(cli, vendor, "--schema-multi", "name, age int", "Who?")
    assert done.stdout == f"[{RIGHT}, {RIGHT}]\n"


def test_an_answer_that_misses_the_form_is_asked_for_once_more_and_never_printed(cli: Program, home: Path) -> None:
    with FakeVendor([Answer('{"name": "Ada"}'), Answer(RIGHT)]) as vendor:
        done = run(cli, vendor, "--schema", "name, age int", "Who?")
        told = vendor.requests[1].body["messages"][-1]
    assert (done.stdout, done.code) == (f"{RIGHT}\n", 0)
    assert told["role"] == "user"
    assert "- 'age' is a required property" in told["content"]
    assert sum(event["event_type"] == "LLMCallFinished" for event in logged(home)) == 2


def test_an_answer_that_misses_it_twice_is_not_printed_but_kept(cli: Program) -> None:
    with FakeVendor([Answer("She is"), Answer("Ada, 36.")]) as vendor:
        done = run(cli, vendor, "--schema", "name, age int", "Who?")
    assert (done.stdout, done.code) == ("", 1)
    assert done.stderr.startswith("llmgine: the answer has not the form that was asked for: it is no JSON: ")
    assert done.stderr.count("\n") == 1
    assert "Ada, 36." in cli("logs", "show").stdout


def test_raw_prints_what_the_model_said_whatever_it_is(cli: Program) -> None:
    with FakeVendor([Answer("She is"), Answer("Ada, 36."), Answer(f"```\n{RIGHT}\n```")]) as vendor:
        missed = run(cli, vendor, "--raw", "--schema", "name, age int", "Who?")
        met = run(cli, vendor, "--raw", "--schema", "name, age int", "Who?")
    assert (missed.stdout, missed.code) == ("Ada, 36.\n", 1)
    assert (met.stdout, met.code) == (f"```\n{RIGHT}\n```\n", 0)


def test_an_answer_that_was_cut_says_so_and_is_not_asked_for_again(cli: Program) -> None:
    with FakeVendor([Answer('{"name": "Ad', finish="length")]) as vendor:
        done = run(cli, vendor, "--schema", "name, age int", "Who?")
    assert (done.stdout, done.code) == ("", 1)
    assert "it stopped at the token limit (allow more with -o max_tokens N)" in done.stderr


def test_the_log_has_the_form_that_was_asked_for_and_an_export_too(cli: Program, home: Path) -> None:
    assert cli("run", "-m", "echo:echo", "--schema", "name, age int", RIGHT).code == 0
    (started,) = [event for event in logged(home) if event["event_type"] == "LLMCallStarted"]
    assert started["response_format"]["schema"]["required"] == ["name", "age"]
    request = json.loads(cli("logs", "export", "--format", "openai").stdout)
    assert request["response_format"]["json_schema"]["schema"]["required"] == ["name", "age"]


def test_json_has_the_value_beside_the_text(cli: Program) -> None:
    done = cli("run", "-m", "echo:echo", "--json", "--schema", "name, age int", RIGHT)
    facts = json.loads(done.stdout)
    assert facts["answer"] == RIGHT
    assert facts["value"] == {"name": "Ada", "age": 36}
    assert "value" not in json.loads(cli("run", "-m", "echo:echo", "--json", "hi").stdout)


def test_a_tool_loop_ends_in_an_answer_of_the_form(cli: Program) -> None:
    with FakeVendor([ToolCalls(("calculate", {"expression": "6*6"})), Answer(RIGHT)]) as vendor:
        done = run(cli, vendor, "-T", "calculate", "--approve", "all", "--schema", "name, age int", "Who?")
        assert vendor.requests[1].body["messages"][-1]["content"] == "36"
    assert (done.stdout, done.code) == (f"{RIGHT}\n", 0)


def test_a_model_of_a_file(cli: Program) -> None:
    Path("models.py").write_text(MODELS)
    done = cli("run", "-m", "echo:echo", "--schema", "./models.py:Person", '{"name": "Ada"}')
    assert done.stdout == '{"name": "Ada", "age": 0}\n', "its defaults are filled in"


def test_a_module_of_the_folder_is_not_run_even_where_python_would_look(cli: Program) -> None:
    Path("models.py").write_text("open('it-ran', 'w')\n" + MODELS)
    done = cli("run", "-m", "echo:echo", "--schema", "models:Person", "x", env={"PYTHONPATH": "."})
    assert done.code == 2
    assert "--schema ./models.py:Person" in done.stderr
    assert not Path("it-ran").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--schema", "name strr"], "has an unknown type 'strr' (did you mean str?)"),
        (["--schema", "gone.json"], "cannot read the schema gone.json"),
        (["--schema", "name", "--schema-multi", "name"], "--schema and --schema-multi exclude each other"),
    ],
)
def test_what_is_no_schema_is_told_before_anything_is_sent(cli: Program, arguments: list[str], said: str) -> None:
    with FakeVendor([]) as vendor:
        done = run(cli, vendor, *arguments, "Who?")
        assert vendor.requests == []
    assert (done.stdout, done.code) == ("", 2)
    assert said in done.stderr


def test_control_characters_in_a_value_do_not_reach_the_terminal(cli: Program) -> None:
    done = cli("run", "-m", "echo:echo", "--schema", "name", '{"name": "a\\u001b[2J\\u202e"}')
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    assert json.loads(done.stdout) == {"name": "a\x1b[2J\u202e"}


def test_a_conversation_goes_on_with_another_form(cli: Program) -> None:
    assert cli("run", "-m", "echo:echo", "--schema", "name", '{"name": "Ada"}').code == 0
    done = cli("run", "-c", "--schema-multi", "age int", '{"items": [{"age": 1}]}')
    assert (done.stdout, done.code) == ('[{"age": 1}]\n', 0)


# -- prompt templates

FORM = """---
output:
  format: json
  schema:
    type: object
    properties: {name: {type: string}, age: {type: integer}}
    required: [name, age]
---
{input}"""


def test_the_form_that_a_template_asks_for_holds(cli: Program) -> None:
    Path("person.md").write_text(FORM)
    assert cli("run", "-m", "echo:echo", "-t", "./person.md", RIGHT).stdout == f"{RIGHT}\n"
    missed = cli("run", "-m", "echo:echo", "-t", "./person.md", "Ada, 36")
    assert (missed.stdout, missed.code) == ("", 1)
    assert "not enforced" not in missed.stderr + cli("prompt", "show", "./person.md").stderr


def test_a_template_that_wants_json_without_a_schema_takes_any_object(cli: Program) -> None:
    Path("any.md").write_text("---\noutput:\n  format: json\n---\n{input}")
    assert cli("run", "-m", "echo:echo", "-t", "./any.md", '{"a": [1]}').stdout == '{"a": [1]}\n'
    assert cli("run", "-m", "echo:echo", "-t", "./any.md", "[1]").code == 1


def test_the_flag_goes_before_the_template(cli: Program) -> None:
    Path("person.md").write_text(FORM)
    done = cli("run", "-m", "echo:echo", "-t", "./person.md", "--schema", "x int", '{"x": 1}')
    assert done.stdout == '{"x": 1}\n'


def test_a_template_with_a_schema_that_is_none_is_told(cli: Program) -> None:
    Path("bad.md").write_text("---\noutput:\n  schema: {type: objekt}\n---\n{input}")
    done = cli("run", "-m", "echo:echo", "-t", "./bad.md", "x")
    assert done.code == 2
    assert "bad.md: output: the schema is no JSON Schema: type: 'objekt' is not valid" in done.stderr


def test_a_template_cannot_have_the_answer_matched_against_a_pattern(cli: Program) -> None:
    head = "---\noutput:\n  schema: {properties: {pattern: {type: string"
    Path("slow.md").write_text(head + ", pattern: (a+)+$}}}\n---\n{input}")
    Path("fine.md").write_text(head + "}}}\n---\n{input}")
    done = cli("run", "-m", "echo:echo", "-t", "./slow.md", '{"pattern": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"}')
    assert (done.stdout, done.code) == ("", 3)
    assert "wants its answer to match a pattern, and only you can allow that" in done.stderr
    assert cli("run", "-m", "echo:echo", "-t", "./fine.md", '{"pattern": "a"}').stdout == '{"pattern": "a"}\n'


def test_in_a_chat_each_answer_has_the_form_of_the_template(cli: Program) -> None:
    Path("person.md").write_text(FORM)
    done = cli("chat", "-m", "echo:echo", "-t", "./person.md", input=f"{RIGHT}\nno\n{RIGHT}\n")
    assert done.stdout == f"{RIGHT}\n{RIGHT}\n"
    assert "llmgine: the answer has not the form that was asked for" in done.stderr


# -- later


def test_a_prompt_that_runs_later_keeps_its_form(cli: Program) -> None:
    Path("models.py").write_text(MODELS)
    added = cli(
        "schedule", "add", "--in", "0s", "-m", "echo:echo", "--schema-multi", "./models.py:Person",
        f'{{"items": [{RIGHT}]}}',
    )  # fmt: skip
    assert added.code == 0, added.stderr
    Path("models.py").unlink()
    done = cli("schedule", "run", "--once")
    assert (done.stdout, done.code) == (f"[{RIGHT}]\n", 0)


def test_a_prompt_that_runs_later_fails_when_its_answer_misses_the_form(cli: Program) -> None:
    assert cli("run", "--in", "0s", "-m", "echo:echo", "--schema", "name", "no").code == 0
    done = cli("schedule", "run", "--once")
    assert (done.stdout, done.code) == ("", 1)
    assert "has not the form that was asked for" in done.stderr
