"""`--fallback`, `--retries` and `--timeout`, and what the user and the log are told of attempts."""

import json
from pathlib import Path

import pytest

from tests.support.facts import logged
from tests.support.program import PROGRAM, Program
from tests.support.server import Answer, FakeVendor, Fault, Silence, ToolCalls, dead_url
from tests.support.terminal import Terminal

MODEL = ("-m", "openai:gpt-4.1")


def env(url: str, **more: str | None) -> dict[str, str | None]:
    return {"OPENAI_API_KEY": "sk-test-0123456789", "OPENAI_BASE_URL": url, **more}


def settings(home: Path, text: str) -> None:
    (home / "config").mkdir(exist_ok=True)
    (home / "config" / "config.toml").write_text(text)


def test_the_fallback_answers_and_it_is_said_which_and_why(cli: Program, home: Path) -> None:
    with FakeVendor([Fault(503, "overloaded")]) as vendor:
        done = cli("run", *MODEL, "--retries", "0", "--fallback", "echo:echo", "hello", env=env(vendor.url))
    assert (done.code, done.stdout) == (0, "hello\n")
    assert done.stderr == "openai answered with an error (503): overloaded; asking echo:echo instead\n"
    (started,), (finished,) = logged(home, "LLMCallStarted"), logged(home, "LLMCallFinished")
    assert (started["model"], finished["model"]) == ("openai:gpt-4.1", "echo:echo")
    assert logged(home, "LLMCallFailed") == []


def test_json_names_the_model_that_answered(cli: Program) -> None:
    words = ("run", *MODEL, "--retries", "0", "--fallback", "echo:echo", "--json", "hello")
    done = cli(*words, env=env(dead_url()))
    assert json.loads(done.stdout)["model"] == "echo:echo"


def test_fallbacks_are_asked_in_the_order_given(cli: Program, home: Path) -> None:
    with FakeVendor(always=Fault(500)) as vendor:
        words = ("--retries", "0", "--fallback", "openai:gpt-4o-mini", "--fallback", "echo:echo")
        done = cli("run", *MODEL, *words, "hello", env=env(vendor.url))
        assert [sent.body["model"] for sent in vendor.requests] == ["gpt-4.1", "gpt-4o-mini"]
    assert done.stdout == "hello\n"
    assert [event["next_model"] for event in logged(home, "LLMAttemptFailed")] == ["openai:gpt-4o-mini", "echo:echo"]


def test_a_request_that_is_wrong_stays_wrong_and_goes_to_nobody_else(cli: Program) -> None:
    with FakeVendor([Fault(400, "messages: too few")]) as vendor:
        done = cli("run", *MODEL, "--fallback", "echo:echo", "hello", env=env(vendor.url))
    assert (done.code, done.stdout) == (1, "")
    assert "messages: too few" in done.stderr


def test_a_conversation_too_long_for_one_model_goes_to_the_next(cli: Program) -> None:
    with FakeVendor([Fault(400, "prompt is too long: 9 tokens > 8 maximum")]) as vendor:
        done = cli("run", *MODEL, "--fallback", "echo:echo", "hello", env=env(vendor.url))
    assert (done.code, done.stdout) == (0, "hello\n")
    assert "the conversation has 9 tokens, and gpt-4.1 takes 8 at most; asking echo:echo instead" in done.stderr


def test_a_refused_key_goes_to_the_next(cli: Program) -> None:
    with FakeVendor(key="another") as vendor:
        done = cli("run", *MODEL, "--fallback", "echo:echo", "hello", env=env(vendor.url))
    assert (done.code, done.stdout) == (0, "hello\n")
    assert "refused the key" in done.stderr


def test_a_model_without_a_key_is_replaced_by_the_first_fallback(cli: Program) -> None:
    done = cli("run", *MODEL, "--fallback", "echo:echo", "hello")
    assert (done.code, done.stdout) == (0, "hello\n")
    assert done.stderr == "model: echo:echo (openai needs a key: OPENAI_API_KEY is not set)\n"


def test_a_fallback_without_a_key_is_told_and_left_out(cli: Program) -> None:
    done = cli("run", "-m", "echo:echo", "--fallback", "openai:gpt-4.1", "hello")
    assert (done.code, done.stdout) == (0, "hello\n")
    assert "warning: openai:gpt-4.1 is no fallback: openai needs a key: OPENAI_API_KEY is not set" in done.stderr


def test_a_fallback_that_does_not_exist_is_told_before_anything_is_asked(cli: Program) -> None:
    with FakeVendor() as vendor:
        done = cli("run", *MODEL, "--fallback", "ecko:x", "hello", env=env(vendor.url))
        assert vendor.requests == []
    assert (done.code, done.stderr) == (2, "llmgine: no provider named 'ecko' (did you mean echo:x?)\n")


def test_settings_name_fallbacks_and_retries_and_flags_go_before_them(cli: Program, home: Path) -> None:
    settings(home, 'fallback = ["echo:echo"]\n[limits]\nretries = 0\n')
    with FakeVendor(always=Fault(500)) as vendor:
        done = cli("run", *MODEL, "hello", env=env(vendor.url))
        assert (done.stdout, len(vendor.requests)) == ("hello\n", 1)
        done = cli("run", *MODEL, "--retries", "1", "--fallback", "openai:gpt-4o-mini", "hello", env=env(vendor.url))
        assert (done.code, [sent.body["model"] for sent in vendor.requests[1:]]) == (
            1, ["gpt-4.1", "gpt-4.1", "gpt-4o-mini", "gpt-4o-mini"],
        )  # fmt: skip


def test_a_folder_nobody_trusts_does_not_say_where_a_conversation_goes(cli: Program) -> None:
    Path("llmgine.toml").write_text('fallback = ["echo:echo"]\n[limits]\nretries = 0\n')
    with FakeVendor(always=Fault(500)) as vendor:
        done = cli("run", *MODEL, "hello", env=env(vendor.url))
        assert len(vendor.requests) == 1  # the number of retries is harmless
    assert done.code == 1
    assert "ignored fallback" in done.stderr


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "1e9"])
def test_a_time_limit_that_is_none_is_refused(cli: Program, seconds: str) -> None:
    done = cli("run", "-m", "echo:echo", "--timeout", seconds, "hello")
    assert done.code == 2
    assert "--timeout" in done.stderr


def test_quiet_says_nothing_of_attempts(cli: Program) -> None:
    words = ("--quiet", "--retries", "0", "--fallback", "echo:echo")
    done = cli("run", *MODEL, *words, "hello", env=env(dead_url()))
    assert (done.code, done.stdout, done.stderr) == (0, "hello\n", "")


def test_a_prompt_for_later_keeps_its_fallbacks_retries_and_time_limit(cli: Program) -> None:
    words = ("--retries", "0", "--timeout", "0.4", "--fallback", "echo:echo")
    with FakeVendor([Silence()]) as vendor:
        variables = env(vendor.url)
        assert cli("schedule", "add", "--in", "0s", *MODEL, *words, "hello", env=variables).code == 0
        done = cli("schedule", "run", "--once", env=variables)
        assert len(vendor.requests) == 1
    assert done.stdout == "hello\n"
    assert "openai has said nothing for 0.4 s; asking echo:echo instead" in done.stderr


def test_in_a_tool_loop_a_dead_endpoint_is_soon_left_alone(cli: Program, home: Path) -> None:
    """Three attempts, then two, and from then on none: the fallback answers at once."""
    settings(home, f'[providers.dead]\nbase_url = "{dead_url()}"\n')
    calls = [ToolCalls(("calculate", {"expression": f"1+{n}"})) for n in range(3)]
    with FakeVendor([*calls, Answer("done")]) as vendor:
        words = ("-m", "dead:m", "--fallback", "openai:gpt-4.1", "-T", "calculate", "--approve", "all")
        done = cli("run", *words, "hello", env=env(vendor.url))
    assert (done.code, done.stdout.strip()) == (0, "done")
    failed = logged(home, "LLMAttemptFailed")
    assert [(event["attempt"], event["next_model"].partition(":")[0]) for event in failed] == [
        (1, "dead"), (2, "dead"), (3, "openai"), (1, "dead"), (2, "openai"), (1, "openai"), (1, "openai"),
    ]  # fmt: skip
    assert "could not be reached 5 times in a row, and it is left alone until" in failed[-1]["error"]


def test_going_on_asks_the_model_that_was_chosen_not_the_one_that_stood_in(cli: Program) -> None:
    words = ("run", *MODEL, "--retries", "0", "--fallback", "echo:echo", "hello")
    assert cli(*words, env=env(dead_url())).stdout == "hello\n"
    with FakeVendor([Answer("back")]) as vendor:
        assert cli("run", "-c", "again", env=env(vendor.url)).stdout == "back\n"


def test_a_chat_tells_it_above_the_answer() -> None:
    with FakeVendor([Fault(503, "overloaded"), Answer("here I am")]) as vendor:
        argv = [str(PROGRAM), "chat", *MODEL]
        with Terminal(argv, env=env(vendor.url)) as terminal:
            terminal.wait_until(lambda: terminal.screen().endswith("\n>"), "the prompt")
            terminal.send("hello\r")
            terminal.wait_for("here I am")
            shown = terminal.everything()
            terminal.send("\x04")
            assert terminal.wait_end() == 0
    assert shown.index("(2 of 3)") < shown.index("here I am")


def test_a_terminal_shows_that_the_program_tries_again() -> None:
    with FakeVendor([Fault(429, "slow down", headers={"Retry-After": "50"})]) as vendor:
        with Terminal([str(PROGRAM), "run", *MODEL, "hello"], env=env(vendor.url)) as terminal:
            terminal.wait_until(lambda: "trying again (2 of 3)" in terminal.screen(), "the spinner")
            terminal.send("\x03")
            assert terminal.wait_end() == 130
        assert "trying again (2 of 3)" not in terminal.screen()


def test_the_log_commands_tell_of_attempts(cli: Program) -> None:
    with FakeVendor([Fault(429, "slow down", headers={"Retry-After": "0"}), Answer("here")]) as vendor:
        assert cli("run", *MODEL, "hello", env=env(vendor.url)).code == 0
    tail = cli("logs", "tail", "-n", "30").stdout
    assert "attempt 1 of 3 failed after" in tail
    assert "RateLimitedError: openai wants us to slow down (429): slow down · again in" in tail
    show = cli("logs", "show").stdout
    assert "openai:gpt-4.1 did not answer (openai wants us to slow down (429): slow down); it was asked again" in show
    kinds = [line.split("\t")[0] for line in cli("logs", "trace").stdout.splitlines()]
    assert kinds == ["turn", "model", "attempt"]
    replay = cli("logs", "replay", "--speed", "max")
    assert replay.stdout == "here\n"
    assert "slow down; trying again in" in replay.stderr
    stats = json.loads(cli("logs", "stats", "--json").stdout)
    assert "RateLimitedError" in json.dumps(stats)
