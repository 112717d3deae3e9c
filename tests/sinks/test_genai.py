"""The words of OpenTelemetry's conventions for what models cost."""

from llmgine_cli.llm.messages import assistant
from llmgine_cli.llm.stream import Reply, Usage
from llmgine_cli.sinks.genai import reply_attributes


def test_tokens_from_the_cache_and_tokens_put_into_it_are_counted_apart() -> None:
    usage = Usage(input_tokens=321, output_tokens=2, cached_tokens=20, cache_write_tokens=300, reasoning_tokens=1)
    said = reply_attributes(Reply(message=assistant("x"), finish_reason="stop", usage=usage), None)
    assert {name: value for name, value in said.items() if name.startswith("gen_ai.usage.")} == {
        "gen_ai.usage.input_tokens": 321,
        "gen_ai.usage.output_tokens": 2,
        "gen_ai.usage.cache_read.input_tokens": 20,
        "gen_ai.usage.cache_write.input_tokens": 300,
        "gen_ai.usage.reasoning.output_tokens": 1,
    }
