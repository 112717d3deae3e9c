import json
import signal
from pathlib import Path

import pytest

from tests.support import local_model
from tests.support.facts import logged
from tests.support.program import PROGRAM, Completed, Program
from tests.support.server import FakeVendor, Fault, Silence
from tests.support.terminal import Terminal


@pytest.fixture(scope="session")
def model() -> Path:
    return local_model.model()


def env(vendor: FakeVendor) -> dict[str, str | None]:
    return {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": vendor.url}


def lines(done: Completed) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_each_argument_and_what_is_piped_in_become_a_line_each(cli: Program) -> None:
    with FakeVendor() as vendor:
        done = cli("embed", "one", "two words", input="piped\nin\n", env=env(vendor))
    assert done.code == 0
    assert lines(done) == [
        {"id": "1", "embedding": [3.0, 0.0]},
        {"id": "2", "embedding": [9.0, 1.0]},
        {"id": "3", "embedding": [8.0, 0.0]},
    ]
    assert done.stderr == "model: openai:text-embedding-3-small (OPENAI_API_KEY is set)\n"
    assert vendor.embedded[0].body["model"] == "text-embedding-3-small"


def test_lines_of_stdin_are_texts_of_their_own_in_batches_and_in_order(cli: Program) -> None:
    text = "".join("x" * number + "\n" for number in range(1, 101))
    with FakeVendor() as vendor:
        done = cli("embed", "-m", "openai", "--lines", "--batch", "7", "-u", input=f"{text}\n\nlast\n", env=env(vendor))
    found = lines(done)
    assert [line["id"] for line in found] == [*map(str, range(1, 101)), "103"]
    assert [line["embedding"] for line in found[:100]] == [[float(number), 0.0] for number in range(1, 101)]
    assert len(vendor.embedded) == 15
    assert done.stderr == "101 texts, 101 tokens; $0.0000020\n"


def test_files_have_their_names_as_ids_and_texts_can_be_printed_too(cli: Program) -> None:
    Path("a.txt").write_text("of a")
    with FakeVendor() as vendor:
        done = cli("embed", "-f", "a.txt", "--text", "--dimensions", "2", env=env(vendor))
    assert lines(done) == [{"id": "a.txt", "text": "of a", "embedding": [4.0, 1.0]}]
    assert vendor.embedded[0].body["dimensions"] == 2


def test_a_setting_names_the_model(cli: Program) -> None:
    with FakeVendor() as vendor:
        done = cli("embed", "x", env={**env(vendor), "LLMGINE_EMBEDDING_MODEL": "openai:other"})
    assert (done.stderr, vendor.embedded[0].body["model"]) == ("", "other")


def test_a_vendor_that_is_busy_is_asked_again(cli: Program) -> None:
    with FakeVendor(embedding_faults=[Fault(429, "slow down", headers={"Retry-After": "0"})]) as vendor:
        done = cli("embed", "x", env=env(vendor))
    assert (done.code, len(lines(done)), len(vendor.embedded)) == (0, 1, 2)


def test_a_vendor_that_is_busy_is_asked_again_only_as_often_as_is_said(cli: Program) -> None:
    with FakeVendor(embedding_faults=[Fault(429, "slow down", headers={"Retry-After": "0"})]) as vendor:
        done = cli("embed", "--retries", "0", "x", env=env(vendor))
    assert (done.code, done.stdout, len(vendor.embedded)) == (1, "", 1)


def test_a_vendor_that_is_silent_is_left_when_it_is_said(cli: Program) -> None:
    with FakeVendor(embedding_faults=[Silence()]) as vendor:
        done = cli("embed", "--retries", "0", "--timeout", "0.3", "x", env=env(vendor))
    assert (done.code, done.stdout) == (1, "")
    assert "0.3" in done.stderr
    assert cli("embed", "--timeout", "0", "x").code == 2


def test_the_log_tells_of_it_what_it_took(cli: Program) -> None:
    with FakeVendor() as vendor:
        assert cli("embed", "-m", "openai", "one two three", env=env(vendor)).code == 0
    [row] = json.loads(cli("logs", "stats", "--by", "model", "--json").stdout)["model"]
    assert (row["model"], row["calls"], row["input_tokens"], row["price"]) == (
        "openai:text-embedding-3-small", 1, 3, pytest.approx(6e-8),
    )  # fmt: skip


def test_a_failure_ends_it_and_what_had_come_is_printed(cli: Program) -> None:
    with FakeVendor(embedding_faults=[None, Fault(400, "no")]) as vendor:
        one_by_one = {"LLMGINE_PROVIDERS__OPENAI__MAX_CONCURRENCY": "1"}
        done = cli("embed", "--batch", "1", "one", "two", "three", env={**env(vendor), **one_by_one})
    assert (done.code, [line["id"] for line in lines(done)]) == (1, ["1"])
    assert done.stderr.endswith("llmgine: openai answered with an error (400): no\n")


@pytest.mark.parametrize(
    ("words", "piped", "said"),
    [
        ([], "", "there is nothing to embed"),
        (["x", " "], "", "is empty"),
        (["-f", "missing"], "", "cannot read missing"),
        (["-m", "echo:echo", "x"], "", "echo makes no embeddings"),
        (["-m", "anthropic:claude", "x"], "", "anthropic makes no embeddings"),
        (["-m", "opnai:x", "x"], "", "did you mean openai:x?"),
        (["--lines"], b"\xff\n", "line 1 of stdin is not UTF-8"),
    ],
)
def test_what_cannot_be_embedded_is_told_in_one_line(
    cli: Program, words: list[str], piped: str | bytes, said: str
) -> None:
    done = cli("embed", *words, input=piped, env={"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k"})
    assert (done.code, done.stdout) == (2, "")
    assert said in done.stderr.splitlines()[-1]
    assert done.stderr.splitlines()[-1].startswith("llmgine: ")


def test_nobody_is_sent_for_the_key_of_a_vendor_that_makes_no_embeddings(cli: Program) -> None:
    done = cli("embed", "-m", "anthropic", "x")
    assert (done.code, done.stdout) == (2, "")
    assert "anthropic makes no embeddings" in done.stderr
    assert "ANTHROPIC_API_KEY" not in done.stderr


def test_without_a_model_the_ways_out_are_told(cli: Program) -> None:
    done = cli("embed", "x")
    assert done.code == 3
    assert "no model to make embeddings with" in done.stderr


def test_ctrl_c_ends_it_at_once(cli: Program, home: Path) -> None:
    with FakeVendor(embedding_faults=[Silence()]) as vendor:
        with cli.start("embed", "x", env=env(vendor)) as process:
            while not vendor.embedded:
                assert process.poll() is None
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
        assert process.returncode == 130
        assert vendor.embedded[0].hung_up.wait(60)
    (failed,) = (event for event in logged(home) if event["event_type"] == "EmbeddingFailed")
    assert failed["error"] == "interrupted"


def test_a_reader_that_leaves_ends_it_quietly() -> None:
    with (
        FakeVendor() as vendor,
        Terminal(
            ["/bin/sh", "-c", f'seq 5000 | "{PROGRAM}" embed --lines --batch 10 | head -1; echo done'], env=env(vendor)
        ) as terminal,
    ):
        terminal.wait_for("done")
        assert terminal.wait_end() == 0
        assert "Traceback" not in terminal.everything()


def test_the_log_tells_of_it_and_not_of_the_texts(cli: Program, home: Path) -> None:
    with FakeVendor() as vendor:
        cli("embed", "a secret thought", env=env(vendor))
    types = [event["event_type"] for event in logged(home)]
    assert types.count("EmbeddingStarted") == types.count("EmbeddingFinished") == 1
    assert "secret thought" not in json.dumps(logged(home))


@pytest.mark.local_model
def test_the_local_model_puts_near_meanings_near(cli: Program, home: Path, model: Path) -> None:
    local_model.install(model, home)
    done = cli("embed", "-m", "local", "the cat sat on the mat", "a cat is sitting on a mat", "stock prices fell today")
    cat, other, stocks = (line["embedding"] for line in lines(done))
    assert isinstance(cat, list)
    assert isinstance(other, list)
    assert isinstance(stocks, list)
    assert abs(sum(x * x for x in cat) - 1) < 1e-3

    def near(one: list[float], two: list[float]) -> float:
        return sum(x * y for x, y in zip(one, two, strict=True))

    assert near(cat, other) > near(cat, stocks)


@pytest.mark.local_model
def test_a_text_too_long_for_the_local_model_is_told_with_the_numbers(cli: Program, home: Path, model: Path) -> None:
    local_model.install(model, home)
    done = cli("embed", "-m", "local:smollm2-135m", input="word " * 3000)
    assert done.code == 1
    assert "llmgine: the text has 3001 tokens, and smollm2-135m takes 2048 at most" in done.stderr
