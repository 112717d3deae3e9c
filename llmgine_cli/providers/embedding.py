"""Vectors over the wire, as OpenAI has them: most vendors with chat completions and llama.cpp's server do it like that.

The format: https://platform.openai.com/docs/api-reference/embeddings/create.
"""

from array import array
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from llmgine_cli.errors import BadResponseError
from llmgine_cli.llm.embeddings import EmbeddingRequest, Embeddings, Vector
from llmgine_cli.llm.stream import Usage
from llmgine_cli.providers import faults
from llmgine_cli.providers.chat_wire import TokenCount
from llmgine_cli.providers.transport import Endpoint, Transport
from llmgine_cli.providers.wire import decode_whole

PATH = "/embeddings"


class _Item(Struct):
    embedding: list[float] | str
    index: int | None = None


class _Answer(Struct):
    data: list[_Item] | None = None
    model: str | None = None
    usage: TokenCount | None = None
    error: Any = None


async def embed(request: EmbeddingRequest, transport: Transport, endpoint: Endpoint) -> Embeddings:
    """Ask a vendor for vectors.

    Raises:
        ProviderError: The vendor failed.
        SettingsError: The key was refused, or the address is wrong.
    """
    # Always in words: base64 would be shorter, and half of the vendors do not know it.
    body: dict[str, Any] = {"model": request.model, "input": request.texts, "encoding_format": "float"}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    async with transport.post(PATH, body) as answered:
        answer = decode_whole(await answered.whole(), msgspec.json.Decoder(_Answer), endpoint)
    if answer.error is not None:
        raise faults.stream_error(endpoint, answer.error)
    vectors = _in_order(answer.data or [], len(request.texts), endpoint)
    return Embeddings(
        vectors=vectors, model=answer.model, usage=answer.usage.usage() if answer.usage is not None else Usage()
    )


def _in_order(items: Sequence[_Item], wanted: int, endpoint: Endpoint) -> tuple[Vector, ...]:
    by_index = {item.index if item.index is not None else place: item for place, item in enumerate(items)}
    if sorted(by_index) != list(range(wanted)):
        raise BadResponseError(
            f"{endpoint.provider} sent {len(items)} vectors for {wanted} texts",
            provider=endpoint.provider,
            retryable=True,
        )
    try:
        vectors = tuple(_numbers(by_index[place].embedding) for place in range(wanted))
    except ValueError as error:
        raise faults.bad_data(endpoint, error) from error
    if len({len(vector) for vector in vectors}) != 1:
        raise BadResponseError(f"{endpoint.provider} sent vectors of unlike lengths", provider=endpoint.provider)
    return vectors


def _numbers(embedding: list[float] | str) -> Vector:
    """The numbers; some servers send little-endian float32 in base64 whatever they are asked for."""
    if isinstance(embedding, list):
        return embedding
    numbers = array("f")
    numbers.frombytes(b64decode(embedding))
    return numbers.tolist()
