"""What an answer cost, and what may not be spent: the real program against a vendor with OpenAI's prices."""

import json
from pathlib import Path

import pytest

from tests.support import local_model
from tests.support.facts import logged
from tests.support.program import PROGRAM, Program
from tests.support.server import Answer, FakeVendor, Fault, Tokens, ToolCalls
from tests.support.terminal import Terminal

MODEL = ("-m", "openai:gpt-4.1")  # two dollars for a million tokens in, half a dollar if cached, eight out
DEAR = Answer("hello there", usage=Tokens(input=1000, output=500))  # 0.6 cents
PRICE = 0.006


def env(vendor: FakeVendor, **more: str) -> dict[str, str | None]:
    return {"OPENAI_API_KEY": "sk-test-0123456789", "OPENAI_BASE_URL": vendor.url, **more}


def settings(home: Path, text: str) -> None:
    (home / "config").mkdir(exist_ok=True)
    (home / "config" / "config.toml").write_text(text)


# -- what it cost


def test_usage_tells_tokens_price_and_time(cli: Program) -> None:
    usage = Tokens(input=1000, output=500, cached=200, reasoning=100)
    with FakeVendor([Answer("hello there", usage=usage)]) as vendor:
        done = cli("run", "-u", *MODEL, "hi", env=env(vendor))
    head, first, speed = done.stderr.rstrip("\n").rsplit(", ", 2)
    assert head.startswith("tokens: 1000 (200 cached) in, 500 (100 for reasoning) out; $0.0057; 1 call of the model, ")
    assert (first.split()[:3], speed.split()[1]) == (["first", "token", "after"], "tokens/s")
    assert float(speed.split()[0]) > 0


def test_json_has_it_too(cli: Program) -> None:
    with FakeVendor([ToolCalls(("calculate", {"expression": "1+1"}), usage=Tokens(1000, 500)), DEAR]) as vendor:
        done = cli("run", "--json", *MODEL, "-T", "calculate", "--approve", "all", "hi", env=env(vendor))
    facts = json.loads(done.stdout)
    assert (facts["usage"]["input_tokens"], facts["usage"]["output_tokens"], facts["calls"]) == (2000, 1000, 2)
    assert facts["price"] == pytest.approx(2 * PRICE)
    assert facts["tokens_per_second"] > 0
    assert facts["duration_ms"] >= facts["first_token_ms"] > 0


@pytest.mark.parametrize(
    ("model", "said", "price"), [("openai:mine", "; price unknown; ", None), ("echo:echo", "; free; ", 0.0)]
)
def test_an_unknown_price_is_not_nothing(model: str, said: str, price: float | None, cli: Program) -> None:
    with FakeVendor(always=DEAR) as vendor:
        assert said in cli("run", "-u", "-m", model, "hi", env=env(vendor)).stderr
        assert json.loads(cli("run", "--json", "-m", model, "hi", env=env(vendor)).stdout)["price"] == price


def test_a_chat_says_what_it_has_taken_when_it_is_asked() -> None:
    with FakeVendor(always=DEAR) as vendor:
        key = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": vendor.url}
        with Terminal([str(PROGRAM), "chat", *MODEL], cols=200, env=key) as terminal:
            for count, line in enumerate(["/usage", "one", "two", "/usage"], start=1):
                terminal.wait_until(lambda: terminal.raw.count(b"\x1b[?2004h") >= count, "the prompt")  # noqa: B023
                terminal.send(f"{line}\r")
            terminal.wait_for("tokens: 2000 in, 1000 out; $0.012; 2 calls of the model")
            assert b"no model was asked" in terminal.raw


# -- what may not be spent


def test_what_would_break_the_cap_of_a_run_is_not_sent(cli: Program) -> None:
    with FakeVendor(always=DEAR) as vendor:
        done = cli("run", *MODEL, "--max-cost", "0.000001", "hi", env=env(vendor))
        assert vendor.requests == []
    assert (done.code, done.stdout) == (5, "")
    assert done.stderr == (
        "llmgine: the call of openai:gpt-4.1 was not made: it would cost $0.0000020 or more, $0.00 is spent, and "
        "max_cost allows $0.0000010 for this run (allow more with --max-cost USD, or with max_cost in [limits] of the "
        "settings)\n"
    )


def test_the_flag_goes_before_the_setting(cli: Program, home: Path) -> None:
    settings(home, "[limits]\nmax_cost = 0\n")
    with FakeVendor(always=DEAR) as vendor:
        assert cli("run", *MODEL, "hi", env=env(vendor)).code == 5
        assert cli("run", *MODEL, "--max-cost", "1", "hi", env=env(vendor)).code == 0


@pytest.mark.parametrize("amount", ["-1", "nan", "inf"])
def test_what_is_no_amount_is_refused(amount: str, cli: Program) -> None:
    for words in (("run", *MODEL), ("embed", "-m", "openai")):
        done = cli(*words, "--max-cost", amount, "hi", env={"OPENAI_API_KEY": "k"})
        assert (done.code, "is no amount (give US dollars" in done.stderr) == (2, True)


def test_a_session_keeps_its_cap_in_whatever_process_it_goes_on(cli: Program, home: Path) -> None:
    settings(home, "[limits]\nmax_cost_session = 0.01\n")
    with FakeVendor(always=DEAR) as vendor:
        assert cli("run", *MODEL, "one", env=env(vendor)).code == 0
        assert cli("run", *MODEL, "-c", "two", env=env(vendor)).code == 0
        done = cli("run", *MODEL, "-c", "three", env=env(vendor))
        assert (done.code, len(vendor.requests)) == (5, 2)
        assert "$0.012 is spent, and max_cost_session allows $0.010 for this session" in done.stderr
        assert cli("run", *MODEL, "in a session of its own", env=env(vendor)).code == 0


def test_a_day_has_a_cap_for_all_processes_together(cli: Program, home: Path) -> None:
    settings(home, "[limits]\nmax_cost_day = 0.01\n")
    with FakeVendor(always=DEAR) as vendor:
        assert [cli("run", *MODEL, "hi", env=env(vendor)).code for _ in range(3)] == [0, 0, 5]
        done = cli("run", "-n", *MODEL, "hi", env=env(vendor))  # leaving no trace is no way around it
        assert (done.code, len(vendor.requests)) == (5, 2)
        assert "$0.012 is spent, and max_cost_day allows $0.010 for today" in done.stderr
        vectors = cli("embed", "-m", "openai", "hi", env=env(vendor))
        assert (vectors.code, vendor.embedded) == (5, [])


def test_what_costs_nothing_is_never_refused(cli: Program, home: Path) -> None:
    settings(home, "[limits]\nmax_cost = 0\nmax_cost_session = 0\nmax_cost_day = 0\n")
    done = cli("run", "-m", "echo:echo", "hi")
    assert (done.code, done.stdout, done.stderr) == (0, "hi\n", "")


@pytest.fixture(scope="module")
def weights() -> Path:
    return local_model.model()


@pytest.mark.local_model
def test_the_embedded_model_is_asked_when_nothing_may_be_spent(cli: Program, home: Path, weights: Path) -> None:
    local_model.install(weights, home)
    words = ("-m", "local:smollm2-135m", "--max-cost", "0", "-o", "max_tokens", "8", "-u")
    done = cli("run", *words, "Say hello.", env={"LLMGINE_LIMITS__MAX_COST_DAY": "0"})
    assert done.code == 0
    assert done.stdout.strip()
    assert "; free; 1 call of the model" in done.stderr


def test_a_model_without_a_known_price_is_told_once_and_asked(cli: Program, home: Path) -> None:
    settings(home, "[limits]\nmax_cost = 0.001\n")
    with FakeVendor([ToolCalls(("calculate", {"expression": "1+1"})), Answer("two")]) as vendor:
        words = ("-m", "openai:mine", "-T", "calculate", "--approve", "all")
        done = cli("run", *words, "--quiet", "hi", env=env(vendor))
    assert (done.code, done.stdout) == (0, "two\n")
    assert done.stderr == (
        "warning: the price of openai:mine is not known: what it costs does not count for the caps in [limits]\n"
    )


def test_an_answer_that_broke_off_was_paid_for(cli: Program, home: Path) -> None:
    settings(home, "[limits]\nmax_cost_day = 0.001\n")
    with FakeVendor([Answer("x" * 4000, chunks=10, then="cut"), DEAR]) as vendor:
        assert cli("run", *MODEL, "hi", env=env(vendor)).code == 1
        done = cli("run", *MODEL, "hi", env=env(vendor))
        assert (done.code, len(vendor.requests)) == (5, 1)
    (failed,) = [event for event in logged(home, "LLMCallFailed") if event["error_type"] != "LimitReachedError"]
    assert failed["usage"]["output_tokens"] == 1000


def test_a_tool_loop_is_stopped_between_two_calls_and_can_be_gone_on_with(cli: Program, home: Path) -> None:
    asking = ToolCalls(("calculate", {"expression": "6*7"}), text="Let me see.", usage=Tokens(1000, 500))
    words = (*MODEL, "-T", "calculate", "--approve", "all")
    with FakeVendor([asking, Answer("It is 42.")]) as vendor:
        done = cli("run", *words, "--max-cost", "0.006", "what is 6*7?", env=env(vendor))
        assert (done.code, done.stdout, len(vendor.requests)) == (5, "Let me see.\n", 1)
        assert "$0.0060 is spent, and max_cost allows $0.0060 for this run" in done.stderr
        done = cli("run", "-c", *words, "--max-cost", "1", "go on", env=env(vendor))
        assert (done.code, done.stdout) == (0, "It is 42.\n")
        sent = vendor.requests[1].body["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "user"]
    assert (sent[2]["content"], sent[2]["tool_call_id"]) == ("42", sent[1]["tool_calls"][0]["id"])


def test_in_a_chat_it_is_one_line_and_the_chat_goes_on(cli: Program) -> None:
    with FakeVendor(always=DEAR) as vendor:
        done = cli("chat", *MODEL, "--max-cost", "0.006", input="one\ntwo\nthree\n", env=env(vendor))
        assert (done.code, done.stdout, len(vendor.requests)) == (5, "hello there\n", 1)
    refused = [line for line in done.stderr.splitlines() if line.startswith("llmgine: the call of openai:gpt-4.1")]
    assert len(refused) == 2


def test_a_prompt_that_runs_later_has_its_cap_then(cli: Program) -> None:
    with FakeVendor(always=DEAR) as vendor:
        assert cli("run", *MODEL, "--in", "0s", "--max-cost", "0", "hi", env=env(vendor)).code == 0
        done = cli("schedule", "run", "--once", env=env(vendor))
        assert (done.code, done.stdout, vendor.requests) == (5, "", [])
    assert "warning: 1 failed: the call of openai:gpt-4.1 was not made: it would cost" in done.stderr


def test_a_retry_is_asked_for_again_and_a_fallback_by_its_own_price(cli: Program) -> None:
    with FakeVendor([Fault(400, "prompt is too long: 9 tokens > 8 maximum"), DEAR]) as vendor:
        words = ("--fallback", "openai:gpt-4-turbo", "--max-cost", "0.001")
        done = cli("run", *MODEL, *words, "x" * 1600, env=env(vendor))
        assert (done.code, len(vendor.requests)) == (5, 1)
    assert "the call of openai:gpt-4-turbo was not made" in done.stderr


def test_a_folder_that_nobody_trusts_cannot_allow_more(cli: Program, home: Path) -> None:
    settings(home, "[limits]\nmax_cost = 0\n")
    Path("llmgine.toml").write_text("[limits]\nmax_cost = 100\n")
    Path(".env").write_text("LLMGINE_LIMITS__MAX_COST=100\n")
    with FakeVendor(always=DEAR) as vendor:
        done = cli("run", *MODEL, "hi", env=env(vendor))
        assert (done.code, vendor.requests) == (5, [])
    assert "limits.max_cost" in done.stderr
