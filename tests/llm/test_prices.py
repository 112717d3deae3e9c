"""What calls cost: as the library says, call by call, though it is asked only once for many of them."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import genai_prices
import pytest

from llmgine_cli.llm.prices import Prices
from llmgine_cli.llm.stream import Usage

NOON = 1_795_521_600_000_000_000


@pytest.mark.parametrize(
    "model",
    [
        "openai:gpt-4o", "anthropic:claude-sonnet-4-5", "gemini:gemini-2.5-pro", "deepseek:deepseek-chat",
        "groq:llama-3.3-70b-versatile", "mistral:mistral-large-latest",
    ],
)  # fmt: skip
@pytest.mark.parametrize("hour", [0, 3, 17, 24 * 400])
def test_a_call_costs_what_the_library_says(model: str, hour: int) -> None:
    prices = Prices()
    time_ns = NOON - hour * 3_600_000_000_000
    provider, _, name = model.partition(":")
    for given, cached, made in [
        (1000, 0, 100),
        (0, 0, 5),
        (5000, 4000, 0),
        (200_000, 10, 1),
        (200_001, 10, 1),
        (900_000, 0, 9),
    ]:
        usage = Usage(input_tokens=given, output_tokens=made, cached_tokens=cached)
        theirs = genai_prices.calc_price(
            genai_prices.Usage(input_tokens=given, cache_read_tokens=cached, output_tokens=made),
            name,
            provider_id=provider,
            genai_request_timestamp=datetime.fromtimestamp(time_ns // 10**9, UTC),
        )
        assert prices.cost(model, usage, time_ns) == pytest.approx(float(theirs.total_price))


@pytest.mark.parametrize("model", ["anthropic:claude-sonnet-4-5", "openai:gpt-4o", "deepseek:deepseek-chat"])
@pytest.mark.parametrize(("cached", "written"), [(0, 4000), (1000, 2000), (4000, 0), (1000, 3000)])
def test_what_is_put_into_a_cache_has_a_price_of_its_own(model: str, cached: int, written: int) -> None:
    usage = Usage(input_tokens=4000, output_tokens=10, cached_tokens=cached, cache_write_tokens=written)
    provider, _, name = model.partition(":")
    theirs = genai_prices.calc_price(
        genai_prices.Usage(input_tokens=4000, cache_read_tokens=cached, cache_write_tokens=written, output_tokens=10),
        name,
        provider_id=provider,
        genai_request_timestamp=datetime.fromtimestamp(NOON // 10**9, UTC),
    )
    assert Prices().cost(model, usage, NOON) == pytest.approx(float(theirs.total_price))


def test_an_unknown_price_is_unknown() -> None:
    prices, usage = Prices(), Usage(input_tokens=1, output_tokens=1)

    for model in ("openai:no-such-model", "mycompany:gpt-4o", "gpt-4o", "", "ollama:llama3"):
        assert prices.cost(model, usage, NOON) is None
    assert prices.cost("openai:gpt-4o", Usage(), NOON) is None
    assert prices.cost("openai:gpt-4o", usage, 10**30) is None


def test_the_vendors_own_name_of_the_model_is_tried_as_well() -> None:
    usage = Usage(input_tokens=1000, output_tokens=1)

    assert Prices().cost("openai:my-alias", usage, NOON, answered="gpt-4o") == Prices().cost(
        "openai:gpt-4o", usage, NOON
    )


def test_what_runs_here_is_free_and_loads_no_list() -> None:
    code = (
        "import sys\n"
        "from llmgine_cli.llm.prices import Prices\n"
        "from llmgine_cli.llm.stream import Usage\n"
        "assert Prices().cost('local:smollm2-135m', Usage(input_tokens=1), 0) == 0\n"
        "sys.exit('genai_prices' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_rates_are_kept_in_a_file_and_the_library_is_not_loaded_again(tmp_path: Path) -> None:
    usage = Usage(input_tokens=300_000, output_tokens=5)
    models = ["openai:gpt-5.4", "deepseek:deepseek-chat", "xai:nobody-knows", "anthropic:claude-sonnet-4-5"]
    first = Prices(tmp_path)
    costs = [first.cost(model, usage, NOON, answered="alias") for model in models]
    first.keep()
    again = Prices(tmp_path)
    assert [again.cost(model, usage, NOON, answered="alias") for model in models] == costs
    assert "_library" not in vars(again)
    assert again.cost("openai:gpt-4o", usage, NOON) is not None
    assert "_library" in vars(again)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x93\x01\xa1x\x80"])
def test_a_file_of_rates_that_is_none_is_passed_over(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "prices.msgpack").write_bytes(content)
    prices = Prices(tmp_path)
    assert prices.cost("openai:gpt-4o", Usage(input_tokens=1_000_000), NOON) == pytest.approx(2.5)
    prices.keep()
    assert Prices(tmp_path).cost("openai:gpt-4o", Usage(input_tokens=1_000_000), NOON) == pytest.approx(2.5)


def test_rates_of_another_list_do_not_count(tmp_path: Path) -> None:
    first = Prices(tmp_path)
    first.cost("openai:gpt-4o", Usage(input_tokens=1), NOON)
    first.keep()
    data = Path(genai_prices.__file__).with_name("data.py")
    kept = (tmp_path / "prices.msgpack").read_bytes()
    edition = f"{data.stat().st_size}-{data.stat().st_mtime_ns}".encode()
    (tmp_path / "prices.msgpack").write_bytes(kept.replace(edition, edition[:-1] + b"x"))
    again = Prices(tmp_path)
    again.cost("openai:gpt-4o", Usage(input_tokens=1), NOON)
    assert "_library" in vars(again)


def test_where_nothing_tells_one_list_from_another_no_rates_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Elsewhere:
        origin = "/no/such/archive.zip/genai_prices/__init__.py"

    monkeypatch.setattr("llmgine_cli.llm.prices.find_spec", lambda _: Elsewhere)
    prices = Prices(tmp_path / "cache")
    assert prices.cost("openai:gpt-4o", Usage(input_tokens=1_000_000), NOON) == pytest.approx(2.5)
    prices.keep()
    assert not (tmp_path / "cache").exists()


def test_where_nothing_can_be_kept_prices_are_looked_up_each_time(tmp_path: Path) -> None:
    (tmp_path / "cache" / "prices.msgpack").mkdir(parents=True)
    for _ in range(2):
        prices = Prices(tmp_path / "cache")
        assert prices.cost("openai:gpt-4o", Usage(input_tokens=1_000_000), NOON) == pytest.approx(2.5)
        prices.keep()
    assert [file.name for file in (tmp_path / "cache").iterdir()] == ["prices.msgpack"]
