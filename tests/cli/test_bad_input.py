"""Whatever goes wrong: one clear line that says what to do, the exit code that is documented, and nothing lost."""

from pathlib import Path

import pytest

from tests.support.facts import logged
from tests.support.program import Completed, Program
from tests.support.server import Answer, FakeVendor, Fault, ToolCalls, dead_url, html

MODEL = ("-m", "openai:gpt-4.1")


def env(vendor: FakeVendor | None = None, **more: str) -> dict[str, str]:
    """The environment in which OpenAI is the fake vendor."""
    known = {"OPENAI_API_KEY": "sk-test-0123456789abcdef0123"}
    return {**known, **({"OPENAI_BASE_URL": vendor.url} if vendor else {}), **more}


def refused(done: Completed, code: int, *words: str) -> None:
    """Check that it is one line on stderr with these words, and nothing on stdout."""
    lines = done.stderr.strip().splitlines()
    assert done.code == code, done.stderr
    assert done.stdout == ""
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("llmgine: ")
    for word in words:
        assert word in lines[0]


# -- names


def test_no_model_available_names_all_the_ways_out(cli: Program) -> None:
    done = cli("run", "hello")
    refused(done, 3, "(llmgine models pull", "OPENAI_API_KEY", "-m")
    assert len(done.stderr) < 240, "it is to be read at a glance"


def test_an_unknown_provider_is_told_its_near_miss(cli: Program) -> None:
    refused(cli("run", "-m", "opnai:gpt-4.1", "hello"), 2, "opnai", "did you mean", "openai")


def test_an_unknown_model_is_told_the_vendors_near_miss(cli: Program) -> None:
    fault = Fault(404, "The model `gpt-4.1-mni` does not exist", "invalid_request_error", "model_not_found")
    with FakeVendor([fault], models=["gpt-4.1", "gpt-4.1-mini"]) as vendor:
        refused(cli("run", "-m", "openai:gpt-4.1-mni", "hi", env=env(vendor)), 1, "gpt-4.1-mni", "gpt-4.1-mini")


def test_an_unknown_engine_is_told_its_near_miss(cli: Program) -> None:
    refused(cli("run", "-m", "echo:echo", "-e", "singel_pass", "hello"), 2, "singel_pass", "single_pass")


def test_an_unknown_tool_is_told_its_near_miss(cli: Program) -> None:
    refused(cli("run", "-m", "echo:echo", "-T", "get_wether", "hello"), 2, "get_wether", "get_weather")


def test_an_unknown_prompt_is_told_its_near_miss(cli: Program) -> None:
    refused(cli("run", "-m", "echo:echo", "-t", "sumarize", "hello"), 2, "sumarize", "summarize")


def test_an_unknown_option_is_told_its_near_miss(cli: Program) -> None:
    refused(cli("run", "-m", "echo:echo", "-o", "temprature", "0", "hello"), 2, "temprature", "temperature")


def test_an_option_of_the_wrong_type_names_it(cli: Program) -> None:
    refused(
        cli("run", "-m", "echo:echo", "-o", "temperature", "warm", "hello"),
        2,
        "temperature must be a number, not 'warm'",
    )


@pytest.mark.parametrize("command", ["run", "chat"])
def test_a_value_for_a_template_without_a_template_is_refused_not_ignored(cli: Program, command: str) -> None:
    refused(cli(command, "-m", "echo:echo", "-p", "language", "Dutch", input="hi"), 2, "-p ", "-t NAME")


def test_a_choice_that_an_engine_does_not_have_is_told_its_near_miss(cli: Program, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from dataclasses import dataclass\nfrom typing import Literal\n"
        "from llmgine_cli.api import Prompt, Run, engine\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Mine(Prompt):\n    aim: Literal['clarity', 'brevity'] = 'clarity'\n"
        "@engine\nasync def mine(prompt: Mine, run: Run) -> None:\n    'Mine.'\n"
    )
    done = cli("run", "-m", "echo:echo", "-e", "./mine.py", "-o", "aim", "brevty", "hello", cwd=tmp_path)
    refused(done, 2, "aim must be one of: clarity, brevity, not 'brevty'", "did you mean brevity?")


def test_tools_for_an_engine_that_calls_none_are_refused_not_ignored(cli: Program) -> None:
    done = cli("run", "-m", "echo:echo", "-e", "single_pass", "-T", "calculate", "hello")
    refused(done, 2, "single_pass", "tool_chat")


# -- credentials


def test_a_missing_key_names_its_variable(cli: Program) -> None:
    refused(cli("run", *MODEL, "hello"), 3, "OPENAI_API_KEY")


def test_a_refused_key_names_its_variable(cli: Program) -> None:
    with FakeVendor([Answer("never")], key="sk-another") as vendor:
        refused(cli("run", *MODEL, "hello", env=env(vendor)), 3, "OPENAI_API_KEY", "refused")


# -- the vendor


def test_an_unreachable_server_names_its_address(cli: Program) -> None:
    url = dead_url()
    done = cli("run", *MODEL, "--retries", "0", "hello", env=env(OPENAI_BASE_URL=url))
    refused(done, 1, url.split("//")[1].split("/")[0])


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(500, "the engine room is on fire"), ["500", "the engine room is on fire"]),
        (Fault(429, "Rate limit reached", headers={"Retry-After": "7"}), ["429", "7 s"]),
        (html(), ["web page"]),
    ],
    ids=["500", "429", "HTML with status 200"],
)
def test_a_failing_vendor_is_one_line(cli: Program, fault: Fault, words: list[str]) -> None:
    with FakeVendor([fault]) as vendor:
        refused(cli("run", *MODEL, "--retries", "0", "hello", env=env(vendor)), 1, *words)


def test_a_stream_cut_in_the_middle_fails_and_the_part_that_came_is_kept(cli: Program, home: Path) -> None:
    with FakeVendor([Answer("half an answer", then="cut")]) as vendor:
        done = cli("run", *MODEL, "hello", env=env(vendor))
    assert done.code == 1
    assert done.stdout == "half an answer\n"
    assert len(done.stderr.strip().splitlines()) == 1
    [failed] = logged(home, "LLMCallFailed")
    assert failed["partial"]["parts"][0]["text"] == "half an answer"


# -- tools


def tool_loop(cli: Program, call: tuple[str, str], *more: str) -> tuple[Completed, str]:
    """Have the model call a tool once; return the outcome and what the model read."""
    with FakeVendor([ToolCalls(call), Answer("I see.")]) as vendor:
        done = cli("run", *MODEL, "--approve", "all", "-T", "calculate", *more, "go", env=env(vendor))
        sent = vendor.requests[1].body["messages"]
    return done, next(message["content"] for message in sent if message["role"] == "tool")


def test_malformed_tool_arguments_go_back_to_the_model(cli: Program) -> None:
    done, read = tool_loop(cli, ("calculate", '{"expression": '))
    assert (done.code, done.stdout) == (0, "I see.\n")
    assert "JSON" in read


def test_arguments_that_do_not_fit_name_each_field(cli: Program) -> None:
    _, read = tool_loop(cli, ("calculate", '{"expresion": "1+1"}'))
    assert "expression" in read
    assert "expresion" in read


def test_an_unknown_tool_goes_back_to_the_model_with_its_near_miss(cli: Program) -> None:
    done, read = tool_loop(cli, ("calcualte", "{}"))
    assert done.stdout == "I see.\n"
    assert "calculate" in read


def test_a_tool_that_raises_goes_back_to_the_model(cli: Program, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def explode() -> str:\n    '''Explode.'''\n    raise RuntimeError('boom')\n", encoding="utf-8")
    done, read = tool_loop(cli, ("explode", "{}"), "-T", str(file))
    assert done.stdout == "I see.\n"
    assert "RuntimeError: boom" in read
    assert "Traceback" not in done.stderr


# -- files


def test_a_prompt_that_is_not_utf8_names_the_file_and_the_byte(cli: Program, tmp_path: Path) -> None:
    file = tmp_path / "latin.md"
    file.write_bytes("Grüße".encode("latin-1"))
    refused(cli("run", "-m", "echo:echo", "-t", str(file), "hi"), 2, "latin.md", "byte 2")


def test_a_prompt_cannot_put_fields_into_the_vendors_request(cli: Program, tmp_path: Path) -> None:
    file = tmp_path / "sly.md"
    file.write_text("---\nconfig:\n  extra: {model: another}\n---\n{input}", encoding="utf-8")
    refused(cli("run", "-m", "echo:echo", "-t", str(file), "hi"), 3, "sly", "-o extra")


def test_broken_front_matter_names_the_file(cli: Program, tmp_path: Path) -> None:
    file = tmp_path / "broken.md"
    file.write_text("---\ndescription: [unclosed\n---\nhi", encoding="utf-8")
    refused(cli("run", "-m", "echo:echo", "-t", str(file), "hi"), 2, "broken.md")


def test_a_settings_file_with_a_syntax_error_names_file_and_line(cli: Program, home: Path) -> None:
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text('model = "echo:echo"\nengine = \n', encoding="utf-8")
    refused(cli("run", "hi"), 3, "config.toml:2", "TOML")


def test_a_wrong_setting_names_the_file_the_key_and_the_near_miss(cli: Program, home: Path) -> None:
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text("[limits]\nidel_timeout = 3\n", encoding="utf-8")
    refused(cli("run", "-m", "echo:echo", "hi"), 3, "config.toml", "limits.idel_timeout", "idle_timeout")


def test_a_log_that_cannot_be_written_costs_the_log_and_not_the_answer(cli: Program, home: Path) -> None:
    (home / "state").mkdir()
    (home / "state" / "logs").write_text("a file where the folder should be", encoding="utf-8")
    done = cli("run", "-m", "echo:echo", "hello")
    assert (done.code, done.stdout) == (6, "hello\n")
    assert len(done.stderr.strip().splitlines()) == 1
    assert "logs" in done.stderr


# -- stdin and arguments


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\0\0", b"text\0text"], ids=["no UTF-8", "NUL"])
def test_binary_stdin_is_refused(cli: Program, data: bytes) -> None:
    refused(cli("run", "-m", "echo:echo", "what is this?", input=data), 2, "stdin", "byte")


@pytest.mark.parametrize("words", [[], [""], ["  "]])
def test_an_empty_prompt_is_refused(cli: Program, words: list[str]) -> None:
    refused(cli("run", "-m", "echo:echo", *words), 2, "nothing to ask")


def test_a_wrong_flag_is_one_line(cli: Program) -> None:
    refused(cli("run", "--modle", "x", "hi"), 2, "--modle", "--model")


def test_terminal_escapes_in_an_answer_become_visible(cli: Program) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\u202eok\x9b31m"
    done = cli("run", "-m", "echo:echo", evil)
    assert done.code == 0
    assert not any(control in done.stdout for control in ("\x1b", "\x07", "\u202e", "\x9b"))
    assert "owned" in done.stdout


def test_raw_passes_an_answer_as_it_is(cli: Program) -> None:
    assert cli("run", "--raw", "-m", "echo:echo", "\x1b[1mbold\x1b[0m").stdout == "\x1b[1mbold\x1b[0m\n"


def test_escapes_in_an_error_of_the_vendor_become_visible(cli: Program) -> None:
    with FakeVendor([Fault(500, "\x1b[2Jgone")]) as vendor:
        done = cli("run", *MODEL, "hello", env=env(vendor))
    assert "\x1b" not in done.stderr
