import base64
import json
import struct
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from llmgine_cli.errors import BadResponseError, ContextWindowError, ModelNotFoundError, UsageError
from llmgine_cli.llm.embeddings import EmbeddingRequest, Embeddings
from llmgine_cli.llm.stream import Usage
from llmgine_cli.providers.anthropic import AnthropicProvider
from llmgine_cli.providers.chat import ChatProvider
from llmgine_cli.providers.echo import EchoProvider
from llmgine_cli.providers.presets import VENDORS
from llmgine_cli.providers.sdk import SdkTransport
from llmgine_cli.providers.transport import Endpoint
from tests.support.server import FakeVendor, Fault


async def embed(vendor: FakeVendor, *texts: str, dimensions: int | None = None) -> Embeddings:
    provider = ChatProvider(VENDORS["openai"], Endpoint(provider="openai", base_url=vendor.url, key="sk-1"))
    try:
        return await provider.embed(EmbeddingRequest(model="small", texts=texts, dimensions=dimensions))
    finally:
        await provider.aclose()


def answered(embeddings: Sequence[Any], **more: Any) -> Fault:
    """A good answer, written by hand."""
    data = [{"index": index, "embedding": each} for index, each in enumerate(embeddings)]
    return Fault(200, body=json.dumps({"data": data, **more}))


async def test_each_text_has_its_own_vector_whatever_their_order_on_the_wire() -> None:
    with FakeVendor() as vendor:
        answer = await embed(vendor, "a", "b c d", "ee")
    assert [list(vector) for vector in answer.vectors] == [[1, 0], [5, 2], [2, 0]]
    assert (answer.model, answer.usage) == ("small", Usage(input_tokens=5))
    (request,) = vendor.embedded
    assert request.path == "/v1/embeddings"
    assert request.headers["authorization"] == "Bearer sk-1"
    assert request.body == {"model": "small", "input": ["a", "b c d", "ee"], "encoding_format": "float"}


async def test_the_length_of_the_vectors_can_be_asked_for() -> None:
    with FakeVendor() as vendor:
        await embed(vendor, "a", dimensions=256)
    assert vendor.embedded[0].body["dimensions"] == 256


async def test_the_sdks_carry_vectors_too_those_of_azure_at_the_deployment() -> None:
    azure = replace(VENDORS["azure"], api_version="2025-01-01")
    with FakeVendor() as vendor:
        for row, url in ((VENDORS["openai"], vendor.url), (azure, vendor.root)):
            place = Endpoint(provider=row.name, base_url=url, key="sk-1")
            provider = ChatProvider(row, place, SdkTransport(row, place))
            answer = await provider.embed(EmbeddingRequest(model="small", texts=("b c d",)))
            await provider.aclose()
            assert [list(vector) for vector in answer.vectors] == [[5, 2]]
    assert [request.path for request in vendor.embedded] == [
        "/v1/embeddings",
        "/openai/deployments/small/embeddings?api-version=2025-01-01",
    ]


async def test_vectors_in_base64_are_read_too() -> None:
    packed = base64.b64encode(struct.pack("<2f", 0.5, -2.0)).decode()
    with FakeVendor(embedding_faults=[answered([packed])]) as vendor:
        answer = await embed(vendor, "a")
    assert list(answer.vectors[0]) == [0.5, -2.0]
    assert answer.usage == Usage()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (answered([[1.0]]), "1 vectors for 2 texts"),
        (answered([[1.0], [1.0, 2.0]]), "unlike lengths"),
        (answered([]), "0 vectors for 2 texts"),
        (answered(["no base64!", "x"]), "its protocol does not allow"),
        (Fault(200, body="<html>"), "a web page instead of an answer"),
        (Fault(200, body='{"error": {"message": "out of order"}}'), "out of order"),
    ],
)
async def test_an_answer_that_is_none_is_told(fault: Fault, said: str) -> None:
    with FakeVendor(embedding_faults=[fault]) as vendor, pytest.raises(BadResponseError, match=said):
        await embed(vendor, "a", "b")


async def test_an_unknown_model_is_told_with_those_there_are() -> None:
    fault = Fault(404, "The model `small` does not exist", "invalid_request_error", "model_not_found")
    with (
        FakeVendor(embedding_faults=[fault], models=["smaller"]) as vendor,
        pytest.raises(ModelNotFoundError) as caught,
    ):
        await embed(vendor, "a")
    assert caught.value.hint == "did you mean smaller?"


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        (
            "This model's maximum context length is 8192 tokens, however you requested 9000 tokens",
            "the text has 9000 tokens, and small takes 8192 at most",
            "that is 808 too many: cut it into parts, or take a larger model",
        ),
        (
            "prompt is too long",
            "openai answered with an error (400): prompt is too long",
            "a text is too long for this model: cut it into parts, or take a larger model",
        ),
    ],
)
async def test_a_text_that_is_too_long_is_told(said: str, message: str, hint: str) -> None:
    with FakeVendor(embedding_faults=[Fault(400, said)]) as vendor, pytest.raises(ContextWindowError) as caught:
        await embed(vendor, "a")
    assert (caught.value.message, caught.value.hint) == (message, hint)


async def test_a_protocol_without_vectors_says_so() -> None:
    request = EmbeddingRequest(model="m", texts=("a",))
    anthropic = AnthropicProvider(VENDORS["anthropic"], Endpoint(provider="anthropic", base_url="http://127.0.0.1:9"))
    for provider in (EchoProvider(), anthropic):
        with pytest.raises(UsageError, match=f"{provider.name} makes no embeddings"):
            await provider.embed(request)
