"""`llmgine run` as a step of a pipeline."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.facts import logged, wait_until
from tests.support.program import PROGRAM, Program
from tests.support.server import Answer, FakeVendor, Silence, ToolCalls
from tests.support.terminal import Terminal

KEY = "sk-test-0123456789abcdef0123"


def vendor_env(vendor: FakeVendor) -> dict[str, str]:
    """The environment that makes this vendor the only one there is."""
    return {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": vendor.url}


def test_the_answer_alone_is_on_stdout(cli: Program) -> None:
    done = cli("run", "-m", "echo:echo", "hello", "there")
    assert (done.stdout, done.stderr, done.code) == ("hello there\n", "", 0)


def test_stdin_comes_before_the_arguments(cli: Program) -> None:
    assert cli("run", "-m", "echo:echo", "what is this?", input="a diff\n").stdout == "a diff\n\nwhat is this?\n"


def test_stdin_alone_is_a_prompt(cli: Program) -> None:
    assert cli("run", "-m", "echo:echo", input="from the pipe\n").stdout == "from the pipe\n"


def test_what_was_chosen_for_the_user_is_said_on_stderr(cli: Program) -> None:
    with FakeVendor([Answer("hi")]) as vendor:
        done = cli("run", "hello", env=vendor_env(vendor))
    assert done.stdout == "hi\n"
    assert "openai:" in done.stderr
    assert "OPENAI_API_KEY" in done.stderr


def test_quiet_says_nothing_but_the_answer(cli: Program) -> None:
    with FakeVendor([Answer("hi")]) as vendor:
        done = cli("run", "--quiet", "hello", env=vendor_env(vendor))
    assert (done.stdout, done.stderr) == ("hi\n", "")


def test_options_reach_the_vendor_zero_included(cli: Program) -> None:
    with FakeVendor([Answer("hi")]) as vendor:
        done = cli(
            "run", "-m", "openai:gpt-4.1-mini", "-s", "Be terse.", "-o", "temperature", "0", "-o", "seed=7", "hello",
            env=vendor_env(vendor),
        )  # fmt: skip
        body = vendor.requests[0].body
    assert done.code == 0, done.stderr
    assert body["temperature"] == 0
    assert body["seed"] == 7
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


@pytest.mark.parametrize("flags", [[], ["--no-stream"]])
def test_an_answer_is_the_same_streamed_or_whole(cli: Program, flags: list[str]) -> None:
    with FakeVendor([Answer("# Title\n\nSome *text*.\n")]) as vendor:
        done = cli("run", *flags, "-m", "openai:gpt-4.1", "hello", env=vendor_env(vendor))
        assert vendor.requests[0].body.get("stream", False) is not bool(flags)
    assert done.stdout == "# Title\n\nSome *text*.\n"


def test_json_tells_the_answer_the_usage_and_the_tool_calls(cli: Program) -> None:
    turns = [ToolCalls(("calculate", {"expression": "6*7"})), Answer("It is 42.")]
    with FakeVendor(turns) as vendor:
        done = cli(
            "run", "--json", "-m", "openai:gpt-4.1", "-T", "calculate", "--approve", "all", "what is 6*7?",
            env=vendor_env(vendor),
        )  # fmt: skip
    assert done.code == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["answer"] == "It is 42."
    assert told["engine"] == "tool_chat"
    assert told["usage"]["output_tokens"] > 0
    assert [(call["name"], call["result"]) for call in told["tool_calls"]] == [("calculate", "42")]


def test_a_turns_calls_run_and_their_results_come_in_the_order_of_the_calls(cli: Program) -> None:
    calls = ToolCalls(("calculate", {"expression": "1+1"}), ("calculate", {"expression": "2+2"}))
    with FakeVendor([calls, Answer("done")]) as vendor:
        cli("run", "-m", "openai:gpt-4.1", "-T", "calculate", "--approve", "all", "add", env=vendor_env(vendor))
        sent = vendor.requests[1].body["messages"]
    assert [message["content"] for message in sent if message["role"] == "tool"] == ["2", "4"]


def test_the_tool_loop_stops_at_its_limit_with_exit_code_5(cli: Program) -> None:
    turns = [ToolCalls(("calculate", {"expression": "1+1"})) for _ in range(5)]
    with FakeVendor(turns) as vendor:
        done = cli(
            "run", "-m", "openai:gpt-4.1", "-T", "calculate", "--approve", "all", "-o", "max_rounds", "2", "add",
            env=vendor_env(vendor),
        )  # fmt: skip
        assert len(vendor.requests) == 2
    assert done.code == 5
    assert "max_rounds" in done.stderr


@pytest.mark.parametrize(("key", "code", "requests"), [("y", 0, 3), ("n", 5, 2), ("\x04", 5, 2)])
def test_on_a_terminal_the_tool_loop_asks_at_its_limit_whether_it_may_go_on(key: str, code: int, requests: int) -> None:
    turns = [*(ToolCalls(("calculate", {"expression": "1+1"})) for _ in range(2)), Answer("It is 2.")]
    options = ("-T", "calculate", "--approve", "all", "--cl", "2")
    with FakeVendor(turns) as vendor:
        argv = [str(PROGRAM), "run", "-m", "openai:gpt-4.1", *options, "add"]
        with Terminal(argv, env=vendor_env(vendor)) as terminal:
            terminal.wait_for("after 2 round(s) of tools. May it? [y/n]")
            terminal.send(key)
            assert terminal.wait_end() == code
            assert ("It is 2." in terminal.screen()) == (code == 0)
        assert len(vendor.requests) == requests


def test_the_letters_of_llm_for_tools_work(cli: Program) -> None:
    turns = [ToolCalls(("calculate", {"expression": "1+1"})) for _ in range(5)]
    with FakeVendor(turns) as vendor:
        done = cli(
            "run", "-m", "openai:gpt-4.1", "-T", "calculate", "--approve", "all", "--cl", "2", "add",
            env=vendor_env(vendor),
        )  # fmt: skip
        assert len(vendor.requests) == 2
    assert done.code == 5
    with FakeVendor(turns) as vendor:
        done = cli("run", "-m", "openai:gpt-4.1", "-T", "calculate", "--ta", "add", env=vendor_env(vendor))
    assert "not approved" in done.stderr


def test_two_flags_that_contradict_each_other_are_refused(cli: Program) -> None:
    done = cli("run", "-m", "echo:echo", "--ta", "--approve", "all", "hi")
    assert (done.code, done.stdout) == (2, "")
    assert "--ta" in done.stderr


def test_without_a_terminal_a_run_whose_calls_all_need_an_approval_stops_with_exit_code_4(cli: Program) -> None:
    turns = [ToolCalls(("calculate", {"expression": "1+1"}), ("current_time", {})) for _ in range(5)]
    with FakeVendor(turns) as vendor:
        done = cli(
            "run", "-m", "openai:gpt-4.1", "-T", "calculate", "-T", "current_time", "add", env=vendor_env(vendor)
        )  # fmt: skip
        assert len(vendor.requests) == 1
    assert (done.code, done.stdout) == (4, "")
    *panels, last = done.stderr.splitlines()
    for said in (" ".join(panels), last):
        assert "not approved: there is no terminal to ask on" in said
        assert "--approve all" in said
        assert "--approve auto-read" in said
    assert "max_rounds" not in done.stderr


def test_without_a_terminal_a_tool_that_may_run_goes_on_beside_one_that_may_not(cli: Program, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        'from llmgine_cli.api import tool\n\n\n@tool(effect="write")\ndef wipe() -> None:\n    """Wipe."""\n'
    )
    turns = [ToolCalls(("calculate", {"expression": "1+1"}), ("wipe", {})), Answer("It is 2.")]
    with FakeVendor(turns) as vendor:
        done = cli(
            "run", "-m", "openai:gpt-4.1", "-T", "calculate", "-T", "./mine.py", "--approve", "auto-read", "add",
            env=vendor_env(vendor), cwd=tmp_path,
        )  # fmt: skip
        sent = vendor.requests[1].body["messages"]
    assert (done.code, done.stdout) == (4, "It is 2.\n")
    results = [message["content"] for message in sent if message["role"] == "tool"]
    assert results == ["2", "Error: not approved: there is no terminal to ask on"]


def test_usage_is_told_on_stderr(cli: Program) -> None:
    done = cli("run", "-u", "-m", "echo:echo", "one two three")
    assert done.stdout == "one two three\n"
    assert "3 in, 3 out" in done.stderr


def test_no_log_leaves_no_trace(cli: Program, home: Path) -> None:
    assert cli("run", "-n", "-m", "echo:echo", "secret plans").code == 0
    assert not any("secret plans" in file.read_text() for file in home.rglob("*") if file.is_file())


def test_a_template_frames_the_prompt(cli: Program, tmp_path: Path) -> None:
    prompt = tmp_path / "shout.md"
    prompt.write_text("---\ndescription: shout\n---\nSay it in {language}: {input}", encoding="utf-8")
    done = cli("run", "-m", "echo:echo", "-t", str(prompt), "-p", "language", "Dutch", "good day")
    assert done.stdout == "Say it in Dutch: good day\n"


def test_a_model_that_only_a_template_names_is_told(cli: Program, tmp_path: Path) -> None:
    prompt = tmp_path / "t.md"
    prompt.write_text("---\nmodel: echo:template\n---\n{input}", encoding="utf-8")
    assert "model: echo:template (named by the prompt)" in cli("run", "-t", str(prompt), "hi").stderr
    assert "model:" not in cli("run", "-t", str(prompt), "-m", "echo:flag", "hi").stderr


def test_a_limit_of_rounds_without_tools_says_what_is_missing(cli: Program) -> None:
    done = cli("run", "-m", "echo:echo", "--cl", "3", "hi")
    assert done.code == 2
    assert "--cl limits the rounds of tool calls" in done.stderr
    assert "-T NAME" in done.stderr
    assert cli("run", "-m", "echo:echo", "--cl", "3", "-T", "calculate", "hi").stdout == "hi\n"


@pytest.mark.parametrize("approve", ["all", "none"])
def test_calls_that_fail_in_the_same_way_again_and_again_end_the_run(cli: Program, approve: str) -> None:
    again = ToolCalls(("read_file", {"path": "nothing.txt"}))
    with FakeVendor([again] * 10) as vendor:
        done = cli("run", "-m", "openai:gpt-4.1", "-T", "read_file", "--approve", approve, "hi", env=vendor_env(vendor))
        assert len(vendor.requests) == 3
    assert done.code == 4
    assert "the model asked 3 times for what cannot be done: read_file" in done.stderr
    assert "nothing.txt" in done.stderr.splitlines()[-1]


def test_calls_that_fail_in_different_ways_go_on(cli: Program) -> None:
    calls = [ToolCalls(("read_file", {"path": f"{number}.txt"})) for number in range(5)]
    with FakeVendor([*calls, Answer("found nothing")]) as vendor:
        done = cli("run", "-m", "openai:gpt-4.1", "-T", "read_file", "--approve", "all", "hi", env=vendor_env(vendor))
    assert (done.code, done.stdout) == (0, "found nothing\n")


def test_a_templates_model_goes_before_the_setting_and_after_the_flag(cli: Program, tmp_path: Path) -> None:
    prompt = tmp_path / "t.md"
    prompt.write_text("---\nmodel: echo:template\n---\n{input}", encoding="utf-8")
    env = {"LLMGINE_MODEL": "echo:setting"}
    chosen = json.loads(cli("run", "--json", "-t", str(prompt), "hi", env=env).stdout)
    named = json.loads(cli("run", "--json", "-t", str(prompt), "-m", "echo:flag", "hi", env=env).stdout)
    assert (chosen["model"], named["model"]) == ("echo:template", "echo:flag")


def test_a_templates_tools_are_a_request_not_a_grant(cli: Program, tmp_path: Path) -> None:
    prompt = tmp_path / "t.md"
    prompt.write_text("---\ntools: [read_file]\n---\n{input}", encoding="utf-8")
    with FakeVendor([Answer("ok")]) as vendor:
        done = cli("run", "-m", "openai:gpt-4.1", "-t", str(prompt), "hi", env=vendor_env(vendor))
        assert "tools" not in vendor.requests[0].body
    assert "-T read_file" in done.stderr


def test_the_request_is_logged_before_it_is_sent(cli: Program, home: Path) -> None:
    with (
        FakeVendor([Silence()]) as vendor,
        cli.start("run", "-m", "openai:gpt-4.1", "hello", env=vendor_env(vendor)) as process,
    ):
        wait_until(lambda: vendor.requests)
        told = [event["event_type"] for event in logged(home)]
        process.kill()
    assert "LLMCallStarted" in told
    assert "hello" in str(logged(home, "MessageAdded"))


def test_a_key_never_reaches_the_log(cli: Program, home: Path) -> None:
    with FakeVendor([Answer(f"your key is {KEY}")]) as vendor:
        cli("run", "-m", "openai:gpt-4.1", f"is {KEY} good?", env=vendor_env(vendor))
    text = json.dumps(logged(home))
    assert "0123456789abcdef0123" not in text
    assert "redacted" in text


def test_a_closed_pipe_ends_quietly_as_for_any_filter(cli: Program) -> None:
    words = "".join(f"line{number}\n" for number in range(20_000))
    with cli.start("run", "-m", "echo:echo", stdin=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(words.encode())
        process.stdin.close()
        first = process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
    assert (first, errors, process.returncode) == (b"line0\n", b"", 128 + signal.SIGPIPE)


def test_ctrl_c_gives_130_and_the_partial_answer_is_in_the_log(cli: Program, home: Path) -> None:
    answer = Answer("the first words and then silence", chunks=4, then="silence")
    with FakeVendor([answer]) as vendor:
        with cli.start("run", "-m", "openai:gpt-4.1", "hello", env=vendor_env(vendor)) as process:
            assert process.stdout
            assert process.stderr
            shown = process.stdout.read(len(answer.text))
            process.send_signal(signal.SIGINT)
            errors = process.stderr.read()
        assert vendor.requests[0].hung_up.wait(10)
    assert shown.decode() == answer.text
    assert process.returncode == 130
    assert b"Traceback" not in errors
    [interrupted] = logged(home, "LLMCallInterrupted")
    assert interrupted["partial"]["parts"][0]["text"] == answer.text


def test_an_engine_that_returns_a_value_prints_it(cli: Program, tmp_path: Path) -> None:
    engine = tmp_path / "count.py"
    engine.write_text(
        "from llmgine_cli.api import Prompt, Run, engine\n"
        "@engine\n"
        "async def count(prompt: Prompt, run: Run) -> dict[str, int]:\n"
        "    '''Count the words.'''\n"
        "    return {'words': len(prompt.text.split())}\n",
        encoding="utf-8",
    )
    done = cli("run", "-m", "echo:echo", "-e", str(engine), "one two three")
    assert json.loads(done.stdout) == {"words": 3}


def test_a_scripted_loop_leaves_one_log_file_a_run(cli: Program, home: Path) -> None:
    for number in range(3):
        cli("run", "-m", "echo:echo", str(number))
    assert len(list((home / "state" / "logs").glob("events_*.jsonl"))) == 3


def test_a_streamed_answer_reaches_the_pipe_as_it_comes(cli: Program) -> None:
    with (
        FakeVendor([Answer("early", then="silence")]) as vendor,
        cli.start("run", "-m", "openai:gpt-4.1", "hello", env=vendor_env(vendor)) as process,
    ):
        assert process.stdout
        # The vendor never ends this answer: were it held back, this would never return.
        assert process.stdout.read(5) == b"early"
        process.kill()


def test_nothing_is_said_of_a_model_when_there_is_nothing_to_ask(cli: Program, tmp_path: Path) -> None:
    (tmp_path / "ask.md").write_text("About {input}")
    with FakeVendor([]) as vendor:
        done = cli("run", "-t", "./ask.md", cwd=tmp_path, env=vendor_env(vendor))
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith("llmgine: there is nothing to ask")


def test_a_template_that_wants_input_says_so(cli: Program, tmp_path: Path) -> None:
    prompt = tmp_path / "t.md"
    prompt.write_text("Summarize: {input}", encoding="utf-8")
    done = cli("run", "-m", "echo:echo", "-t", str(prompt))
    assert (done.code, done.stdout) == (2, "")
    assert "nothing to ask" in done.stderr


def test_placeholders_without_a_value_are_told(cli: Program, tmp_path: Path) -> None:
    prompt = tmp_path / "t.md"
    prompt.write_text("In {language}: {input}", encoding="utf-8")
    done = cli("run", "-m", "echo:echo", "-t", str(prompt), "hi")
    assert done.stdout == "In {language}: hi\n"
    assert "-p language" in done.stderr


@pytest.mark.parametrize("quiet", [False, True])
def test_what_a_tool_prints_is_shown_harmless_on_lines_of_its_own_unless_quiet(
    cli: Program, tmp_path: Path, quiet: bool
) -> None:
    tool = tmp_path / "noisy.py"
    tool.write_text('def noisy() -> str:\n    """Make noise."""\n    print("\\x1b[2Jboo", end="")\n    return "7"\n')
    with FakeVendor([ToolCalls(("noisy", {})), Answer("Seven.")]) as vendor:
        done = cli(
            *(["--quiet"] if quiet else []),
            "run", "-m", "openai:gpt-4.1", "-T", str(tool), "--approve", "all", "go", env=vendor_env(vendor),
        )  # fmt: skip
    assert (done.code, done.stdout) == (0, "Seven.\n")
    assert "\x1b" not in done.stderr
    assert ("␛[2Jboo\n" in done.stderr) == (not quiet)
    assert "boo" in cli("logs", "tail", "--type", "ToolPrinted", "-n", "9").stdout


def test_several_tools_may_be_one_word(cli: Program) -> None:
    call = 'calculate {"expression": "6*7"}'
    done = cli("run", "-m", "echo:tools", "-T", "current_time,calculate", "--approve", "all", call)
    assert (done.stdout, done.code) == ("42\n", 0)
    assert cli("run", "-m", "echo:echo", "-T", "./missing.py", "hi").code == 2


def test_a_long_text_for_a_model_on_this_machine_is_told_for_it_takes_long_to_read(cli: Program) -> None:
    told = "reading about 5,000 tokens, which takes a model on this machine a while"
    assert told in cli("run", "-m", "local:nothing", "word " * 4000).stderr
    assert "reading" not in cli("run", "-m", "local:nothing", "word").stderr
    assert "reading" not in cli("run", "-m", "echo:echo", "word " * 4000).stderr
    assert "reading" not in cli("run", "--quiet", "-m", "local:nothing", "word " * 4000).stderr
