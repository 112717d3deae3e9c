"""A conversation that is too long, in the words of each vendor."""

import json

import pytest

from llmgine_cli.errors import ContextWindowError, LlmgineError
from llmgine_cli.providers.faults import refusal, stream_error
from llmgine_cli.providers.overflow import Overflow, explain, overflow
from llmgine_cli.providers.transport import Endpoint

ENDPOINT = Endpoint(provider="acme", base_url="https://acme.test/v1")


def said(message: str, **more: object) -> str:
    return json.dumps({"error": {"message": message, **more}})


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param(
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 10000 tokens. "
            "Please reduce the length of the messages.",
            (10000, 8192),
            id="openai",
        ),
        pytest.param(
            "This model's maximum context length is 4097 tokens, however you requested 5360 tokens (1360 in your "
            "prompt; 4000 for the completion). Please reduce your prompt; or completion length.",
            (5360, 4097),
            id="openai with the answer counted",
        ),
        pytest.param(
            "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300001 tokens. "
            "Please reduce the length of the messages.",
            (300001, 272000),
            id="openai gpt-5",
        ),
        pytest.param(
            "This model's maximum context length is 4096 tokens. However, your request has 5000 input tokens. Please "
            "reduce the length of the input messages.",
            (5000, 4096),
            id="vllm",
        ),
        pytest.param(
            "This endpoint's maximum context length is 131072 tokens. However, you requested about 150000 tokens "
            "(140000 of text input, 10000 in the output). Please reduce the length of either one, or use the "
            '"middle-out" transform to compress your prompt automatically.',
            (150000, 131072),
            id="openrouter",
        ),
        pytest.param("prompt is too long: 208310 tokens > 200000 maximum", (208310, 200000), id="anthropic"),
        pytest.param(
            "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease input length or "
            "`max_tokens` and try again",
            (209573, 200000),
            id="anthropic with the answer counted",
        ),
        pytest.param(
            "request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it",
            (9000, 8192),
            id="llama.cpp",
        ),
        pytest.param(
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            (1200000, 1048576),
            id="gemini",
        ),
        pytest.param(
            "The input token count exceeds the maximum number of tokens allowed 1048576.",
            (None, 1048576),
            id="gemini with the limit only",
        ),
        pytest.param(
            "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
            (537812, 131072),
            id="xai",
        ),
        pytest.param(
            "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
            (40000, 32768),
            id="mistral",
        ),
        pytest.param("This model's maximum context length is 4,096 tokens.", (None, 4096), id="the limit only"),
        pytest.param("the request exceeds the available context size", (None, None), id="no numbers"),
        pytest.param(
            "Your input exceeds the context window of this model. Please adjust your input and try again.",
            (None, None),
            id="openai responses",
        ),
    ],
)
def test_the_words_of_each_vendor_are_understood(message: str, expected: tuple[int | None, int | None]) -> None:
    assert overflow(message) == Overflow(*expected)
    error = refusal(ENDPOINT, 400, {}, said(message).encode())
    assert isinstance(error, ContextWindowError)
    assert (error.tokens, error.limit, error.retryable, error.status) == (*expected, False, 400)


@pytest.mark.parametrize(
    "message",
    [
        "temperature must be a number",
        "max_tokens is too large: 9999. This model supports at most 4096 completion tokens",
        "Rate limit reached on tokens per min (TPM): Limit 10000, Used 9000, Requested 2000.",
        "the model crashed",
    ],
)
def test_other_complaints_about_tokens_are_others(message: str) -> None:
    assert overflow(message) is None


def test_a_machine_readable_code_alone_is_enough() -> None:
    error = refusal(ENDPOINT, 400, {}, said("too much", code="context_length_exceeded").encode())
    assert isinstance(error, ContextWindowError)
    assert "too much" in str(error)
    assert "shorten" in str(error.hint)


def test_it_is_understood_in_a_stream_as_well() -> None:
    error = stream_error(ENDPOINT, {"message": "prompt is too long: 9 tokens > 8 maximum", "type": "x"})
    assert isinstance(error, ContextWindowError)
    assert (error.tokens, error.limit, error.retryable) == (9, 8, False)


def explained(tokens: int | None, limit: int | None) -> LlmgineError:
    return explain(ContextWindowError("in the vendor's words", tokens=tokens, limit=limit, hint="shorten it"), "m-1")


def test_the_sentence_says_by_how_much() -> None:
    error = explained(10, 8)
    assert (error.message, error.hint) == (
        "the conversation has 10 tokens, and m-1 takes 8 at most",
        "that is 2 too many: shorten it, start a new one, or take a larger model",
    )


def test_the_sentence_says_the_limit_where_that_is_all_that_is_known() -> None:
    assert explained(None, 8).message == "the conversation is too long for m-1, which takes 8 tokens at most"


@pytest.mark.parametrize(("tokens", "limit"), [(None, None), (7, None)])
def test_without_a_limit_the_vendors_own_words_stay(tokens: int | None, limit: int | None) -> None:
    assert explained(tokens, limit).message == "in the vendor's words"
